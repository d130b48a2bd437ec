/* Cases of block B that are no chain of ours: B18 (what is not finite), B21 (guidance: a pool of two rows), B22 (an end that
 * is likely enough: a transform of a script).  B23 is in test_conformance_history.c, B24's means of g-values are in
 * test_green.c. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/lua_transforms.h"
#include "tests/lib/check.h"
#include "tests/lib/pools.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Hugging Face writes 0 for nan and the largest float for inf; here both are errors that name the symbol, and -inf is a
 * mask. */
static void b18(void)
{
    float nan_of[] = { 0, .7f, .8f, NAN }, inf_of[] = { .1f, INFINITY, .3f, -INFINITY },
          fine[] = { .1f, 2, .3f, -INFINITY };
    struct row r = row_over(nan_of, 4);
    check(row_measure(&r) < 0 && strstr(err_text(), "score of symbol 3 is nan"), "B18 nan: %s", err_text());
    r = row_over(inf_of, 4);
    check(row_measure(&r) < 0 && strstr(err_text(), "score of symbol 1 is inf"), "B18 inf: %s", err_text());
    r = row_over(fine, 4);
    check(row_measure(&r) == 0 && row_count(&r) == 3, "B18 -inf");
}

static void guided(const char *rule, const double want[3])
{
    float u[] = { 1, 0, 1.5f }, c[] = { 1, 1, 1 }, score[3];
    struct row rows[2] = { row_over(c, 3), row_over(u, 3) }, out = row_over(score, 3);
    struct pool pool = pools_parsed(rule);
    double w[2] = { 1, 1 };
    check(row_measure(&rows[0]) == 0 && row_measure(&rows[1]) == 0 && pool_weights(&pool, w, 2) == 0, "%s", err_text());
    pool_apply(&pool, &out, rows, w, 2);
    for (sym_t v = 0; v < 3; v++) /* they give scores that are not normalised */
        check_near(row_logp(&out, v) - row_logp(&out, 0), want[v] - want[0], 2e-6, "B21 %s: symbol %u", rule, v);
    pool_fini(&pool);
}

static void b21(void)
{
    guided("cfg(1.5)", (double[]){ -1.095853, -.595853, -1.345853 });
    guided("cfg(2.5)", (double[]){ 1, 2.5, .25 }); /* Dia: c + 1.5 (c - u) */
}

static const char script[] = "transform { name = 'end_when_likely', params = { 'p' }, function(row, p)\n"
                             "  local probs, kept = row:probs(), row:scores()\n"
                             "  if probs[2] < p.p then return end\n"
                             "  for v = 0, #row - 1 do kept[v] = v == 2 and 1 or 0 end\n"
                             "  row:keep(kept) end }\n";

static void ends(const struct chain *chain, float score[4], uint32_t left)
{
    struct row_work *w = row_work_alloc(4);
    struct transform_at at = { .work = w };
    struct row r = row_over(score, 4);
    void *state = mem_aligned(chain_state_size(chain) + 1, 1);
    chain_start(chain, state);
    check(row_measure(&r) == 0 && chain_apply(chain, state, &r, &at, NULL) == 0, "B22: %s", err_text());
    check(row_count(&r) == left && (left > 1 || row_argmax(&r) == 2), "B22: %u are left, want %u", row_count(&r), left);
    free(state);
    row_work_free(w);
}

static void b22(void)
{
    struct text source = { 0 };
    text_add(&source, script);
    struct lua_transforms *lua = lua_transforms_open("B22", &source, NULL, 0);
    struct chain *chain = lua ? lua_transforms_chain(lua, "end_when_likely=0.1") : NULL;
    check(chain != NULL, "B22: %s", err_text());
    if (chain) {
        ends(chain, (float[]){ .25f, .25f, -6, .25f }, 4);
        ends(chain, (float[]){ .25f, .25f, .25f, .25f }, 1);
    }
    chain_free(chain);
    lua_transforms_close(lua);
    text_free(&source);
}

int main(void)
{
    b18();
    b21();
    b22();
    return check_done("conformance_rest");
}
