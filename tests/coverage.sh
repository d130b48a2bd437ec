#!/bin/sh
# Lines that the tests execute, per folder: builds with gcov's counters in build/coverage, runs every test, sums.
# Prints a Markdown table, and ends with 1 when a test failed; --lines FILE prints the lines of one source file that no test executed.
set -eu
cd "$(dirname "$0")/.."
build=build/coverage
jobs=$(nproc)
failed=0
unset CHORALE_LONG || true # what every check executes, in minutes
export GCOV_ERROR_FILE="$PWD/$build.gcov.log" # not into the messages that tests compare

if [ "${1:-}" != --lines ]; then
    mkdir -p build
    cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCHORALE_COVERAGE=ON -DCMAKE_C_COMPILER=gcc >"$build.log" 2>&1
    cmake --build "$build" -j "$jobs" >>"$build.log" 2>&1 || { tail -n 40 "$build.log"; exit 1; }
    find "$build" -name '*.gcda' -delete
    ctest --test-dir "$build" -j "$jobs" >"$build.tests.log" 2>&1 || { tail -n 20 "$build.tests.log"; failed=1; }
fi

# one line a source line of ours: FILE LINE COUNT
counts() {
    find "$PWD/$build" -name '*.gcda' -not -path '*/tests/*' | while read -r data; do
        gcov --stdout --json-format "$data" 2>/dev/null
    done | jq -r --arg top "$PWD/" '.files[] | select(.file | startswith($top) or (startswith("/") | not)) |
        (.file | ltrimstr($top)) as $f | .lines[] | "\($f) \(.line_number) \(.count)"'
}

if [ "${1:-}" = --lines ]; then
    counts | awk -v want="$2" '$1 == want { n[$2] += $3 } END { for (l in n) if (n[l] == 0) print l }' | sort -n |
        while read -r line; do printf '%s:%s: %s\n' "$2" "$line" "$(sed -n "${line}p" "$2")"; done
    exit 0
fi

counts | awk '{ key = $1 " " $2; n[key] += $3 }
    END {
        for (key in n) {
            split(key, part, "[/ ]")
            all[part[1]]++
            if (n[key] > 0) hit[part[1]]++
        }
        for (folder in all) printf "| %s/ | %d | %.1f %% |\n", folder, all[folder], 100 * hit[folder] / all[folder]
    }' | sort | { echo '| folder | lines | executed |'; echo '|---|---|---|'; cat; }
[ "$failed" = 0 ]
