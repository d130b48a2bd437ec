#!/bin/sh
# results.h5 opens with h5py, pandas and xarray, and says there what it says here.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
python=/usr/bin/python3
"$python" -c 'import h5py, pandas, xarray, netCDF4' 2>/dev/null ||
    { echo "interop: skipped: python3-h5py, -pandas, -xarray or -netcdf4 is not installed"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/letters"
echo '# Letters' > "$work/letters/README.md"
echo '{"name":"letters","kind":"generate","lang":["en"],"metrics":["distinct_1"]}' > "$work/letters/evalset.json"
for text in ab c abc; do
    echo "{\"id\":\"$text\",\"lang\":\"en\",\"text\":\"$text\"}"
done > "$work/letters/items.jsonl"
mkdir "$work/held"
echo '# Held out' > "$work/held/README.md"
echo '{"name":"held","kind":"text","lang":["en"],"metrics":["bits_per_byte"]}' > "$work/held/evalset.json"
for text in cabcab abcabca bacabac aabbcc ccbbaa acbacb; do
    echo "{\"id\":\"$text\",\"lang\":\"en\",\"text\":\"$text\"}"
done > "$work/held/items.jsonl"
"$chorale" run tests/fixtures/interop/tables.lua --set dir="$work" --out "$work/run" --no-report --quiet || exit 1
"$python" tests/interop.py "$work/run/results.h5"
