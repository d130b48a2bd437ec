# What tests of the command line share; read with `. tests/lib/cli.sh` from the project's folder, after name= and chorale=.
# $work is a folder of the test's own, $work/out and $work/err hold what the last command said.
# shellcheck shell=sh disable=SC2034,SC2154
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
checks=0

fail() {
    printf '%s\n' "$name: $1"
    bad=1
}

# ends STATUS COMMAND...: the exit status, within three minutes
ends() {
    status=$1
    shift
    timeout 180 "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    checks=$((checks + 1))
    [ "$got" = "$status" ] || fail "$*: exit status $got, want $status: $(head -c 300 "$work/err")"
}

# expect STATUS WORDS COMMAND...: and words on stderr, in one message ('': nothing on stderr)
expect() {
    words=$2
    set_aside=$1
    shift 2
    ends "$set_aside" "$@"
    if [ -z "$words" ]; then
        [ ! -s "$work/err" ] || fail "$*: said: $(head -3 "$work/err")"
    else
        grep -qF -- "$words" "$work/err" || fail "$*: want '$words' in: $(head -3 "$work/err")"
    fi
}

# tells STATUS WORDS COMMAND...: and words on stdout or stderr
tells() {
    words=$2
    set_aside=$1
    shift 2
    ends "$set_aside" "$@"
    grep -qF -- "$words" "$work/err" "$work/out" || fail "$*: want '$words' in: $(head -c 300 "$work/err")"
}

# holds WHAT FILTER: of the JSON lines in $work/out, by jq
holds() {
    checks=$((checks + 1))
    jq -se "$2" "$work/out" >/dev/null || fail "$1: $(cat "$work/out" "$work/err")"
}

# The last line of a test.
done_with_checks() {
    [ "$bad" = 0 ] && echo "$name: $checks checks passed"
    exit "$bad"
}
