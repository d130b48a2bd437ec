#!/bin/sh
# Every verb but run and bench, each allocation of a small command fails once: no crash, a message, or the usual output.
# (run: test_store_memory.)  CHORALE_LONG=1: one failure for each call stack that allocates, else a few of them.  Further arguments: only these verbs.
set -u
chorale=$1
shift
cd "$(dirname "$0")/.." || exit 1
shim=$(dirname "$chorale")/tests/libshim_memory.so
[ -z "${CHORALE_SANITIZED:-}" ] || { echo "memory_verbs: skipped: the address sanitizer has its own allocator"; exit 77; }
command -v python3 >/dev/null 2>&1 || { echo "memory_verbs: skipped: python3, which counts the calls, is not installed"; exit 77; }
[ -f "$shim" ] || { echo "memory_verbs: skipped: $shim is not built"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '{"id":1,"probs":[0.5,0.25,0.25],"draw":3}\n' >"$work/dist"
printf '{"id":1,"probs":[[0.5,0.25,0.25],[0.1,0.2,0.7]]}\n' >"$work/pool"
printf 'It was the end of a day.\n' >"$work/words"
printf '5 6 7\n' >"$work/ids"
"$chorale" run tests/fixtures/store/toy.lua --set dir=tests/fixtures/store --out "$work/run" --no-report --quiet || exit 1
few=5
[ -z "${CHORALE_LONG:-}" ] || few=0
python3 tests/fixtures/memory/fail.py "$chorale" "$shim" "$work" "$few" "$@"
