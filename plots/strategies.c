#include "plots/strategies.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/chain.h"
#include <stdlib.h>
#include <string.h>

const char *const strategies_rows[STRATEGIES_ROWS] = { "peaked", "flat", "two peaks" };

const char *const *strategies_shown(size_t *n)
{
    static const char *const shown[] = {
        "temperature=0.5",
        "temperature=2",
        "dynatemp=0.8",
        "edt=1",
        "quadratic(0.4, curve=2)",
        "skew=0.7",
        "normalise",
        "top_k=4",
        "top_p=0.8",
        "min_p=0.2",
        "top_a=0.5",
        "typical=0.6",
        "epsilon=0.05",
        "eta=0.3",
        "tfs=0.7",
        "top_n_sigma=1",
        "top_h=0.6",
        "p_less",
        "p_less_norm",
        "min_k",
        "ees",
        "diff",
        "xtc(1, threshold=0.1)",
        "xtc(0.5, threshold=0.1, form=expected)",
        "conformal(0.1, entropy=[1.5, 2.5], mass=[0.7, 0.8, 0.9])",
        "repetition_penalty=2",
        "repetition_penalty_norm=1.5",
        "frequency_penalty=0.5",
        "presence_penalty=0.5",
        "no_repeat_ngram=2",
        "prompt_reward=2",
        "dry(0.8, allowed=1)",
        "min_tokens(9, ends=[0])",
        "length_decay(2, 1.5, ends=[0])",
        "mirostat1=1",
        "mirostat2=1",
        "adaptive_p=0.2",
        "loop(8, count=2, ends=[7])",
        "budget(0, '2+4')",
        "bias([0:-1, 5:2])",
        "sequence_bias([1+2:2])",
        "ban([1, 1+0])",
        "allow([1, 3, 5, 7])",
        "suppress([0, 2])",
        "force([0, 1, 2, 3, 4, 5])",
        "green(0.5)",
        "synthid([17, 29, 43, 71])",
    };
    *n = sizeof shown / sizeof shown[0];
    return shown;
}

int strategies_is_of(const char *step, const char *transform)
{
    size_t n = strlen(transform);
    return strncmp(step, transform, n) == 0 && strchr("=(", step[n]) != NULL; /* the end of the text too */
}

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
