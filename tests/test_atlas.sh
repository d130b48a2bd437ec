#!/bin/sh
# experiments/scripts/decoding-atlas.lua: the plan of at least 25 strategies at three settings each and matched arms; a tiny
# run of the settings.  CHORALE_LONG: the matched arms too.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=atlas
[ -f model/zoo/prose/model.safetensors ] || { echo "$name: skipped: the bundled checkpoints are absent"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "$name: $1"
    exit 1
}
script=experiments/scripts/decoding-atlas.lua

"$chorale" run $script --dry-run --json >"$work/plan.json" || fail "the plan cannot be made"
fits=$(grep -o '"target":' "$work/plan.json" | wc -l)
[ "$fits" -ge 20 ] || fail "$fits matched arms, want at least 20"
"$chorale" run $script --set target=0 --dry-run --json >"$work/plan.json" || fail "the plan without matched arms"
arms=$(grep -o '"repeats":' "$work/plan.json" | wc -l)
[ "$arms" -ge 75 ] || fail "$arms arms, want at least 75"
grep -q '"transforms":{"surprise_band":' "$work/plan.json" || fail "the script's own transforms are not in the plan"

target=0
[ -z "${CHORALE_LONG:-}" ] || target=1.5
"$chorale" run $script --out "$work/run" --limit 1 --set draws=1 --set bytes=24 --set target=$target --no-report --quiet ||
    fail "the run failed"
[ -s "$work/run/results.h5" ] || fail "no results"
"$chorale" generate --script $script --chain "top_power=0.3 | surprise_band(2, high=1)" --max-bytes 20 --seed 1 "Once" \
    >"$work/text" || fail "generate does not know the script's transforms"
"$chorale" generate --script $script --chain "top_powr=0.3" --max-bytes 20 "Once" 2>"$work/err" && fail "an unknown transform"
grep -q "did you mean 'top_power'" "$work/err" || fail "the nearest name is not told: $(cat "$work/err")"
echo "$name: 8 checks passed"
