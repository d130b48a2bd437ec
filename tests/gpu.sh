#!/bin/sh
# Tests and figures that need a card, from a bundle that runs where a driver and CUDA's libraries are and little else.
#
#   tests/gpu.sh bundle [BUILD [FOLDER]]   make FOLDER (build/gpu) from a release build (build/release); under 60 MB
#   FOLDER/gpu.sh run [WHAT...]            there: tests and figures, all or those named; a table last
#
# WHAT: probe tests sanitize single slots ensemble rows peers.  Everything said goes to $OUT/gpu.log too, if OUT is set.
set -u

bundle() {
    build=${1:-build/release}
    folder=${2:-build/gpu}
    rm -rf "$folder"
    mkdir -p "$folder/bin" "$folder/lib" "$folder/home/model/zoo" "$folder/home/tests/fixtures"
    [ -f "$build/lib/libchorale-cuda.so" ] || { echo "gpu.sh: $build/lib/libchorale-cuda.so is missing: built where nvcc is" >&2; exit 1; }
    cp "$build/chorale" "$build/tests/test_device" "$build/tests/bench_rows" "$folder/bin/"
    cp "$build/lib/libchorale-cuda.so" "$folder/lib/"
    # what the programs need beside the C library, which is the machine's own
    for program in "$folder/bin/chorale" "$folder/bin/test_device" "$folder/bin/bench_rows"; do
        ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
    done | sort -u | grep -vE '/(libc|libm|libpthread|libdl|librt|ld-linux[^/]*)\.so' | while read -r library; do
        cp -L "$library" "$folder/lib/"
    done
    cp -r tests/fixtures/transformer "$folder/home/tests/fixtures/"
    cp -r model/zoo/prose model/zoo/verse "$folder/home/model/zoo/"
    cp tests/gpu.sh tests/gpu_peer.py "$folder/"
    strip -S "$folder"/bin/* "$folder"/lib/* 2>/dev/null
    kb=$(du -sk "$folder" | cut -f1)
    echo "gpu.sh: $folder, $((kb / 1024)) MB"
    [ "$kb" -lt 61440 ] || { echo "gpu.sh: want under 60 MB" >&2; exit 1; }
}

# Folders that may hold libcublasLt, for the loader.
cuda_folders() {
    ldconfig -p 2>/dev/null | sed -n 's/.*libcublasLt\.so\.13 .*=> \(.*\)\/[^/]*$/\1/p'
    for f in /usr/local/cuda*/lib64 /usr/local/cuda*/targets/x86_64-linux/lib; do
        [ -e "$f/libcublasLt.so.13" ] && echo "$f"
    done
    python3 - <<'END' 2>/dev/null
import glob, sys
for p in sys.path:
    for f in glob.glob(p + "/nvidia/*/lib/libcublasLt.so.13"):
        print(f.rsplit("/", 1)[0])
END
}

say() {
    printf '\n== %s\n' "$1"
}

# figure NAME COMMAND...: its lines of JSON go to the table
figure() {
    what=$1
    shift
    if timeout 240 "$@" >"$work/one" 2>"$work/err"; then
        sed "s/^/$what /" "$work/one" | tee -a "$work/table"
    else
        echo "$what FAILED ($?): $(tail -n 2 "$work/err")" | tee -a "$work/table"
    fi
}

probe() {
    say "the card"
    nvidia-smi --query-gpu=name,driver_version,memory.total,memory.free --format=csv,noheader 2>/dev/null || echo "no nvidia-smi"
    "$chorale" plan --device "$device" zoo:prose
}

tests() {
    say "tests: logits of every architecture, graphs, swaps, pages"
    CHORALE_DEVICE=$device timeout 300 "$here/bin/test_device" >"$work/one" 2>&1
    rc=$?
    tail -n 20 "$work/one"
    case $rc in
    0) echo "tests passed: $(tail -n 1 "$work/one")" ;;
    77) echo "tests skipped: $(tail -n 1 "$work/one")" ;;
    *) echo "tests FAILED ($rc): $(grep -c failed: "$work/one") lines, the first: $(grep -m 1 failed: "$work/one")" ;;
    esac >>"$work/table"
}

sanitize() {
    say "compute-sanitizer"
    command -v compute-sanitizer >/dev/null || { echo "sanitize skipped: no compute-sanitizer" | tee -a "$work/table"; return; }
    for tool in memcheck racecheck; do
        CHORALE_DEVICE=$device CHORALE_DEVICE_ONLY=mixtral timeout 120 compute-sanitizer --tool "$tool" --error-exitcode 9 "$here/bin/test_device" >"$work/$tool" 2>&1
        rc=$?
        tail -n 3 "$work/$tool"
        echo "sanitize $tool: status $rc, $(grep -c '=========' "$work/$tool") lines" >>"$work/table"
        timeout 120 compute-sanitizer --tool "$tool" --error-exitcode 9 "$here/bin/bench_rows" "$device" 4 3000 >"$work/$tool" 2>&1
        echo "sanitize $tool of rows: status $?, $(grep -c '=========' "$work/$tool") lines" >>"$work/table"
    done
}

single() {
    say "single stream (bar: 0.85 of a copy's bandwidth)"
    figure single "$chorale" bench --card --json --device "$device" --slots 1 --context 64 random:7B
    figure single-deterministic "$chorale" bench --card --json --device "$device" --deterministic --slots 1 --context 64 random:7B
    for type in q8_0 q4_k; do
        figure "single-$type" "$chorale" bench --card --json --device "$device" --type $type --slots 1 --context 64 random:7B
    done
}

slots() {
    say "256 slots of 512 positions (bar: 1.2 times the roofline)"
    figure slots "$chorale" bench --card --json --device "$device" --slots 256 --context 512 random:7B
    figure slots-q8 "$chorale" bench --card --json --device "$device" --kv q8 --slots 256 --context 512 random:7B
    figure slots-8B "$chorale" bench --card --json --device "$device" --slots 256 --context 512 random:8B
}

ensemble() {
    say "two 7B-shape voices (bar: 1.05 times the sum of the voices)"
    figure ensemble "$chorale" bench --ensembles --json --device "$device" random:7B random:7B
}

# Pools and decisions where the rows are: a program of its own if the bundle has one.
rows() {
    say "pool of 4 rows, top_p and a draw, 256 rows of 128256 (bar: 5 % of the step)"
    if [ -x "$here/bin/bench_rows" ]; then
        figure rows "$here/bin/bench_rows" "$device"
    else
        echo "rows skipped: the bundle has no bench_rows" | tee -a "$work/table"
    fi
}

peers() {
    say "transformers, 64 sequences of 256 tokens (bar: ours 4 times as fast)"
    figure ours "$chorale" bench --card --json --device "$device" --slots 64 --context 128 random:7B
    figure transformers python3 "$here/gpu_peer.py"
}

run() {
    here=$(cd "$(dirname "$0")" && pwd)
    chorale=$here/bin/chorale
    device=${CHORALE_DEVICE:-cuda}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    : >"$work/table"
    export CHORALE_HOME="$here/home"
    LD_LIBRARY_PATH="$here/lib:$(cuda_folders | sort -u | tr '\n' ':')${LD_LIBRARY_PATH:-}"
    export LD_LIBRARY_PATH
    [ $# -gt 0 ] || set -- probe tests single slots ensemble rows peers sanitize
    for what; do
        case $what in
        probe | tests | sanitize | single | slots | ensemble | rows | peers) "$what" ;;
        *) echo "gpu.sh: unknown part '$what'" >&2; exit 2 ;;
        esac
    done
    say "table"
    cat "$work/table"
    [ -z "${OUT:-}" ] || cp "$work/table" "$OUT/gpu.table"
    ! grep -q FAILED "$work/table"
}

verb=${1:-}
[ $# -gt 0 ] && shift
case $verb in
bundle) bundle "$@" ;;
run) if [ -n "${OUT:-}" ]; then run "$@" 2>&1 | tee "$OUT/gpu.log"; else run "$@"; fi ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
