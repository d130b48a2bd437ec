#!/bin/sh
# Tests and figures that need a card, from a bundle that runs where a driver and CUDA's libraries are and little else.
#
#   tests/gpu.sh bundle [BUILD [FOLDER]]       make FOLDER (build/gpu) from a release build (build/release)
#   FOLDER/gpu.sh run [--log LOGS] [WHAT...]   there: tests and figures, all or those named; a table and the bars last
#
# WHAT: probe tests sanitize single slots ensemble rows peers.  LOGS, a folder, gets gpu.log (all that is said), gpu.table.
# Exit status: 0; 1 if something FAILED; 2 for a word it does not know.
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
    for program in "$folder"/bin/* "$folder/lib/libchorale-cuda.so"; do
        ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'
    done | sort -u | grep -vE '/(libc|libm|libpthread|libdl|librt|ld-linux[^/]*|libcuda|libcublas[^/]*)\.so' | while read -r library; do
        cp -L "$library" "$folder/lib/"
    done
    cp -r tests/fixtures/transformer "$folder/home/tests/fixtures/"
    cp -r model/zoo/prose model/zoo/verse "$folder/home/model/zoo/"
    cp tests/gpu.sh tests/gpu_peer.py "$folder/"
    readelf -d "$build/lib/libchorale-cuda.so" | sed -n 's/.*(NEEDED).*\[\(libcublasLt\.so[^]]*\)\].*/\1/p' >"$folder/soname"
    [ -s "$folder/soname" ] || { echo "gpu.sh: $build/lib/libchorale-cuda.so does not name libcublasLt" >&2; exit 1; }
    strip -S "$folder"/bin/* "$folder"/lib/* 2>/dev/null
    size=$(($(du -sk "$folder" | cut -f1) / 1024))
    echo "gpu.sh: $folder, $size MB"
    [ "$size" -lt 60 ] || { echo "gpu.sh: want under 60 MB, to be sent about" >&2; exit 1; }
}

# cuda_folders SONAME: those that hold cuBLASLt as the bundle wants it, for the loader
cuda_folders() {
    ldconfig -p 2>/dev/null | awk -v soname="$1" '$1 == soname { sub(/\/[^\/]*$/, "", $NF); print $NF }'
    for f in /usr/local/cuda*/lib64 /usr/local/cuda*/targets/x86_64-linux/lib; do
        [ -e "$f/$1" ] && echo "$f"
    done
    python3 - "$1" <<'END' 2>/dev/null
import glob, sys
for p in sys.path:
    for f in glob.glob(p + "/nvidia/*/lib/" + sys.argv[1]):
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

# ours NAME COMMAND...: a figure by a program of the bundle, the only ones that the bundle's libraries are for
ours() {
    name=$1
    shift
    figure "$name" env "LD_LIBRARY_PATH=$libraries" "$@"
}

# bench NAME OPTION... SHAPE...
bench() {
    name=$1
    shift
    ours "$name" "$chorale" bench --json --device "$device" "$@"
}

# fits NAME MIB: whether the card has so much memory free; the table says if not.  Without nvidia-smi: yes
fits() {
    case $device in
    *:*) card=${device##*:} ;;
    *) card=0 ;;
    esac
    [ -z "${CUDA_VISIBLE_DEVICES:-}" ] || card=$(echo "$CUDA_VISIBLE_DEVICES" | cut -d, -f$((card + 1)))
    free=$(nvidia-smi -i "$card" --query-gpu=memory.free --format=csv,noheader,nounits 2>/dev/null) || return 0
    case $free in
    '' | *[!0-9]*) return 0 ;;
    esac
    [ "$free" -lt "$2" ] || return 0
    echo "$1 skipped: $free MiB are free on the card, want $2" | tee -a "$work/table"
    return 1
}

probe() {
    say "the card"
    if command -v nvidia-smi >/dev/null; then
        figure probe nvidia-smi --query-gpu=name,driver_version,memory.total,memory.free --format=csv,noheader
    else
        echo "probe skipped: no nvidia-smi" | tee -a "$work/table"
    fi
    ours probe "$chorale" plan --device "$device" zoo:prose
}

tests() {
    say "tests: logits of every architecture, graphs, swaps, pages"
    timeout 300 env "LD_LIBRARY_PATH=$libraries" CHORALE_DEVICE="$device" "$here/bin/test_device" >"$work/one" 2>&1
    rc=$?
    tail -n 20 "$work/one"
    case $rc in
    0) echo "tests passed: $(tail -n 1 "$work/one")" ;;
    77) echo "tests FAILED (no device): $(tail -n 1 "$work/one")" ;; # skipped, elsewhere; a card is what this is for
    *) echo "tests FAILED ($rc): $(grep -c failed: "$work/one") lines, the first: $(grep -m 1 failed: "$work/one")" ;;
    esac >>"$work/table"
}

sanitize() {
    say "compute-sanitizer"
    command -v compute-sanitizer >/dev/null || { echo "sanitize skipped: no compute-sanitizer" | tee -a "$work/table"; return; }
    for tool in memcheck racecheck; do
        for fixture in gqa mixtral; do
            sanitized "$tool" CHORALE_DEVICE="$device" CHORALE_DEVICE_PART=architectures CHORALE_DEVICE_ONLY=$fixture "$here/bin/test_device"
        done
        sanitized "$tool" CHORALE_DEVICE="$device" CHORALE_DEVICE_PART=types "$here/bin/test_device"
        sanitized "$tool" "$here/bin/bench_rows" "$device" 4 3000
        sanitized "$tool" "$here/bin/bench_rows" "$device" 2 40000
    done
}

# sanitized TOOL [VARIABLE=VALUE...] PROGRAM [ARGUMENT...]
sanitized() {
    tool=$1
    shift
    # env becomes the program, and the tool goes along
    timeout 90 compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 9 \
        env "LD_LIBRARY_PATH=$libraries" "$@" >"$work/one" 2>&1
    rc=$?
    tail -n 3 "$work/one"
    [ $rc -eq 0 ] && became=passed || became="FAILED ($rc)"
    echo "sanitize $tool $became, $(grep -c '=========' "$work/one") lines: $*" >>"$work/table"
}

single() {
    say "single stream (bar: 0.85 of a copy's bandwidth)"
    bench single --card --slots 1 --context 64 random:7B
    bench single-deterministic --card --deterministic --slots 1 --context 64 random:7B
    for type in q8_0 q4_k; do
        bench "single-$type" --card --type $type --slots 1 --context 64 random:7B
    done
}

slots() {
    say "256 slots of 512 positions (bar: 1.2 times the roofline)"
    fits slots 84000 && bench slots --card --slots 256 --context 512 random:7B
    fits slots-q8 54000 && bench slots-q8 --card --kv q8 --slots 256 --context 512 random:7B
}

ensemble() {
    say "two 7B-shape voices (bar: 1.05 times the sum of the voices)"
    bench ensemble --ensembles random:7B random:7B
}

# Pools and decisions where the rows are: a program of its own if the bundle has one.  A step of one of the four voices.
rows() {
    say "pool of 4 rows, top_p and a draw, 256 rows of 128256 (bar: 5 % of the step of the four voices)"
    fits slots-8B 36000 && bench slots-8B --card --slots 256 --context 512 random:8B
    if [ -x "$here/bin/bench_rows" ]; then
        ours rows "$here/bin/bench_rows" "$device"
    else
        echo "rows skipped: the bundle has no bench_rows" | tee -a "$work/table"
    fi
}

peers() {
    say "transformers, 64 sequences of 256 tokens (bar: ours 4 times as fast)"
    bench ours --card --slots 64 --context 128 random:7B
    figure transformers python3 "$here/gpu_peer.py"
}

# field NAME KEY [PATTERN]: a number of that figure's last line, of those with the pattern; nothing where there is none
field() {
    sed -n "/^$1 {.*${3:-}/s/.*\"$2\": *\([0-9.e+-]*\).*/\1/p" "$work/table" | tail -n 1
}

# bar WHAT LEAST|MOST WANT X [BY]: X, or X / BY, against what is wanted
bar() {
    if [ $# -lt 4 ] || [ -z "$4" ] || [ -z "${5-1}" ]; then
        echo "$1: not run"
    else
        awk -v what="$1" -v way="$2" -v want="$3" -v x="$4" -v by="${5-1}" 'BEGIN {
            x /= by
            printf "%s: %.4g, want at %s %s: %s\n", what, x, way, want, (way == "least" ? x >= want : x <= want) ? "met" : "MISSED"
        }'
    fi
}

# What the table says of them.  A bar that is missed is no failure.
bars() {
    say "bars"
    step=$(field slots-8B step_s)
    bar "single stream, bf16, share of a copy's bandwidth" least 0.85 "$(field single of_bandwidth)"
    bar "256 slots, times the roofline" most 1.2 "$(field slots over_roofline)"
    for rule in linear log; do
        bar "two voices, 64 slots, times their sum, $rule" most 1.05 "$(field ensemble ratio "\"$rule\".*\"slots\":64,")"
    done
    if grep -q '^ensemble {' "$work/table" && grep '^ensemble {' "$work/table" | grep -qv '"rows_stay":true'; then
        echo "two voices, rows stay on the card: MISSED"
    fi
    bar "pool of 4, top_p, draw, share of four voices' steps" most 0.05 "$(field rows seconds 'pool of 4, top_p')" "${step:+$(awk -v x="$step" 'BEGIN { print 4 * x }')}"
    bar "64 sequences, times transformers" least 4 "$(field ours tokens_per_s)" "$(field transformers tokens_per_s)"
    grep -E '^(tests|sanitize) ' "$work/table"
}

run() {
    here=$(cd "$(dirname "$0")" && pwd)
    chorale=$here/bin/chorale
    device=${CHORALE_DEVICE:-cuda}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    : >"$work/table"
    export CHORALE_HOME="$here/home"
    found=$(cuda_folders "$(cat "$here/soname")" | sort -u | sed 's/^/:/' | tr -d '\n')
    libraries=$here/lib$found${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    [ $# -gt 0 ] || set -- probe tests single slots ensemble rows peers sanitize
    for what; do
        case $what in
        probe | tests | sanitize | single | slots | ensemble | rows | peers) "$what" ;;
        *) echo "gpu.sh: unknown part '$what'" >&2; exit 2 ;;
        esac
    done
    say "table"
    cat "$work/table"
    bars | tee "$work/bars"
    [ -z "$log" ] || cat "$work/table" "$work/bars" >"$log/gpu.table"
    ! grep -q FAILED "$work/table"
}

# run, its words also in a file, and its own exit status
run_logged() {
    mkdir -p "$log" && status=$(mktemp) || exit 1
    { (run "$@") 2>&1; echo $? >"$status"; } | tee "$log/gpu.log"
    rc=$(cat "$status")
    rm -f "$status"
    return "${rc:-1}"
}

verb=${1:-}
[ $# -gt 0 ] && shift
case $verb in
bundle) bundle "$@" ;;
run)
    log=
    if [ "${1:-}" = --log ]; then
        [ $# -ge 2 ] || { echo "gpu.sh: --log wants a folder" >&2; exit 2; }
        log=$2
        shift 2
    fi
    if [ -n "$log" ]; then run_logged "$@"; else run "$@"; fi
    ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
