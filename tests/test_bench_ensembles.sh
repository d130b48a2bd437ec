#!/bin/sh
# bench --ensembles on tiny random weights: its lines, and that rows of voices on one device stay there.
set -u
chorale=$1
name=bench_ensembles
command -v jq >/dev/null 2>&1 || { echo "$name: skipped: jq is not installed"; exit 77; }
. tests/lib/cli.sh
shape='random:llama(dim=16, layers=1, heads=1, ffn=16, vocab=260)'
"$chorale" bench --ensembles --json --threads 1 "$shape" "$shape" >"$work/out" 2>"$work/err"
holds 'two rules, 1 and 32 slots' 'map([.rule, .voices, .slots]) == [["linear", 2, 1], ["log", 2, 1], ["linear", 2, 32], ["log", 2, 32]]'
holds 'a step beside its voices' 'all(.[]; .step_us > 0 and .ratio > 0 and .beside > 0 and .rows_stay == false)'

# bug: each voice had a device of its own, and rows came to the host to be pooled
rm "$work/out"
timeout 60 "$chorale" bench --ensembles --json --device emulated "$shape" "$shape" >"$work/out" 2>"$work/err" &
bench=$!
while kill -0 "$bench" 2>/dev/null && [ ! -s "$work/out" ]; do sleep 0.1; done
kill "$bench" 2>/dev/null
wait "$bench" 2>/dev/null
holds 'rows stay on the device' 'length > 0 and all(.[]; .rows_stay == true)'
done_with_checks
