#!/bin/sh
# Limits: very many items, very many arms, prompts of no length and beyond the lm's context: a result or a message, in a
# time and a memory that grow with the size and no faster.  CHORALE_LONG=1: 100,000 items, 500 arms.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=limits
command -v python3 >/dev/null 2>&1 || { echo "$name: skipped: python3, which writes the evalsets, is not installed"; exit 77; }
command -v jq >/dev/null 2>&1 || { echo "$name: skipped: jq is not installed"; exit 77; }
items=3000 arms=60 seconds=60 mib=512
[ -z "${CHORALE_SANITIZED:-}" ] || items=400 arms=15
[ -z "${CHORALE_LONG:-}" ] || items=100000 arms=500 seconds=120 mib=1536
case $(nm "$chorale" 2>/dev/null | grep -c __asan_init) in 0) ;; *) mib=$((mib * 8)) ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
checks=0

fail() {
    echo "$name: $1"
    bad=1
}
# made KIND N: an evalset of N items over the letters of the toy lm
made() {
    mkdir -p "$work/$1"
    python3 - "$work/$1" "$1" "$2" <<'PYTHON'
import json, sys
folder, kind, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
metric = {"text": "bits_per_byte", "choice": "accuracy", "generate": "length_chars"}[kind]
with open(folder + "/evalset.json", "w") as f:
    json.dump({"name": kind, "kind": kind, "lang": ["en"], "metrics": [metric]}, f)
with open(folder + "/items.jsonl", "w") as f:
    for i in range(n):
        text = "".join("ab"[i >> k & 1] for k in range(8))
        o = {"id": "i%d" % i, "lang": "en", "text": text}
        if kind == "choice":
            o.update(text=text[:6], choices=["a", "b"], gold=i % 2)
        f.write(json.dumps(o) + "\n")
PYTHON
}
cat >"$work/many.lua" <<'LUA'
local arms = {}
for i = 1, arg.arms do
    arms[i] = { lm = model("table:n=3,length=12,seed=" .. i), chain = "temperature=" .. i, name = "arm " .. i }
end
experiment { name = "many", evalsets = { arg.set }, arms = arms, limit = { bytes = 9 }, draws = arg.draws or 1 }
LUA
# bounded WHAT STATUS COMMAND...: its exit status, its processor time, its memory
bounded() {
    what=$1 status=$2
    shift 2
    python3 - "$work/used" "$@" >"$work/out" 2>"$work/err" <<'PYTHON'
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL, timeout=1200)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write("%d %d\n" % (u.ru_utime + u.ru_stime, u.ru_maxrss // 1024))
sys.exit(code)
PYTHON
    got=$?
    checks=$((checks + 1))
    read -r took used <"$work/used" || took=9999 used=0
    [ -z "${CHORALE_LONG:-}" ] || echo "$name: $what: $took s of processor time, $used MiB"
    [ "$got" = "$status" ] || fail "$what: exit status $got, want $status: $(tail -3 "$work/err")"
    [ "$took" -le "$seconds" ] || fail "$what: $took s, want at most $seconds"
    [ "$used" -le "$mib" ] || fail "$what: $used MiB, want at most $mib"
}
said() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$work/out" "$work/err" || fail "$what: want '$1' in: $(tail -3 "$work/err")"
}

# bug: planning was quadratic in the items: 100,000 took minutes; so was the difference of two plans
test_items() {
    for kind in text choice; do
        made $kind "$items"
        bounded "$items $kind items, planned" 0 "$chorale" run "$work/many.lua" --set arms=1 --set set="$work/$kind" --dry-run
        said "units $items"
        bounded "$items $kind items, run" 0 "$chorale" run "$work/many.lua" --set arms=1 --set set="$work/$kind" \
            --out "$work/run-$kind" --no-report --quiet
        bounded "$items $kind items, reported" 0 "$chorale" report "$work/run-$kind" --quiet
    done
    bounded "half of them" 0 "$chorale" run "$work/many.lua" --set arms=1 --set set="$work/text" --limit $((items / 2)) \
        --out "$work/half" --no-report --quiet
    bounded "refused: the plan has changed" 2 "$chorale" run "$work/many.lua" --set arms=1 --set set="$work/text" \
        --out "$work/half" --no-report --quiet
    bounded "the other half, --extend" 0 "$chorale" run "$work/many.lua" --set arms=1 --set set="$work/text" \
        --out "$work/half" --no-report --quiet --extend
}

test_arms() {
    made generate 4
    bounded "$arms arms, planned" 0 "$chorale" run "$work/many.lua" --set arms="$arms" --set set="$work/generate" --dry-run
    said "arms ($arms)"
    bounded "$arms arms, run" 0 "$chorale" run "$work/many.lua" --set arms="$arms" --set set="$work/generate" \
        --set draws=2 --out "$work/run-arms" --no-report --quiet
    bounded "$arms arms, reported" 0 "$chorale" report "$work/run-arms" --quiet
}

# 10 arms x 25,000 items x 4 draws, of a table: computed, made into results, reported.
test_million() {
    [ -n "${CHORALE_LONG:-}" ] && [ -z "${CHORALE_SANITIZED:-}" ] || return 0
    seconds=1200
    rm -rf "$work"/run-*
    made generate 25000
    bounded "a million records, run" 0 "$chorale" run "$work/many.lua" --set arms=10 --set draws=4 --set set="$work/generate" \
        --out "$work/run-million" --no-report --quiet
    bounded "a million records, reported" 0 "$chorale" report "$work/run-million" --quiet
}

test_too_many() {
    # an lm each; test_hostile_script has too many arms of one lm, and test_hostile_evalset too many lms of a stored plan
    [ -z "${CHORALE_LONG:-}" ] || bounded "too many arms" 3 "$chorale" run "$work/many.lua" --set arms=4097 --set set="$work/generate" --dry-run
    [ -z "${CHORALE_LONG:-}" ] || said '4097 lms, want at most 4096'
    bounded "too many units" 3 "$chorale" run "$work/many.lua" --set arms=200 --set draws=100000 \
        --set set="$work/generate" --dry-run
    said '200 arms x 4 items x 100000 draws, want at most 50000000 in all'
}

# bug: lms were looked up by name and by content one after the other: 4,095 of them took 14 s to plan
test_lms() {
    cat >"$work/lms.lua" <<'LUA'
local arms = {}
for i = 1, arg.n do
    arms[i] = { lm = ensemble { model("table:n=2,length=3,seed=" .. i), model "table:n=2,length=3", weights = { 1, i } },
                name = "arm " .. i }
end
experiment { name = "lms", evalsets = { arg.set }, arms = arms, limit = { bytes = 3 } }
LUA
    python3 - "$chorale" "$work" >"$work/out" 2>&1 <<'PYTHON'
import resource, subprocess, sys
def used(n):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.check_call([sys.argv[1], "run", sys.argv[2] + "/lms.lua", "--dry-run", "--set", "n=%d" % n, "--set",
                           "set=" + sys.argv[2] + "/generate"], stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
few, many = min(used(250), used(250)), used(1500)
print("%.2f s for 500 lms, %.2f s for 3,000" % (few, many))
sys.exit(many > 15 * few)
PYTHON
    took=$?
    checks=$((checks + 1))
    [ $took = 0 ] || fail "six times as many lms take more than 15 times as long: $(tail -3 "$work/out")"
    [ -z "${CHORALE_LONG:-}" ] || echo "$name: $(cat "$work/out")"
}

# Prompts of nothing, to the last place, one beyond it, far beyond it; symbols that the lm does not have.
test_prompts() {
    mkdir -p "$work/edge"
    echo '{"name":"edge","kind":"choice","lang":["en"],"metrics":["accuracy"]}' >"$work/edge/evalset.json"
    python3 - >"$work/edge/items.jsonl" <<'PYTHON'
import json
cases = [("", "a"), ("a" * 12, "a"), ("a" * 13, "a"), ("a" * 14, "a"), ("a" * 100000, "a"), ("", "a" * 12), ("", "a" * 13),
         ("", "a" * 100000), ("", "\u4e2d"), ("\u4e2d", "a")]
for i, (text, choice) in enumerate(cases):
    print(json.dumps({"id": "e%d" % i, "lang": "en", "text": text, "choices": [choice, "b"], "gold": 0}))
PYTHON
    bounded "prompts at the edge" 1 "$chorale" run "$work/many.lua" --set arms=1 --set set="$work/edge" \
        --out "$work/run-edge" --quiet
    said 'of 10 units failed; the first:'
    said 'want at most 13'
    for prompt in '' "$(head -c 100000 /dev/zero | tr '\0' 'a')"; do
        bounded "generate from ${#prompt} bytes" "$([ -z "$prompt" ] && echo 0 || echo 3)" "$chorale" generate \
            --script "$work/one.lua" --max-symbols 5 -- "$prompt"
    done
    said 'want at most 13'
    : >"$work/empty"
    # bug: a window's rows were held all at once: 67 GB of 128 Ki positions and as many symbols
    "$chorale" convert --quiet 'random:llama(dim=8, layers=1, heads=1, kv_heads=1, ffn=8, vocab=120000, context=2048)' \
        "$work/wide.gguf"
    head -c $([ -z "${CHORALE_SANITIZED:-}" ] && echo 1500 || echo 300) /dev/zero | tr '\0' 'a' >"$work/long"
    bounded "score a window of many symbols" 0 "$chorale" score "$work/wide.gguf" "$work/long"
    said 'tokens            '
    if [ -d "${CHORALE_HOME:-.}/model/zoo" ] && "$chorale" inspect zoo:prose >/dev/null 2>&1; then
        bounded "score nothing" 3 "$chorale" score zoo:prose "$work/empty"
        said 'is empty: nothing to score'
        bounded "tokenize nothing" 0 "$chorale" tokenize zoo:prose "$work/empty"
    fi
}

cat >"$work/one.lua" <<LUA
experiment { name = "one", evalsets = { "$work/generate" }, arms = { lm = model "table:n=3,length=12" } }
LUA
test_items
test_arms
test_too_many
test_lms
test_prompts
test_million
[ $bad = 0 ] && echo "$name: $checks checks passed"
exit $bad
