#!/bin/sh
# The table of allowed floors: a folder includes itself and what stands below it, nothing else.
# An empty line of output is a pass; every violation is printed as file:line.
set -u
cd "$(dirname "$0")/.." || exit 1
allowed() {
    case $1 in
    base) echo base ;;
    model) echo 'base|model' ;;
    evalsets) echo 'base|evalsets' ;;
    ensemble) echo 'base|model|ensemble' ;;
    decode) echo 'base|model|evalsets|decode' ;;
    experiments) echo 'base|model|evalsets|ensemble|decode|experiments' ;;
    plots) echo 'base|model|evalsets|ensemble|decode|experiments|plots' ;;
    cli) echo 'base|model|evalsets|ensemble|decode|experiments|plots|cli' ;;
    esac
}
bad=0
seen=0
for floor in base model evalsets ensemble decode experiments plots cli; do
    for file in "$floor"/*.[ch]; do
        [ -f "$file" ] || continue
        seen=$((seen + 1))
        if grep -nE '^#include "' "$file" | grep -vE "^[0-9]+:#include \"($(allowed $floor))/"; then
            echo "$file: includes above or beside its floor (allowed: $(allowed $floor))"
            bad=1
        fi
        # only cli/ prints to a standard stream and exits; mem.c ends a process that has no memory left, child.c its own child, and a forked
        # child whose exec failed ends with 127
        if [ "$floor" != cli ] && [ "$file" != base/mem.c ] && [ "$file" != base/child.c ] &&
            grep -nE '(^|[^_a-z])(printf|puts|putchar|exit|_exit|abort)\(|fprintf\((stdout|stderr)' "$file" | grep -v '_exit(127)'; then
            echo "$file: prints or exits outside cli/"
            bad=1
        fi
    done
done
# the rule can fail: a planted violation is caught
planted='#include "cli/verb.h"'
if echo "$planted" | grep -E '^#include "' | grep -qvE "^#include \"($(allowed decode))/"; then :; else
    echo "the check lets a planted violation pass"
    bad=1
fi
[ "$seen" -gt 20 ] || { echo "only $seen files seen"; bad=1; }
exit $bad
