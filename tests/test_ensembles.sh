#!/bin/sh
# experiments/scripts/ensembles.lua: its plan; a run of a few texts; a sampled ensemble's texts are scored as the linear pool's.
# experiments/scripts/orders.lua: every published order of operations can be run.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=ensembles
[ -f model/zoo/prose/model.safetensors ] || { echo "$name: skipped: the bundled checkpoints are absent"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "$name: $1"
    exit 1
}
script=experiments/scripts/ensembles.lua

"$chorale" run $script --dry-run --json >"$work/plan.json" || fail "the plan cannot be made"
for rule in linear log product sampled 'power=2' min max gated; do
    grep -qF "\"rule\":\"$rule" "$work/plan.json" || fail "no arm has the rule $rule"
done
[ "$(grep -o '"what":"weights"' "$work/plan.json" | wc -l)" -ge 4 ] || fail "weights are not fitted"

"$chorale" run $script --out "$work/run" --limit 1 --set draws=1 --set bytes=16 --set fit=0 --quiet || fail "the run failed"
csv=$work/run/report/arms.csv
of() { grep "^\"$1: temperature=1 .*\"$2\"" "$csv" | cut -d, -f6; }
[ -n "$(of linear bits_per_byte)" ] && [ "$(of linear bits_per_byte)" = "$(of sampled bits_per_byte)" ] ||
    fail "linear scores $(of linear bits_per_byte), sampled $(of sampled bits_per_byte)"
[ "$(of 'duet sampled' voices_asked)" = 1 ] || fail "a sampled duet asked $(of 'duet sampled' voices_asked) voices"
[ "$(of 'duet linear' voices_asked)" = 2 ] || fail "a linear duet asked $(of 'duet linear' voices_asked) voices"
[ -n "$(of 'prose + letters, log' bits_per_byte)" ] || fail "no pool of different vocabularies"

printf 'Once upon a time there was a miller.' >"$work/text"
score() { "$chorale" score --json "$@" "$work/text" | sed 's/.*"nll":\([^,]*\),.*/\1/'; }
[ -n "$(score zoo:prose)" ] && [ "$(score zoo:prose)" = "$(score --script $script --lm prose)" ] ||
    fail "score of prose: $(score zoo:prose), of the script's: $(score --script $script --lm prose)"
[ -n "$(score --script $script --lm 'duet linear')" ] &&
    [ "$(score --script $script --lm 'duet linear')" = "$(score --script $script --lm 'duet sampled')" ] ||
    fail "score of duet linear and of duet sampled differ"
"$chorale" score --script $script zoo:prose "$work/text" 2>"$work/err" && fail "score with --script and a checkpoint"
grep -q "want CHECKPOINT FILE, or with --script FILE alone" "$work/err" || fail "$(cat "$work/err")"

"$chorale" run experiments/scripts/orders.lua --out "$work/orders" --limit 1 --set draws=1 --set bytes=12 --quiet || fail "the orders failed"
for order in 'CoS raw-logits' 'CoS logits' 'CoS probs' DExperts 'proxy tuning' ByteSampler Phan greedy; do
    grep -q "\"$order\",.*,\"distinct_2\",[0-9]" "$work/orders/report/arms.csv" || fail "order $order gave no text"
done
echo "$name: 26 checks passed"
