-- What does an ensemble buy in creativity, and what does it cost in control?
--
-- Two voices of one family (novels and tales; Shakespeare), alone and as two ensembles, under eight chains.  Creativity: how
-- little the draws of one item repeat themselves and each other.  Control: how many of the words it
-- was told to use a text uses, and what a judge outside the ensembles makes of it.
--
-- Prediction, written before the first run: the log pool (AND) gains control over the linear pool (OR) at equal creativity,
-- and every curve falls from control to creativity as the temperature rises.

local prose = model "zoo:prose"
local verse = model "zoo:verse"

local calm = fit { what = "temperature", on = "held_out/fit", lang = "en" }

local linear = ensemble { voice { prose }, voice { verse },
                          rule = "linear", weights = { 0.7, 0.3 }, name = "linear" }
local geometric = ensemble { voice { prose, temperature = calm }, voice { verse },
                             rule = "log", weights = { 0.7, 0.3 }, name = "log" }

experiment {
  name = "creativity-vs-control", seed = 20261123, draws = 4, limit = { bytes = 300 },
  evalsets = { { "keywords", lang = "en", items = 18 }, { "openings", lang = "en", items = 6 } },
  arms = grid {
    lm = { prose, verse, linear, geometric },
    chain = { "temperature=0", each("temperature=%g | min_p=0.05", { 0.4, 0.6, 0.8, 1, 1.4, 2 }), "top_p=0.9" },
  },
  judge = model "zoo:mixed",
  creativity = { "distinct_2", "spread" },
  control = { "coverage", "judge_bpb" },
}
