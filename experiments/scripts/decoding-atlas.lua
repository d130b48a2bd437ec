-- What does each decoding strategy buy in creativity, what does it cost in control, and what is left of the differences when
-- all are as diverse as each other?
--
-- Every strategy at three settings: the frontier.  Then each at its middle setting behind the temperature for which the mean
-- entropy of what its chain leaves on held-out text is the same for all (arms with temperature=fit): what remains is how a
-- strategy spends its entropy, not how much of it it has (Zhang et al. 2020).  Strategies that draw by themselves or keep
-- state have no such temperature: for these /metric/entropy_final has what they came to.
--
-- Prediction, written before the first run: among truncations the settings explain most of the spread; at equal entropy those
-- that adapt to the row (min_p, top_n_sigma, eta) are better controlled than those that do not (top_k, epsilon).
--
-- With 133 arms there are 8,778 pairs: fewer than 20 items could not tell any two apart (sign flips, Holm).
--
-- --set items=24 draws=4 bytes=160 target=1.5 (nats; 0: no matched arms) lm=zoo:prose judge=zoo:mixed

local lm = model(arg.lm or "zoo:prose")
local target = arg.target or 1.5

-- Two strategies that are tried here first: no compiler was needed.
transform {
  name = "top_power", params = { { "a", min = 0, max = 1 }, { "b", default = 1, min = 0, max = 10 } },
  meaning = "keeps what has at least a times the largest probability to the power b: epsilon (0), min_p (1), top_a (2)",
  function(row, p)
    local most = row:max() - row:log_z()
    row:keep_above(row:log_z() + math.log(p.a) + p.b * most)
  end,
}

transform {
  name = "surprise_band", params = { { "low", min = 0 }, { "high", min = 0 } },
  meaning = "keeps what is less surprising than the entropy by at most low nats and more by at most high",
  function(row, p)
    local surprise = -row:logps()
    local entropy = row:entropy()
    row:keep(surprise:ge(entropy - p.low) * surprise:le(entropy + p.high))
  end,
}

-- Chain, three settings, and where a temperature matches its entropy: in front of it (match), or behind it where a flat row
-- would leave nothing (behind).  min_k does not see a temperature.
local strategies = {
  { "temperature=%g",                         { 0.5, 0.8, 1.1 } },
  { "dynatemp=%g",                            { 0.3, 0.6, 0.9 }, match = true },
  { "edt=%g",                                 { 0.5, 1, 2 } },
  { "quadratic=%g",                           { 0.1, 0.3, 0.8 }, match = true },
  { "skew=%g",                                { -0.5, 0.3, 0.8 }, match = true },
  { "top_k=%d",                               { 4, 20, 100 }, match = true },
  { "top_p=%g",                               { 0.5, 0.8, 0.95 }, match = true },
  { "min_p=%g",                               { 0.3, 0.1, 0.03 }, match = true },
  { "top_a=%g",                               { 1, 0.4, 0.1 }, match = true },
  { "typical=%g",                             { 0.3, 0.6, 0.9 }, match = true },
  { "epsilon=%g",                             { 0.03, 0.01, 0.002 }, behind = true },
  { "eta=%g",                                 { 0.03, 0.01, 0.002 }, behind = true },
  { "tfs=%g",                                 { 0.5, 0.8, 0.95 }, match = true },
  { "top_n_sigma=%g",                         { 1.5, 2, 2.5 }, match = true },
  { "top_h=%g",                               { 0.3, 0.5, 0.8 }, match = true },
  { "p_less=%g",                              { 3, 2, 1.3 }, match = true },
  { "temperature=%g | p_less_norm",           { 0.7, 1, 1.5 }, matched = "p_less_norm" },
  { "min_k=%g",                               { 50, 100, 300 } },
  { "temperature=%g | ees",                   { 0.7, 1, 1.5 }, matched = "ees" },
  { "diff(%g)",                               { 0.3, 0.6, 0.9 }, match = true },
  { "xtc(0.5, threshold=%g)",                 { 0.3, 0.2, 0.1 } },
  { "xtc(0.5, threshold=%g, form=expected)",  { 0.3, 0.2, 0.1 } },
  { "mirostat1=%g",                           { 2, 3, 5 } },
  { "mirostat2=%g",                           { 2, 3, 5 } },
  { "min_p=0.05 | adaptive_p=%g",             { 0.7, 0.4, 0.1 } },
  { "temperature=0.7 | repetition_penalty=%g", { 1.05, 1.15, 1.4 }, matched = "repetition_penalty=1.15" },
  { "temperature=0.7 | repetition_penalty_norm=%g", { 1.05, 1.15, 1.4 }, matched = "repetition_penalty_norm=1.15" },
  { "temperature=0.7 | frequency_penalty=%g", { 0.1, 0.4, 1 }, matched = "frequency_penalty=0.4" },
  { "temperature=0.7 | presence_penalty=%g",  { 0.1, 0.4, 1 }, matched = "presence_penalty=0.4" },
  { "temperature=0.7 | no_repeat_ngram=%d",   { 2, 3, 4 }, matched = "no_repeat_ngram=3" },
  { "temperature=0.7 | dry=%g",               { 0.4, 0.8, 1.6 }, matched = "dry=0.8" },
  { "temperature=0.7 | prompt_reward=%g",     { 1.05, 1.15, 1.3 }, matched = "prompt_reward=1.15" },
  { "green(0.5, delta=%g)",                   { 0.5, 1, 2 }, match = true },
  { "top_power(%g, b=1.5)",                   { 0.5, 0.2, 0.05 }, match = true },
  { "surprise_band(%g, high=1)",              { 1, 2, 4 }, match = true },
}

local function matching(s)
  local middle = string.format(s[1], s[2][2])
  if s[1] == "temperature=%g" then return "temperature=fit" end
  if s.behind then return middle .. " | temperature=fit" end
  if s.match or s.matched then return "temperature=fit | " .. (s.matched or middle) end
end

local chains, matched = {}, {}
for _, s in ipairs(strategies) do
  chains[#chains + 1] = each(s[1], s[2])
  local chain = target > 0 and matching(s)
  if chain then
    matched[#matched + 1] = fit { what = "entropy", on = "held_out/fit", lang = "en", target = target, from = 0.05, to = 20,
                                  chain = chain }
  end
end

experiment {
  name = "decoding-atlas", seed = 20261126, draws = arg.draws or 4, limit = { bytes = arg.bytes or 160 },
  evalsets = { { "keywords", lang = "en", items = arg.items or 24 } },
  arms = grid { lm = lm, chain = { chains, matched } },
  judge = model(arg.judge or "zoo:mixed"),
  creativity = { "distinct_2", "spread", "entropy_final", "kept_log2" },
  control = { "coverage", "judge_bpb" },
}
