#!/bin/sh
# Arrays and attributes of results.h5 of other types and shapes than ours are read or refused, never a crash.
# CHORALE_LONG: every variant of every array, else about one in thirteen, under the sanitizers one in forty.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
python=/usr/bin/python3
"$python" -c 'import h5py' 2>/dev/null || { echo "report_types: skipped: python3-h5py is not installed"; exit 77; }

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
stride=13
[ -z "${CHORALE_SANITIZED:-}" ] || stride=41
[ -z "${CHORALE_LONG:-}" ] || stride=1
"$python" tests/fixtures/report/variants.py "$chorale" "$work/run/results.h5" "$work" "$stride" || exit 1
"$chorale" run tests/fixtures/interop/fits.lua --set dir="$work" --out "$work/fits" --no-report --quiet || exit 1
"$python" tests/fixtures/report/variants.py "$chorale" "$work/fits/results.h5" "$work" "$stride"
