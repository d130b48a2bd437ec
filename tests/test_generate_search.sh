#!/bin/sh
# generate with every search: it runs, n-best texts come with their weights, a draft leaves the text alone, --select prints one.
set -u
chorale=$1
bad=0
work=$(mktemp -d) || exit 77
trap 'rm -rf "$work"' EXIT

fail() {
    echo "failed: $*"
    bad=1
}
gen() {
    "$chorale" generate zoo:prose 'The moon' --max-symbols 12 "$@" 2>"$work/err"
}
gen >"$work/plain" || {
    echo "generate_search: skipped: zoo:prose does not open: $(cat "$work/err")"
    exit 77
}

for search in 'sample(draw=cdf)' 'sample(draw=arithmetic, n=4)' greedy 'beam(4)' 'beam(3, early=t5)' 'beam_sample(3)' \
    'diverse_beam(4)' 'stochastic_beam(3)' contrastive 'best_first(steps=30)' speculative 'speculative(rule=rejection)'; do
    gen --search "$search" >"$work/out" || fail "$search: $(cat "$work/err")"
    [ -s "$work/out" ] || fail "$search: no text"
    gen --search "$search" | cmp -s - "$work/out" || fail "$search: the same seed gives other bytes"
done

# every row of the table was asked for
for name in sample greedy beam beam_sample diverse_beam stochastic_beam contrastive best_first speculative; do
    "$chorale" list searches | grep -q "^$name " || fail "list searches lacks $name"
done

# speculation: the text of sample, whatever the draft
for draft in zoo:verse zoo:mixed; do
    gen --search 'speculative(5)' --draft "$draft" >"$work/out" || fail "--draft $draft: $(cat "$work/err")"
    cmp -s "$work/plain" "$work/out" || fail "--draft $draft changes the text"
    grep -q 'proposed symbols were taken' "$work/err" || fail "--draft $draft does not say what it saved: $(cat "$work/err")"
done
# bug: another search passed over the draft
gen --draft zoo:verse >"$work/out" || fail "--draft alone: $(cat "$work/err")"
cmp -s "$work/plain" "$work/out" && grep -q 'proposed symbols were taken' "$work/err" || fail "sample with a draft: $(cat "$work/err")"
gen --search greedy --draft zoo:verse >"$work/out" && fail "greedy takes a draft"
grep -q "search 'greedy' takes no draft lm" "$work/err" || fail "greedy with a draft: $(cat "$work/err")"
gen --search 'speculative(5)' --draft zoo:verse --json | grep -q '"proposed":[0-9]*,"accepted":[0-9]*,"passes":[0-9]' ||
    fail '--json lacks what was accepted'
gen --search 'speculative(draft=lm)' && fail 'a draft is missing and nobody says so'
grep -q 'no draft lm is given' "$work/err" || fail "$(cat "$work/err")"

# n-best: as many texts, best first
[ "$(gen --search 'beam(4, n=3)' | grep -c '^--- draw 0, limit, weight -')" -eq 3 ] || fail 'three texts with their weights'
gen --search 'beam(4, n=3)' --json | sed 's/.*"log_weight":\([-0-9.e]*\).*/\1/' >"$work/weights"
sort -rg "$work/weights" | cmp -s - "$work/weights" || fail 'best first'

# --select: one of what there is, and always the same
gen --n 6 --json | sed 's/.*"text":\("[^"]*"\).*/\1/' >"$work/texts"
for how in best 'best(by=mean)' vote mbr 'mbr(bleu, weight=model, prune=0.95)'; do
    gen --n 6 --select "$how" --json | sed 's/.*"text":\("[^"]*"\).*/\1/' >"$work/one" || fail "$how"
    [ "$(wc -l <"$work/one")" -eq 1 ] && grep -qxFf "$work/one" "$work/texts" || fail "$how: $(cat "$work/one")"
done
gen --n 2 --select 'best(judge)' && fail 'nobody was judged'
grep -q -- '--select best=judge: generate has no judge' "$work/err" || fail "$(cat "$work/err")"
gen --select bset && fail 'an unknown selection'
grep -q "did you mean 'best'?" "$work/err" || fail "$(cat "$work/err")"

[ $bad -eq 0 ] && echo 'generate_search: all checks passed'
exit $bad
