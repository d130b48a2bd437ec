#!/bin/sh
# tokenize and detokenize with every tokenizer of the fixtures: ids and pieces are as many, and go back to a text that
# gives the same ids; the text itself where the family is lossless.
#   tests/test_tokenize_verb.sh CHORALE
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
fixtures=tests/fixtures/tokenizer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
n=0

fail() {
    echo "failed: $1"
    failed=$((failed + 1))
}

# How many items the array of that name has (no item of these texts has a comma in it).
count() {
    sed "s/.*\"$1\":\[\([^]]*\)\].*/\1/" "$2" | tr ',' '\n' | wc -l
}

printf 'Hello  worlds 1234 \303\251t\303\251 \344\275\240\345\245\275\344\270\226\347\225\214 \360\237\231\202\364\217\277\277\n' >"$work/text"

for file in "$fixtures"/family/*.json "$fixtures"/family/*.model "$fixtures"/*.json; do
    name=$(basename "$file")
    [ "$name" != lists.json ] || continue
    n=$((n + 1))
    "$chorale" tokenize --no-special --json "$file" "$work/text" >"$work/ids" || fail "$name: tokenize"
    [ "$(count ids "$work/ids")" = "$(count pieces "$work/ids")" ] || fail "$name: as many pieces as ids"
    "$chorale" detokenize "$file" "$work/ids" >"$work/back" || fail "$name: detokenize"
    "$chorale" detokenize --json "$file" "$work/ids" >"$work/back.json" || fail "$name: detokenize --json"
    grep -q '^{.*"text":"' "$work/back.json" || fail "$name: detokenize --json has a text"
    case $name in
    gpt2.json | llama3.json | bloom.json | deepseek.json | deepseek3.json | starcoder.json | falcon.json | qwen2.json)
        cmp -s "$work/text" "$work/back" || fail "$name: the text comes back"
        ;;
    esac
done

# a folder is a folder, whatever its name ends in
for end in model json; do
    cp -r model/zoo/prose "$work/folder.$end" || fail "cp"
    "$chorale" tokenize "$work/folder.$end" "$work/text" >"$work/ids" 2>"$work/err" || fail "a folder .$end: $(cat "$work/err")"
    "$chorale" tokenize zoo:prose "$work/text" | cmp -s - "$work/ids" || fail "a folder .$end: other ids"
done

echo "tokenize_verb: $n tokenizers, $failed failures"
[ "$n" -gt 20 ] && [ "$failed" -eq 0 ]
