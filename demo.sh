#!/bin/sh
# The demonstration: installs what is missing from Debian's packages, builds, runs the experiment
# experiments/scripts/creativity-vs-control.lua on the bundled checkpoints and evalsets, and says where the report is.
# Run it again and it resumes or repeats nothing.
#
#   ./demo.sh [--no-install] [OUT]
#     --no-install   install nothing; fail if something is missing
#     OUT            the run folder, runs/demo where it is not given
set -eu
cd "$(dirname "$0")"
. ./packages.sh

no_install=0
out=runs/demo
for argument in "$@"; do
    case $argument in
    --no-install) no_install=1 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' demo.sh; exit 0 ;;
    -*) echo "demo.sh: unknown option '$argument'; known: --no-install" >&2; exit 2 ;;
    *) out=$argument ;;
    esac
done

started=$(date +%s)
# shellcheck disable=SC2086
packages_install $packages_build
echo "building in build/release"
mkdir -p build
cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release >build/release.log 2>&1 || { cat build/release.log; exit 1; }
cmake --build build/release -j "$(nproc)" --target chorale >build/release.log 2>&1 || { tail -n 40 build/release.log; exit 1; }
ready=$(date +%s)
echo "built in $((ready - started)) s; running experiments/scripts/creativity-vs-control.lua into $out"
build/release/chorale run experiments/scripts/creativity-vs-control.lua --out "$out"
echo "the run took $(($(date +%s) - ready)) s; the report: $(pwd)/$out/report/index.html" | sed "s|$(pwd)//|/|"
