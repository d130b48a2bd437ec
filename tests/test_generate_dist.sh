#!/bin/sh
# What generate decides on a checkpoint is what dist decides on its rows: at every step of every draw the raw row, taken
# with logits, goes through dist with the same chain, prompt, history, seed, item and space; symbol, log-probability and
# kept count must be those of generate.  Every transform stands in one of the chains.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=generate_dist
command -v jq >/dev/null 2>&1 || { echo "$name: skipped: jq is not installed"; exit 77; }
[ -f "${CHORALE_HOME:-.}/model/zoo/prose/model.safetensors" ] ||
    { echo "$name: skipped: the bundled checkpoints are absent"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
how="--mode f32"
prompt='The moon, the moon, the moon'
seed=7

fail() {
    echo "$name: $1"
    exit 1
}

# how many steps and draws are compared, and the chain: of a step that draws by itself dist tells the first draw; a chain that keeps state is compared where that is fresh, for dist has
# no past; and the ends of the space are given, for its space has none
cat >"$work/chains" <<'EOF'
2 2 temperature=0.8 | top_k=40 | top_p=0.95
2 2 repetition_penalty=1.3 | frequency_penalty=0.4 | presence_penalty=0.3 | temperature=1.2
2 2 no_repeat_ngram=2 | typical=0.9 | normalise
2 2 min_p=0.05 | temperature=1.5
2 2 repetition_penalty_norm(1.3, last_n=2, decay=4) | prompt_reward=1.2 | dry(2, base=1.3, allowed=1, breakers=[])
2 2 bias=[300:1.5, 17:-inf] | sequence_bias=[300:0.5] | ban=[17] | suppress([18], first=2) | loop(4, count=3, ends=[2])
2 2 min_tokens(2, ends=[1, 2, 3]) | length_decay(1, factor=1.1, ends=[1, 2, 3]) | force([300, 301], from=1) | green(0.5)
2 2 allow=[300, 301, 302, 303, 304, 305] | synthid([654, 400, 836], ngram=3)
2 2 dynatemp(0.5, exponent=1.5) | top_a=0.02 | epsilon=0.0003
2 2 edt(0.6) | eta=0.0003 | tfs=0.97
2 2 quadratic(0.2, curve=2) | skew=0.1 | top_n_sigma=2.5
2 2 p_less_norm | min_k=3
2 2 temperature=2 | top_h=0.7 | ees
2 2 temperature=2 | p_less | diff(mass=0.3)
2 1 xtc(0.5, threshold=0.05) | conformal(0.1, entropy=[2], mass=[0.8, 0.95])
1 2 mirostat1=3
1 2 mirostat2=3
1 2 min_p=0.01 | adaptive_p=0.3
1 2 budget(0, text=300)
EOF
for strategy in $("$chorale" list transforms --json | jq -r .name); do
    grep -qw "$strategy" "$work/chains" || fail "no chain of this test has '$strategy': add one"
done

space=$("$chorale" inspect zoo:prose --json | jq -r .space)
prompt_ids=$(printf '%s' "$prompt" | "$chorale" tokenize zoo:prose - --json | jq -r '.ids | join(",")')
mkdir "$work/rows"

# What dist decides on is a line for each symbol made: a row is asked for once, whatever chains come to its prefix.
while read -r steps draws chain; do
    [ -z "${CHORALE_SANITIZED:-}" ] || { steps=1; draws=1; }
    # shellcheck disable=SC2086 # the options are meant to be split
    "$chorale" generate zoo:prose "$prompt" --template plain --chain "$chain" --seed $seed --n $draws \
        --max-symbols $steps --json $how >"$work/made" || fail "generate failed under '$chain'"
    jq -c --arg chain "$chain" '.steps[] + {chain: $chain}' "$work/made" >>"$work/want"
    jq -r '. as $m | .steps | keys[] | "\($m.draw) \([$m.steps[:.][].id | tostring] | join(","))"' "$work/made" >"$work/places"
    [ "$(cut -d' ' -f1 "$work/places" | sort -u | wc -l)" = "$draws" ] || fail "a draw under '$chain' has no step"
    while read -r draw history; do
        row=$work/rows/at$history
        if [ ! -f "$row" ]; then
            # shellcheck disable=SC2086
            "$chorale" logits zoo:prose --all --json $how \
                --ids "$(echo "$prompt_ids${history:+,$history}" | tr , ' ')" >"$work/row" || fail "logits failed after '$history'"
            sed 's/.*"logits":\(\[[^]]*\]\).*/\1/' "$work/row" >"$row"
        fi
        printf '{"logits":%s,"prompt":[%s],"history":[%s],"chain":"%s","space":"%s","item":"generate","seed":%d,"draw":%d}\n' \
            "$(cat "$row")" "$prompt_ids" "$history" "$chain" "$space" $seed $((draw + 1)) >>"$work/lines"
    done <"$work/places"
done <"$work/chains"

"$chorale" dist "$work/lines" >"$work/decided" || fail "dist failed: $(grep '"error"' "$work/decided" | head -3)"
jq -c '{draw: .drawn[-1], kept, logp: (.probs[.drawn[-1]] | log), mass}' "$work/decided" >"$work/told"
jq -nr --slurpfile made "$work/want" --slurpfile dist "$work/told" '
    if ($made | length) != ($dist | length) then "\($made | length) symbols, \($dist | length) answers" else empty end,
    ([$made, $dist] | transpose | .[] | select(
        .[1].draw != .[0].id or .[1].kept != .[0].kept or (.[1].logp - .[0].logp_final | fabs) >= 1e-5
        or (.[1].mass - .[0].mass | fabs) >= 1e-5)
     | "under \(.[0].chain): generate \(.[0] | [.id, .kept, .logp_final, .mass]), dist \(.[1])")' >"$work/wrong" ||
    fail "the answers cannot be compared"
[ ! -s "$work/wrong" ] || fail "$(head -5 "$work/wrong")"
compared=$(wc -l <"$work/want")
[ "$compared" -ge "$(wc -l <"$work/chains")" ] || fail "only $compared symbols were compared"
echo "$name: $compared symbols decided alike"
