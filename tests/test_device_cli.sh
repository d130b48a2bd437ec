#!/bin/sh
# --device: what is missing has one message and exit status 5; the verbs compute on the emulated card (tests/emulate), a run that
# a broken card ends goes on where it was.
set -u
chorale=$1
name=test_device_cli
. tests/lib/cli.sh
build=$(cd "$(dirname "$chorale")" && pwd)
export CHORALE_HOME="$PWD"

# names
expect 2 "did you mean 'cuda'? known: cpu, cuda" "$chorale" logits --device cud --ids 1,2 zoo:prose
expect 2 "want cuda, or cuda:N" "$chorale" logits --device cuda:x --ids 1,2 zoo:prose
expect 2 "want cuda, or cuda:N" "$chorale" generate --device cuda: zoo:prose
ends 0 "$chorale" logits --device cpu --ids 1,2 --top 1 zoo:prose

# libraries: none, one without the function, one of another version
mkdir "$work/bin" && cp "$chorale" "$work/bin/chorale"
expect 5 "no libchorale-cuda.so in $work/bin/" "$work/bin/chorale" logits --device cuda --ids 1,2 zoo:prose
cp "$build/lib/libfake-empty.so" "$work/bin/libchorale-cuda.so"
expect 5 "has no function chorale_device_api" "$work/bin/chorale" logits --device cuda --ids 1,2 zoo:prose
cp "$build/lib/libfake-version.so" "$work/bin/libchorale-cuda.so"
expect 5 "is of version 7 (24 bytes) of the device seam" "$work/bin/chorale" logits --device cuda --ids 1,2 zoo:prose
echo "no library" >"$work/bin/libchorale-cuda.so"
expect 5 "libchorale-cuda.so cannot be loaded" "$work/bin/chorale" logits --device cuda --ids 1,2 zoo:prose

# the library that is built here, if it is: without a driver it says so
if [ -f "$build/lib/libchorale-cuda.so" ] && [ ! -e /dev/nvidia0 ] && [ ! -e /dev/nvidiactl ]; then
    expect 5 "device cuda:0: no NVIDIA driver here" "$chorale" logits --device cuda --ids 1,2 zoo:prose
    expect 5 "no NVIDIA driver here" "$chorale" plan --device cuda zoo:prose
    # bug: 14 GB of random weights were drawn before
    expect 5 "no NVIDIA driver here" timeout 20 "$chorale" bench --device cuda --ensembles random:7B random:7B
fi

# drivers and cards
expect 5 "no NVIDIA driver here" env CHORALE_EMULATE_DRIVER=0 "$chorale" logits --device emulated --ids 1,2 zoo:prose
expect 5 "no NVIDIA card that this process may use" env CHORALE_EMULATE_CARDS=0 "$chorale" logits --device emulated --ids 1,2 zoo:prose
expect 5 "device emulated:3: no such card, there is 1" "$chorale" logits --device emulated:3 --ids 1,2 zoo:prose
expect 5 "compute capability 7.5 (sm_75), want 8.0 or more" env CHORALE_EMULATE_CAPABILITY=75 "$chorale" logits --device emulated --ids 1,2 zoo:prose
expect 5 "does not fit the device" env CHORALE_EMULATE_MEMORY=36000000 "$chorale" logits --device emulated --ids 1,2 zoo:prose

# plans for a card that is here, and for one that is not
tells 0 "on the card" "$chorale" plan --device emulated --context 64 zoo:prose
cat >"$work/config.json" <<'END'
{"model_type": "llama", "vocab_size": 128256, "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64,
 "num_key_value_heads": 8, "intermediate_size": 28672, "max_position_embeddings": 8192, "torch_dtype": "bfloat16"}
END
tells 0 "times as long" "$chorale" plan --memory 60 --bandwidth 4300 "$work/config.json"
expect 5 "does not fit the device" "$chorale" plan --memory 4 --bandwidth 4300 "$work/config.json"
expect 2 "give its --bandwidth too" "$chorale" plan --memory 60 zoo:prose

# the same greedy text on the processor and on the card
ends 0 "$chorale" generate --mode f32 --max-symbols 12 --chain temperature=0 zoo:prose "The"
cp "$work/out" "$work/here"
ends 0 "$chorale" generate --device emulated --mode f32 --max-symbols 12 --chain temperature=0 zoo:prose "The"
cmp -s "$work/out" "$work/here" || fail "another text on the device: $(head -c 200 "$work/out")"

# a draft on the same card
ends 0 "$chorale" generate --device emulated --search speculative --draft zoo:verse --mode f32 --max-symbols 6 --chain temperature=0 zoo:prose "The"
begins=$(cat "$work/out")
[ -n "$begins" ] || fail "no text with a draft"
case $(cat "$work/here") in
"$begins"*) ;;
*) fail "another text with a draft: $begins" ;;
esac

# bug: a draft beside a script's lm had a context of its own, for which such a card has no room
cat >"$work/lm.lua" <<'END'
experiment { name = "drafted", evalsets = { "openings" }, arms = { { lm = model { "zoo:prose", name = "prose" } } } }
END
ends 0 env CHORALE_EMULATE_MEMORY=100000000 "$chorale" generate --device emulated --script "$work/lm.lua" --lm prose --search speculative \
    --draft zoo:verse --mode f32 --max-symbols 2 --chain temperature=0 "The"

# a run on a card that breaks ends with its unit named, and goes on
cat >"$work/run.lua" <<'END'
experiment { name = "broken", seed = 3, draws = 2, limit = { symbols = 3 }, evalsets = { "openings" },
  arms = { { lm = model "zoo:prose", chain = "temperature=1" } }, creativity = { "distinct_3" } }
END
ends 0 "$chorale" run --device emulated --limit 1 --no-report --out "$work/whole" "$work/run.lua"
expect 5 "units under way: device emulated:0: " env CHORALE_EMULATE_ERROR=420:700 "$chorale" run --device emulated --limit 1 --no-report --out "$work/cut" "$work/run.lua"
ends 0 "$chorale" run --limit 1 --no-report --out "$work/cut" "$work/run.lua"
"$chorale" compare "$work/whole" "$work/cut" --json >"$work/out" 2>&1 || fail "the resumed run differs: $(head -c 300 "$work/out")"

done_with_checks
