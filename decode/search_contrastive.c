/* contrastive: of the k most probable symbols, the one whose hidden state is least like those of the text so far.
 *
 *     (1 - alpha) p(v) - alpha max_j cos(h_v, h_j)
 *
 * h_v is the final hidden state after v, h_j those of every symbol of prompt and text.  The k symbols are tried in one
 * batch, and the row after the chosen one comes with its hidden state: one round a symbol. */
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/branch.h"
#include "decode/searches.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TRIED (SEARCH_WANTS / 2) /* two wants a trial */

struct contrastive {
    struct branch branch;
    struct hyp_step trial[MOST_TRIED]; /* (n_trials,) what may come next */
    int slot[MOST_TRIED];              /* (n_slots,) the text and a trial each */
    uint32_t n_trials, n_slots;
    int chosen;   /* the slot that becomes the branch's; -1: none */
    float *unit;  /* (n_unit, width) hidden states of the text, of length 1 */
    float *tried; /* (MOST_TRIED, width) */
    size_t n_unit, cap_unit, cap_tried;
    uint32_t width; /* 0: not known yet */
};

static int contrastive_init(struct search *s)
{
    struct contrastive *p = s->state;
    p->chosen = -1;
    branch_init(&p->branch, s);
    if (!s->args.lm->layered)
        return err_set(ERR_USAGE, "contrastive: '%s' has no hidden state of its own, want a checkpoint",
                       s->args.lm->name);
    return branch_open(&p->branch, s);
}

static struct want hidden_of(const struct search *s, int slot, size_t n)
{
    return (struct want){ .lm = s->args.lm, .slot = slot, .n_rows = (uint32_t)n, .tap = LM_TAP_HIDDEN };
}

/* The prompt's rows first, then every trial's hidden state, and its row where it goes on. */
static int contrastive_want(struct search *s, struct want out[], size_t max)
{
    struct contrastive *p = s->state;
    struct lm *lm = s->args.lm;
    int n = 0;
    assert(max >= 2 * (size_t)p->n_trials + 2);
    if (!branch_goes_on(&p->branch, s))
        return 0;
    if (p->n_trials == 0) {
        out[n++] = branch_want(&p->branch, s);
        if (lm_length(lm, p->branch.slot) > 0)
            out[n++] = hidden_of(s, p->branch.slot, lm_length(lm, p->branch.slot));
    }
    for (uint32_t i = 0; i < p->n_trials; i++) {
        out[n++] = hidden_of(s, p->slot[i], 1);
        if (!space_is_end(lm->space, p->trial[i].symbol))
            out[n++] = (struct want){ lm, p->slot[i], 1, LM_TAP_FINAL };
    }
    return n;
}

/* A hidden state of length 1; a zero one stays zero and is like nothing. */
static void normalise(const struct row *hidden, float out[])
{
    double sum = 0;
    for (uint32_t i = 0; i < hidden->n; i++)
        sum += (double)hidden->score[i] * (double)hidden->score[i];
    double by = sum > 0 ? 1 / sqrt(sum) : 0;
    for (uint32_t i = 0; i < hidden->n; i++)
        out[i] = (float)((double)hidden->score[i] * by);
}

static float *add_unit(struct contrastive *p)
{
    mem_grow(&p->unit, &p->cap_unit, (p->n_unit + 1) * p->width, sizeof *p->unit);
    return p->unit + p->n_unit++ * p->width;
}

static void set_width(struct contrastive *p, uint32_t width)
{
    assert(p->width == 0 || p->width == width);
    p->width = width;
    mem_grow(&p->tried, &p->cap_tried, (size_t)MOST_TRIED * width, sizeof *p->tried);
}

static int read_prompt(struct search *s)
{
    struct contrastive *p = s->state;
    size_t n = lm_length(s->args.lm, p->branch.slot);
    if (n == 0)
        return 0;
    struct want w = hidden_of(s, p->branch.slot, n);
    struct row *rows = mem_alloc(n, sizeof *rows);
    int rc = lm_rows(&w, rows);
    for (size_t i = 0; i < n && rc == 0; i++) {
        set_width(p, rows[i].n);
        normalise(&rows[i], add_unit(p));
    }
    free(rows);
    return rc;
}

static double most_alike(const struct contrastive *p, const float *tried)
{
    double most = p->n_unit > 0 ? -INFINITY : 0;
    for (size_t j = 0; j < p->n_unit; j++) {
        const float *unit = p->unit + j * p->width;
        double sum = 0;
        for (uint32_t i = 0; i < p->width; i++)
            sum += (double)unit[i] * (double)tried[i];
        most = fmax(most, sum);
    }
    return most;
}

/* The best trial, the more probable among equals. */
static int choose(struct search *s, uint32_t *best)
{
    struct contrastive *p = s->state;
    double alpha = s->value[1].number, most = -INFINITY;
    for (uint32_t i = 0; i < p->n_trials; i++) {
        struct want w = hidden_of(s, p->slot[i], 1);
        struct row hidden;
        TRY(lm_rows(&w, &hidden));
        set_width(p, hidden.n);
        float *tried = p->tried + (size_t)i * p->width;
        normalise(&hidden, tried);
        double score = (1 - alpha) * math_exp64((double)p->trial[i].logp_final) - alpha * most_alike(p, tried);
        *best = score > most ? i : *best;
        most = fmax(most, score);
    }
    memcpy(add_unit(p), p->tried + (size_t)*best * p->width, p->width * sizeof *p->unit);
    return 0;
}

/* The next trials, from the row after the text. */
static void set_trials(struct search *s, struct row_work *work, const struct row *given, const struct row *final)
{
    struct contrastive *p = s->state;
    sym_t id[MOST_TRIED];
    double logp[MOST_TRIED];
    if (row_dead(final)) {
        p->branch.hyp.end = HYP_DEAD;
        return;
    }
    p->n_trials = row_top(final, (uint32_t)s->value[0].number, work, id, logp);
    struct hyp_step step = hyp_decide(given, final, id[0], work);
    for (uint32_t i = 0; i < p->n_trials; i++) {
        step.symbol = id[i];
        step.logp = (float)row_logp(given, id[i]);
        step.logp_final = (float)logp[i];
        p->trial[i] = step;
    }
}

static int contrastive_feed(struct search *s, struct row_work *work)
{
    struct contrastive *p = s->state;
    struct want w = branch_want(&p->branch, s);
    struct row given, final;
    uint32_t best = 0;
    if (p->n_trials == 0) {
        TRY(read_prompt(s));
    } else {
        TRY(choose(s, &best));
        p->chosen = (int)best;
        w.slot = p->slot[best];
        branch_take(&p->branch, s, NULL, &p->trial[best]);
    }
    if (p->branch.hyp.end != HYP_OPEN)
        return 0;
    TRY(lm_rows(&w, &given));
    TRY(branch_apply(&p->branch, s, work, &given, &final));
    set_trials(s, work, &given, &final);
    return 0;
}

/* The chosen trial's slot becomes the branch's; the others go. */
static void settle(struct search *s)
{
    struct contrastive *p = s->state;
    for (uint32_t i = 0; i < p->n_slots; i++)
        if ((int)i != p->chosen)
            lm_drop(s->args.lm, p->slot[i]);
    if (p->chosen >= 0) {
        branch_drop(&p->branch, s);
        p->branch.slot = p->slot[p->chosen];
    }
    p->n_slots = 0;
    p->chosen = -1;
}

static int contrastive_move(struct search *s)
{
    struct contrastive *p = s->state;
    struct lm *lm = s->args.lm;
    settle(s);
    if (p->branch.hyp.end != HYP_OPEN || lm_room(lm, p->branch.slot) == 0)
        return 0;
    for (uint32_t i = 0; i < p->n_trials; i++) {
        int slot = lm_fork(lm, p->branch.slot, lm_length(lm, p->branch.slot));
        TRY(slot);
        p->slot[p->n_slots++] = slot;
        TRY(lm_push(lm, slot, &p->trial[i].symbol, 1, &p->trial[i].trace));
    }
    return 0;
}

static const struct hyp *contrastive_hyps(const struct search *s, size_t *n)
{
    const struct contrastive *p = s->state;
    *n = 1;
    return &p->branch.hyp;
}

static void contrastive_fini(struct search *s)
{
    struct contrastive *p = s->state;
    p->chosen = -1;
    settle(s);
    branch_fini(&p->branch, s);
    free(p->unit);
    free(p->tried);
}

static const struct param params[] = {
    { .name = "k", .kind = PARAM_INT, .min = 1, .max = MOST_TRIED - 1, .value = 4, .meaning = "symbols tried" },
    { .name = "alpha",
      .kind = PARAM_REAL,
      .min = 0,
      .max = 1,
      .value = 0.6,
      .meaning = "weight of being unlike the text so far; 0 is greedy" },
};

const struct search_type search_contrastive = {
    .name = "contrastive",
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .meaning = "of the k most probable symbols the one whose hidden state is least like those before it",
    .source = "Su et al. 2022, arXiv 2202.06417; k = 4, alpha = 0.6",
    .defers = true,
    .random = false,
    .hidden = true,
    .check = search_any,
    .size = sizeof(struct contrastive),
    .init = contrastive_init,
    .want = contrastive_want,
    .feed = contrastive_feed,
    .move = contrastive_move,
    .hyps = contrastive_hyps,
    .fini = contrastive_fini,
};
