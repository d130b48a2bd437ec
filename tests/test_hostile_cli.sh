#!/bin/sh
# What a stranger's text can do at the command line: exit statuses, one message, nothing that steers a terminal, no verb that
# dies of a signal or hangs, whatever the values of its options.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=hostile_cli
. tests/lib/cli.sh

# expect_calm STATUS WORDS COMMAND...: as tells, calmly
expect_calm() {
    tells "$@"
    shift 2
    calm "$*"
}
# No control character but tabs and ends of lines.
calm() {
    ! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$work/err" || fail "$1: control characters on stderr"
}

test_terminal() {
    printf 'error("a\\27[2Jb\\7\\r\\xc2\\x9b")\n' >"$work/escape.lua"
    expect_calm 2 'escape.lua:1: a\x1b[2Jb\x07\x0d\x9b' "$chorale" run "$work/escape.lua"
    expect_calm 2 'unknown verb '"'"'\x1b[2J' "$chorale" "$(printf '\033[2J')"
    expect_calm 2 '\x1b]0;x\x07' "$chorale" generate "--$(printf '\033]0;x\007')"
    cat >"$work/names.lua" <<'LUA'
experiment { name = "n", evalsets = { "openings" }, arms = { { lm = model { "table:n=3", name = "a\27[2Jb" }, name = "c\7\27[1m" } } }
LUA
    expect_calm 0 'a\x1b[2Jb' "$chorale" run "$work/names.lua" --dry-run
    ! LC_ALL=C grep -q "$(printf '\033')" "$work/out" || fail "an escape in the plan for people"
}

test_folders() {
    mkdir "$work/set"
    echo '{"name":"s","kind":"generate","lang":["en"],"metrics":["length_chars"]}' >"$work/set/evalset.json"
    cat >"$work/set.lua" <<LUA
experiment { name = "n", evalsets = { "$work/set" }, arms = { lm = model "table:n=3" } }
LUA
    mkfifo "$work/set/items.jsonl"
    expect_calm 3 'items.jsonl: no plain file, want a regular file' "$chorale" run "$work/set.lua" --dry-run
    rm "$work/set/items.jsonl"
    ln -s /etc/passwd "$work/set/items.jsonl"
    expect_calm 3 'items.jsonl: a symbolic link' "$chorale" run "$work/set.lua" --dry-run
    rm "$work/set/items.jsonl"
    printf '{"id":"a","lang":"en","text":"a","gold":NaN}\n' >"$work/set/items.jsonl"
    expect_calm 3 "items.jsonl:1:" "$chorale" run "$work/set.lua" --dry-run
    expect_calm 3 "$work/set.lua:1: evalset 's'" "$chorale" run "$work/set.lua" --dry-run
    sed 's/name = "n"/name = "..\/..\/x"/' "$work/set.lua" >"$work/path.lua"
    expect_calm 2 "'name' is '../../x'" "$chorale" run "$work/path.lua"
    # bug: a pipe in place of config.json was waited for
    mkdir "$work/piped"
    mkfifo "$work/piped/config.json"
    expect_calm 3 'config.json: no plain file, want a regular file' timeout 60 "$chorale" plan "$work/piped"
    expect_calm 4 'cannot read: Is a directory' "$chorale" dist "$work"
    expect_calm 4 'cannot read: Is a directory' "$chorale" run "$work"
    expect_calm 2 'larger than 1048576 bytes' "$chorale" run /dev/zero
}

# Every option of every verb that takes a value, with values that no option wants.  What they say is looked at together.
# bug: bench and plan measured the memory before they looked at what they were given
test_options() { # VALUE...
    "$chorale" help >"$work/help"
    for verb in $(sed -n 's/^  \([a-z]*\)  *[a-z0-9].*/\1/p' "$work/help"); do
        [ "$verb" = chorale ] && continue
        : >"$work/err"
        for option in $("$chorale" "$verb" --help | sed -n 's/^  --\([a-z-]*\) [A-Z].*/\1/p'); do
            for value in "$@"; do
                timeout 120 "$chorale" "$verb" "--$option" "$value" "$work/nosuch" >"$work/out" 2>>"$work/err" </dev/null
                got=$?
                checks=$((checks + 1))
                [ "$got" -lt 11 ] || fail "$verb --$option $value: exit status $got"
            done
            options=$((${options:-0} + 1))
        done
        calm "$verb: $(tail -1 "$work/err")"
    done
    [ "${options:-0}" -ge 30 ] || fail "only ${options:-0} options in the help"
}

# bugs: the last of two was taken, a fraction was cut off, and so was what is behind 31 digits
test_tables() {
    expect_calm 2 'table:n=3,n=4: n is given twice' "$chorale" audit table:n=3,n=4
    expect_calm 2 'want n in 2..27, length in 0..4096, seed in 0..2^53, all whole' "$chorale" audit table:n=2.5
    expect_calm 2 "length is '0000000000000000000000000000000', want a number" "$chorale" audit \
        table:length=0000000000000000000000000000000008
}

# bug: a line of NULs was blank, and so no line
test_nuls() {
    printf '\0\0\n\n \t\n{"id":1,"probs":[1]}\n' >"$work/nuls"
    expect_calm 1 '1 of 2 lines failed' "$chorale" dist "$work/nuls"
}

# bug: such a line was read whole before it was measured, and ended the lines after it
test_long_lines() {
    [ -n "${CHORALE_LONG:-}" ] || return
    {
        head -c 300000000 /dev/zero | tr '\0' 1
        printf '\n{"id":2,"probs":[1,1]}\n'
    } >"$work/long"
    expect_calm 1 '1 of 2 lines failed' "$chorale" dist "$work/long"
    grep -q '300000000 bytes, at most 268435456 are read' "$work/out" || fail "the length is told"
    grep -q '"id":2,"probs":\[0.5,0.5\]' "$work/out" || fail "the line after it is answered"
    head -c 3000000000 /dev/zero >"$work/long" 2>/dev/null && expect_calm 1 '1 of 1 lines failed' "$chorale" pool "$work/long"
}

# bug: a quote in a file's name ended the shell's word for it, and what followed was run
test_peer() {
    file="$work/it's; touch $work/canary; echo '.gguf"
    mkdir -p "$(dirname "$file")"
    cp tests/fixtures/checkpoint/llama.gguf "$file"
    # a prefix of 512 symbols does not fit, but the single stream came first
    tells 3 'its context limit is 128' "$chorale" bench --rounds 1 --threads 1 --peer 'echo 1; true' "$file"
    [ ! -e "$work/canary" ] || fail "the name of a checkpoint was run"
    # bug: such a name ended the JSON's text
    quoted="$work/a\"b\\.gguf"
    mv "$file" "$quoted"
    tells 0 "\"lm\":\"$work/a\\\"b\\\\.gguf\"" "$chorale" bench --json --threads 1 "$quoted"
}

test_terminal
test_folders
test_tables
[ -n "${CHORALE_SANITIZED:-}" ] || test_peer
if [ -n "${CHORALE_SANITIZED:-}" ]; then
    test_options 99999999999999999999999 "$(printf '\377\033')"
else
    test_options nan -1 99999999999999999999999 1e400 "$(printf '\377\033')"
fi
test_nuls
test_long_lines
done_with_checks
