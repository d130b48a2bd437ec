/* Transforms of a script: equal to their C twins bit for bit, a pure function of the row, within the script's limits whatever
 * they do.  In plans and runs: test_lua_transforms_run. */
#include "base/err.h"
#include "base/mem.h"
#include "base/threads.h"
#include "experiments/lua_transforms.h"
#include "experiments/run.h"
#include "experiments/script.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 5000 };

static struct lua_transforms *open_script(const char *source)
{
    struct text t = { 0 };
    text_add(&t, source);
    struct lua_transforms *s = lua_transforms_open("dir/t.lua", &t, NULL, 0);
    text_free(&t);
    return s;
}

/* Rows that differ in shape; kind 4 has ties, kind 5 masks. */
static void fill(float score[], uint32_t n, int kind, uint32_t seed)
{
    struct rng_address address = { .seed = seed, .purpose = RNG_TEST };
    struct rng_key key = rng_key(&address);
    for (uint32_t v = 0; v < n; v++) {
        double u = rng_uniform(&key, v);
        score[v] = (float)(kind == 0   ? 12 * u
                           : kind == 1 ? log(u + 1e-9) * 3
                           : kind == 2 ? u
                           : kind == 3 ? -2 * log(1.0 + v) + u
                                       : floor(6 * u));
        if (kind == 5 && v % 3 == 1)
            score[v] = -INFINITY;
    }
}

static int apply(const struct chain *c, void *state, struct row *r, struct row_work *w)
{
    static const sym_t said[] = { 1, 2, 3 };
    static const sym_t prompt[] = { 7, 8 };
    struct rng_address address = { .seed = 3, .purpose = RNG_TEST };
    struct transform_at at = {
        .made = said, .n_made = 3, .prompt = prompt, .n_prompt = 2, .address = &address, .work = w
    };
    TRY(row_measure(r));
    return chain_apply(c, state, r, &at, NULL);
}

/* Twins ---------------------------------------------------------------------------------------------------------------- */

static const char twins_script[] =
    "transform { name = 'l_min_p', params = { { 'p', min = 0, max = 10 }, { 'min_keep', default = 1, integer = true } "
    "},\n"
    "  function(row, p) if p.p > 0 then\n"
    "    row:keep_above(p.p > 1 and math.huge or row:max() + math.log(p.p), p.min_keep) end end }\n"
    "transform { name = 'l_top_k', params = { { 'k', integer = true } },\n"
    "  function(row, p) if p.k > 0 then row:keep_rank(p.k) end end }\n"
    "transform { name = 'l_top_p', params = { 'p', min_keep = 1 },\n"
    "  function(row, p) row:keep_mass(p.p, p.min_keep // 1 | 0) end }\n"
    "transform { name = 'l_temperature', params = { 'temperature' }, function(row, p)\n"
    "  if p.temperature == 0 then row:only(row:argmax()) elseif p.temperature ~= 1 then row:scale(1 / p.temperature) "
    "end\n"
    "  end }\n"
    "transform { name = 'l_normalise', function(row) row:normalise() end }\n"
    "transform { name = 'l_quadratic', params = { 'factor' }, function(row, p)\n"
    "  row:bend(-p.factor) end }\n"
    "transform { name = 'l_suppress', function(row) row:mask { 3, 5, 8 } end }\n"
    "transform { name = 'l_typical', params = { 'mass' }, function(row, p)\n"
    "  row:keep_mass_by(row:distance(row:log_z() - row:entropy()), p.mass) end }\n"
    /* of vectors: the same by the definition */
    "transform { name = 'v_min_p', params = { 'p' }, function(row, p)\n"
    "  local probs = row:probs() row:keep(probs:ge(p.p * probs:largest())) end }\n"
    "transform { name = 'v_top_p', params = { 'p' }, function(row, p)\n"
    "  row:keep_rank(row:ranked():exp():cumulated():reaches(p.p)) end }\n"
    "transform { name = 'h_top_p', params = { 'p' }, function(row, p)\n"
    "  local probs = row:probs() row:keep(probs:ge(probs:heaviest(p.p))) end }\n"
    "transform { name = 'v_temperature', params = { 'temperature' }, function(row, p)\n"
    "  row:set(row:scores() / p.temperature) end }\n"
    "transform { name = 'v_entropy', function(row)\n"
    "  local p = row:probs() local h = -(p:dot(row:logps():max(-1e30)))\n"
    "  if math.abs(h - row:entropy()) > 1e-3 then error('entropy ' .. h .. ' and ' .. row:entropy()) end end }\n"
    "transform { name = 'loop_top_k', params = { { 'k', integer = true } }, function(row, p)\n"
    "  local ids = row:top(p.k) local keep = row:scores() * 0\n"
    "  for i = 1, #ids do keep[ids[i]] = 1 end row:keep(keep) end }\n";

static void compare(const struct lua_transforms *s, const char *mine, const char *theirs, bool finite)
{
    static const uint32_t sizes[] = { 9, 64, 65, 1000, MOST };
    struct chain *a = lua_transforms_chain(s, mine), *b = chain_parse(theirs);
    check(a && b, "%s, %s: %s", mine, theirs, err_text());
    struct row_work *w = row_work_alloc(MOST);
    float *x = mem_alloc(MOST, sizeof *x), *y = mem_alloc(MOST, sizeof *y);
    for (size_t i = 0; a && b && i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = 0; kind < (finite ? 5 : 6); kind++) {
            uint32_t n = sizes[i];
            struct row r = row_over(x, n), q = row_over(y, n);
            fill(x, n, kind, 7);
            memcpy(y, x, n * sizeof *y);
            int rc = apply(a, NULL, &r, w), rc2 = apply(b, NULL, &q, w);
            check(rc == 0 && rc2 == 0, "%s: %s", mine, err_text());
            check(memcmp(x, y, n * sizeof *x) == 0 && r.log_z == q.log_z,
                  "%s equals %s on %u symbols, kind %d: kept %u and %u, log Z %.17g and %.17g", mine, theirs, n, kind,
                  row_count(&r), row_count(&q), r.log_z, q.log_z);
        }
    free(x);
    free(y);
    row_work_free(w);
    chain_free(a);
    chain_free(b);
}

static void test_twins(void)
{
    static const struct {
        const char *mine, *theirs;
    } twins[] = {
        { "h_top_p=0.913", "top_p(0.913, ties=all)" },
        { "h_top_p=0.371", "top_p(0.371, ties=all)" },
        { "l_min_p=0.1", "min_p=0.1" },
        { "l_min_p=0.003", "min_p=0.003" },
        { "l_min_p=0", "min_p=0" },
        { "l_min_p(2, min_keep=3)", "min_p(2, min_keep=3)" },
        { "l_min_p(0.5, min_keep=20)", "min_p(0.5, min_keep=20)" },
        { "l_top_k=1", "top_k=1" },
        { "l_top_k=7", "top_k=7" },
        { "l_top_k=0", "top_k=0" },
        { "l_top_k=100000", "top_k=100000" },
        { "l_top_p=0.9", "top_p=0.9" },
        { "l_top_p=0", "top_p=0" },
        { "l_top_p(0.2, min_keep=5)", "top_p(0.2, min_keep=5)" },
        { "l_temperature=0", "temperature=0" },
        { "l_temperature=0.5", "temperature=0.5" },
        { "l_temperature=1.7", "temperature=1.7" },
        { "l_normalise", "normalise" },
        { "l_quadratic=0.3", "quadratic=0.3" },
        { "l_suppress", "suppress([3, 5, 8])" },
        { "l_typical=0.9", "typical=0.9" },
        { "temperature=0.8 | l_top_k=40 | l_min_p=0.02", "temperature=0.8 | top_k=40 | min_p=0.02" },
        { "loop_top_k=5", "top_k=5" },
        { "v_min_p=0.1", "min_p=0.1" },
        { "v_top_p=0.9", "top_p=0.9" },
        { "v_entropy", "" },
    };
    struct lua_transforms *s = open_script(twins_script);
    check(s != NULL, "the twins: %s", err_text());
    for (size_t i = 0; s && i < sizeof twins / sizeof *twins; i++)
        compare(s, twins[i].mine, twins[i].theirs, false);
    struct chain *c = lua_transforms_chain(s, "l_min_p( min_keep=1 , p=0.50) |l_normalise");
    check(c && strcmp(chain_text(c), "l_min_p=0.5 | l_normalise") == 0, "canonical: %s",
          c ? chain_text(c) : err_text());
    chain_free(c);
    check(!lua_transforms_chain(s, "l_min_p=11") && strstr(err_text(), "want a number in [0, 10]"), "%s", err_text());
    check(!lua_transforms_chain(s, "l_top_k=1.5") && strstr(err_text(), "an integer"), "%s", err_text());
    check(!lua_transforms_chain(s, "l_top_k") && strstr(err_text(), "k"), "a parameter without default: %s",
          err_text());
    check(!lua_transforms_chain(s, "l_topk=3") && strstr(err_text(), "did you mean 'l_top_k'"), "%s", err_text());
    check(!lua_transforms_chain(NULL, "l_top_k=3"), "without the script it is unknown");
    lua_transforms_close(s);
}

/* Hostile and wrong ------------------------------------------------------------------------------------------------------ */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The body on line 2 fails with these words, and a good transform of the same script still works afterwards. */
static void body_fails(const char *body, const char *words)
{
    struct text t = { 0 };
    float x[64], y[64];
    text_addf(&t,
              "local outer, list = 1, { 1, 2, a = 3 }\ntransform { name = 'bad', function(row, p) %s end }\n"
              "transform { name = 'good', function(row) row:keep_rank(2) end }\n",
              body);
    struct lua_transforms *s = open_script(text_s(&t));
    check(s != NULL, "'%.80s': %s", body, err_text());
    struct chain *c = s ? lua_transforms_chain(s, "bad") : NULL, *good = s ? lua_transforms_chain(s, "good") : NULL;
    struct row_work *w = row_work_alloc(64);
    struct row r = row_over(x, 64), q = row_over(y, 64);
    for (int turn = 0; c && good && turn < 2; turn++) { /* twice: a call leaves nothing behind */
        fill(x, 64, 0, 1);
        fill(y, 64, 0, 1);
        double from = seconds();
        int rc = apply(c, NULL, &r, w);
        double took = seconds() - from;
        check(rc == ERR_USAGE, "'%.80s' fails: %d", body, rc);
        check(strncmp(err_text(), "bad: step 3: dir/t.lua:2: ", 26) == 0, "'%.80s': %s", body, err_text());
        check(strstr(err_text(), words) != NULL, "'%.80s': want '%s' in: %s", body, words, err_text());
        check(took < SCRIPT_SECONDS + 3, "'%.80s' took %.1f s", body, took);
        check(apply(good, NULL, &q, w) == 0 && row_count(&q) == 2, "'%.80s': then a good one: %s", body, err_text());
    }
    row_work_free(w);
    chain_free(c);
    chain_free(good);
    lua_transforms_close(s);
    text_free(&t);
}

static void test_hostile(void)
{
    static const struct {
        const char *body, *words;
    } bad[] = {
        { "while true do end", "instructions without an end" },
        { "while true do row:entropy() end", "instructions without an end" },
        { "local v = row:probs() while true do v = v * 2 end", "instructions without an end" },
        { "local function f() return 1 + f() end f()", "" },
        { "local function f() return f() end f()", "instructions without an end" },
        { "local s = 'x' while true do s = s .. s end", "MiB" },
        { "local t = {} for i = 1, 1e9 do t[i] = { i } end", "" },
        { "local t = {} for i = 1, 40 do t[i] = row:probs() end", "more than 32 vectors are held" },
        { "return 1", "returned a number" },
        { "return row", "returned a userdata" },
        { "row.x = 1", "" },
        { "row:scale('a')", "number expected, got string" },
        { "row:scale(-1)", "the factor is not in [0, inf)" },
        { "row:scale(0 / 0)", "nan" },
        { "row:scale()", "number expected, got no value" },
        { "row.scale(3, 1)", "row expected, got number" },
        { "row:nothing()", "nil value (method 'nothing')" },
        { "row:mask { 64 }", "symbol 64, want 0 .. 63" },
        { "row:mask(-1)", "symbol -1, want 0 .. 63" },
        { "row:mask { 1.5 }", "no integer representation" },
        { "row:mask { 'a' }", "number expected, got string" },
        { "row:shift(3, math.huge)", "the shift is not below 1e30" },
        { "row:keep_rank(-3)", "below 0" },
        { "row:keep_mass(0 / 0)", "nan" },
        { "row:keep(row:ranked(3))", "a vector of 3 elements, want 64" },
        { "row:set(row:scores() / 0 * 0)", "nan" },
        { "row:set(row:scores() * 0 + math.huge)", "set: score of symbol 0 is inf" },
        { "row:bend(1e38, 0)", "too large" },
        { "local v = row:probs() + row:ranked(3)", "a vector of" },
        { "local v = row:probs() v[64] = 1", "element 64 of a vector of 0 .. 63" },
        { "local v = row:probs()[-1]", "element -1" },
        { "row:distance(math.huge)", "not finite" },
        { "row:log_power(0)", "(0, inf)" },
        { "row:keep_mass_by(row:scores() / 0 * 0, 0.5)", "is nan" },
        { "outer = outer + 1 kept = 1", "changes what is outside" },
        { "list[1] = 5", "changes what is outside" },
        { "list.a = 5", "changes what is outside" },
        { "table.insert(list, 4)", "changes what is outside" },
        { "table.sort(list, function(a, b) return a > b end)", "changes what is outside" },
        { "string.rep = nil", "changes what is outside" },
        { "model 'zoo:prose'", "declarations are made while the script runs" },
        { "transform { name = 'more', function() end }", "declarations are made while the script runs" },
        { "os.exit(1)", "unknown word 'os'" },
        { "row:scale(p.temp)", "unknown field 'temp'" },
        { "row:scale(experimant)", "unknown word 'experimant'; did you mean 'experiment'?" },
        { "error({})", "error() was given a table" },
        { "error('mine')", "mine" },
        { "local q = {} local x = q.a.b", "nil value (field 'a')" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        body_fails(bad[i].body, bad[i].words);
}

static void refused(const char *source, const char *words)
{
    struct lua_transforms *s = open_script(source);
    check(!s, "'%.80s' is refused", source);
    check(err_code() == ERR_USAGE && strncmp(err_text(), "dir/t.lua:", 10) == 0 && strstr(err_text(), words),
          "'%.80s': want '%s' in: %s", source, words, err_text());
    lua_transforms_close(s);
}

static void test_declarations(void)
{
    refused("transform { function() end }", "'name' is missing");
    refused("transform { name = 'a' }", "its first value is missing");
    refused("transform { name = 'a', 3 }", "its first value is a number, want a function");
    refused("transform { name = 'a b', function() end }", "a name of letters, digits and '_'");
    refused("transform { name = 'top_k', function() end }", "is a built-in transform");
    refused("transform { name = 'a', function() end } transform { name = 'a', function() end }", "a second 'a'");
    refused("transform { name = 'a', params = { 3 }, function() end }", "a parameter is a number");
    refused("transform { name = 'a', params = { 'p', 'p' }, function() end }", "two parameters 'p'");
    refused("transform { name = 'a', params = { p = 'x' }, function() end }", "want its default");
    refused("transform { name = 'a', params = { { 'p', mn = 3 } }, function() end }", "did you mean 'min'");
    refused("transform { name = 'a', params = { { 'p', default = 3, max = 2 } }, function() end }",
            "no number in its range");
    refused("transform { name = 'a', params = { 'a','b','c','d','e','f','g','h','i' }, function() end }", "at most 8");
    refused("transform { name = 'a', state = { 3 }, function() end }", "state is { name = number");
    refused("transform { name = 'a', stat = {}, function() end }", "did you mean 'state'");
    refused("local t = { [type] = 1 } transform { name = 'a', function() return t end }", "a function for a key");
    refused("for i = 1, 65 do transform { name = 'a' .. i, function() end } end", "more than 64");
    struct lua_transforms *s = open_script("x = 1");
    check(s != NULL, "a script without transforms has none: %s", err_text());
    lua_transforms_close(s);
}

/* Purity --------------------------------------------------------------------------------------------------------------- */

static const char memory_script[] =
    "local calls, list, tall = 0, { 1, 2, 3 }, { deep = { 5 } }\n"
    "local function count() calls = calls + 1 return calls end\n"
    "transform { name = 'once', function(row) local n = count() row:keep_rank(n) end }\n"
    "transform { name = 'reads', function(row)\n"
    "  local n = #list for i, x in ipairs(list) do n = n + x end for k, v in pairs(tall) do n = n + v[1] end\n"
    "  row:keep_rank(n + #table.pack(table.unpack(list)) + #string.format('%s', ('x'):rep(2))) end }\n"
    "transform { name = 'counts', state = { n = 2, other = 0.5 }, function(row, p, s)\n"
    "  s.n = s.n + 1 row:keep_rank(s.n // 1 | 0) end }\n"
    "transform { name = 'forgets', state = { n = 2 }, function(row, p, s) s.m = 3 end }\n"
    "transform { name = 'strays', state = { count = 2 }, function(row, p, s) s.count = s.coumt end }\n"
    "transform { name = 'breaks', state = { n = 2 }, function(row, p, s) s.n = 'x' end }\n"
    "transform { name = 'looks', function(row, p)\n"
    "  if row:step() ~= 3 or row:said() ~= 3 or row:said(3) ~= 1 or row:said(4) ~= 8 or row:said(5) ~= 7 or "
    "row:said(6)\n"
    "  then error('history') end\n"
    "  if row:text(3) then error('text') end end }\n";

static uint32_t kept(const struct lua_transforms *s, const char *text, void *state)
{
    float x[64];
    struct chain *c = lua_transforms_chain(s, text);
    struct row_work *w = row_work_alloc(64);
    struct row r = row_over(x, 64);
    fill(x, 64, 0, 1);
    int rc = c ? apply(c, state, &r, w) : -1;
    chain_free(c);
    row_work_free(w);
    return rc == 0 ? row_count(&r) : 0;
}

static void test_purity(void)
{
    struct lua_transforms *s = open_script(memory_script);
    double state[8] = { 0 };
    check(s != NULL, "memory: %s", err_text());
    for (int i = 0; i < 3; i++) {
        check(kept(s, "once", NULL) == 1, "a counter outside of it starts anew each call: %s", err_text());
        check(kept(s, "reads", NULL) == 19, "what is outside can be read: %u, %s", kept(s, "reads", NULL), err_text());
        check(kept(s, "looks", NULL) == 64, "it sees its step and history: %s", err_text());
    }
    struct chain *c = lua_transforms_chain(s, "counts");
    check(c && chain_state_size(c) == 16, "two numbers of state");
    chain_start(c, state);
    check(state[0] == 2 && state[1] == .5, "state begins as declared");
    check(kept(s, "counts", state) == 3 && kept(s, "counts", state) == 4 && state[0] == 4, "state is kept: %s",
          err_text());
    double copy[8];
    memcpy(copy, state, sizeof copy);
    check(kept(s, "counts", state) == 5 && kept(s, "counts", copy) == 5, "a clone goes on as the original");
    check(kept(s, "forgets", state) == 0 && strstr(err_text(), "more names than its 1 declared"), "%s", err_text());
    check(kept(s, "strays", state) == 0 && strstr(err_text(), "unknown field 'coumt'; did you mean 'count'?"), "%s",
          err_text());
    check(kept(s, "breaks", state) == 0 && strstr(err_text(), "state 'n' is a string"), "%s", err_text());
    chain_free(c);
    lua_transforms_close(s);
}

struct crowd {
    const struct chain *chain;
    struct row_work *works[4];
    double log_z[64];
};

static void one_of_crowd(void *ctx, size_t i, size_t worker)
{
    struct crowd *c = ctx;
    float x[1000];
    struct row r = row_over(x, 1000);
    fill(x, 1000, 0, (uint32_t)i);
    c->log_z[i] = apply(c->chain, NULL, &r, c->works[worker]) == 0 ? r.log_z : NAN;
}

/* Several threads at once give what one gives. */
static void test_threads(void)
{
    struct lua_transforms *s = open_script(twins_script);
    struct chain *c = lua_transforms_chain(s, "v_top_p=0.9 | v_temperature=0.7 | l_typical=0.8");
    struct crowd one = { .chain = c }, four = { .chain = c };
    for (int i = 0; i < 4; i++)
        one.works[i] = four.works[i] = row_work_alloc(1000);
    struct threads *t = threads_alloc(4);
    threads_run(t, 64, one_of_crowd, &four);
    for (size_t i = 0; i < 64; i++)
        one_of_crowd(&one, i, 0);
    check(memcmp(one.log_z, four.log_z, sizeof one.log_z) == 0 && !isnan(one.log_z[0]), "four threads and one");
    threads_free(t);
    for (int i = 0; i < 4; i++)
        row_work_free(one.works[i]);
    chain_free(c);
    lua_transforms_close(s);
}

int main(void)
{
    letters_open();
    test_twins();
    test_hostile();
    test_declarations();
    test_purity();
    test_threads();
    letters_close();
    return check_done("lua_transforms");
}
