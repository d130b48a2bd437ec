#!/bin/sh
# detect: a text generated under green() is found by its key alone; ids as JSON; messages.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=detect
. tests/lib/cli.sh

# z KEY FILE: the z-score, rounded down
z() {
    "$chorale" detect zoo:prose "$2" --gamma 0.5 --key "$1" | awk '$1 == "z" { printf "%d", $2 }'
}

for draw in 1 2; do
    "$chorale" generate zoo:prose "Once upon a time" --max-symbols 150 --max-bytes 0 --seed $draw \
        --chain "top_p=0.98 | green(0.5, delta=4, key=4711)" >"$work/marked" 2>"$work/err" || fail "$(cat "$work/err")"
    "$chorale" generate zoo:prose "Once upon a time" --max-symbols 150 --max-bytes 0 --seed $draw --chain "top_p=0.98" >"$work/plain"
    [ "$(z 4711 "$work/marked")" -ge 4 ] || fail "seed $draw: marked text is found by its key: z $(z 4711 "$work/marked")"
    [ "$(z 4712 "$work/marked")" -lt 4 ] || fail "seed $draw: another key finds nothing"
    [ "$(z 4711 "$work/plain")" -lt 4 ] || fail "seed $draw: plain text is plain"
    checks=$((checks + 3))
done

# s KEYS FILE: synthid's z-score, rounded down
s() {
    "$chorale" detect zoo:prose "$2" --keys "$1" | awk '$1 == "z" { printf "%d", $2 }'
}
keys=654,400,836,123,340,443,597,160,57
"$chorale" generate zoo:prose "Once upon a time" --max-symbols 200 --max-bytes 0 --chain "synthid=[$keys]" >"$work/marked"
[ "$(s $keys "$work/marked")" -ge 4 ] || fail "synthid's text is found by its keys: z $(s $keys "$work/marked")"
[ "$(s 1,2,3,4,5,6,7,8,9 "$work/marked")" -lt 4 ] || fail "synthid: other keys find nothing"
checks=$((checks + 2))

echo '{"ids":[1,2,3,1,2,3]}' >"$work/ids"
tells 0 '{"symbols":6,"scored":3,"green":' "$chorale" detect --json --vocab 10 "$work/ids"
tells 0 '"scored":5' "$chorale" detect --json --vocab 10 --every "$work/ids"
tells 0 '{"symbols":6,"scored":3,"bits":6,' "$chorale" detect --json --keys 5,6 --ngram 2 "$work/ids"
tells 2 "key 'x' is no whole number" "$chorale" detect --keys 5,x "$work/ids"
tells 2 '--vocab N, the size of the vocabulary, is missing' "$chorale" detect "$work/ids"
tells 3 'ids[2] is 3, want a symbol in 0 .. 2' "$chorale" detect --vocab 3 "$work/ids"
echo '[7]' >"$work/ids"
tells 3 '1 symbols, want at least 2' "$chorale" detect --vocab 10 "$work/ids"
echo '[7, -1]' >"$work/ids"
tells 3 'ids[1] is -1, want a symbol in 0 .. 4294967295' "$chorale" detect --vocab 10 "$work/ids"
echo '["7"]' >"$work/ids"
tells 3 'ids[0] is no whole number, want a symbol' "$chorale" detect --vocab 10 "$work/ids"
echo '7' >"$work/ids"
tells 3 'want [ids] or {"ids":[...]}' "$chorale" detect --vocab 10 "$work/ids"
tells 2 "unknown scheme 'both'; known: left, self" "$chorale" detect --vocab 10 --scheme both "$work/ids"
# bug: what belongs to the other watermark was dropped
tells 2 "--every is of green(), and --keys of synthid()" "$chorale" detect --keys 5,6 --every "$work/ids"
tells 2 "--ngram is of synthid(): want its --keys too" "$chorale" detect --vocab 10 --ngram=5 "$work/ids"
tells 0 'z-score and p-value' "$chorale" detect --help
done_with_checks
