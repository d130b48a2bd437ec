#!/bin/sh
# A run on the emulated card whose symbols are decided there says what the same run says that brings every row to the host
# (at trace level steps): the same texts and kept counts, the same numbers within what the order of sums leaves.
set -u
chorale=$1
name=test_device_rounds
. tests/lib/cli.sh
command -v h5diff >/dev/null 2>&1 || { echo "$name: skipped: h5diff is not installed"; exit 77; }
export CHORALE_HOME="$PWD"

if [ -n "${CHORALE_LONG:-}" ]; then
    cat >"$work/run.lua" <<'END'
local prose, verse = model "zoo:prose", model "zoo:verse"
local duet = ensemble { voice { prose }, voice { verse }, rule = "linear", weights = { 0.7, 0.3 } }
experiment { name = "rounds", seed = 3, draws = 2, limit = { symbols = 5 }, evalsets = { { "openings", items = 1 } },
  arms = { { lm = prose, chain = "temperature=0.8 | top_p=0.95" }, { lm = duet, chain = "top_k=40 | min_p=0.05" },
           { lm = duet, chain = "repetition_penalty=1.2 | temperature=0" }, { lm = prose, chain = "mirostat2" } },
  creativity = { "distinct_3" } }
END
else # the emulated card is slow
    cat >"$work/run.lua" <<'END'
local draft = model "zoo:draft"
experiment { name = "rounds", seed = 3, draws = 1, limit = { symbols = 2 }, evalsets = { { "openings", items = 1 } },
  arms = { { lm = ensemble { voice { draft, name = "a" }, voice { draft, name = "b", template = "plain" }, rule = "linear" },
             chain = "repetition_penalty=1.2 | top_p=0.95" }, { lm = draft, chain = "mirostat2" } },
  creativity = { "distinct_3" } }
END
fi
tells 0 "rows come to the host: mirostat2" "$chorale" run --dry-run --device emulated --limit 1 --out "$work/none" "$work/run.lua"
ends 0 "$chorale" run --device emulated --deterministic --limit 1 --no-report --out "$work/there" "$work/run.lua"
ends 0 "$chorale" run --device emulated --deterministic --limit 1 --no-report --trace steps --out "$work/here" "$work/run.lua"
for set in /text /tokens/ids /tokens/offsets /tokens/kept /tokens/voice_weight; do
    checks=$((checks + 1))
    h5diff "$work/there/results.h5" "$work/here/results.h5" "$set" "$set" >"$work/out" 2>&1 || fail "$set differs: $(head -c 300 "$work/out")"
done
for set in logp logp_final entropy entropy_final mass data_entropy disagreement epkl agreement voice_logp voice_share; do
    checks=$((checks + 1))
    h5diff -d 1e-5 "$work/there/results.h5" "$work/here/results.h5" "/tokens/$set" "/tokens/$set" >"$work/out" 2>&1 ||
        fail "/tokens/$set differs by more than 1e-5: $(head -c 300 "$work/out")"
done
done_with_checks
