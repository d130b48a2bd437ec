#!/bin/sh
# The same plan gives the same bytes: 1 and 2 threads, batch 1 and 64, killed or interrupted at random times and resumed.
# h5diff must find /metric, /text and /tokens identical.  CHORALE_LONG: the whole demo plan and forty signals; else a
# small plan over the same lms, and three.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=determinism
command -v h5diff >/dev/null 2>&1 || { echo "$name: skipped: h5diff is not installed"; exit 77; }
[ -f model/zoo/prose/model.safetensors ] || { echo "$name: skipped: the bundled checkpoints are absent"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${CHORALE_LONG:-}" ]; then
    script=experiments/scripts/creativity-vs-control.lua
    kills=40
else
    script=tests/fixtures/determinism/small.lua
    kills=3
    [ -z "${CHORALE_SANITIZED:-}" ] || kills=1
fi
# memory is the same whatever the length of the run
few=${CHORALE_SANITIZED:+--limit 1}

run() { # OUT OPTIONS...
    out=$1
    shift
    # shellcheck disable=SC2086
    "$chorale" run "$script" --out "$work/$out" --no-report --quiet $few "$@"
}
fail() {
    echo "$name: $1"
    exit 1
}
same() {
    for group in /metric /text /tokens; do
        h5diff "$work/one/results.h5" "$work/$1/results.h5" "$group" "$group" >"$work/diff" 2>&1 ||
            { head -5 "$work/diff"; fail "$group differs between one and $1"; }
    done
}

run one --threads 1 --batch 64 || fail "the first run failed"
run two --threads 2 --batch 64 || fail "the run with two threads failed"
same two
run three --threads 2 --batch 1 || fail "the run with batch 1 failed"
same three

killed=0
tries=0
while [ "$killed" -lt "$kills" ] && [ "$tries" -lt 200 ]; do
    tries=$((tries + 1))
    # exec: the signal must hit the program, not a shell around it
    # shellcheck disable=SC2086
    (exec "$chorale" run "$script" --out "$work/four" --no-report --quiet $few --threads 2 --batch 16 2>"$work/four.err") &
    pid=$!
    sleep "0.$(printf '%03d' $((tries * 7919 % 400 + 20)))"
    # every third is asked to close, by turns; the others are given no choice
    case $((tries % 6)) in
    2) signal=INT status=130 ;;
    5) signal=TERM status=143 ;;
    *) signal=KILL status=137 ;;
    esac
    if kill -"$signal" "$pid" 2>/dev/null; then
        killed=$((killed + 1))
    fi
    wait "$pid" 2>/dev/null
    ended=$?
    [ "$ended" = "$status" ] || [ "$ended" = 0 ] || { cat "$work/four.err"; fail "SIG$signal ended the run with $ended"; }
    [ "$ended" != 0 ] || rm -rf "$work/four" # it was too late: a run that is whole cannot be interrupted
done
[ "$killed" -ge "$kills" ] || fail "only $killed signals hit a running process"
run four --threads 2 --batch 16 || fail "the resumed run failed"
same four
echo "$name: 1 and 2 threads, batch 1, 16 and 64, $killed signals: identical"
