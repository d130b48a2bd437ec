#!/bin/sh
# convert: folder -> GGUF -> folder with the same bytes in every tensor, types, random weights, refusals; where Python has
# gguf and transformers ($CHORALE_PYTHON), that these open what is written and find the same values.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=convert
for tool in jq python3; do
    command -v $tool >/dev/null 2>&1 || { echo "$name: skipped: $tool is not installed"; exit 77; }
done
. tests/lib/cli.sh

convert() {
    expect 0 '' "$chorale" convert "$@"
}
says() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$work/out" || fail "want '$1', got: $(head -3 "$work/out")"
}
same_tensors() { # FOLDER FOLDER
    checks=$((checks + 1))
    python3 tests/lib/tensors.py "$@" >"$work/out" || fail "$1 and $2: $(cat "$work/out")"
}
space() {
    "$chorale" inspect --json "$1" | jq -r .space
}

test_round_trips() {
    fixture=tests/fixtures/checkpoint
    convert $fixture/single "$work/s.gguf"
    convert "$work/s.gguf" "$work/s"
    same_tensors $fixture/single "$work/s"
    cmp -s $fixture/single/tokenizer.json "$work/s/tokenizer.json" || fail "another tokenizer.json"
    jq -e '.eos_token_id == [1, 5] and .do_sample == true and .temperature == 0.7 and .top_k == 20' \
        "$work/s/generation_config.json" >/dev/null || fail "$(cat "$work/s/generation_config.json")"
    jq -e '.rope_theta == 50000 and .rms_norm_eps == 1e-5 and .vocab_size == 288 and .tie_word_embeddings' \
        "$work/s/config.json" >/dev/null || fail "$(cat "$work/s/config.json")"
    # rows that the tokenizer lacks are no tokens in GGUF either
    [ "$(space $fixture/single)" = "$(space "$work/s.gguf")" ] || fail "another symbol space in GGUF"
    # zoo: bf16, vectors float32 on the way
    convert zoo:prose "$work/p.gguf"
    convert "$work/p.gguf" "$work/p"
    same_tensors model/zoo/prose "$work/p"
    # bug: templates besides the default were lost in silence
    cp -r $fixture/single "$work/chat"
    echo '{"chat_template":[{"name":"default","template":"x"},{"name":"tool_use","template":"y"}]}' \
        >"$work/chat/tokenizer_config.json"
    expect 0 '1 chat template besides the default is left out' "$chorale" convert "$work/chat" "$work/chat.gguf"
    # without tokenizer.huggingface.json the file is made from the keys
    convert $fixture/llama.gguf "$work/made"
    [ "$(space $fixture/llama.gguf)" = "$(space "$work/made")" ] || fail "another symbol space in what is made"
    echo 'the cat, 12 dogs and é' >"$work/text"
    for c in "$work/made" "$work/s" "$work/s.gguf"; do
        "$chorale" tokenize --json "$c" "$work/text" >"$work/ids"
        "$chorale" tokenize --json $fixture/llama.gguf "$work/text" | cmp -s - "$work/ids" || fail "$c: other ids"
    done
    # two blocks of another file's: to float32 and what float32 gives back in q8_0
    "$chorale" score --mode f32 --json $fixture/llama.gguf "$work/text" | jq -c .logp >"$work/a"
    "$chorale" score --mode f32 --json "$work/made" "$work/text" | jq -c .logp >"$work/b"
    jq -se '[.[0], .[1]] | transpose | all(.[0] - .[1] | fabs < 1e-5)' "$work/a" "$work/b" >/dev/null ||
        fail "llama.gguf and what is made of it: $(cat "$work/a" "$work/b")"
    checks=$((checks + 6))
}

test_types() {
    convert zoo:prose "$work/q8.gguf" --type q8_0
    says '20 tensors, 2983168 parameters, 3.2 MB'
    convert zoo:prose "$work/q4.gguf" --type q4_k
    says '20 tensors, 2983168 parameters, 1.7 MB'
    convert "$work/q4.gguf" "$work/copy.gguf"
    "$chorale" inspect --verbose "$work/q4.gguf" | grep -E '^  (model|lm_head)' >"$work/a"
    "$chorale" inspect --verbose "$work/copy.gguf" | grep -E '^  (model|lm_head)' | cmp -s - "$work/a" || fail "a copy differs"
    convert "$work/p.gguf" "$work/q4b.gguf" --type q4_k # the same whichever way
    for s in score; do
        "$chorale" $s --json --mode f32 "$work/q4.gguf" "$work/text" >"$work/a"
        "$chorale" $s --json --mode f32 "$work/q4b.gguf" "$work/text" | cmp -s - "$work/a" || fail "q4_k of folder and GGUF differ"
    done
    convert zoo:prose "$work/f16" --type f16
    jq -e '.torch_dtype == "float16"' "$work/f16/config.json" >/dev/null || fail "torch_dtype"
    # real numbers stay real and absent ids null: transformers refuses 4 for 4.0 and takes an absent id for its class's own
    expect 0 "pass over its scale of queries" "$chorale" convert tests/fixtures/transformer/gemma2 "$work/g2.gguf"
    convert "$work/g2.gguf" "$work/g2"
    convert tests/fixtures/transformer/gemma2 "$work/g2f16" --type f16
    for c in "$work/g2" "$work/g2f16"; do
        grep -q '"final_logit_softcapping": 4\.0' "$c/config.json" && grep -q '"pad_token_id": null' "$c/config.json" ||
            fail "$c: $(cat "$c/config.json")"
    done
    checks=$((checks + 2))
    expect 2 'a folder holds f32, f16 and bf16, not q8_0' "$chorale" convert zoo:prose "$work/no" --type q8_0
    expect 2 "unknown type 'q4_0'; did you mean 'q8_0'?" "$chorale" convert zoo:prose "$work/no.gguf" --type q4_0
    expect 0 'are no multiple of 256 and became q8_0 or f16' \
        "$chorale" convert 'random:llama(dim=64, layers=1)' "$work/small.gguf" --type q4_k
    checks=$((checks + 4))
}

test_random() {
    convert 'random:llama(dim=64, layers=2, heads=4, kv_heads=2, ffn=96, vocab=300, context=128)' "$work/r" --seed 5
    convert 'random:llama(dim=64, layers=2, heads=4, kv_heads=2, ffn=96, vocab=300, context=128)' "$work/r.gguf" --seed 5
    convert "$work/r.gguf" "$work/r2"
    same_tensors "$work/r" "$work/r2"
    convert "random:$work/r/config.json" "$work/r3" --seed 5
    same_tensors "$work/r" "$work/r3"
    convert "random:$work/r/config.json" "$work/r4" --seed 6
    python3 tests/lib/tensors.py "$work/r" "$work/r4" lm_head.weight >/dev/null && fail "one seed is as another"
    for c in gpt2 bloom gemma3 phi3_longrope qwen3_moe; do # of every row: the same weights whichever way
        jq '.vocab_size = 300' "tests/fixtures/transformer/$c/config.json" >"$work/$c.json"
        expect 0 '' "$chorale" convert --quiet "random:$work/$c.json" "$work/$c"
        "$chorale" convert --quiet "random:$work/$c.json" "$work/$c.gguf" 2>"$work/err" || fail "$c: $(cat "$work/err")"
        expect 0 '' "$chorale" convert --quiet "$work/$c.gguf" "$work/$c-back" --type f32
        case $c in gemma3) ;; *) same_tensors "$work/$c" "$work/$c-back" ;; esac # whose norms have 1 added
        expect 0 '' "$chorale" generate "$work/$c-back" hello --chain temperature=1 --max-symbols 2 --quiet
    done
    expect 0 '' "$chorale" generate "$work/r" hello --chain temperature=1 --max-symbols 5 --quiet
    expect 2 "unknown parameter 'width'; known: dim, layers" "$chorale" convert 'random:llama(width=64)' "$work/x"
    expect 2 'want an even multiple of heads' "$chorale" convert 'random:llama(dim=7, heads=7)' "$work/x"
    expect 2 'want a multiple of heads' "$chorale" convert 'random:llama(dim=66, heads=4)' "$work/x"
    expect 2 "unknown architecture of random weights 'lama'" "$chorale" convert 'random:lama' "$work/x"
    expect 2 "'random:' names no shape" "$chorale" convert 'random:' "$work/x"
    expect 2 'is empty; want NAME.gguf' "$chorale" convert zoo:prose ''
    expect 3 'want 258 or more' "$chorale" convert "random:tests/fixtures/plan/tiny.json" "$work/x"
    checks=$((checks + 1))
}

test_refusals() {
    expect 4 'it is there already; want a new name' "$chorale" convert zoo:prose "$work/p.gguf"
    expect 4 'it is there already; want a new name' "$chorale" convert zoo:prose "$work/p"
    expect 4 'cannot write' "$chorale" convert zoo:prose "$work/none/p.gguf"
    expect 4 'cannot make this folder' "$chorale" convert zoo:prose "$work/none/p"
    expect 3 "unknown checkpoint 'zoo:prosa'" "$chorale" convert zoo:prosa "$work/x"
    if [ -w /dev/full ]; then # a disk that is full in the middle
        (ulimit -f 512 && trap '' XFSZ && "$chorale" convert zoo:prose "$work/full.gguf" 2>"$work/err")
        [ $? = 4 ] && grep -q 'cannot write behind byte' "$work/err" || fail "a full disk: $(cat "$work/err")"
    fi
    # bug: exit 3 for a name that nothing can open, with the folder of that name left behind
    (cd "$work" && "$chorale" convert zoo:prose zoo:mine 2>"$work/err")
    [ $? = 2 ] && grep -q "would be read as a bundled checkpoint" "$work/err" || fail "zoo:mine: $(cat "$work/err")"
    [ ! -e "$work/zoo:mine" ] || fail "zoo:mine is there"
    # bug: the folder aside was to be made inside the one that is not there yet
    convert tests/fixtures/checkpoint/single "$work/slashed//"
    # bug: what is written into a folder that cannot be read was there, whole, and said to have failed
    fixture=$PWD/tests/fixtures/checkpoint/single
    mkdir -m 1333 "$work/blind" && chmod 711 "$work"
    for to in blind/s.gguf blind/s; do
        (
            cd "$work" || exit 1
            [ "$(id -u)" != 0 ] && exec "$chorale" convert "$fixture" $to
            exec setpriv --reuid=65534 --clear-groups "$chorale" convert "$fixture" $to
        ) >"$work/out" 2>"$work/err" || fail "$to: $(cat "$work/err")"
    done
    # bug: what a file's names hold went to the terminal as it is
    cp -r tests/fixtures/checkpoint/single "$work/steers"
    printf '{"do_sample":true,"x\\u001b[2J":5,"y":"\\u009b"}' >"$work/steers/generation_config.json"
    expect 0 'x\x1b[2J=5, y="\x9b"' "$chorale" convert "$work/steers" "$work/steers.gguf"
    # a NaN in the last row of the last tensor: taken as it is, but not into another type
    cp -r tests/fixtures/checkpoint/single "$work/nan"
    size=$(wc -c <"$work/nan/model.safetensors")
    printf '\000\000\300\177' | dd of="$work/nan/model.safetensors" bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
    convert "$work/nan" "$work/nan.gguf"
    expect 3 "holds a NaN or an infinity in row" "$chorale" convert "$work/nan" "$work/x" --type bf16
    checks=$((checks + 6))
    left=$(find "$work" -name '*.part*')
    [ -z "$left" ] || fail "left behind: $left"
    [ ! -e "$work/full.gguf" ] && [ ! -e "$work/x" ] && [ ! -e "$work/no" ] || fail "half of something is there"
}

# Starts the conversion of far more than it may write to $to, in $pid, and waits until some of it is there.
begin_writing() {
    (
        ulimit -f 2097152 # 1 GB of 13: what a handler that does not work would leave
        exec "$chorale" convert 'random:llama(dim=1024, layers=200, heads=8, kv_heads=8, ffn=4096, vocab=512)' "$to"
    ) >"$work/out" 2>"$work/err" &
    pid=$!
    tries=0
    while [ -z "$(find "$work" -path "$to.*.part" -size +100k)" ] && [ $tries -lt 500 ] && kill -0 $pid 2>/dev/null; do
        sleep 0.02
        tries=$((tries + 1))
    done
}

# bug: a signal left what was written so far beside TO: gigabytes under a name that nobody knows
test_interrupted() {
    for signal in INT TERM HUP; do
        for to in "$work/cut.gguf" "$work/cut"; do
            begin_writing
            kill -$signal $pid
            [ $signal != HUP ] || kill -HUP $pid 2>/dev/null # as a terminal that closes does
            wait $pid
            got=$?
            checks=$((checks + 3))
            [ $got = $([ $signal = INT ] && echo 130 || echo 143) ] || fail "$to, $signal: status $got: $(cat "$work/err")"
            grep -qF "chorale: $to: interrupted while writing it" "$work/err" || fail "$to, $signal: $(cat "$work/err")"
            left=$(find "$work" -path "$to*")
            [ -z "$left" ] || fail "$signal left behind: $left"
        done
    done
    to=$work/cut.gguf # nohup
    trap '' HUP
    begin_writing
    trap - HUP
    checks=$((checks + 1))
    grep -qE '^SigIgn:.*[13579bdf]$' /proc/$pid/status || fail 'a SIGHUP that was ignored no longer is'
    kill -TERM $pid
    wait $pid
}

test_llama2c() {
    stories=${CHORALE_SHARED:-../shared}/weights/stories260K.bin
    [ -r "$stories" ] || { echo "$name: skipped: $stories is not here"; return; }
    convert "$stories" "$work/stories.gguf"
    says 'gguf, 47 tensors, 260032 parameters'
    convert "$stories" "$work/stories"
    convert "$work/stories.gguf" "$work/stories2"
    printf '%s\n' 'Once upon a time, there was a little girl' ' two  spaces, a tab	and é — 日本 🙂' '' >"$work/tale"
    "$chorale" tokenize --json "$stories" "$work/tale" | jq -c .ids >"$work/a"
    for c in "$work/stories.gguf" "$work/stories" "$work/stories2"; do
        checks=$((checks + 1))
        "$chorale" tokenize --json "$c" "$work/tale" | jq -c .ids | cmp -s - "$work/a" || fail "$c: other ids"
    done
    same_tensors "$work/stories" "$work/stories2"
}

test_others() {
    python=${CHORALE_PYTHON:-python3}
    "$python" -c 'import gguf, torch, transformers' 2>/dev/null || { echo "$name: skipped: no gguf and transformers for $python"; return; }
    checks=$((checks + 1))
    "$python" tests/fixtures/convert/check.py "$work" >"$work/out" 2>&1 || fail "$(tail -5 "$work/out")"
}

test_round_trips
test_types
test_random
test_refusals
test_interrupted
test_llama2c
test_others
done_with_checks
