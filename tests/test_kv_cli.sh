#!/bin/sh
# --kv: part of a plan where it is not float32, of the numbers, and of what a run folder decides.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=kv_cli
command -v jq >/dev/null 2>&1 || { echo "$name: skipped: jq is not installed"; exit 77; }
[ -r model/zoo/prose/model.safetensors ] || { echo "$name: skipped: zoo:prose is not here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0
bad=0
fail() {
    echo "$name: $1"
    bad=1
}
cat >"$work/s.lua" <<'LUA'
experiment {
  name = "kv", seed = 3, limit = { symbols = 4 },
  evalsets = { { "openings", lang = "en", items = 1 } },
  arms = { { lm = model "zoo:prose", chain = "temperature=0.8" } },
}
LUA
plan() { "$chorale" run "$work/s.lua" --dry-run --json "$@"; }
checks=$((checks + 4))
plan >"$work/f32" 2>"$work/err" || fail "no plan: $(cat "$work/err")"
plan --kv f32 | cmp -s - "$work/f32" || fail "float32 is the default"
plan --kv bf16 | jq -e '.what.kv == "bf16"' >/dev/null || fail "the plan has the type"
jq -e '.what | has("kv") | not' "$work/f32" >/dev/null || fail "plans of float32 are as they were"
checks=$((checks + 1))
plan --kv bf15 2>&1 | grep -q "unknown type of keys and values 'bf15'; did you mean 'bf16'?" || fail "an unknown type"
run() { "$chorale" run "$work/s.lua" --no-report --quiet --out "$work/run" "$@" 2>"$work/err"; }
checks=$((checks + 3))
run --kv q8 || fail "a run: $(cat "$work/err")"
run || fail "the folder decides: $(cat "$work/err")"
jq -e '.what.kv == "q8"' "$work/run/plan.json" >/dev/null || fail "and keeps its plan"
checks=$((checks + 1))
run --kv bf16
[ $? -eq 2 ] && grep -q 'kv: "q8" -> "bf16"' "$work/err" || fail "another type is another plan: $(cat "$work/err")"
checks=$((checks + 2))
for kv in f32 bf16 q8; do
    "$chorale" logits zoo:prose 'The old king' --json --kv $kv >"$work/row.$kv" || fail "logits with $kv"
done
cmp -s "$work/row.f32" "$work/row.bf16" && fail "bf16 rounds"
cmp -s "$work/row.f32" "$work/row.q8" && fail "q8 rounds"
checks=$((checks + 2))
"$chorale" plan --json --bandwidth 10 --kv bf16 zoo:prose | jq -se '.[0] | .kv == "bf16" and .kv_bytes_per_position == .kv_bytes_per_position_bf16' \
    >/dev/null || fail "plan counts bf16"
"$chorale" plan --bandwidth 10 --kv q8 zoo:prose | grep -q '1 slot in q8: ' || fail "plan tells the type"
checks=$((checks + 1))
"$chorale" fit zoo:prose --kv q9 2>&1 | grep -q "unknown type of keys and values 'q9'; did you mean 'q8'?" || fail "fit takes the type"
[ "$bad" -eq 0 ] && echo "$name: $checks checks passed"
exit "$bad"
