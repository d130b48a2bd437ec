#!/bin/sh
# dist and audit at the command line: a .npy file's rows are answered as the same numbers in lines are, from a file, stdin or
# a pipe; steps that a script declares stand in chains; what is wrong is said by place.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=dist_cli
. tests/lib/cli.sh

# npy BYTES: two rows of three float32, little-endian
npy() {
    header="{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
    printf '\223NUMPY\001\000\073\000%s' "$header"
    printf "$1"
}
[ "$(npy '' | wc -c)" = 69 ] || fail "the header's length"
npy '\0\0\200\077\0\0\0\100\0\0\100\100\0\0\200\377\0\0\0\0\0\0\200\076' >"$work/rows.npy"
cat >"$work/lines" <<'END'
{"id":0,"logits":[1,2,3]}
{"id":1,"logits":[null,0,0.25]}
END
chain='temperature=0.5 | top_p=0.9'
expect 0 '' "$chorale" dist --chain "$chain" --seed 4 --draw 3 "$work/lines"
cp "$work/out" "$work/want"
[ "$(wc -l <"$work/want")" = 2 ] || fail "two lines are answered"
grep -q '"step":"top_p=0.9"' "$work/want" || fail "the chain of lines that have none: $(cat "$work/want")"
expect 0 '' "$chorale" dist --chain "$chain" --seed 4 --draw 3 "$work/rows.npy"
cmp -s "$work/out" "$work/want" || fail "rows are not answered as lines are: $(cat "$work/out")"
"$chorale" dist --chain "$chain" --seed 4 --draw 3 - <"$work/rows.npy" >"$work/out" && cmp -s "$work/out" "$work/want" ||
    fail "nor from stdin"
cat "$work/rows.npy" | "$chorale" dist --chain "$chain" --seed 4 --draw 3 /dev/stdin >"$work/out" &&
    cmp -s "$work/out" "$work/want" || fail "nor from a pipe by its name"
tells 0 'top_p' "$chorale" dist --chain "$chain" --explain "$work/rows.npy"

# bug: blank lines were not counted
printf '\n \n{"id":7,"logits":[1,2,3],"x":1}\n' >"$work/third"
tells 1 'line 3: unknown member' "$chorale" dist "$work/third"

# a line's own members stand
printf '{"id":7,"logits":[1,2,3],"chain":"top_k=1"}\n' >"$work/own"
tells 0 '"step":"top_k=1"' "$chorale" dist --chain "$chain" "$work/own"

npy '\0\0\200\077\0\0\0\100\0\0\300\177\0\0\200\177\0\0\0\0\0\0\200\076' >"$work/bad.npy"
tells 1 'logits[2] is \"nan\", want a float32 or null' "$chorale" dist "$work/bad.npy"
tells 1 'logits[0] is \"inf\"' "$chorale" dist "$work/bad.npy"
expect 1 '2 of 2 lines failed' "$chorale" dist "$work/bad.npy"
tells 0 '"logits":[1,2,0]' "$chorale" dist --invalid replace "$work/bad.npy"
tells 0 '"logits":[3.4028234663852886e+38,0,0.25]' "$chorale" dist --invalid replace "$work/bad.npy"
tells 1 "unknown value of 'invalid' 'zero'" "$chorale" dist --invalid zero "$work/lines"
expect 2 '--invalid is no UTF-8' "$chorale" dist --invalid "$(printf '\377')" "$work/lines" # bug: it was lost
printf '{"rule":"cfg(2.5, top_k=1)","logits":[[1,1,1],[1,0,1.5]]}\n' >"$work/voices"
tells 0 '"probs":[0,1,0]' "$chorale" dist "$work/voices"
tells 1 'probs[0] is \"-inf\", want a number >= 0' "$chorale" dist --probs "$work/rows.npy"
npy '\0\0\200\077\0\0\0\100' >"$work/short.npy"
expect 3 'short.npy: the file ends within row 0 of 2' "$chorale" dist "$work/short.npy"
printf '\223NUMPY\011' >"$work/none.npy"
expect 3 'none.npy: no .npy file' "$chorale" dist "$work/none.npy"
expect 4 'cannot open' "$chorale" dist "$work/absent.npy"

cat >"$work/steps.lua" <<'END'
transform {
  name = "square", params = { { "by", default = 2, min = 0, max = 9 } },
  function(row, p) row:scale(p.by * (arg.more or 1)) end,
}
END
printf '{"id":1,"logits":[0,1,2],"chain":"square"}\n{"id":2,"logits":[0,1,2],"chain":"square(3)"}\n' >"$work/lines"
expect 0 '' "$chorale" dist --script "$work/steps.lua" "$work/lines"
grep -q '"logits":\[0,2,4\]' "$work/out" && grep -q '"logits":\[0,3,6\]' "$work/out" || fail "a script's step: $(cat "$work/out")"
expect 0 '' "$chorale" dist --script "$work/steps.lua" --set more=2 "$work/lines"
grep -q '"logits":\[0,4,8\]' "$work/out" || fail "and its --set: $(cat "$work/out")"
tells 1 "unknown transform 'square'" "$chorale" dist "$work/lines"
tells 0 'as claimed' "$chorale" audit --script "$work/steps.lua" --chain 'square=0.5' --draws 2000 table:n=3,length=4,seed=2
tells 0 '"chain":"square=0.5 | top_k=2"' "$chorale" audit --json --script "$work/steps.lua" \
    --chain 'square=0.5 | top_k=2' --draws 2000 table:n=3,length=4,seed=2
tells 0 'missed' "$chorale" audit --search 'beam(2)' table:n=9,length=3,seed=3,sharpness=0.5
tells 0 'better than what was found by 0.0135' "$chorale" audit --search 'beam(2)' table:n=9,length=3,seed=3,sharpness=0.5
tells 0 'as claimed' "$chorale" audit --search 'beam(64)' table:n=9,length=3,seed=3,sharpness=0.5
expect 2 "unknown transform 'square'" "$chorale" audit --chain 'square=0.5' table:n=3,length=4,seed=2
expect 2 "declares no transform" "$chorale" audit --script /dev/null --chain '' table:n=3,length=4,seed=2
printf 'transform {\n' >"$work/broken.lua"
expect 2 'broken.lua:' "$chorale" dist --script "$work/broken.lua" "$work/lines"
expect 4 'absent.lua' "$chorale" dist --script "$work/absent.lua" "$work/lines"
expect 2 '--set is for a script' "$chorale" dist --set more=2 "$work/lines"
done_with_checks
