/* speculative: plain sampling in fewer passes of the lm.
 *
 * A draft proposes up to `ahead` symbols; the lm looks at all of them in one pass.  rule:
 *
 *     equal      (default) the lm draws each symbol with its own addressed noise and goes on while that is what was
 *                proposed: the text is that of sample, byte for byte, whatever the draft.  A draft lm proposes with the
 *                same noise, so that close distributions mostly propose what will be drawn.
 *     rejection  Leviathan's: a proposal x drawn from q is taken with probability min(1, p(x) / q(x)), and where it is not,
 *                the symbol is drawn from max(p - q, 0): texts of the same distribution, but not those of sample.
 *
 * p and q are the chain's distributions of lm and draft.  draft=lookup proposes what followed the last time (q is 1 there). */
#include "base/err.h"
#include "decode/draft.h"
#include "decode/draw.h"
#include "decode/scratch.h"
#include "decode/searches.h"
#include <assert.h>
#include <math.h>

enum { AHEAD, DRAFT, NGRAM, RULE, N_PARAMS };
enum { RULE_EQUAL, RULE_REJECTION };
enum { DRAFT_LM, DRAFT_LOOKUP };

struct speculative {
    struct branch text; /* its slot also holds what is proposed while that is looked at */
    struct draft draft;
    bool rejects;
    bool verify;       /* the lm is wanted, else the draft */
    uint32_t n_pushed; /* proposals in the lm's slot: all but an end symbol */
    size_t n_before;   /* symbols of the text before this round */
    size_t n_prompt;   /* symbols of the prompt in the lm's slot */
};

static int rule_of(const struct spec_value value[])
{
    static const char *const names[] = { "equal", "rejection" };
    return search_word(&value[RULE], "rule", names, 2);
}

static int draft_of(const struct spec_value value[])
{
    static const char *const names[] = { "lm", "lookup" };
    return search_word(&value[DRAFT], "draft", names, 2);
}

static int speculative_check(const struct spec_value value[])
{
    TRY(rule_of(value));
    return draft_of(value) < 0 ? ERR_USAGE : 0;
}

static enum search_drafts speculative_drafts(const struct spec_value value[])
{
    if (!value[DRAFT].text)
        return SEARCH_DRAFTS_ANY;
    return draft_of(value) == DRAFT_LM ? SEARCH_DRAFTS_LM : SEARCH_DRAFTS_LOOKUP;
}

/* The equal rule draws as sample does; what the rejection rule takes depends on the draft too. */
static bool speculative_walks(const struct spec_value value[], struct draw *out)
{
    *out = (struct draw){ .type = draw_find("gumbel") };
    return rule_of(value) == RULE_EQUAL;
}

/* The next round: proposals as far as the lm's context goes, the last symbol being its own. */
static void begin(struct search *s)
{
    struct speculative *p = s->state;
    size_t room = lm_room(s->args.lm, p->text.slot);
    uint32_t ahead = (uint32_t)s->value[AHEAD].number;
    ahead = room == 0 ? 0 : room - 1 < ahead ? (uint32_t)(room - 1) : ahead;
    draft_begin(&p->draft, s, &p->text, ahead);
    p->verify = false;
}

static int start_verify(struct search *s)
{
    struct speculative *p = s->state;
    const struct draft *d = &p->draft;
    bool ends = d->n > 0 && space_is_end(s->args.lm->space, d->proposed[d->n - 1]);
    p->verify = true;
    p->n_pushed = d->n - ends;
    p->n_before = p->text.made.n;
    return lm_push(s->args.lm, p->text.slot, d->proposed, p->n_pushed, NULL);
}

static int speculative_init(struct search *s)
{
    struct speculative *p = s->state;
    bool has_lm = s->args.draft != NULL;
    p->rejects = rule_of(s->value) == RULE_REJECTION;
    p->draft.noise = p->rejects ? DRAFT_OWN : DRAFT_COMMON;
    p->draft.ngram = (uint32_t)s->value[NGRAM].number;
    branch_init(&p->text, s);
    bool wants_lm = s->value[DRAFT].text && draft_of(s->value) == DRAFT_LM;
    bool looks_up = s->value[DRAFT].text && draft_of(s->value) == DRAFT_LOOKUP;
    p->draft.lm = looks_up ? NULL : s->args.draft;
    TRY(draft_init(&p->draft, s));
    if (wants_lm && !has_lm)
        return err_set(ERR_USAGE, "speculative: draft=lm, but no draft lm is given; draft=lookup needs none");
    TRY(branch_open(&p->text, s));
    p->n_prompt = lm_length(s->args.lm, p->text.slot);
    begin(s);
    return draft_ready(&p->draft) ? start_verify(s) : 0;
}

static struct want want_of(const struct search *s)
{
    const struct speculative *p = s->state;
    return (struct want){ s->args.lm, p->text.slot, p->n_pushed + 1, LM_TAP_FINAL };
}

static int speculative_want(struct search *s, struct want out[], size_t max)
{
    struct speculative *p = s->state;
    assert(max > 0);
    if (p->text.hyp.end != HYP_OPEN)
        return 0;
    if (p->n_pushed == 0 && !branch_goes_on(&p->text, s))
        return 0;
    out[0] = p->verify ? want_of(s) : draft_want(&p->draft);
    return 1;
}

/* The symbol of proposal j under the rejection rule; beyond the proposals one of p. */
static sym_t accept(struct search *s, const struct row *final, uint32_t j, struct row_work *work)
{
    struct speculative *p = s->state;
    struct rng_address a = branch_address(&p->text, s);
    struct rng_key draw = rng_key(&a);
    if (j >= p->draft.n)
        return row_draw(final, &draw);
    struct row rest = row_over(work->spare[SCRATCH_STEP], final->n);
    return draw_proposed(final, p->draft.lm ? &p->draft.row[j] : NULL, p->draft.proposed[j], &a, &rest);
}

/* Draws from the lm's rows as far as the proposals hold, and one symbol more. */
static int verify(struct search *s, struct row_work *work)
{
    struct speculative *p = s->state;
    struct row rows[DRAFT_MOST + 1], final;
    struct want w = want_of(s);
    struct hyp *h = &p->text.hyp;
    bool holds = true;
    h->proposed += p->draft.n;
    h->passes++;
    TRY(lm_rows(&w, rows));
    for (uint32_t j = 0; j <= p->n_pushed && holds && h->end == HYP_OPEN; j++) {
        TRY(branch_apply(&p->text, s, work, &rows[j], &final));
        if (row_dead(&final)) {
            h->end = HYP_DEAD;
            return 0;
        }
        struct rng_address a = branch_address(&p->text, s);
        struct rng_key key = rng_key(&a);
        sym_t v = p->rejects ? accept(s, &final, j, work) : row_draw(&final, &key);
        struct hyp_step step = hyp_decide(&rows[j], &final, v, work);
        TRY(lm_trace(s->args.lm, p->text.slot, p->n_pushed - j, v, &step.trace));
        holds = j < p->draft.n && v == p->draft.proposed[j];
        h->accepted += holds;
        branch_take(&p->text, s, work, &step);
    }
    return 0;
}

static int speculative_feed(struct search *s, struct row_work *work)
{
    struct speculative *p = s->state;
    return p->verify ? verify(s, work) : draft_feed(&p->draft, s, work);
}

/* The symbol that was not proposed; verify() has its trace.  At most one. */
static int push_last(const struct speculative *p, struct lm *lm)
{
    size_t n = p->text.made.n;
    return n > p->n_before ? lm_push(lm, p->text.slot, &p->text.made.s[n - 1], 1, NULL) : 0;
}

/* The lm's slot names the text again. */
static int settle(struct search *s)
{
    struct speculative *p = s->state;
    struct lm *lm = s->args.lm;
    size_t n = p->text.made.n;
    if (p->n_pushed == 0)
        return push_last(p, lm);
    size_t held = n - p->n_before < p->n_pushed ? n - p->n_before : p->n_pushed;
    held = n > p->n_before && p->text.made.s[p->n_before + held - 1] != p->draft.proposed[held - 1] ? held - 1 : held;
    int next = lm_fork(lm, p->text.slot, p->n_prompt + p->n_before + held);
    TRY(next);
    lm_drop(lm, p->text.slot);
    p->text.slot = next;
    p->n_pushed = 0;
    p->n_before += held;
    return push_last(p, lm);
}

static int speculative_move(struct search *s)
{
    struct speculative *p = s->state;
    if (p->verify) {
        TRY(settle(s));
        if (p->text.hyp.end != HYP_OPEN)
            return 0;
        TRY(draft_settle(&p->draft, &p->text));
        begin(s);
    } else {
        TRY(draft_move(&p->draft));
    }
    return draft_ready(&p->draft) ? start_verify(s) : 0;
}

static const struct hyp *speculative_hyps(const struct search *s, size_t *n)
{
    const struct speculative *p = s->state;
    *n = 1;
    return &p->text.hyp;
}

static void speculative_fini(struct search *s)
{
    struct speculative *p = s->state;
    draft_fini(&p->draft, s);
    branch_fini(&p->text, s);
}

static const struct param params[] = {
    [AHEAD] = { .name = "ahead",
                .kind = PARAM_INT,
                .min = 1,
                .max = DRAFT_MOST,
                .value = 4,
                .meaning = "symbols proposed a round, at most" },
    [DRAFT] = { .name = "draft",
                .kind = PARAM_TEXT,
                .meaning = "lm or lookup; default: the draft lm where one is given, else lookup" },
    [NGRAM] = { .name = "ngram",
                .kind = PARAM_INT,
                .min = 1,
                .max = 64,
                .value = 3,
                .meaning = "lookup: the longest repetition that is looked for, in symbols" },
    [RULE] = { .name = "rule", .kind = PARAM_TEXT, .meaning = "equal (default: the text of sample) or rejection" },
};

const struct search_type search_speculative = {
    .name = "speculative",
    .params = params,
    .n_params = N_PARAMS,
    .meaning = "the text of sample in fewer passes: a draft proposes, the lm draws with its own noise while both agree",
    .source = "Leviathan et al. 2023, arXiv 2211.17192 (rejection); look-up: Saxena 2023",
    .random = true,
    .check = speculative_check,
    .drafts = speculative_drafts,
    .walks = speculative_walks,
    .size = sizeof(struct speculative),
    .init = speculative_init,
    .want = speculative_want,
    .feed = speculative_feed,
    .move = speculative_move,
    .hyps = speculative_hyps,
    .fini = speculative_fini,
};
