#include "plots/strategies.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/chain.h"
#include <math.h>
#include <stdlib.h>

const char *const strategies_rows[STRATEGIES_ROWS] = { "peaked", "flat", "two peaks" };

/* Best first. */
static void make_row(int kind, float score[STRATEGIES_SYMBOLS])
{
    for (int v = 0; v < STRATEGIES_SYMBOLS; v++) {
        double x = v;
        score[v] = (float)(kind == 0   ? -1.6 * math_log64(1 + x) - .15 * x
                           : kind == 1 ? -.06 * x
                           : v < 2     ? 2 - .1 * x
                                       : -.1 * x);
    }
}

static void probabilities(const struct row *r, double p[STRATEGIES_SYMBOLS])
{
    for (sym_t v = 0; v < STRATEGIES_SYMBOLS; v++)
        p[v] = math_exp64(row_logp(r, v));
}

/* Letters; none ends a text. */
static struct space *letters(void)
{
    static uint8_t bytes[STRATEGIES_SYMBOLS];
    static const uint8_t special[STRATEGIES_SYMBOLS];
    uint64_t offsets[STRATEGIES_SYMBOLS + 1];
    for (int v = 0; v < STRATEGIES_SYMBOLS; v++)
        bytes[v] = (uint8_t)('a' + v);
    for (uint64_t v = 0; v <= STRATEGIES_SYMBOLS; v++)
        offsets[v] = v;
    return space_alloc(SPACE_TOKEN, STRATEGIES_SYMBOLS, bytes, offsets, special, NULL, 0);
}

static int apply_row(const struct chain *c, const struct transform_at *at, int kind, struct strategies_example *out)
{
    float score[STRATEGIES_SYMBOLS];
    struct row r = row_over(score, STRATEGIES_SYMBOLS);
    void *state = mem_aligned(chain_state_size(c) + 1, 1);
    make_row(kind, score);
    int rc = row_measure(&r);
    probabilities(&r, out->given);
    chain_start(c, state);
    rc = rc < 0 ? rc : chain_apply(c, state, &r, at, NULL);
    probabilities(&r, out->left);
    free(state);
    return rc;
}

int strategies_apply(const char *step, struct strategies_example out[])
{
    static const sym_t prompt[] = { 3 }, made[] = { 2, 0, 1, 0, 1 };
    struct space *space = letters();
    struct chain *c = chain_parse(step);
    struct row_work *work = row_work_alloc(STRATEGIES_SYMBOLS);
    const struct rng_address address = { .seed = 1, .purpose = RNG_DRAW };
    const struct transform_at at = { .space = space,
                                     .prompt = prompt,
                                     .n_prompt = sizeof prompt / sizeof *prompt,
                                     .made = made,
                                     .n_made = sizeof made / sizeof *made,
                                     .address = &address,
                                     .work = work };
    int rc = c ? chain_bind(c, space) : err_code();
    for (int kind = 0; kind < STRATEGIES_ROWS && rc == 0; kind++)
        rc = apply_row(c, &at, kind, &out[kind]);
    row_work_free(work);
    chain_free(c);
    space_free(space);
    return rc;
}

double strategies_top(const struct strategies_example *e)
{
    double top = 0;
    for (int v = 0; v < STRATEGIES_SYMBOLS; v++)
        top = fmax(top, fmax(e->given[v], e->left[v]));
    return top;
}
