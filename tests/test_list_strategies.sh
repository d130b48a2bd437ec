#!/bin/sh
# list strategies --json is complete: every strategy that is promised is there, with meaning, source and a case with numbers
# from outside or by hand, which its file in tests/ holds.  A strategy that is listed and not promised here fails too.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=list_strategies
. tests/lib/cli.sh

expect 0 '' "$chorale" list strategies --json
cp "$work/out" "$work/list"

# kind and names, by the sections of the survey of other systems that has them (1B truncation, 1D temperature-like, 1E with
# state, 1F repetition and masks, 1G several models, 1H search, 1I sequences, 1J watermarks, 4 what all together have)
cat >"$work/promised" <<'EOF'
transform temperature dynatemp edt quadratic skew normalise
transform top_k top_p min_p top_a typical epsilon eta tfs top_n_sigma top_h p_less p_less_norm min_k ees diff xtc conformal
transform mirostat1 mirostat2 adaptive_p loop budget
transform repetition_penalty repetition_penalty_norm frequency_penalty presence_penalty prompt_reward
transform no_repeat_ngram dry min_tokens length_decay
transform bias sequence_bias ban allow suppress force
transform green synthid
draw gumbel cdf arithmetic greedy
search sample greedy beam beam_sample diverse_beam stochastic_beam contrastive best_first speculative
selection best vote mbr
utility chrf bleu rouge_l exact
rule linear log product power min max gated sampled contrast cfg cad dexperts strength dola
profile @hf @llamacpp @vllm @sglang @exllama3 @mlx
preset @tigerbot-launch @tigerbot-web @tigerbot-v3 @tigerbot-70b-v4 @tigerbot-2024a @tigerbot-2024b
EOF

while read -r kind names; do
    for strategy in $names; do
        checks=$((checks + 1))
        printf '{"name":"%s","kind":"%s",\n' "$strategy" "$kind" >>"$work/want"
        grep -F "{\"name\":\"$strategy\",\"kind\":\"$kind\"," "$work/list" >"$work/one" ||
            { fail "no $kind '$strategy' in the list"; continue; }
        grep -q '"meaning":"[^"]' "$work/one" && grep -q '"source":"[^"]' "$work/one" ||
            fail "$kind $strategy: no meaning or source: $(cat "$work/one")"
        file=$(sed -n 's/.*"case":{"file":"\([^"]*\)","id":"\(.*\)"}}$/\1/p' "$work/one")
        sed -n 's/.*"case":{"file":"\([^"]*\)","id":"\(.*\)"}}$/\2/p' "$work/one" | sed 's/\\"/"/g' >"$work/id"
        [ -n "$file" ] && [ -s "$work/id" ] && grep -qFf "$work/id" "tests/$file" ||
            fail "$kind $strategy: its case '$(cat "$work/id")' is not in tests/$file"
    done
done <"$work/promised"

sed 's/^\({"name":"[^"]*","kind":"[^"]*",\).*/\1/' "$work/list" | sort >"$work/there"
sort "$work/want" | comm -13 - "$work/there" >"$work/more"
[ ! -s "$work/more" ] || fail "listed here and promised nowhere: $(tr '\n' ' ' <"$work/more")"
[ "$(grep -c . "$work/there")" = "$(sort -u "$work/there" | grep -c .)" ] || fail "a strategy stands twice in the list"

tells 0 'transforms, the steps of a chain' "$chorale" list strategies
tells 0 'beam_sample' "$chorale" list strategies
expect 0 '' "$chorale" list transforms --json
[ "$(grep -c '"kind":"transform"' "$work/out")" = "$(grep -c . "$work/out")" ] || fail "transforms alone: $(cat "$work/out")"
done_with_checks
