-- The orders of operations of published ensembles, by name: where temperature and truncation stand beside the pool.  They
-- are different distributions: temperature commutes with log pools alone, truncation with none.
--
-- --set items=60 (texts) keywords=12 draws=2 bytes=120 temperature=0.8 top_p=0.95

local prose, verse, mixed = model "zoo:prose", model "zoo:verse", model "zoo:mixed"
local t, p = arg.temperature or 0.8, arg.top_p or 0.95
local heat, cut = "temperature=" .. t, "top_p=" .. p
local both = heat .. " | " .. cut

local function pair(name, rule, chain)
  return ensemble { voice { prose, chain = chain }, voice { verse, chain = chain }, rule = rule, name = name }
end

local function experts(name, chain)
  return ensemble { voice { mixed, chain = chain }, voice { prose }, voice { verse }, rule = "dexperts(0.5)", name = name }
end

local function letters(name)
  return ensemble { voice { bytes { prose, name = "prose as bytes" } }, voice { bytes { "zoo:bytes", name = "letters" } },
                    rule = "linear", name = name }
end

experiment {
  name = "orders", seed = 20261127, draws = arg.draws or 2, limit = { bytes = arg.bytes or 120 },
  evalsets = { { "held_out", split = "report", lang = "en", items = arg.items or 60, bytes = 511 },
               { "keywords", lang = "en", items = arg.keywords or 12 } },
  arms = {
    { lm = pair("CoS raw-logits", "log"), chain = both },      -- pool, T, top-p
    { lm = pair("CoS logits", "log", both), chain = "" },      -- T and top-p each, pool: what one voice cut is cut
    { lm = pair("CoS probs", "linear", both), chain = "" },    -- T and top-p each, pool
    { lm = experts("DExperts", "top_p=0.9"), chain = both },   -- top-p of the base, combine, T, top-p
    { lm = experts("proxy tuning"), chain = both },            -- combine, T, top-p
    { lm = letters("ByteSampler"), chain = "top_k=40 | " .. cut .. " | " .. heat }, -- bytes, pool, top-k, top-p, then T
    { lm = letters("Phan"), chain = both },                    -- bytes, pool, T, top-p
    { lm = letters("greedy"), chain = "", search = "greedy" }, -- pool, arg max: UniTE, EVA, GaC
  },
  judge = model "zoo:draft",
  creativity = { "distinct_2" },
  control = { "judge_bpb", "coverage" },
}
