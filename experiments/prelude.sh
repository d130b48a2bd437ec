#!/bin/sh
# Makes prelude.c from prelude.lua: the program carries it, so that no file is looked for when it runs.
cd "$(dirname "$0")" || exit 1
{
    echo '/* Made by prelude.sh from prelude.lua. */'
    echo '#include "experiments/prelude.h"'
    echo
    echo '/* clang-format off */'
    echo 'const char *const prelude_lines[] = {'
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n",/' prelude.lua
    echo '};'
    echo 'const size_t prelude_n = sizeof prelude_lines / sizeof *prelude_lines;'
} > prelude.c
