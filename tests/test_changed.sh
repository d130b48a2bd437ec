#!/bin/sh
# What a run was planned with has changed since: checkpoint, tokenizer, evalset, script.  The same command is
# refused and says what differs; the results stay, can be read, and with the old files the command goes on as before.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=changed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
checks=0
cp -r tests/fixtures/checkpoint/single "$work/ck"
mkdir "$work/set"
echo '{"name":"set","kind":"generate","lang":["en"],"metrics":["distinct_1"]}' >"$work/set/evalset.json"
printf '{"id":"a","lang":"en","text":"ab"}\n{"id":"b","lang":"en","text":"ba"}\n' >"$work/set/items.jsonl"
echo 'experiment { name = "s", evalsets = { arg.dir .. "/set" }, draws = 2, limit = { bytes = 6 },
                   arms = { lm = model(arg.dir .. "/ck") } }' >"$work/s.lua"
chmod -R u+w "$work"

run() {
    "$chorale" run "$work/s.lua" --set dir="$work" --out "$work/run" --no-report --quiet >"$work/said" 2>&1
}
fail() {
    echo "$name: $1: $(cat "$work/said")"
    bad=1
}
# refused WHAT FILE STATUS MESSAGE COMMAND...: the command changes the file
refused() {
    what=$1 file=$work/$2 status=$3 message=$4
    shift 4
    checks=$((checks + 3))
    cp "$file" "$work/kept"
    "$@"
    cmp -s "$file" "$work/kept" && fail "$what: the file is as it was"
    run
    got=$?
    [ "$got" = "$status" ] || fail "$what: exit status $got, want $status"
    grep -qF "$message" "$work/said" || fail "$what: want '$message'"
    cmp -s "$work/results.h5" "$work/run/results.h5" || fail "$what: the results have changed too"
    cp "$work/kept" "$file"
}
bit() {
    printf '\001' | dd of="$work/ck/model.safetensors" bs=1 seek="$1" conv=notrunc 2>/dev/null
}

run || fail 'the run'
cp "$work/run/results.h5" "$work/results.h5"
for at in 4000 20000 110000; do
    refused "byte $at of the weights" ck/model.safetensors 2 "lms: 'ck' has changed" bit $at
done
refused 'the tokenizer' ck/tokenizer.json 2 "lms: 'ck' has changed" sed -i 's/"byte_fallback"/ &/' "$work/ck/tokenizer.json"
refused 'a text' set/items.jsonl 3 "/set' has changed since the plan was made" sed -i 's/"ba"/"bb"/' "$work/set/items.jsonl"
refused 'the script' s.lua 2 'limit: {"bytes":6} -> {"bytes":7}' sed -i 's/bytes = 6/bytes = 7/' "$work/s.lua"
refused 'the seed' s.lua 2 'seed: 1 -> 5' sed -i 's/draws = 2/draws = 2, seed = 5/' "$work/s.lua"
run || fail 'as it was'
checks=$((checks + 2))
"$chorale" report "$work/run" --quiet >"$work/said" 2>&1 || fail 'the report'
[ $bad = 0 ] && echo "$name: $checks checks passed"
exit $bad
