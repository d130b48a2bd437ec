#!/bin/sh
# What a checkpoint says of itself, on the command line: inspect (positions, template, ends, defaults), the preset
# @checkpoint of generate and run, the positions in --dry-run, plans of an older format.
set -u
chorale=$1
cd "$(dirname "$0")/.." || exit 1
name=checkpoint_cli
command -v jq >/dev/null 2>&1 || { echo "$name: skipped: jq is not installed"; exit 77; }
. tests/lib/cli.sh
single=tests/fixtures/checkpoint/single
minis=tests/fixtures/transformer

says() {
    checks=$((checks + 1))
    grep -qxF -- "$1" "$work/out" || fail "want the line '$1', got: $(cat "$work/out")"
}
never_says() {
    checks=$((checks + 1))
    ! grep -qF -- "$1" "$work/out" || fail "'$1' in: $(cat "$work/out")"
}
holds() {
    checks=$((checks + 1))
    jq -e "$1" "$work/out" >/dev/null 2>"$work/jq" || fail "not so: $1: $(head -c 600 "$work/out") $(cat "$work/jq")"
}
variant() { # a copy of the fixture with another generation_config.json; ('': none)
    rm -rf "$work/own" && cp -r "$single" "$work/own" && chmod -R u+w "$work/own"
    if [ -n "$1" ]; then echo "$1" >"$work/own/generation_config.json"; else rm "$work/own/generation_config.json"; fi
}

# The canonical text of steps under Hugging Face's profile, where there is one.
canonical() {
    for profile in '@hf | ' ''; do
        echo "experiment { name = 'c', evalsets = { { 'openings', items = 1 } }, arms = { { lm = model 'table:n=27', chain = '$profile$1' } } }" \
            >"$work/c.lua"
        "$chorale" run "$work/c.lua" --dry-run --json 2>/dev/null >"$work/c.json" && jq -r '.what.arms[0].chain' "$work/c.json" && return
    done
}
own=$(canonical 'temperature=0.7 | top_k=20')
[ -n "$own" ] || fail "a canonical text"

test_positions() { # each kind, and no rope for those without
    expect 0 '' "$chorale" inspect $minis/bloom
    says '  positions       ALiBi, by the distance alone'
    never_says 'rope'
    never_says 'context'
    expect 0 '' "$chorale" inspect $minis/gpt2
    says '  positions       learned, a row for each of 224'
    never_says 'rope'
    expect 0 '' "$chorale" inspect $minis/rope_dynamic
    says '  positions       rope theta 10000, dynamic factor 3.125 of 64 positions, for 200'
    expect 0 '' "$chorale" inspect $minis/rope_yarn
    says '  positions       rope theta 10000, yarn factor 4 of 64 positions, amplitude 1.13863'
    expect 0 '' "$chorale" inspect $minis/phi3_longrope
    says '  positions       rope theta 10000, factors for long contexts of 64 positions, amplitude 1.1547'
    expect 0 '' "$chorale" inspect $minis/gemma3
    says '  positions       rope theta 1e+06, linear factor 8; 10000 in layers with a window'
    says '  window          32 positions in 6 of the layers'
    expect 0 '' "$chorale" inspect $minis/mixtral
    says '  experts         2 of 4 a token, each of width 48'
    expect 0 '' "$chorale" inspect --json $minis/bloom.gguf
    holds '.positions == "ALiBi, by the distance alone" and .architecture == "bloom"'
}

test_sizes() { # what a tokenizer that is absent hides no more
    for m in $minis/*/; do
        expect 0 '' "$chorale" inspect "$m"
        expect 0 '' "$chorale" inspect --json "$m"
        holds '.parameters > 0 and .bytes > 0 and .kv_bytes_per_position == .layers * 2 * .kv_heads * .head_dim * 4'
    done
    expect 0 '' "$chorale" inspect $minis/qwen3
    says "  tokenizer       none: $minis/qwen3: this folder has no tokenizer; want tokenizer.json or tokenizer.model"
    says '  KV cache        768 bytes a token in float32, 384 in bf16'
    # a shape that is not that of the weights
    mkdir "$work/other"
    cp $single/model.safetensors $single/tokenizer.json "$work/other"
    sed 's/"num_hidden_layers": [0-9]*/"num_hidden_layers": 9/' $single/config.json >"$work/other/config.json"
    expect 0 '' "$chorale" inspect "$work/other"
    says "  cannot compute  $work/other: tensor 'model.layers.2.self_attn.q_proj.weight' is missing"
    expect 0 '' "$chorale" inspect --json "$work/other"
    holds '.cannot_compute | test("is missing")'
    expect 0 '' "$chorale" inspect --json $single
    holds '.cannot_compute == null'
}

test_words() { # template, ends and defaults
    expect 0 '' "$chorale" inspect $single
    says '  chat template   own, unknown: give --template (14 bytes of Jinja, in --json)'
    says '  eos             1 "</s>"'
    says '  bos, in front   0 "<s>"'
    says '  ends            1 "</s>", 5 "\"", 2 "\n\n### Instruction:\n", 3 "\n\n### Response:\n"'
    says "  defaults        $own (@checkpoint)"
    expect 0 '' "$chorale" inspect --json $single
    holds '.template == null and .eos == 1 and .ends == [1, 5, 2, 3] and .defaults == "'"$own"'" and
        .defaults_left_out == "" and .positions == "rope theta 50000"'
    variant '{"eos_token_id":1,"repetition_penalty":1.1,"num_beams":3,"a\u001b[2Jb":1}'
    expect 0 '' "$chorale" inspect "$work/own"
    says '  defaults        repetition_penalty=1.1 | temperature=0 (@checkpoint)'
    says '  left out        num_beams=3, a\x1b[2Jb=1'
    variant '{"do_sample":true,"temperature":-2}'
    expect 0 '' "$chorale" inspect "$work/own"
    grep -q 'defaults  .*temperature: .* is -2, want' "$work/out" || fail "a bad default: $(grep defaults "$work/out")"
    variant ''
    expect 0 '' "$chorale" inspect "$work/own"
    says '  defaults        none stated'
    cat >"$work/own/chat_template.jinja" <<'END'
{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
END
    expect 0 '' "$chorale" inspect "$work/own"
    grep -q '^  chat template   chatml (' "$work/out" || fail "chatml is known: $(grep chat "$work/out")"
}

test_generate() { # the preset says what its steps say
    variant '{"do_sample":true,"temperature":0.9,"top_k":7,"typical_p":0.95,"eos_token_id":1}'
    expect 0 '' "$chorale" generate --json --n 3 --seed 5 "$work/own" 'the cat' --chain '@checkpoint | top_p=0.9'
    cp "$work/out" "$work/preset"
    expect 0 '' "$chorale" generate --json --n 3 --seed 5 "$work/own" 'the cat' \
        --chain "$(canonical 'temperature=0.9 | top_k=7 | typical=0.95') | top_p=0.9"
    checks=$((checks + 1))
    cmp -s "$work/out" "$work/preset" || fail "@checkpoint is not its steps"
    echo "experiment { name = 'x', evalsets = 'openings', arms = { { lm = model '$work/own' } } }" >"$work/x.lua"
    expect 0 '' "$chorale" generate --json --n 3 --seed 5 --script "$work/x.lua" 'the cat' --mode native \
        --chain '@checkpoint | top_p=0.9'
    checks=$((checks + 1))
    cmp -s "$work/out" "$work/preset" || fail "@checkpoint of a script is not its steps"
    variant ''
    expect 3 'states no decode defaults (no generation_config.json)' "$chorale" generate "$work/own" x --chain @checkpoint
    expect 2 "'@checkpoints'" "$chorale" generate "$work/own" x --chain @checkpoints
    expect 2 'a step is missing' "$chorale" generate "$work/own" x --chain '@checkpoint |'
}

test_run() {
    cat >"$work/run.lua" <<END
experiment { name = "run", limit = { bytes = 8 }, evalsets = { { "openings", items = 2 } },
             arms = { { lm = model { "$single", template = "Q {text}" }, chain = "@checkpoint" } } }
END
    expect 0 '' "$chorale" run "$work/run.lua" --dry-run
    grep -q 'rope theta 50000; template "Q {text}"$' "$work/out" || fail "positions and template: $(cat "$work/out")"
    says "  single: $own"
    expect 0 '' "$chorale" run "$work/run.lua" --dry-run --json
    holds '.what | .lms[0].positions == "rope theta 50000" and .arms[0].chain == "'"$own"'" and
        .format == 3'
    expect 0 'took' "$chorale" run "$work/run.lua" --out "$work/run" --no-report
    # the same plan as an older program would have left it
    jq -S '.what.format = 1 | .hash = "0"' "$work/run/plan.json" >"$work/old" && cp "$work/old" "$work/run/plan.json"
    expect 3 'a plan of format 1, and this program runs format 3' "$chorale" run "$work/run.lua" --out "$work/run"
    expect 0 '' "$chorale" report "$work/run" --quiet --out "$work/report"
}

test_positions
test_sizes
test_words
test_generate
test_run
done_with_checks
