/* Transforms of a script in plans and runs: their hash tells what their outcome depends on; a unit whose transform fails is
 * named, and the run goes on. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "experiments/lua_transforms.h"
#include "experiments/run.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lua_transforms *open_with(const char *source, const char *const sets[], size_t n)
{
    struct text t = { 0 };
    text_add(&t, source);
    struct lua_transforms *s = lua_transforms_open("dir/t.lua", &t, sets, n);
    text_free(&t);
    return s;
}

/* Hashes --------------------------------------------------------------------------------------------------------------- */

static void hash(const char *source, const char *set, char out[65])
{
    const char *const sets[] = { set };
    struct lua_transforms *s = open_with(source, sets, set ? 1 : 0);
    struct chain *c = s ? lua_transforms_chain(s, "top_k=3 | a") : NULL;
    json_t *step = json_object(), *code;
    if (c)
        lua_transforms_code(s, chain_text(c), step);
    code = json_object_get(step, "transforms");
    const char *hex = json_string_value(json_object_get(code, "a"));
    check(hex && json_object_size(code) == 1, "'%.60s': a hash: %s", source, err_text());
    snprintf(out, 65, "%s", hex ? hex : "");
    json_decref(step);
    chain_free(c);
    lua_transforms_close(s);
}

static void same(bool wanted, const char *x, const char *y)
{
    char a[65], b[65];
    hash(x, NULL, a);
    hash(y, NULL, b);
    check((strcmp(a, b) == 0) == wanted, "'%s' and '%s' have %s hash", x, y, wanted ? "one" : "another");
}

static void test_hashes(void)
{
    char a[65], b[65];
    same(true, "transform { name = 'a', function(row) row:keep_rank(3) end }",
         "experiment_name = 1\ntransform { name = 'a', function(row) row:keep_rank(3) end }");
    same(false, "transform { name = 'a', function(row) row:keep_rank(3) end }",
         "transform { name = 'a', function(row) row:keep_rank(4) end }");
    same(false, "local k = 3\ntransform { name = 'a', function(row) row:keep_rank(k) end }",
         "local k = 4\ntransform { name = 'a', function(row) row:keep_rank(k) end }");
    same(false, "local k = { 3, x = { 1 } }\ntransform { name = 'a', function(row) row:keep_rank(k[1]) end }",
         "local k = { 3, x = { 2 } }\ntransform { name = 'a', function(row) row:keep_rank(k[1]) end }");
    same(false, "local function f() return 3 end\ntransform { name = 'a', function(row) row:keep_rank(f()) end }",
         "local function f() return 2 end\ntransform { name = 'a', function(row) row:keep_rank(f()) end }");
    same(false, "k = 3\ntransform { name = 'a', function(row) row:keep_rank(k) end }",
         "k = 4\ntransform { name = 'a', function(row) row:keep_rank(k) end }");
    same(false, "k = 3 function f() return k end\ntransform { name = 'a', function(row) row:keep_rank(f()) end }",
         "k = 4 function f() return k end\ntransform { name = 'a', function(row) row:keep_rank(f()) end }");
    same(true, "k = 3\ntransform { name = 'a', function(row) row:keep_rank(2) end }",
         "k = 4\ntransform { name = 'a', function(row) row:keep_rank(2) end }");
    same(false, "string.three = function() return 3 end\ntransform { name = 'a', function(row) string.three() end }",
         "string.three = function() return 4 end\ntransform { name = 'a', function(row) string.three() end }");
    same(false, "transform { name = 'a', params = { p = 1 }, function(row, p) row:scale(p.p) end }",
         "transform { name = 'a', params = { p = 2 }, function(row, p) row:scale(p.p) end }");
    same(false, "transform { name = 'a', state = { p = 1 }, function(row, p, s) row:scale(s.p) end }",
         "transform { name = 'a', state = { p = 2 }, function(row, p, s) row:scale(s.p) end }");
    same(false, "local t = {} t.t = t t[1] = 1\ntransform { name = 'a', function(row) row:scale(t.t.t[1]) end }",
         "local t = {} t.t = t t[1] = 2\ntransform { name = 'a', function(row) row:scale(t.t.t[1]) end }");
    hash("transform { name = 'a', function(row) row:keep_rank(arg.k) end }", "k=3", a);
    hash("transform { name = 'a', function(row) row:keep_rank(arg.k) end }", "k=4", b);
    check(strcmp(a, b) != 0, "what --set gives counts where it is used");
    hash("transform { name = 'a', function(row) row:keep_rank(3) end }", "k=3", a);
    hash("transform { name = 'a', function(row) row:keep_rank(3) end }", "k=4", b);
    check(strcmp(a, b) == 0, "and nowhere else");
}

/* Runs ----------------------------------------------------------------------------------------------------------------- */

static char script_of_run[2048];

static const char *run_script(const char *body, const char *chains)
{
    snprintf(
        script_of_run, sizeof script_of_run,
        "transform { name = 'mine', params = { 'k' }, function(row, p)\n%s\nend }\n"
        "experiment { name = 'lua', draws = 2, limit = { symbols = 6 }, evalsets = 'DIR/gen',\n"
        "  arms = grid { lm = model 'table:n=6,length=6,seed=2', chain = { %s } }, creativity = { 'distinct_1' } }\n",
        body, chains);
    return script_of_run;
}

/* The plan's journal key changes with the function, and what is left of a run goes on from the script in the plan. */
static void test_run(void)
{
    struct run_outcome out;
    struct run_options o = { .threads = 2 };
    char folder[300];
    snprintf(folder, sizeof folder, "%s", letters_path("lua-run"));
    struct plan *p = letters_plan(run_script("row:keep_rank(p.k // 1 | 0)", "'mine=2', 'top_k=2'"), NULL);
    check(p != NULL, "a plan: %s", err_text());
    check(p && json_object_size(json_object_get(p->what, "transforms")) == 1, "it names the transform");
    check(p && p->arms[0].transforms && !p->arms[1].transforms, "and the arm that uses it");
    check(p && run_execute(p, folder, &o, &out) == 0, "it runs: %s", err_text());
    plan_free(p);
    p = letters_plan(run_script("row:keep_rank(p.k // 1 | 0) ", "'mine=2', 'top_k=2'"), NULL);
    check(p && run_execute(p, folder, &o, &out) == ERR_USAGE && strstr(err_text(), "has changed"),
          "another function is another plan: %s", err_text());
    plan_free(p);
    p = letters_plan(run_script("row:keep_rank(p.k // 1 | 0)", "'mine=2', 'top_k=2', 'mine=3'"), NULL);
    o.extend = true;
    check(p && run_execute(p, folder, &o, &out) == 0, "an arm more extends it: %s", err_text());
    plan_free(p);
    p = letters_plan(run_script("if row:step() == 2 then local x = p.nope.x end", "'top_k=2', 'mine=2'"), NULL);
    o.extend = false;
    check(p && run_execute(p, letters_path("lua-fails"), &o, &out) == ERR_SOME, "units fail: %s", err_text());
    check(strstr(err_text(), "unit (") && strstr(err_text(), "mine: step 2: letters.lua:2: ") &&
              strstr(err_text(), "table:n=6,length=6,seed=2: mine=2"),
          "with arm, item, step and line: %s", err_text());
    check(out.compacted && out.results.failed > 0 && out.results.failed < out.results.units,
          "and the run goes on: %llu of %llu failed", (unsigned long long)out.results.failed,
          (unsigned long long)out.results.units);
    plan_free(p);
}

/* A stored script that gives another function than the plan says is refused. */
static void test_stored(void)
{
    struct plan *p = letters_plan(run_script("row:keep_rank(2)", "'mine=2'"), NULL);
    struct lua_transforms *s = NULL;
    check(p && lua_transforms_load(p->doc, "plan.json", &s) == 0 && s, "from the plan: %s", err_text());
    lua_transforms_close(s);
    json_t *from = p ? json_object_get(p->doc, "from") : NULL;
    const char *script = json_string_value(json_object_get(from, "script"));
    char *other = mem_string(script ? script : ""), *at = strstr(other, "keep_rank(2)");
    check(at != NULL, "the plan has the script");
    if (at)
        at[10] = '3';
    json_object_set_new(from, "script", json_string(other));
    check(p && lua_transforms_load(p->doc, "plan.json", &s) == ERR_DATA && !s &&
              strstr(err_text(), "transform 'mine' is"),
          "another text: %s", err_text());
    free(other);
    plan_free(p);
    p = letters_plan("transform { name = 'mine', function(row) row:keep_rank(2) end }\n"
                     "local a = model 'table:n=6,length=6,seed=2'\n"
                     "experiment { name = 'v', draws = 2, limit = { symbols = 4 }, evalsets = 'DIR/gen',\n"
                     "  arms = { lm = ensemble { voice { a, chain = 'mine' }, voice { a } } } }\n",
                     NULL);
    check(p && json_object_get(p->what, "transforms"), "a voice may use one: %s", err_text());
    struct run_options o = { .threads = 1 };
    struct run_outcome out;
    check(p && run_execute(p, letters_path("lua-voice"), &o, &out) == 0, "and runs: %s", err_text());
    plan_free(p);
}

int main(void)
{
    letters_open();
    test_hashes();
    test_run();
    test_stored();
    letters_close();
    return check_done("lua_transforms_run");
}
