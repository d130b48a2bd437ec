#!/bin/sh
# bench --sweep and --memory on tiny random weights: what is counted, what the peer is asked, what is refused.
set -u
chorale=$1
name=bench_sweep
command -v jq >/dev/null 2>&1 || { echo "$name: skipped: jq is not installed"; exit 77; }
. tests/lib/cli.sh
shape='llama(dim=32, layers=1, heads=1, ffn=32, vocab=300)'
"$chorale" bench --sweep --json --prompts 1 "random:$shape" >"$work/out" 2>"$work/err"
# 96 texts of 8 + 63 positions each
holds 'two ways' 'length == 2 and .[0].way == "shared" and .[1].way == "apart" and all(.[]; .texts == 96 and .asked == 96 * 71)'
holds 'apart nothing is shared' '.[1].made == .[1].asked and .[1].asked_over_made == 1'
holds 'shared at least the prompts are' '.[0].made <= .[0].asked - 95 * 8 and .[0].made >= 8 + 96'
holds 'no peer was asked' 'all(.[]; has("peer_seconds") | not)'
"$chorale" convert --quiet "random:$shape" "$work/tiny.gguf" || bad=1
cat >"$work/peer" <<'PEER'
#!/bin/sh
[ "$3" = sweep ] && [ -r "$1" ] && [ "$(wc -w <"$4")" -eq 16 ] && [ "$(wc -l <"$4")" -eq 2 ] && echo "$2.5"
PEER
chmod +x "$work/peer"
"$chorale" bench --sweep --json --prompts 2 --threads 1 --peer "$work/peer" "$work/tiny.gguf" >"$work/out" 2>"$work/err"
holds 'the peer has the prompts' 'all(.[]; .texts == 192 and .peer_seconds == 1.5 and (.over_peer * .seconds / 1.5 - 1 | fabs) < 0.5)'
checks=$((checks + 1))
"$chorale" bench --sweep --json --prompts 1 --peer false "$work/tiny.gguf" >"$work/out" 2>"$work/err"
code=$?
[ "$code" -ne 0 ] && grep -q 'want one number, seconds' "$work/err" || { echo "$name: a peer that fails: $code"; bad=1; }
"$chorale" bench --memory --json "random:$shape" "$work/tiny.gguf" >"$work/out" 2>"$work/err"
holds 'memory at rest and at its peak' 'length == 2 and all(.[]; .what == "memory" and .weight_bytes > 10000 and .rest_kv_bytes > 0 and
    .peak_kv_bytes > .rest_kv_bytes and .peak_bytes >= .rest_bytes and .rest_over > 1 and
    (.rest_over * (.weight_bytes + .rest_kv_bytes) / .rest_bytes - 1 | fabs) < 1e-2)'
"$chorale" bench --pools --json --symbols 500 >"$work/out" 2>"$work/err"
holds 'pools of two and four rows' 'length == 4 and ([.[].rows] | sort) == [2, 2, 4, 4] and
    all(.[]; .symbols == 500 and .pool_us > 0 and .with_draw_us >= .pool_us and .measure_us > 0)'
for way in sweep memory; do
    checks=$((checks + 1))
    "$chorale" bench --$way >"$work/out" 2>"$work/err"
    [ $? -eq 2 ] && grep -q 'no checkpoint' "$work/err" || { echo "$name: --$way without a checkpoint"; bad=1; }
done
# bug: the second of two, an operand that nobody wants and the third checkpoint of three were dropped
dropped() { # MESSAGE OPTIONS...
    checks=$((checks + 1))
    want=$1
    shift
    "$chorale" bench "$@" >"$work/out" 2>"$work/err"
    [ $? -eq 2 ] && grep -qF -- "$want" "$work/err" || { echo "$name: $*: $(cat "$work/err")"; bad=1; }
}
dropped '--chains and --pools: want one of the two' --pools --chains
dropped "--lua: 'zoo:draft': want no operands" --lua zoo:draft
dropped '3 checkpoints, want 2 or 4' --ensembles zoo:draft zoo:draft zoo:draft
done_with_checks
