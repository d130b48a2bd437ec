#!/bin/sh
# The verbs with a full disk or nothing at all under its stdout: exit status 4 and a message, and no half of a file.
# bug: with stdout closed what was asked for was lost, with status 0
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=streams
. tests/lib/cli.sh

printf 'It was the end of a day.\n' >"$work/words"
printf '5 6 7\n' >"$work/ids"
printf '{"id":1,"probs":[0.5,0.25,0.25]}\n' >"$work/dist"
printf '{"id":1,"probs":[[0.5,0.5],[0.1,0.9]]}\n' >"$work/pool"
toy="tests/fixtures/store/toy.lua --set dir=tests/fixtures/store"
# shellcheck disable=SC2086
"$chorale" run $toy --out "$work/run" --no-report --quiet || fail 'no run'
cp -r "$work/run" "$work/run2"
# shellcheck disable=SC2086
"$chorale" run $toy --trace full --out "$work/full" --no-report --quiet || fail 'no run with rows'
cat >"$work/fit.lua" <<LUA
local a = model { "table:n=4,length=9,seed=3,sharpness=1.5", name = "a" }
local t = fit { what = "temperature", on = "tests/fixtures/store/held" }
experiment { name = "fit", limit = { bytes = 6 }, evalsets = { "tests/fixtures/store/gen" },
             arms = { { lm = ensemble { voice { a, temperature = t } }, chain = "" } } }
LUA

said() { # WHERE STATUS VERB
    checks=$((checks + 1))
    [ "$2" = 4 ] && grep -q 'cannot write to stdout' "$work/err" || fail "$3, $1: status $2: $(tail -1 "$work/err")"
}
lost() { # VERB...
    "$chorale" "$@" >&- 2>"$work/err" </dev/null
    said 'no stdout' $? "$1"
    [ -w /dev/full ] || return
    "$chorale" "$@" >/dev/full 2>"$work/err" </dev/null
    said 'a full disk' $? "$1"
}

lost --help
lost --version
lost run --help
lost list strategies
lost list metrics --json
lost dist --chain top_k=1 "$work/dist"
lost pool --rule linear "$work/pool"
# shellcheck disable=SC2086
lost run $toy --dry-run
# shellcheck disable=SC2086
lost run $toy --out "$work/run" --no-report
lost compare "$work/run" "$work/run2"
lost replay "$work/full"
lost audit table:n=3,length=2 --draws 100
lost plan --bandwidth 10 tests/fixtures/checkpoint/single
lost fit "$work/fit.lua"
lost report "$work/run" --json
if "$chorale" inspect zoo:draft >/dev/null 2>&1; then
    lost inspect zoo:draft
    lost tokenize zoo:draft "$work/words"
    lost detokenize zoo:draft "$work/ids"
    lost score zoo:draft "$work/words"
    lost logits zoo:draft Once
    lost generate zoo:draft Once --max-symbols 3
    lost detect zoo:draft "$work/words" --key 1
    "$chorale" convert zoo:draft "$work/draft.gguf" >&- 2>"$work/err"
    said 'no stdout' $? convert
    [ ! -e "$work/draft.gguf" ] || fail 'the checkpoint was made before stdout was looked at'
    "$chorale" convert --quiet zoo:draft "$work/draft.gguf" >&- || fail 'convert --quiet says something'
    expect 0 '' "$chorale" inspect "$work/draft.gguf"
fi
left=$(find "$work" -name '*.part*' -o -name '*.tmp')
[ -z "$left" ] || fail "left behind: $left"
done_with_checks
