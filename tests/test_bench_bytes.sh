#!/bin/sh
# bench --bytes: a pool of tokens and six over bytes; looking ahead takes more states and fewer batches, laziness fewer of both.
set -u
program=$1
fail() { echo "bench_bytes: $1"; exit 1; }
out=$("$program" bench --bytes --json --threads 1) || fail "it failed"
[ "$(echo "$out" | grep -c '"what":"bytes"')" -eq 7 ] || fail "want seven lines: $out"
number() { echo "$out" | sed -n "$1p" | sed "s/.*\"$2\":\([0-9.e+-]*\).*/\1/"; }
less() { awk "BEGIN { exit !($1 < $2) }" || fail "$3: $1, want less than $2"; }
[ "$(number 1 speed)" = 1.000 ] || fail "tokens run at the speed of tokens"
less "$(number 2 states_per_byte)" 1.06 "states of an exact tree"
for line in 2 4 6; do
    less "$(number $((line + 1)) batches_per_byte)" "$(number $line batches_per_byte)" "batches ahead, line $line"
    less "$(number $line states_per_byte)" "$(number $((line + 1)) states_per_byte)" "states without, line $line"
done
less "$(number 4 states_per_byte)" "$(number 2 states_per_byte)" "states of a lazy tree"
less "$(number 6 states_per_byte)" "$(number 4 states_per_byte)" "states of a lazier tree"
"$program" bench --bytes zoo:prose 2>&1 | grep -q "1 checkpoints, want 2" || fail "one checkpoint is refused"
echo "bench_bytes: 13 checks passed"
