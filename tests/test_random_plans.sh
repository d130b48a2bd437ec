#!/bin/sh
# The same bytes whatever may stand together: random plans (tests/lib/random_plan.py) run by one thread, one unit at a time, and by two
# threads in batches, killed twice on the way, have equal results in everything but what they cost.  Three plans; CHORALE_LONG: 300.
set -u
chorale=$1
name=random_plans
cd "$(dirname "$0")/.." || exit 1
python=/usr/bin/python3
"$python" -c 'import h5py' 2>/dev/null || { echo "$name: skipped: python3-h5py is not installed"; exit 77; }
. tests/lib/cli.sh

first=${CHORALE_FIRST_PLAN:-1}
n=${CHORALE_LONG:+300}
n=${n:-3}

# after SECONDS in which it may end by itself
killed_after() {
    # exec: the signal must hit the program, not a shell around it
    (exec "$chorale" run "$work/script.lua" --out "$work/b" --quiet --threads 2 --batch 64 >"$work/killed" 2>&1) &
    pid=$!
    sleep "$1"
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
}

plan() { # SEED
    rm -rf "$work/a" "$work/b"
    "$python" tests/lib/random_plan.py "$1" >"$work/script.lua" || fail "no script of seed $1"
    timeout 600 "$chorale" run "$work/script.lua" --out "$work/a" --quiet --no-report --threads 1 --batch 1 >"$work/out" 2>"$work/err"
    status=$?
    case $status in
    2 | 3) [ -s "$work/err" ] && refused=$((refused + 1)) || fail "plan $1 is refused without a word"; return ;;
    esac
    killed_after 0.15
    killed_after 0.4
    ends $status "$chorale" run "$work/script.lua" --out "$work/b" --quiet --threads 2 --batch 64
    [ $status = 0 ] || { fail "plan $1 ends with $status: $(head -c 300 "$work/err")"; return; }
    "$python" tests/lib/same_results.py "$work/a/results.h5" "$work/b/results.h5" >"$work/diff" 2>&1 || fail "plan $1: $(cat "$work/diff")"
    [ ! -s "$work/diff" ] || fail "plan $1 has other $(tr '\n' ' ' <"$work/diff")"
}

refused=0
seed=$first
while [ "$seed" -lt $((first + n)) ]; do
    plan "$seed"
    seed=$((seed + 1))
done
[ $((2 * refused)) -lt "$n" ] || fail "$refused of $n plans are refused"
[ -z "${CHORALE_LONG:-}" ] || echo "$name: $n plans, $refused refused"
done_with_checks
