-- What a script sees.  Runs once before it, with the C functions of script_lib.h, the table of --set values, and the
-- plain libraries; returns the script's globals.
local where, unknown, work, find, set, base, string, table, math, utf8, done, log, exp = ...
local type, next, error, select, format = base.type, base.next, base.error, base.select, string.format

-- Tables hash strings by a seed of the process, so the order of next() may not be seen.
local function before(a, b)
    if type(a) ~= type(b) then return type(a) == "number" end
    return a < b
end

-- Stable, so that elements that compare equal keep their order whatever the machine.
local function merge(t, from, to, less, spare)
    if to <= from then return end
    local middle = (from + to) // 2
    merge(t, from, middle, less, spare)
    merge(t, middle + 1, to, less, spare)
    for i = from, to do spare[i] = t[i] end
    local a, b = from, middle + 1
    for i = from, to do
        if b > to or (a <= middle and not less(spare[b], spare[a])) then
            t[i] = spare[a]; a = a + 1
        else
            t[i] = spare[b]; b = b + 1
        end
    end
end

local function sort(t, less)
    merge(t, 1, #t, less or function(a, b) return a < b end, {})
end

-- What transforms may see of the script is frozen behind tables that are empty (lua_seal.h): frozen[t] is what t shows.
local frozen = {}
done.frozen, done.transforms = frozen, {}

local function keys(t, level)
    local list = {}
    for k in next, frozen[t] or t do
        if type(k) ~= "number" and type(k) ~= "string" then
            error("pairs: a key is a " .. type(k) .. ", want numbers and strings only", level + 1)
        end
        list[#list + 1] = k
    end
    sort(list, before)
    return list
end

local function pairs(t)
    if type(t) ~= "table" then error("pairs wants a table, got " .. type(t), 2) end
    local list, i = keys(t, 2), 0
    return function()
        i = i + 1
        if list[i] ~= nil then return list[i], t[list[i]] end
    end
end

-- Addresses differ from run to run, so nothing prints them.
local function plain(x)
    local kind = type(x)
    return (kind == "table" or kind == "function") and kind or x
end

-- In Lua, so that their steps are counted: #t of a table with holes may be 2^62, and the library's own would move as many.
local function insert(t, ...)
    if type(t) ~= "table" then error("insert wants a table, got " .. type(t), 2) end
    local n, at, x = #t + 1, ...
    local given = select("#", ...)
    if given == 1 then t[n] = at return end
    if given ~= 2 then error("insert wants a table, a place if not its end, and a value", 2) end
    if math.type(at) ~= "integer" or at < 1 or at > n then
        error("insert: place " .. base.tostring(plain(at)) .. ", want 1 .. " .. n, 2)
    end
    for i = n, at + 1, -1 do t[i] = t[i - 1] end
    t[at] = x
end

local function remove(t, at)
    if type(t) ~= "table" then error("remove wants a table, got " .. type(t), 2) end
    local n = #t
    if at == nil then at = n end
    if at ~= n and (math.type(at) ~= "integer" or at < 1 or at > n + 1) then
        error("remove: place " .. base.tostring(plain(at)) .. ", want 1 .. " .. n, 2)
    end
    local x = t[at]
    for i = at, n - 1 do t[i] = t[i + 1] end
    if at <= n then t[n] = nil else t[at] = nil end
    return x
end

local function safe_format(pattern, ...)
    if type(pattern) ~= "string" then error("format wants a string first, got " .. type(pattern), 2) end
    if string.find(pattern, "%p", 1, true) then error("format: addresses (%p) are not available", 2) end
    local args = table.pack(...)
    for i = 1, args.n do args[i] = plain(args[i]) end
    work(256 * args.n)
    return format(pattern, table.unpack(args, 1, args.n))
end

local function safe_rep(s, n, separator)
    local count = type(n) == "number" and math.tointeger(n)
    if not count then error("rep: " .. base.tostring(plain(n)) .. " times, want a whole number", 2) end
    if count > 1000000 then error("rep: " .. count .. " times, want at most 1000000", 2) end
    work(16 * count)
    return (string.rep(s, count, separator))
end

-- A call of these does its work in C, where no instruction is counted: it is counted before.
local function sized(f, size)
    return function(...)
        work(size(...))
        return f(...)
    end
end
local function length(x) return type(x) == "string" and #x or 0 end
local function sizes(...) return 16 * select("#", ...) end
local function range(t, from, to)
    local n = (math.tointeger(to) or type(t) == "table" and #t or 0) - (math.tointeger(from) or 1)
    return n > 0 and n < 1 << 40 and 16 * n or 0
end
local function list_size(t, separator, from, to) return range(t, from, to) + length(separator) end

-- Declarations -------------------------------------------------------------------------------------------------------

local function is(kind) return function(x) return type(x) == "table" and x.kind == kind end end
local function of(name) return function(x) return type(x) == name end end
local function lm(x) return type(x) == "table" and (x.kind == "model" or x.kind == "ensemble" or x.kind == "bytes") end
local function either(a, b) return function(x) return a(x) or b(x) end end
local function list(x) return type(x) == "table" and x.kind == nil end
local text, number, count = of "string", of "number", function(x) return math.type(x) == "integer" and x >= 0 end
local function called(x) return type(x) == "table" and text(x.kind) and x.kind or type(x) end

local words = { [text] = "a string", [number] = "a number", [count] = "a whole number from 0", [list] = "a list",
                [lm] = "a model, an ensemble or bytes" }
local function words_of(test, said) words[test] = said; return test end
local texts = words_of(either(text, list), "a string or a list of strings")
local lms = words_of(either(lm, list), "a model, an ensemble, bytes or a list of them")
local warmth = words_of(either(number, is "fit"), "a number or a fit")
local learnt = words_of(is "fit", "a fit")
local corrections = words_of(either(is "fit", list), "a fit or a list of them")
local shares = words_of(either(list, is "fit"), "a list of numbers or a fit")
local link = words_of(either(text, is "fit"), "a string or a fit")
local links = words_of(either(link, list), "a string, a fit or a list of them")
local drafter = words_of(either(text, lm), "\"lookup\", a model or the name of one")
local source = words_of(either(text, lm), "a model or the name of one")
local fn = words_of(of "function", "a function of the row and its parameters")
local prize = words_of(either(text, of "function"), "the name of a metric or a function of a text")
local truth = words_of(of "boolean", "true or false")
local pattern = words_of(either(text, of "function"), "a name, a text with {field} places or a function")
local limits = words_of(function(x) return list(x) end, "{ bytes = N }, or symbols or chars")

-- How what is nearly an lm becomes one.
local function nearly(test, x)
    if test ~= lm and test ~= lms then return "" end
    if text(x) then return ": model \"" .. x .. "\"" end
    return called(x) == "voice" and ": ensemble { voice { ... } }, of one voice" or ""
end

local schema = {
    model = { { source }, name = text, template = pattern },
    voice = { { source }, name = text, template = pattern, drop = texts, temperature = warmth, calibration = learnt,
              chain = text, layer = count },
    ensemble = { rule = text, weights = shares, weighting = text, name = text },
    bytes = { { source }, kind = text, beam = count, lazy = number, ahead = count, name = text },
    fit = { what = text, on = text, lang = text, chain = text, target = number, from = number, to = number,
            bins = count, l2 = number, folds = count },
    search = {},
    grid = { lm = lms, chain = links, search = texts, draft = drafter, tasks = list, choices = texts,
             calibration = corrections },
    arm = { lm = lm, chain = link, search = text, draft = drafter, name = text, tasks = list, choices = text,
            calibration = learnt },
    profile = { chain = link, search = text, draft = drafter, weights = shares, limit = limits, template = pattern },
    experiment = { name = text, seed = count, draws = count, limit = limits, stop = texts, evalsets = texts, arms = list,
                   judge = lm, creativity = texts, control = texts, trace = text, tasks = texts, select = texts, reward = prize },
    limit = { bytes = count, symbols = count, chars = count },
    transform = { { fn }, name = text, params = list, state = list, meaning = text, domain = text, source = text },
    parameter = { { text }, default = number, min = number, max = number, integer = truth, meaning = text },
    evalset = { { text }, items = count, lang = text, split = text, bytes = count },
}

local function names(what)
    local out = {}
    for _, k in base.ipairs(keys(schema[what], 1)) do
        if type(k) == "string" then out[#out + 1] = k end
    end
    return out
end

local function is_place(k, n) return math.type(k) == "integer" and k >= 1 and k <= n end

local function stray_at(what, k, level)
    local place = type(k) == "string" and "'" .. k .. "'" or base.tostring(k)
    error(what .. ": a value at " .. place .. ", want 1, 2, ... and no others", level + 1)
end

-- What stands where nobody looks would be lost without a word: every key of a list is one of 1, 2, ..., n.
local function whole(what, t, level)
    local n, stray = 0, false
    if level > 40 then error(what .. ": lists are nested more than 32 deep (or hold themselves)", level + 1) end
    for k in next, frozen[t] or t do
        n, stray = n + 1, stray or not is_place(k, #t)
    end
    if n == #t and not stray then return t end
    for _, k in base.ipairs(keys(t, level + 1)) do
        if not is_place(k, #t) then
            stray_at(what, k, level + 1)
        end
    end
    error(what .. ": a gap, want 1, 2, ... and no others", level + 1)
end

-- How many values a declaration may have beside its named fields: of an ensemble as many as there are, so that a gap is seen.
local function places(what, t)
    if what ~= "ensemble" then return schema[what][1] and 1 or 0 end
    local n = 0
    for _, k in base.ipairs(keys(t, 2)) do n = n + (type(k) == "number" and 1 or 0) end
    return n
end

local wanted = { [0] = "named fields", "one value and named fields" }

-- Errors point at the line of the script that made the declaration: `level` frames up.
local function check(what, t, level)
    if type(t) ~= "table" then error(what .. " wants a table of fields, got " .. type(t), level + 1) end
    for _, k in base.ipairs(keys(t, level + 1)) do
        local test = schema[what][k]
        local n = type(k) == "number" and places(what, t)
        if n and not is_place(k, n) then
            error(what .. ": a value at " .. base.tostring(k) .. ", want " ..
                  (what == "ensemble" and "voices without a gap and named fields" or wanted[n]), level + 1)
        end
        if type(k) == "number" and type(test) == "table" then test = test[1] end
        if type(k) == "string" and not test then error(what .. ": " .. unknown("field", k, names(what)), level + 1) end
        if test and not test(t[k]) then
            local seen = test == count and number(t[k]) and base.tostring(t[k])
            error(what .. ": " .. (type(k) == "number" and "its first value" or "'" .. k .. "'") .. " is " ..
                  (seen or "a " .. called(t[k])) .. ", want " .. words[test] .. nearly(test, t[k]), level + 1)
        end
    end
end

local function need(what, t, field, level)
    if t[field] == nil then
        error(what .. ": " .. (field == 1 and "its first value" or "'" .. field .. "'") .. " is missing", level + 1)
    end
end

local function declare(kind, t, level)
    if done.sealed then error(kind .. ": declarations are made while the script runs, not by a transform", level + 1) end
    local out = { kind = kind, at = where(level + 1) }
    for _, k in base.ipairs(keys(t, level + 1)) do out[k] = t[k] end
    return out
end

local function flat(what, x, out, test, level)
    if x == nil then return out end
    if test(x) then
        out[#out + 1] = x
    elseif list(x) then
        whole("'" .. what .. "'", x, level + 1)
        for i = 1, #x do flat(what, x[i], out, test, level + 1) end
    else
        error("'" .. what .. "' holds a " .. called(x) .. ", want " .. words[test] .. nearly(test, x), level + 1)
    end
    return out
end

-- A template as a function of the prompt's places: it is called once, here, and what it returns becomes the text of a
-- template, so that the plan holds all of it.  { "Q: ", p.text, "\nA:" }, or { user = { ... }, assistant = { ... },
-- answer = ... } for turns, where p.text is the turn's own text.
local sections = { "system", "user", "assistant", "answer" }

local place = { __index = function(_, name)
    if type(name) ~= "string" or not string.find(name, "^[%a_][%w_-]*$") then
        error("template: a place is named by letters, digits, '_' and '-'", 2)
    end
    return { kind = "place", name = name }
end }

local function part_text(x, level)
    if text(x) then return (string.gsub(x, "[{}]", "%0%0")) end
    if is "place" (x) then return "{" .. x.name .. "}" end
    if not list(x) then
        error("template: a part is a " .. called(x) .. ", want a string, a place or a list of them", level + 1)
    end
    local out = {}
    whole("template", x, level + 1)
    for i = 1, #x do out[i] = part_text(x[i], level + 1) end
    return table.concat(out)
end

local function template_text(f, level)
    if type(f) ~= "function" then return f end
    local made, out = f(base.setmetatable({}, place)), {}
    if not list(made) then
        error("template: the function returned a " .. type(made) .. ", want a list of parts, or of sections", level + 1)
    end
    for _, k in base.ipairs(keys(made, level + 1)) do
        if type(k) == "number" and not is_place(k, #made) then stray_at("template", k, level + 1) end
        local known = type(k) == "number" or k == "begin"
        for i = 1, #sections do known = known or k == sections[i] end
        if not known then error("template: " .. unknown("section", k, sections), level + 1) end
    end
    if made.begin then out[1] = part_text(made.begin, level + 1) end
    for i = 1, #made do out[#out + 1] = part_text(made[i], level + 1) end
    for i = 1, #sections do
        local body = made[sections[i]]
        if body ~= nil then out[#out + 1] = "{#" .. sections[i] .. "}" .. part_text(body, level + 1) end
    end
    local joined = table.concat(out)
    if not string.find(joined, "{", 1, true) then
        error("template: the function's text has no place for the prompt", level + 1)
    end
    return joined
end

local function check_numbers(what, t, level)
    for i, w in base.ipairs(whole("weights", t, level + 1)) do
        if type(w) ~= "number" then error(what .. ": weight " .. i .. " is a " .. type(w) .. ", want a number", level + 1) end
    end
end

-- What a declaration becomes once its fields are known to be of the right types; `x` is the prelude's own table.
local complete = {}

function complete.model(x, level)
    need("model", x, 1, level + 1)
    if not text(x[1]) then error("model: its first value is a " .. called(x[1]) .. ", want a name", level + 1) end
    x.template = template_text(x.template, level + 1)
end

function complete.voice(x, level)
    need("voice", x, 1, level + 1)
    if text(x[1]) then x[1] = { kind = "model", at = x.at, x[1] } end
    x.drop = x.drop and flat("drop", x.drop, {}, text, level + 1)
    x.template = template_text(x.template, level + 1)
end

function complete.ensemble(x, level)
    need("ensemble", x, 1, level + 1)
    for i = 1, #x do
        if text(x[i]) then x[i] = { kind = "model", at = x.at, x[i] } end
        if lm(x[i]) then x[i] = { kind = "voice", at = x.at, x[i] } end
        if not is "voice" (x[i]) then error("ensemble: value " .. i .. " is a " .. called(x[i]) .. ", want a voice", level + 1) end
    end
    if x.weights == nil or is "fit" (x.weights) then return end
    if #x.weights ~= #x then
        error("ensemble: " .. #x.weights .. " weights for " .. #x .. " voices", level + 1)
    end
    check_numbers("ensemble", x.weights, level + 1)
end

function complete.bytes(x, level)
    need("bytes", x, 1, level + 1)
    if text(x[1]) then x[1] = { kind = "model", at = x.at, x[1] } end
end

function complete.fit(x, level)
    need("fit", x, "what", level + 1)
    need("fit", x, "on", level + 1)
end

local function make(kind, t, level)
    check(kind, t, level + 1)
    local out = declare(kind, t, level + 1)
    if kind == "bytes" then out.kind, out.covers = "bytes", t.kind end -- its own `kind` says which tokenisations count
    complete[kind](out, level + 1)
    return out
end

local function model(t)
    if type(t) == "string" then t = { t } end
    return (make("model", t, 2))
end

-- An lm that was declared, and no fields among which is a `kind`.
local function is_declared(t) return lm(t) and text(t.at) end

local function voice(t)
    if is_declared(t) or text(t) then t = { t } end
    return (make("voice", t, 2))
end

local function ensemble(t) return (make("ensemble", t, 2)) end

-- An lm over tokens as one over bytes, so that it can be pooled with others.
local function bytes(t)
    if is_declared(t) or text(t) then t = { t } end
    return (make("bytes", t, 2))
end

local function fit(t) return (make("fit", t, 2)) end

-- A copy of what an arm or a judge is made of, looked at again: a declaration is a table, and a script may have changed it
-- since, or written one itself.  copies[t] is t's, false while it is made.
local function settle(t, copies, level)
    if type(t) ~= "table" then return t end
    if copies[t] == false or level > 40 then
        error("experiment: tables are nested more than 32 deep (or hold themselves)", level + 1)
    end
    if copies[t] then return copies[t] end
    local out, fields = {}, {}
    copies[t] = false
    for _, k in base.ipairs(keys(t, level + 1)) do
        out[k] = settle(t[k], copies, level + 1)
        fields[k] = out[k]
    end
    copies[t] = out
    if out.kind == nil then return out end
    if not text(out.kind) or not complete[out.kind] then
        error("a table whose 'kind' is " .. (text(out.kind) and "'" .. out.kind .. "'" or "a " .. type(out.kind)) ..
              ", want what model, voice, ensemble, bytes or fit returns", level + 1)
    end
    fields.kind, fields.at, fields.covers = out.covers, nil, nil
    out.at = text(out.at) and out.at or where(level + 1)
    check(out.kind, fields, level + 1)
    complete[out.kind](out, level + 1)
    return out
end

-- search { "beam", width = 8 } -> "beam(width=8)"
local function spec_text(what, t)
    if text(t) then return t end
    if type(t) ~= "table" or not text(t[1]) then error(what .. " wants a name first", 3) end
    local args = {}
    for _, k in base.ipairs(keys(t, 3)) do
        if k ~= 1 then
            local value = t[k]
            if type(value) ~= "number" and type(value) ~= "string" then
                error(what .. ": '" .. k .. "' is a " .. type(value) .. ", want a number or a string", 3)
            end
            if text(value) then value = "'" .. value .. "'" end
            if math.type(value) == "float" then value = format("%.17g", value) end -- Lua's own text has 14 digits
            args[#args + 1] = text(k) and k .. "=" .. value or value
        end
    end
    return #args == 0 and t[1] or t[1] .. "(" .. table.concat(args, ", ") .. ")"
end

local function search(t) return (spec_text("search", t)) end

-- select { "mbr", utility = "bleu" } -> "mbr(utility='bleu')"; of anything else Lua's own.
local function choose(t, ...)
    if type(t) == "table" then return (spec_text("select", t)) end
    return select(t, ...)
end

local function each(pattern, values)
    if not text(pattern) or not list(values) then error("each wants a format and a list", 2) end
    local out = {}
    whole("each", values, 2)
    for i = 1, #values do
        local v = values[i]
        out[i] = list(v) and safe_format(pattern, table.unpack(whole("each", v, 2))) or safe_format(pattern, v)
    end
    return out
end

-- An arm's draft: "lookup", or what proposes symbols, a model where it is only named.
local function draft_of(x, at)
    if text(x) and x ~= "lookup" then return { kind = "model", at = at, x } end
    return x
end

-- { math = { chain = ..., weights = { ... } }, ... }
local function check_tasks(tasks, level)
    for _, k in base.ipairs(keys(tasks or {}, level + 1)) do
        if type(k) ~= "string" then error("tasks: a list, want profiles by the names of tasks", level + 1) end
        if not list(tasks[k]) then
            error("tasks: '" .. k .. "' is a " .. type(tasks[k]) .. ", want a profile: { chain = ..., template = ... }",
                  level + 1)
        end
        check("profile", tasks[k], level + 1)
        check("limit", tasks[k].limit or {}, level + 1)
        if list(tasks[k].weights) then check_numbers("profile", tasks[k].weights, level + 1) end
        tasks[k].template = template_text(tasks[k].template, level + 1)
        tasks[k].draft = draft_of(tasks[k].draft, where(level + 1))
    end
end

local function grid(t)
    check("grid", t, 2)
    need("grid", t, "lm", 2)
    check_tasks(t.tasks, 2)
    local out, at = {}, where(2)
    local chains, searches = flat("chain", t.chain, {}, link, 2), flat("search", t.search, {}, text, 2)
    local choices, maps = flat("choices", t.choices, {}, text, 2), flat("calibration", t.calibration, {}, is "fit", 2)
    if #chains == 0 then chains = { "" } end
    if #searches == 0 then searches = { "sample" } end
    if #choices == 0 then choices = { "likelihood" } end
    if #maps == 0 then maps = { false } end
    for _, m in base.ipairs(flat("lm", t.lm, {}, lm, 2)) do
        for _, s in base.ipairs(searches) do
            for _, c in base.ipairs(chains) do
                for _, r in base.ipairs(choices) do
                    for _, f in base.ipairs(maps) do
                        out[#out + 1] = { kind = "arm", at = at, lm = m, chain = c, search = s, draft = t.draft,
                                          tasks = t.tasks, choices = r, calibration = f or nil }
                    end
                end
            end
        end
    end
    return out
end

local function arms_of(x, out, at, copies, level)
    if type(x) ~= "table" then error("arms: a " .. type(x) .. " in the list, want arms", level + 1) end
    if x.lm ~= nil then
        local arm = {}
        for _, k in base.ipairs(keys(x, level + 1)) do
            if k ~= "kind" and k ~= "at" then arm[k] = settle(x[k], copies, level + 1) end
        end
        check("arm", arm, level + 1)
        check_tasks(arm.tasks, level + 1)
        arm.kind, arm.at = "arm", text(x.at) and x.at or at
        arm.draft = draft_of(arm.draft, arm.at)
        out[#out + 1] = arm
        return out
    end
    if x.kind then error("arms: a " .. called(x) .. " in the list, want arms: { lm = ..., chain = ... }", level + 1) end
    whole("arms", x, level + 1)
    for i = 1, #x do arms_of(x[i], out, at, copies, level + 1) end
    return out
end

local function evalsets_of(x, level)
    if text(x) then x = { x } end
    local out = {}
    whole("evalsets", x, level + 1)
    for i = 1, #x do
        local e = x[i]
        if text(e) then e = { e } end
        check("evalset", e, level + 1)
        need("evalset", e, 1, level + 1)
        out[i] = { name = e[1], items = e.items, lang = e.lang, split = e.split, bytes = e.bytes }
    end
    return out
end

-- Transforms -----------------------------------------------------------------------------------------------------------

local function word(x) return text(x) and string.find(x, "^[%a_][%w_]*$") ~= nil and #x <= 64 end

local function parameter(p, level)
    if text(p) then p = { p } end
    if type(p) ~= "table" then
        error("transform: a parameter is a " .. type(p) .. ", want a name or { name, default = ..., min = ..., max = ... }",
              level + 1)
    end
    check("parameter", p, level + 1)
    need("parameter", p, 1, level + 1)
    if not word(p[1]) then
        error("transform: parameter '" .. p[1] .. "', want a name of letters, digits and '_'", level + 1)
    end
    return { name = p[1], default = p.default, min = p.min, max = p.max, integer = p.integer, meaning = p.meaning }
end

-- { "p", { "k", default = 4 } } in this order, then those that are named: { k = 4 }.
local function parameters(list, level)
    local out, seen = {}, {}
    for i = 1, #list do out[i] = parameter(list[i], level + 1) end
    for _, k in base.ipairs(keys(list, level + 1)) do
        if type(k) == "number" and not is_place(k, #list) then stray_at("transform: parameters", k, level + 1) end
        if type(k) == "string" then
            if not number(list[k]) then
                error("transform: parameter '" .. k .. "' is a " .. type(list[k]) .. ", want its default", level + 1)
            end
            out[#out + 1] = parameter({ k, default = list[k] }, level + 1)
        end
    end
    if #out > 8 then error("transform: " .. #out .. " parameters, want at most 8", level + 1) end
    for i = 1, #out do
        if seen[out[i].name] then error("transform: two parameters '" .. out[i].name .. "'", level + 1) end
        seen[out[i].name] = true
    end
    return out
end

-- { drift = 0, ... }: numbers that each text keeps, by their names.
local function numbers(t, level)
    local out = {}
    for _, k in base.ipairs(keys(t, level + 1)) do
        if type(k) ~= "string" or not number(t[k]) then
            error("transform: state is { name = number, ... }", level + 1)
        end
        out[#out + 1] = { name = k, value = t[k] + 0.0 }
    end
    if #out > 16 then error("transform: a state of " .. #out .. " numbers, want at most 16", level + 1) end
    return out
end

local function transform(t)
    check("transform", t, 2)
    need("transform", t, "name", 2)
    need("transform", t, 1, 2)
    if not word(t.name) then
        error("transform: '" .. t.name .. "', want a name of letters, digits and '_'", 2)
    end
    for i = 1, #done.transforms do
        if done.transforms[i].name == t.name then error("transform: a second '" .. t.name .. "'", 2) end
    end
    if #done.transforms == 64 then error("transform: more than 64", 2) end
    local d = declare("transform", { t[1] }, 2)
    d.name, d.params, d.state = t.name, parameters(t.params or {}, 2), numbers(t.state or {}, 2)
    d.meaning, d.domain, d.source = t.meaning, t.domain, t.source
    done.transforms[#done.transforms + 1] = d
    return t.name
end

local function experiment(t)
    check("experiment", t, 2)
    for _, k in base.ipairs { "name", "evalsets", "arms" } do need("experiment", t, k, 2) end
    if done.experiment then
        error("a second experiment in one script (the first: " .. done.experiment.at .. ")", 2)
    end
    local e = declare("experiment", t, 2)
    check("limit", e.limit or {}, 2)
    local copies = {}
    e.arms = arms_of(e.arms, {}, e.at, copies, 2)
    e.judge, e.limit = settle(e.judge, copies, 2), settle(e.limit, copies, 2)
    if #e.arms == 0 then error("experiment: no arms", 2) end
    e.evalsets = evalsets_of(e.evalsets, 2)
    for _, k in base.ipairs { "stop", "creativity", "control", "tasks", "select" } do e[k] = flat(k, e[k], {}, text, 2) end
    if type(e.reward) == "function" then
        done.rewards = { e.reward }
        e.reward = { kind = "reward" }
    end
    done.experiment = e
end

local safe_string = { format = safe_format, rep = safe_rep, find = find, len = string.len, sub = string.sub }
for _, k in base.ipairs { "upper", "lower", "byte", "reverse" } do safe_string[k] = sized(string[k], length) end
safe_string.char = sized(string.char, sizes)
local safe_utf8 = { char = sized(utf8.char, sizes), codes = sized(utf8.codes, length) }
for _, k in base.ipairs { "len", "codepoint", "offset" } do safe_utf8[k] = sized(utf8[k], length) end
local safe_math = {}
for _, k in base.ipairs(keys(math, 1)) do
    if k ~= "random" and k ~= "randomseed" then safe_math[k] = math[k] end
end
safe_math.log, safe_math.exp = log, exp
local safe_table = { insert = insert, remove = remove, concat = sized(table.concat, list_size),
                     unpack = sized(table.unpack, range), pack = sized(table.pack, sizes), sort = sort }
done.library = { [safe_string] = true, [safe_utf8] = true, [safe_math] = true, [safe_table] = true }

local globals = {
    assert = base.assert, error = error, ipairs = base.ipairs, pairs = pairs, select = choose, type = type,
    tonumber = sized(base.tonumber, length), tostring = function(x) return base.tostring(plain(x)) end, _VERSION = base._VERSION,
    string = safe_string, math = safe_math, table = safe_table, utf8 = safe_utf8,
    arg = set, model = model, voice = voice, ensemble = ensemble, bytes = bytes, fit = fit, search = search, each = each, grid = grid,
    experiment = experiment, transform = transform,
}

-- A word that nobody defined is a slip, not nil: `chain = chian` would have run without a chain.
return base.setmetatable(globals, { __index = function(_, k)
    if type(k) == "string" then error(unknown("word", k, keys(globals, 2)), 2) end
end })
