#!/bin/sh
# gpu.sh run, over programs that only say what a card would have said: its table, its bars, its exit status.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/lib" "$work/none"
cp tests/gpu.sh "$work/"
echo libnone.so.0 >"$work/soname"
cat >"$work/bin/chorale" <<'END'
#!/bin/sh
case "$*" in
*--ensembles*)
    stay=${CHORALE_TEST_STAY:-true}
    for slots in 1 64; do
        for rule in linear log; do
            echo "{\"what\":\"ensemble\",\"rule\":\"$rule\",\"voices\":2,\"slots\":$slots,\"step_us\":9.0,\"ratio\":1.0$slots,\"beside\":1,\"rows_stay\":$stay}"
        done
    done ;;
*8B*) echo '{"what":"card","slots":256,"step_s":0.0138,"tokens_per_s":18550.70,"of_bandwidth":0.7,"over_roofline":1.3}' ;;
*"--slots 1 "*) echo '{"what":"card","slots":1,"step_s":3.5e-3,"tokens_per_s":284.1,"of_bandwidth":0.8712,"over_roofline":1.15}' ;;
plan*) echo "it fits" ;;
*) echo "chorale: device cuda: no such card" >&2; exit 5 ;;
esac
END
cat >"$work/bin/bench_rows" <<'END'
#!/bin/sh
echo '{"what":"rows","case":"measure 4 voices","seconds":9,"least_s":8}'
echo '{"what":"rows","case":"linear pool of 4, top_p, draw","seconds":0.00073,"least_s":0.0001}'
echo '{"what":"rows","case":"linear pool of 4, draw","seconds":7,"least_s":6}'
END
printf '#!/bin/sh\necho "device: 3 checks passed"\n' >"$work/bin/test_device"
chmod +x "$work"/bin/*

said=$("$work/gpu.sh" run --log "$work/logs" probe tests single rows ensemble 2>&1)
[ $? -eq 0 ] || { echo "gpu_bars: a run in which nothing failed ended with another status: $said"; exit 1; }
wanted='single stream, bf16, share of a copy.s bandwidth: 0.8712, want at least 0.85: met
256 slots, times the roofline: not run
two voices, 64 slots, times their sum, linear: 1.064, want at most 1.05: MISSED
two voices, 64 slots, times their sum, log: 1.064, want at most 1.05: MISSED
pool of 4, top_p, draw, share of four voices. steps: 0.01322, want at most 0.05: met
64 sequences, times transformers: not run
tests passed: device: 3 checks passed'
echo "$wanted" | while read -r line; do
    grep -q "^$line\$" "$work/logs/gpu.table" || { echo "gpu_bars: not there: $line"; tail -n 9 "$work/logs/gpu.table"; exit 1; }
done || exit 1

CHORALE_TEST_STAY=false "$work/gpu.sh" run ensemble >"$work/said" 2>&1
grep -q '^two voices, rows stay on the card: MISSED' "$work/said" || { cat "$work/said"; exit 1; }
! grep -q 'rows stay' "$work/logs/gpu.table" || { echo "gpu_bars: rows that stay are said to be missed"; exit 1; }

if "$work/gpu.sh" run slots >"$work/said" 2>&1; then
    echo "gpu_bars: a figure that failed ended with status 0"
    exit 1
fi
grep -q '^slots FAILED (5): chorale: device cuda: no such card' "$work/said" || { cat "$work/said"; exit 1; }
grep -q '^256 slots, times the roofline: not run' "$work/said" || { cat "$work/said"; exit 1; }
echo "gpu_bars: passed"
