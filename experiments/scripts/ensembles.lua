-- What do the rules that make one lm of several buy on unseen text, and what do they buy and cost in texts of their own?
--
-- Unseen text: four voices of one vocabulary (novels, Shakespeare, Chinese, all three) alone and under every rule: bits per byte
-- of held-out text of the three kinds.  Weights are fitted on the split `fit`; power means have those of the linear pool,
-- rounded, for no fit knows them; min and max know no weights.  Two voices of different vocabularies (byte-level BPE; bytes) are
-- pooled in the space of bytes.
-- Own texts: two voices under the power mean, r from consensus (min) to coverage (max), at three temperatures; and under rules
-- that leave voices uncomputed (gated, sampled).
--
-- Prediction, written before the first run: on mixed text the fitted pools beat the best single voice, which is the one that was
-- trained on all three; weights that follow the text (share) beat fixed ones; log beats linear.  As r grows creativity rises and
-- control falls, as it does with temperature, but on another curve.
--
-- --set items=120 (unseen texts) keywords=18 draws=4 bytes=160 fit=1 (0: no fits, the rounded weights)

local prose, verse, han, mixed = model "zoo:prose", model "zoo:verse", model "zoo:han", model "zoo:mixed"

-- The fitted weights of linear pools, rounded.
local rounded, rounded_pair = { 0.13, 0.16, 0.03, 0.68 }, { 0.5, 0.5 }

local function fitted(otherwise)
  return arg.fit == 0 and otherwise or fit { what = "weights", on = "held_out/fit" }
end

local function four(t)
  t[1], t[2], t[3], t[4] = voice { prose }, voice { verse }, voice { han }, voice { mixed }
  t.weights = t.weights or fitted(rounded)
  return ensemble(t)
end

local function means(rs)
  local out = {}
  for i, r in ipairs(rs) do
    out[i] = four { rule = "power(" .. r .. ")", weights = rounded, name = "power " .. r }
  end
  return out
end

local function duet(rule, name)
  return ensemble { voice { prose }, voice { verse }, rule = rule, weights = { 0.5, 0.5 }, name = name }
end

local rules = {
  four { rule = "linear", name = "linear" }, four { rule = "log", name = "log" }, four { rule = "product", name = "product" },
  four { rule = "sampled", name = "sampled" },
  four { rule = "linear", weighting = "bayes", name = "bayes" },
  four { rule = "linear", weighting = "share(0.05)", name = "share" },
  four { rule = "gated(0.8)", weights = rounded, name = "gated prose" },
  means { -1, 0.5, 2 },
  four { rule = "min", weights = { 1, 1, 1, 1 }, name = "min" }, four { rule = "max", weights = { 1, 1, 1, 1 }, name = "max" },
}

-- Different vocabularies.
local tokens, letters = bytes { prose, name = "prose as bytes" }, bytes { "zoo:bytes", name = "letters" }
local function both(rule)
  return ensemble { voice { tokens }, voice { letters }, rule = rule, name = "prose + letters, " .. rule,
                    weights = fitted(rounded_pair) }
end
local apart = { tokens, letters, both "linear", both "log" }

-- The control axis, and what is not computed.
local axis = {
  duet("min", "duet min"), duet("power(-1)", "duet -1"), duet("log", "duet log"), duet("power(0.5)", "duet 0.5"),
  duet("linear", "duet linear"), duet("power(2)", "duet 2"), duet("max", "duet max"),
}
local saving = { duet("gated(0.8)", "duet gated 0.8"), duet("gated(0.5)", "duet gated 0.5"), duet("gated(0.3)", "duet gated 0.3"),
                 duet("sampled", "duet sampled") }

experiment {
  name = "ensembles", seed = 20261126, draws = arg.draws or 4, limit = { bytes = arg.bytes or 160 },
  evalsets = { { "held_out", split = "report", items = arg.items or 120, bytes = 511 }, { "keywords", lang = "en", items = arg.keywords or 18 } },
  arms = {
    grid { lm = { han, mixed, rules, apart, saving }, chain = "temperature=1 | min_p=0.05" },
    grid { lm = { prose, verse, axis }, chain = each("temperature=%g | min_p=0.05", { 0.6, 1, 1.5 }) },
  },
  judge = model "zoo:draft",
  creativity = { "distinct_2", "voices_asked" },
  control = { "judge_bpb", "coverage", "bits_per_byte" },
}
