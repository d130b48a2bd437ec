#!/bin/sh
# Locale, time zone and names of files: run, generate, score, dist, pool, tokenize and list give the same bytes whatever
# LC_ALL and TZ are, and whatever the paths look like.
set -u
chorale=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.." || exit 1
name=locale
command -v localedef >/dev/null 2>&1 || { echo "$name: skipped: localedef is not installed"; exit 77; }
command -v h5dump >/dev/null 2>&1 || { echo "$name: skipped: h5dump is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
checks=0

localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" >/dev/null 2>&1 && localedef -i tr_TR -f ISO-8859-9 "$work/tr_TR" >/dev/null 2>&1 ||
    { echo "$name: skipped: localedef makes no locale with a decimal comma here"; exit 77; }
LOCPATH=$work
export LOCPATH
# newlocale() of glibc 2.36 loses its copy of LOCPATH; nothing else is excused
echo 'leak:argz_add_sep' >"$work/excused"
LSAN_OPTIONS="suppressions=$work/excused:print_suppressions=0"
export LSAN_OPTIONS
[ "$(LC_ALL=de_DE.UTF-8 locale decimal_point)" = , ] || { echo "$name: skipped: the locale made has no decimal comma"; exit 77; }

fail() {
    echo "$name: $1"
    bad=1
}
same() {
    checks=$((checks + 1))
    cmp -s "$1" "$2" || fail "$3: $1 and $2 differ: $(diff -a "$1" "$2" | head -5)"
}
# The numbers of a run: every dataset but /cost.
dump() {
    (
        cd -- "$1" || exit 1
        for group in metric record text tokens prompt arm item draw; do
            h5dump -m %.17g -d "/$group" results.h5 2>/dev/null || h5dump -m %.17g -g "/$group" results.h5 2>/dev/null
        done
    )
}

mkdir "$work/set"
echo '{"name":"set","kind":"generate","lang":["en"],"metrics":["distinct_2","length_chars","compression"]}' >"$work/set/evalset.json"
for i in 1 2 3 4 5; do printf '{"id":"i%d","lang":"en","text":"ab%s"}\n' $i "$(printf 'a%.0s' $(seq $i))"; done >"$work/set/items.jsonl"
cat >"$work/script.lua" <<'LUA'
local duet = ensemble { model "table:n=5,seed=2,sharpness=0.5", voice { model "table:n=5,seed=3", temperature = 0.75 },
                        rule = "power=0.5", weights = { 0.25, 0.75 } }
experiment { name = ("iI"):lower() .. "-" .. 0.5, evalsets = { arg.set }, draws = 3, limit = { bytes = 20 },
             arms = grid { lm = duet, chain = each("temperature=%g|top_p=%.2f", { { 0.5, 0.9 }, { 1.25, 0.75 } }) } }
LUA
printf '%s\n' '{"id":1,"logits":[0.5,1.25,-3e-2,null],"chain":"temperature=0.8|top_p=0.9","draw":5}' '{"id":2,"probs":[0,5]}' \
    '{"id":3,"probs":[0.5,0.25],"chain":"top_p=0,9"}' >"$work/dist"
printf '%s\n' '{"id":1,"rule":"power=0.5","weights":[0.3,0.7],"probs":[[0.5,0.5],[0.1,0.9]]}' >"$work/pool"
printf 'It was 0.5, or 1,5: Istanbul, \303\244 \344\270\255\n' >"$work/words"
zoo=
"$chorale" inspect zoo:prose >/dev/null 2>&1 && zoo=zoo:prose

# all FOLDER: everything, its output into the folder
all() {
    mkdir -p "$1"
    "$chorale" dist "$work/dist" >"$1/dist" 2>"$1/dist.err"
    "$chorale" pool "$work/pool" >"$1/pool" 2>&1
    "$chorale" list strategies --json >"$1/list" 2>&1
    "$chorale" list evalsets >"$1/evalsets" 2>&1
    "$chorale" run "$work/script.lua" --set set="$work/set" --dry-run >"$1/plan" 2>&1
    "$chorale" run "$work/script.lua" --set set="$work/set" --out "$1/run" --quiet --no-report >"$1/said" 2>&1 ||
        fail "$1: run: $(cat "$1/said")"
    "$chorale" generate --script "$work/script.lua" --max-symbols 9 --json -- abab >"$1/generate" 2>&1
    dump "$1/run" >"$1/numbers"
    [ -z "$zoo" ] || {
        "$chorale" generate $zoo "It was 0.5" --max-bytes 40 --seed 3 >"$1/prose"
        "$chorale" score $zoo "$work/words" >"$1/score"
        "$chorale" score --json $zoo "$work/words" >"$1/score.json"
        "$chorale" tokenize --json $zoo "$work/words" >"$1/ids"
    }
}
# equal FOLDER WHAT
equal() {
    for f in "$work/plain"/*; do
        [ -f "$f" ] && same "$f" "$1/$(basename "$f")" "$2"
    done
}

sed -i "s/arg.set/arg.set or '$(echo "$work" | sed 's|/|\\/|g')\\/set'/" "$work/script.lua"
LC_ALL=C TZ=UTC all "$work/plain"
[ -s "$work/plain/numbers" ] && [ "$(wc -c <"$work/plain/numbers")" -gt 4000 ] || fail "the run has no numbers"
grep -q '"error"' "$work/plain/dist" || fail "a comma is no decimal point"
LC_ALL=de_DE.UTF-8 TZ=UTC all "$work/comma"
equal "$work/comma" "LC_ALL=de_DE.UTF-8"
LC_ALL=tr_TR LANG=tr_TR LANGUAGE=tr TZ=Asia/Kathmandu all "$work/turkish"
equal "$work/turkish" "LC_ALL=tr_TR TZ=Asia/Kathmandu"
LC_ALL=nowhere TZ=':/nonsense/99' all "$work/nonsense"
equal "$work/nonsense" "a locale and a time zone that are none"

# A run begun in one place of the world is resumed, unchanged, in another.
LC_ALL=de_DE.UTF-8 TZ=America/St_Johns "$chorale" run "$work/script.lua" --set set="$work/set" --out "$work/plain/run" --quiet \
    --no-report >"$work/again" 2>&1 || fail "resumed under another locale: $(cat "$work/again")"

# Paths: spaces, quotes, a new line, Chinese characters, a dash in front.
odd="$work/-a 'b' \"c\" \$(d) \`e\` 中文
f"
mkdir "$odd" "$odd/set"
cp "$work/set/"* "$odd/set/"
cp "$work/words" "$odd/-words"
cp "$work/dist" "$odd/-dist"
cp "$work/script.lua" "$odd/-script.lua"
(
    cd "$odd" || exit 1
    "$chorale" dist -- -dist >out 2>&1
    "$chorale" run --set set="$odd/set" --out "$odd/--run" --quiet -- -script.lua >said 2>&1 || cat said
    "$chorale" run --set set=./set --out=-run2 --quiet --no-report -- -script.lua >>said 2>&1 || cat said
    "$chorale" report --quiet -- -run2 >>said 2>&1 || cat said
    [ -z "$zoo" ] || "$chorale" score $zoo -- -words >score 2>&1
    [ -z "$zoo" ] || "$chorale" tokenize --json $zoo -- -words >ids 2>&1
) >"$work/odd" 2>&1
[ -s "$work/odd" ] && fail "odd paths: $(cat "$work/odd")"
sed 's|-dist|dist|g' "$odd/out" | head -3 >"$work/odd-dist"
same "$work/plain/dist" "$work/odd-dist" "dist of an odd path"
for run in --run -run2; do
    dump "$odd/$run" >"$work/odd-numbers"
    same "$work/plain/numbers" "$work/odd-numbers" "the run $run"
    [ -s "$odd/$run/report/index.html" ] || fail "no report of $run"
done
[ -z "$zoo" ] || same "$work/plain/score" "$odd/score" "score of an odd path"
[ -z "$zoo" ] || same "$work/plain/ids" "$odd/ids" "tokenize of an odd path"

[ $bad = 0 ] && echo "$name: $checks checks passed"
exit $bad
