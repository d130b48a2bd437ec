#!/bin/sh
# Prompts from the command line: templates by name and written out, conversations, what is refused and with what status.
set -u
chorale=$1
n=0
failed=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# STATUS TEXT COMMAND...: the command ends so, and its output has the text
gives() {
    want=$1
    text=$2
    shift 2
    n=$((n + 1))
    "$@" >"$dir/out" 2>"$dir/err" </dev/null
    got=$?
    if [ "$got" -ne "$want" ] || ! cat "$dir/out" "$dir/err" | grep -qF -- "$text"; then
        echo "prompt_cli: $*: status $got, want $want and '$text' in:"
        head -c 600 "$dir/out" "$dir/err"
        failed=$((failed + 1))
    fi
}

# two commands give the same bytes
same() {
    n=$((n + 1))
    if ! cmp -s "$1" "$2"; then
        echo "prompt_cli: $3"
        failed=$((failed + 1))
    fi
}

generate() {
    "$chorale" generate zoo:bytes --max-bytes 20 "$@"
}

generate "Write" --instruct >"$dir/auto" 2>&1
generate "Write" --instruct --template tigerbot-web >"$dir/named" 2>&1
generate "Write" --template "{bos}

### Instruction:
{text}

### Response:
" >"$dir/written" 2>&1
same "$dir/auto" "$dir/named" "the checkpoint's own chat template is tigerbot-web"
same "$dir/auto" "$dir/written" "the marks of a template that is written out are tokens"
generate "Write" --user "Hello" --assistant "Hi" >"$dir/talk" 2>&1
generate "Write" --user "Hello" --assistant "Hi" --template tigerbot-web >"$dir/talk2" 2>&1
same "$dir/talk" "$dir/talk2" "earlier turns make a conversation"

gives 0 'tigerbot-web' "$chorale" list templates
gives 0 '"name":"gemma"' "$chorale" list templates --json
gives 0 '--assistant' "$chorale" generate --help
gives 0 '' generate "Write" --system "Be kind" --template tigerbot
gives 2 "unknown template 'tigerbo'; did you mean 'tigerbot'?" generate "x" --template tigerbo
gives 2 "template 'raw' has no place for a system text" generate "x" --system "Be kind" --template raw
gives 2 "its mark \"<|im_start|>\" is no single token of this vocabulary" generate "x" --template chatml
gives 2 "unknown section 'usr'; did you mean 'user'?" generate "x" --template "{#usr}{text}"
gives 2 "a '{' has no '}'" generate "x" --template "{text"

# a checkpoint whose chat template is not known asks for one, and names them
home=${CHORALE_HOME:-.}
mkdir "$dir/odd" && cp "$home"/model/zoo/bytes/* "$dir/odd/" 2>/dev/null
printf '{%% for m in messages %%}{{ "Human: " + m.content }}{%% endfor %%}' >"$dir/odd/chat_template.jinja"
gives 2 "the checkpoint's chat template is not one of those that are known: name one (--template NAME" \
    "$chorale" generate "$dir/odd" "x" --instruct
gives 0 '' "$chorale" generate "$dir/odd" "x" --instruct --template tigerbot --max-bytes 5
gives 0 '' "$chorale" generate "$dir/odd" "x" --max-bytes 5

# bug: '-' was a prompt of one dash, and a prompt of more than 128 KiB could not be given at all
printf 'Write\nof' >"$dir/prompt"
generate "$(cat "$dir/prompt")" >"$dir/word" 2>&1
generate - <"$dir/prompt" >"$dir/stdin" 2>&1
same "$dir/word" "$dir/stdin" "the prompt is stdin"
"$chorale" logits zoo:bytes "$(cat "$dir/prompt")" >"$dir/word" 2>&1
"$chorale" logits zoo:bytes - <"$dir/prompt" >"$dir/stdin" 2>&1
same "$dir/word" "$dir/stdin" "and that of logits"
n=$((n + 1))
printf 'a\0b' | generate - 2>&1 | grep -q 'stdin: a NUL at byte 1 of the prompt' || { echo "prompt_cli: a NUL"; failed=$((failed + 1)); }

generate "Write" --context "A ship." --template "{context} {text}" >"$dir/context" 2>&1
generate "A ship. Write" --template "{text}" >"$dir/whole" 2>&1
same "$dir/context" "$dir/whole" "a prompt has a context"

# bug: the default of 400 bytes cut a text whose limit was given in symbols
n=$((n + 1))
[ "$("$chorale" generate zoo:bytes x --max-symbols 420 --chain min_tokens=420 | wc -c)" -gt 420 ] || {
    echo "prompt_cli: 420 symbols of at least a byte"
    failed=$((failed + 1))
}

# a template that is a function in a script
cat >"$dir/fn.lua" <<'LUA'
local m = model { "zoo:bytes", name = "m", template = function(p)
    return { user = { "Q: ", p.text, "\n" }, assistant = { "A: ", p.text, "\n" }, answer = "A:" }
end }
local bad = arg.bad and voice { m, template = "chatlm" } or m
experiment { name = "fn", evalsets = { { "openings", items = 1 } }, arms = { lm = arg.bad and ensemble { bad } or m },
             limit = { bytes = 10 } }
LUA
"$chorale" generate --script "$dir/fn.lua" "Hello" --max-bytes 20 >"$dir/fn" 2>&1
generate "Hello" --template "{#user}Q: {text}
{#answer}A:" >"$dir/fn2" 2>&1
same "$dir/fn" "$dir/fn2" "a function's template is the text that it returns"
gives 0 'arms (1)' "$chorale" run "$dir/fn.lua" --dry-run
gives 2 "fn.lua:4: unknown template 'chatlm'; did you mean 'chatml'?" "$chorale" run "$dir/fn.lua" --dry-run --set bad=1

# bug: a template that no prompt can be rendered with failed every unit, when the run was under way
for template in '"chatml"' '"{context} {text}"'; do
    cat >"$dir/unit.lua" <<LUA
experiment { name = "unit", evalsets = { { "openings", items = 1 } }, arms = { lm = model { "zoo:bytes", name = "m", template = $template } } }
LUA
    gives 2 "unit.lua:1: lm 'm', item" "$chorale" run "$dir/unit.lua" --dry-run
    gives 0 '' "$chorale" generate "x" --script "$dir/unit.lua" --template raw --max-bytes 3
done

# bugs: a template with an argument of a task's tag was refused, as was one that no item is rendered with; the judge's was not
mkdir "$dir/tagged"
echo '# Tagged' >"$dir/tagged/README.md"
echo '{"name":"tagged","kind":"generate","lang":["en"],"metrics":["distinct_1"]}' >"$dir/tagged/evalset.json"
echo '{"id":"a","lang":"en","instruction":"<task:translate from=zh to=en>Ni hao"}' >"$dir/tagged/items.jsonl"
cat >"$dir/tagged.lua" <<LUA
local m = model { "zoo:bytes", name = "m", template = arg.arm or "From {from} to {to}: {instruction}" }
experiment { name = "tagged", evalsets = "$dir/tagged", tasks = { "translate" }, judge = arg.judge and
             model { "zoo:draft", name = "j", template = arg.judge } or nil,
             arms = { lm = m, tasks = { translate = { template = arg.task } } } }
LUA
gives 0 '' "$chorale" run "$dir/tagged.lua" --dry-run
gives 0 '' "$chorale" run "$dir/tagged.lua" --dry-run --set arm="{nofield}" --set task=raw
gives 2 "tagged.lua:2: lm " "$chorale" run "$dir/tagged.lua" --dry-run --set task="{nofield}"
gives 2 "tagged.lua:2: lm 'j'" "$chorale" run "$dir/tagged.lua" --dry-run --set judge="{nofield}"

# bug: the help of generate had "Q: {text}\nA:", which a shell hands over with a backslash and an n
n=$((n + 1))
for verb in generate logits; do
    "$chorale" $verb --help | grep -F '\n' && { echo "prompt_cli: a template in the help of $verb is none in a shell"; failed=$((failed + 1)); }
done

# bug: nothing went before the first symbol where the tokenizer puts no bos in front of texts (GPT-2, Qwen): empty prompts, and
# texts that are scored or fitted on, were refused; score itself began with bos
cp -r model/zoo/bytes "$dir/bare"
sed 's/"post_processor":{.*},"decoder"/"post_processor":null,"decoder"/' model/zoo/bytes/tokenizer.json >"$dir/bare/tokenizer.json"
cat >"$dir/bare.lua" <<LUA
experiment { name = "bare", evalsets = { { "openings", items = 1 } }, arms = { lm = model "$dir/bare" }, limit = { bytes = 9 } }
LUA
cat >"$dir/over.lua" <<LUA
experiment { name = "over", evalsets = { { "openings", items = 1 } }, arms = { lm = bytes { model "$dir/bare" } } }
LUA
generate "" --json >"$dir/front" 2>&1
"$chorale" generate "$dir/bare" --max-bytes 20 --json >"$dir/none" 2>&1
same "$dir/front" "$dir/none" "a prompt of nothing begins with bos"
printf 'A text.\n' >"$dir/text"
"$chorale" score "$dir/bare" "$dir/text" --mode f32 >"$dir/alone" 2>&1
"$chorale" score --script "$dir/bare.lua" "$dir/text" --mode f32 >"$dir/declared" 2>&1
same "$dir/alone" "$dir/declared" "a text is scored from bos on, alone and as a run scores it"
gives 0 'logit' "$chorale" logits --script "$dir/over.lua" # bug: no byte was no prompt, bos or not

echo "prompt_cli: $n checks, $failed failed"
[ "$failed" -eq 0 ]
