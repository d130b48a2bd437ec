#!/bin/sh
# docs/strategies.md is what the program's own tables give.
set -u
program=$1
"$program" list strategies --markdown >"${TMPDIR:-/tmp}/strategies.$$" || exit 1
if ! cmp -s "${TMPDIR:-/tmp}/strategies.$$" docs/strategies.md; then
    diff "${TMPDIR:-/tmp}/strategies.$$" docs/strategies.md | head -20
    echo "strategies_page: docs/strategies.md is behind the tables: chorale list strategies --markdown >docs/strategies.md"
    rm -f "${TMPDIR:-/tmp}/strategies.$$"
    exit 1
fi
rm -f "${TMPDIR:-/tmp}/strategies.$$"
# bug: the bars of a preset's chain ended the cells of its table
sed 's/\\|/,/g' docs/strategies.md | awk -F'|' '/^[|]/ { if (!inside) columns = NF; inside = 1; if (NF != columns) { print FNR ": " $0; bad = 1 } }
    !/^[|]/ { inside = 0 } END { exit bad }' || { echo "strategies_page: a row of a table has other columns than its head"; exit 1; }
"$program" list rules --markdown 2>&1 | grep -q "is of strategies, not of 'rules'" || { echo "strategies_page: other lists refuse"; exit 1; }
echo "strategies_page: 3 checks passed"
