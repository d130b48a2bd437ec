#!/bin/sh
# The tests of Chorale: installs what is missing from Debian's packages, runs every test in a release build of gcc and
# again in clang's build with the address and undefined behaviour sanitizers.  Ends with "N passed, N failed".
#
#   ./check.sh [--long] [--no-install]
#     --long         the campaigns too (fuzzing, kill-and-resume, full statistics); hours, not minutes
#     --no-install   install nothing; fail if something is missing
set -eu
cd "$(dirname "$0")"
. ./packages.sh

usage() {
    sed -n '2,8s/^# \{0,1\}//p' check.sh
}
no_install=0
for argument in "$@"; do
    case $argument in
    --long) export CHORALE_LONG=1 ;;
    --no-install) no_install=1 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "check.sh: unknown option '$argument'; known: --long, --no-install" >&2; exit 2 ;;
    esac
done

passed=0
failed=0
skipped=0
jobs=$(nproc)
started=$(date +%s)
unset CHORALE_HOME || true

say() {
    printf '\n== %s (%d s)\n' "$1" $(($(date +%s) - started))
}

# one check that is not a ctest: verdict NAME COMMAND...
verdict() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
    fi
}

build() { # FOLDER OPTIONS...
    folder=build/$1
    shift
    cmake -S . -B "$folder" -G Ninja -DCHORALE_WERROR=ON "$@" >"$folder.log" 2>&1 || { cat "$folder.log"; return 1; }
    cmake --build "$folder" -j "$jobs" >"$folder.log" 2>&1 || { tail -n 60 "$folder.log"; return 1; }
}

run_tests() { # FOLDER
    log=build/$1.tests.log
    rc=0
    # one more than there are cores: some tests wait for signals, limits and disks
    ctest --test-dir "build/$1" --output-on-failure -j "$((jobs + 1))" >"$log" 2>&1 || rc=$?
    n_passed=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$log" || true)
    n_skipped=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped' "$log" || true)
    n_all=$(grep -cE '^ *[0-9]+/[0-9]+ Test ' "$log" || true)
    n_failed=$((n_all - n_passed - n_skipped))
    if [ "$rc" != 0 ] || [ "$n_all" = 0 ]; then
        grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed |^ *Start ' "$log" | tail -n 120
        [ "$n_failed" -gt 0 ] || n_failed=1
    fi
    grep -hE ': skipped: ' build/"$1"/Testing/Temporary/LastTest.log 2>/dev/null | sort -u || true
    echo "$1: $n_passed passed, $n_failed failed, $n_skipped skipped"
    passed=$((passed + n_passed))
    failed=$((failed + n_failed))
    skipped=$((skipped + n_skipped))
}

# every fuzz target from its seeds, FUZZ_SECONDS (600) each, as many at a time as there are cores
fuzz_all() {
    find build/fuzz/tests -name 'fuzz_*' -type f -perm -u+x | sort >build/fuzz.targets
    xargs -a build/fuzz.targets -P "$jobs" -n 1 tests/fuzz/run.sh >build/fuzz.verdicts 2>&1 || true
    cat build/fuzz.verdicts
    ended_well=$(grep -c ', no finding$' build/fuzz.verdicts || true)
    passed=$((passed + ended_well))
    failed=$((failed + $(wc -l <build/fuzz.targets) - ended_well))
}

format_is_kept() {
    git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

echo "This installs packages, builds in ./build and runs the tests; nothing outside this folder changes but the packages."
# shellcheck disable=SC2086
packages_install $packages_build $packages_check
mkdir -p build

say 'format'
if git rev-parse --git-dir >/dev/null 2>&1; then
    verdict 'clang-format' format_is_kept
fi
say 'build with gcc'
verdict 'build with gcc' build release -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=gcc \
    "-DCMAKE_C_FLAGS_RELEASE=-O2 -g1"
say 'tests'
run_tests release
say 'build with clang, sanitizers'
verdict 'build with clang, sanitizers' build sanitized -DCMAKE_BUILD_TYPE=Debug -DCHORALE_SANITIZE=ON \
    -DCMAKE_C_COMPILER=clang "-DCMAKE_C_FLAGS_DEBUG=-O1 -g1 -fno-omit-frame-pointer" \
    -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld
say 'tests under the sanitizers'
run_tests sanitized

if [ -n "${CHORALE_LONG:-}" ]; then
    say 'a journal of 2 GB'
    verdict 'a journal of 2 GB' build/release/chorale bench --journal 2048
    say 'fuzzing'
    verdict 'build the fuzz targets' build fuzz -DCMAKE_BUILD_TYPE=Debug -DCHORALE_FUZZ=ON -DCMAKE_C_COMPILER=clang
    fuzz_all
    say 'coverage'
    verdict 'coverage' tests/coverage.sh
fi

say 'done'
[ "$failed" = 0 ] || echo "the logs are build/*.log"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
