#!/bin/sh
# One fuzz target from its seeds for FUZZ_SECONDS (600): what it found new stays in build/fuzz/NAME, findings beside it.
# Says how much of that time it had a processor: beside other work, seconds on the clock say little.
#   tests/fuzz/run.sh build/fuzz/tests/fuzz_gguf
set -u
name=$(basename "$1")
stem=${name#fuzz_}
seconds=${FUZZ_SECONDS:-600}
found=build/fuzz/$stem
mkdir -p "$found"
if "$1" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="$found.finding-" \
    "$found" "tests/fuzz/corpus/$stem" >"$found.log" 2>&1; then
    times >"$found.times" # the second line: of what this shell has waited for
    had=$(sed -n 2p "$found.times" | awk -F '[ms ]+' '{ printf "%.0f", 60 * $1 + $2 + 60 * $3 + $4 }')
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$found.log") runs in $seconds s, $had s of them on a processor, no finding"
else
    tail -n 40 "$found.log"
    echo "$name: FINDING, see $found.log"
    exit 1
fi
