#!/bin/sh
# Perplexity of zoo:prose on the held-out prose under each type of weights, beside that of its own bf16.  The types that
# convert makes are always tried, the others where Python has gguf ($CHORALE_PYTHON) and CHORALE_LONG is set.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=perplexity
command -v jq >/dev/null 2>&1 || { echo "$name: skipped: jq is not installed"; exit 77; }
[ -r model/zoo/prose/model.safetensors ] || { echo "$name: skipped: zoo:prose is not here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
checks=0

jq -sj '[.[] | select(.id | startswith("prose")) | .text] | join("\n\n")' evalsets/data/held_out/items.jsonl >"$work/all"
# every check takes the first texts; whatever their perplexity, the types must agree on it
if [ -n "${CHORALE_LONG:-}" ]; then cp "$work/all" "$work/text"; else head -c "$([ -n "${CHORALE_SANITIZED:-}" ] && echo 1500 || echo 6000)" "$work/all" >"$work/text"; fi
score() { # CHECKPOINT: perplexity a token
    "$chorale" score --json --mode f32 "$1" "$work/text" | jq '.nll / (.ids | length) | exp'
}
bf16=$(score zoo:prose)
echo "type   bits/weight  perplexity  against bf16"
# row TYPE BITS FILE MOST: at most so many parts of 1 above bf16
row() {
    ppl=$(score "$3")
    checks=$((checks + 1))
    echo "$1 $2 ${ppl:-0} $bf16 $4" | awk '{ printf "%-6s %8.4f %15.4f %+12.4f %%\n", $1, $2, $3, 100 * ($3 / $4 - 1)
        exit !($3 > 0 && $3 / $4 - 1 <= $5 && $3 / $4 - 1 >= -$5) }' || { echo "$name: $1: want within $4"; bad=1; }
}
own() {
    "$chorale" convert zoo:prose "$work/$1.gguf" --type "$1" --quiet && row "$1" "$2" "$work/$1.gguf" "$3"
}
own bf16 16 1e-6
own f16 16 1e-3
own q8_0 8.5 1e-3
own q4_k 4.5 0.06
if [ -n "${CHORALE_LONG:-}" ] && "${CHORALE_PYTHON:-python3}" -c 'import gguf' 2>/dev/null; then
    for t in q6_k:6.5625:0.01 q5_1:6:0.02 q5_k:5.5:0.02 q5_0:5.5:0.03 q4_1:5:0.05 q4_0:4.5:0.06 q3_k:3.4375:0.25 q2_k:2.625:1.5; do
        kind=${t%%:*} rest=${t#*:}
        "${CHORALE_PYTHON:-python3}" tests/fixtures/quant/requant.py "$work/bf16.gguf" "$(echo "$kind" | tr a-z A-Z)" \
            "$work/$kind.gguf" || { echo "$name: $kind was not made"; bad=1; continue; }
        row "$kind" "${rest%%:*}" "$work/$kind.gguf" "${rest#*:}"
    done
else
    echo "$name: skipped: the other types (CHORALE_LONG and gguf in $(command -v "${CHORALE_PYTHON:-python3}"))"
fi
[ $bad = 0 ] && echo "$name: $checks checks passed"
exit $bad
