#!/bin/sh
# convert: what it writes of every architecture, opened by the gguf package, transformers and, where $CHORALE_LLAMA names a
# program over it (tests/fixtures/convert/formats.py says which), llama.cpp.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
python=${CHORALE_PYTHON:-python3}
"$python" -c 'import gguf, torch, transformers' 2>/dev/null ||
    { echo "convert_others: skipped: no gguf and transformers for $python"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if "$python" tests/fixtures/convert/formats.py "$chorale" "$work" >"$work/out" 2>&1; then
    echo "convert_others: $(grep -c 'transformers: equal' "$work/out") architectures, llama.cpp: ${CHORALE_LLAMA:-not here}"
else
    tail -5 "$work/out"
    exit 1
fi
