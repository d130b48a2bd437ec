#!/bin/sh
# docs/promises.md names, for every promise, tests that are there; docs/campaigns.md tests that are there and every fuzz target.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
lines=0
names() { grep -oE '`(test|fuzz)_[a-z0-9_]+`' "$1" | tr -d '`' | sort -u; }
for name in $(names docs/promises.md); do
    lines=$((lines + 1))
    [ -f "tests/$name.c" ] || [ -f "tests/$name.sh" ] || [ -f "tests/fuzz/$name.c" ] ||
        { echo "docs/promises.md names $name, which is not in tests/"; bad=1; }
done
# each row of its tables has a proof
grep -E '^\| ' docs/promises.md | grep -vE '^\| promise |`' && { echo "docs/promises.md: a promise without a proof"; bad=1; }
for name in $(names docs/campaigns.md); do
    lines=$((lines + 1))
    [ -f "tests/$name.c" ] || [ -f "tests/$name.sh" ] || { echo "docs/campaigns.md names $name, which is not in tests/"; bad=1; }
done
for file in tests/fuzz/fuzz_*.c; do
    name=$(basename "$file" .c)
    lines=$((lines + 1))
    grep -qE "^\\| $name \\|" docs/campaigns.md || { echo "docs/campaigns.md tells nothing of $name"; bad=1; }
    [ -n "$(ls "tests/fuzz/corpus/${name#fuzz_}" 2>/dev/null)" ] || { echo "$name has no seeds"; bad=1; }
done
[ "$lines" -gt 20 ] || { echo "docs/promises.md names $lines tests"; bad=1; }
[ "$bad" = 0 ] && echo "promises: $lines tests named, all there"
exit "$bad"
