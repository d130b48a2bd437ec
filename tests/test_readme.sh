#!/bin/sh
# The table of checkpoints in README.md has a row for each row of model/architecture_rows.c and no other; each cell is
# "tested", "tested, as `ROW`" or "absent"; what it calls tested has a fixture, and the tests it names are there.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=readme
bad=0
checks=0
rows=$(sed -n 's/^ *{ \.name = "\([a-z0-9_]*\)",$/\1/p' model/architecture_rows.c)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Markdown rows whose first cell begins with a name in backticks: name|folder|gguf|...
sed -n '/^## Checkpoints that open/,/^## Reading on/s/^| `\([a-z0-9_]*\)`[^|]*|\(.*[^ ]\) *|$/\1|\2/p' README.md |
    sed 's/ *| */|/g' >"$work/table"

fail() {
    echo "$name: $1"
    bad=1
}
# architectures of fixtures in a format
folders=$(sed -n 's/.*"model_type": *"\([a-z0-9_]*\)".*/\1/p' tests/fixtures/transformer/*/config.json | sort -u)
ggufs=$(for f in tests/fixtures/transformer/*.gguf; do
    "$chorale" inspect --json "$f" | sed -n 's/.*"architecture":"\([a-z0-9_]*\)".*/\1/p'
done | sort -u)

has() { # LIST WORD
    echo "$1" | grep -qx "$2"
}
cell() { # ROW COLUMN TEXT FIXTURES
    checks=$((checks + 1))
    case $3 in
    tested) has "$4" "$1" || fail "'$1', $2: tested, but there is no fixture of it" ;;
    "tested, as \`"*"\`")
        as=${3#*\`}
        as=${as%\`}
        grep -q "^$as|" "$work/table" && has "$4" "$as" || fail "'$1', $2: as '$as', which is not tested"
        ;;
    absent) ;;
    *) fail "'$1', $2: '$3', want tested or absent" ;;
    esac
}
for row in $rows; do
    line=$(grep "^$row|" "$work/table")
    checks=$((checks + 1))
    [ "$(echo "$line" | grep -c .)" = 1 ] || { fail "README.md has no row of '$row', or several"; continue; }
    IFS='|' read -r _ folder plain q k llama2c rest <<END
$line
END
    [ -z "$rest" ] || fail "'$row' has too many cells: $rest"
    cell "$row" folder "$folder" "$folders"
    cell "$row" GGUF "$plain" "$ggufs"
    cell "$row" 'GGUF, blocks of 32' "$q" "$ggufs"
    cell "$row" 'GGUF, blocks of 256' "$k" "$ggufs"
    cell "$row" llama2.c "$llama2c" llama
done
while IFS='|' read -r row rest; do
    checks=$((checks + 1))
    has "$rows" "$row" || fail "README.md has a row of '$row', which is no row of model/architecture_rows.c"
done <"$work/table"
for test in $(sed -n '/^## Checkpoints that open/,/^## Reading on/p' README.md | grep -oE 'tests/test_[a-z0-9_]+\.(c|sh)' | sort -u); do
    checks=$((checks + 1))
    [ -f "$test" ] || fail "README.md names $test, which is not there"
done
[ "$checks" -gt 70 ] || fail "only $checks checks: the table was not read"
[ "$bad" = 0 ] && echo "$name: $checks checks passed"
exit "$bad"
