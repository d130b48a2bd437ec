#!/bin/sh
# replay at the command line: exit statuses, one message, lines for machines; results files with bytes changed, which no verb
# dies of; and /trace as other programs read it.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=replay_cli
. tests/lib/cli.sh

mkdir "$work/letters"
echo '# Letters' >"$work/letters/README.md"
echo '{"name":"letters","kind":"generate","lang":["en"],"metrics":["distinct_1"]}' >"$work/letters/evalset.json"
for text in ab c abc; do
    echo "{\"id\":\"$text\",\"lang\":\"en\",\"text\":\"$text\"}"
done >"$work/letters/items.jsonl"
cat >"$work/run.lua" <<LUA
local a = model { "table:n=9,length=24,seed=3,sharpness=2", name = "a" }
experiment { name = "r", seed = 5, draws = 3, limit = { bytes = 12 }, evalsets = { "$work/letters" }, trace = arg.trace,
             arms = grid { lm = a, chain = { "", "temperature=0.7 | top_p=0.9" } } }
LUA
for level in token steps topk=4 full; do
    "$chorale" run "$work/run.lua" --set "trace=$level" --out "$work/$level" --no-report --quiet || fail "a run at $level"
done
"$chorale" run "$work/run.lua" --trace topk=4 --out "$work/option" --no-report --quiet || fail "a run with --trace"
cmp -s "$work/topk=4/results.h5" "$work/option/results.h5" || # /cost alone may differ
    [ "$("$chorale" replay "$work/topk=4" --json | cksum)" = "$("$chorale" replay "$work/option" --json | cksum)" ] ||
    fail "--trace is the script's trace"
tells 2 "did you mean 'topk'?" "$chorale" run "$work/run.lua" --trace topq=4 --dry-run
tells 2 "k is 0, want an integer in [1, 1048576]" "$chorale" run "$work/run.lua" --trace topk=0 --dry-run
tells 2 '"token" -> "full"' "$chorale" run "$work/run.lua" --trace full --out "$work/token" --no-report
tells 0 "trace topk=4" "$chorale" run "$work/run.lua" --trace topk=4 --dry-run

tells 3 "the run kept no rows (trace level 'token' or 'steps'), want a run with trace 'topk=K' or 'full'" \
    "$chorale" replay "$work/token" --chain top_k=1
tells 3 "the run kept no rows" "$chorale" replay "$work/steps"
tells 2 "unknown transform 'top_q'" "$chorale" replay "$work/full" --chain top_q=1
tells 2 "unknown arm 'b'" "$chorale" replay "$work/full" --arm b
tells 0 '"summary":"all","records":9,' "$chorale" replay "$work/full" --arm top_p --json # as compare takes it
tells 4 "no such results" "$chorale" replay "$work/nowhere"
tells 2 "RUN" "$chorale" replay

tells 0 "decided again under each arm's own chain" "$chorale" replay "$work/full"
tells 0 "decided again under top_k=2" "$chorale" replay "$work/full" --chain top_k=2
tells 0 "decided again under no chain at all" "$chorale" replay "$work/full" --chain ""
tells 0 '"verdict":"parted"' "$chorale" replay "$work/full" --json --chain "temperature=2"
tells 0 '"summary":"all","records":18,"same":18,"parted":0,"undecided":0,"skipped":0' "$chorale" replay "$work/full" --json
[ "$(wc -l <"$work/out")" = 21 ] || fail "a line for each text, each arm and all: $(wc -l <"$work/out")"
cp "$work/out" "$work/own"
rm "$work/full/results.h5" # as of a run that goes on
tells 0 '"summary":"all"' "$chorale" replay "$work/full" --json
cmp -s "$work/out" "$work/own" || fail "a run without results.h5 is read aside"

# bug: the table showed the middle of two bounds as the ratio, 0.5 for a chain over itself
tells 0 "log ratio, mean of" "$chorale" replay "$work/topk=4"
tail -1 "$work/out" | awk '$NF == "all" && $(NF - 2) < 0 && $(NF - 1) > 0 { ok = 1 } END { exit !ok }' ||
    fail "a chain over itself is not between the bounds: $(tail -1 "$work/out")"

# any byte changed: an answer or a message, never a signal
size=$(wc -c <"$work/topk=4/results.h5")
i=0
while [ $i -lt 40 ]; do
    at=$(((i * 7919 * 31 + 12345) % size))
    cp "$work/topk=4/results.h5" "$work/bad.h5"
    printf "\\$(printf %o $((i * 37 % 256)))" | dd of="$work/bad.h5" bs=1 seek=$at conv=notrunc 2>/dev/null
    timeout 60 "$chorale" replay "$work/bad.h5" --chain "top_k=3 | temperature=0.5" >"$work/out" 2>"$work/err"
    got=$?
    checks=$((checks + 1))
    case $got in
    0 | 3 | 5 | 7) ;;
    *) fail "byte $at changed: exit status $got: $(head -c 300 "$work/err")" ;;
    esac
    i=$((i + 1))
done

python=${CHORALE_PYTHON:-/usr/bin/python3}
if "$python" -c 'import h5py, numpy' 2>/dev/null; then
    for level in token steps topk=4; do
        "$python" tests/trace_interop.py "$work/$level/results.h5" $level || fail "$level as h5py reads it"
        checks=$((checks + 1))
    done
    "$chorale" run "$work/run.lua" --set trace=full --out "$work/full" --no-report --quiet
    "$python" tests/trace_interop.py "$work/full/results.h5" full || fail "full as h5py reads it"
    # bug: h5py takes no None where it reads
    sed -n '/^```python/,/^```/{/^```/d;p}' docs/traces.md >"$work/snippet.py"
    echo 'assert np.allclose(np.exp(logp.astype(float)).sum(axis=1), 1, atol=1e-5) and len(logp) > 1' >>"$work/snippet.py"
    ln -s full "$work/run"
    (cd "$work" && "$python" snippet.py) || fail "what docs/traces.md reads with h5py"
    checks=$((checks + 1))
    "$python" -c 'import json, sys; [json.loads(x) for x in sys.stdin]' <"$work/own" || fail "lines that are no JSON"
fi
done_with_checks
