/* A seam probe: speculative decoding with the target's own noise, as a search of its own on the present seams.
 *
 * A draft proposes k symbols with the noise that the target will use at those steps; the target looks at all k + 1
 * positions in one want of k + 1 rows and goes on drawing with its own noise while what it draws is what was proposed.
 * What comes out is plain sampling, byte for byte, whatever the draft. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/scratch.h"
#include "decode/search.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_AHEAD = 8 };

struct speculative {
    int target, draft; /* slots */
    sym_t proposed[MAX_AHEAD];
    size_t n_proposed, n_pushed; /* n_pushed: proposals the target's slot holds (all but an end symbol) */
    bool verify;                 /* the target is wanted, else the draft */
    struct symbols made;         /* what was accepted, then what is proposed */
    size_t n_made;               /* accepted */
    void *state, *ahead;         /* of the chain: accepted; clone that goes ahead with the draft */
    struct hyp hyp;
};

static uint64_t target_rounds;

static int speculative_init(struct search *s)
{
    struct speculative *p = s->state;
    size_t size = chain_state_size(s->args.chain) + 1;
    p->target = p->draft = -1;
    p->state = mem_aligned(size, 1);
    p->ahead = mem_aligned(size, 1);
    chain_start(s->args.chain, p->state);
    chain_start(s->args.chain, p->ahead);
    TRY(p->target = lm_fork(s->args.lm, LM_EMPTY, 0));
    TRY(p->draft = lm_fork(s->args.draft, LM_EMPTY, 0));
    TRY(lm_prompt(s->args.lm, p->target, s->args.prompt, &s->prompt));
    return lm_prompt(s->args.draft, p->draft, s->args.prompt, NULL);
}

static struct want want_of(const struct search *s)
{
    const struct speculative *p = s->state;
    return p->verify ? (struct want){ s->args.lm, p->target, (uint32_t)p->n_pushed + 1, LM_TAP_FINAL }
                     : (struct want){ s->args.draft, p->draft, 1, LM_TAP_FINAL };
}

static int speculative_want(struct search *s, struct want out[], size_t max)
{
    const struct speculative *p = s->state;
    (void)max;
    if (p->hyp.end != HYP_OPEN)
        return 0;
    target_rounds += p->verify;
    out[0] = want_of(s);
    return 1;
}

/* The symbol that the noise of step n_made chooses from a row under the chain. */
static int choose(struct search *s, void *state, const struct row *given, size_t n_made, struct row_work *work,
                  struct hyp_step *step)
{
    const struct speculative *p = s->state;
    struct rng_address a = s->args.address;
    struct row final = row_over(work->spare[SCRATCH_ROW], given->n);
    struct transform_at at = { .space = s->args.lm->space,
                               .prompt = s->prompt.s,
                               .n_prompt = s->prompt.n,
                               .made = p->made.s,
                               .n_made = n_made,
                               .address = &a,
                               .work = work };
    a.space = s->args.lm->space->hash;
    a.step = (uint32_t)n_made;
    a.purpose = RNG_DRAW;
    row_copy(&final, given);
    TRY(chain_apply(s->args.chain, state, &final, &at, NULL));
    struct rng_key key = rng_key(&a);
    *step = hyp_decide(given, &final, row_draw(&final, &key), work);
    chain_accept(s->args.chain, state,
                 &(struct transform_choice){ .symbol = step->symbol, .logp = (double)step->logp_final, .at = &at });
    return 0;
}

static int propose(struct search *s, const struct row *row, struct row_work *work)
{
    struct speculative *p = s->state;
    struct hyp_step step;
    TRY(choose(s, p->ahead, row, p->made.n, work, &step));
    p->proposed[p->n_proposed++] = step.symbol;
    symbols_add(&p->made, &step.symbol, 1);
    return 0;
}

/* Draws with the target's rows as far as the proposals hold, and one symbol more. */
static int verify(struct search *s, const struct row rows[], struct row_work *work)
{
    struct speculative *p = s->state;
    bool holds = true;
    for (size_t j = 0; j <= p->n_pushed && holds && p->hyp.end == HYP_OPEN; j++) {
        struct hyp_step step;
        TRY(choose(s, p->state, &rows[j], p->n_made, work, &step));
        holds = j < p->n_proposed && step.symbol == p->proposed[j];
        p->made.n = holds ? p->made.n : p->n_made;
        if (!holds)
            symbols_add(&p->made, &step.symbol, 1);
        p->n_made++;
        hyp_add(&p->hyp, s->args.lm->space, &step);
        stop_check(s->args.stop, s->args.lm->space, &p->hyp);
    }
    return 0;
}

static int speculative_feed(struct search *s, struct row_work *work)
{
    const struct speculative *p = s->state;
    struct want w = want_of(s);
    struct row rows[MAX_AHEAD + 1];
    TRY(lm_rows(&w, rows));
    return p->verify ? verify(s, rows, work) : propose(s, rows, work);
}

/* Makes a slot name the prompt and all that was accepted. */
static int settle(struct lm *lm, int *slot, size_t n_prompt, const struct speculative *p)
{
    size_t keep = n_prompt + p->n_made - 1;
    size_t held = lm_length(lm, *slot);
    int next = lm_fork(lm, *slot, held < keep ? held : keep);
    TRY(next);
    lm_drop(lm, *slot);
    *slot = next;
    size_t from = (held < keep ? held : keep) - n_prompt;
    return lm_push(lm, *slot, p->made.s + from, p->n_made - from, NULL);
}

static int speculative_move(struct search *s)
{
    struct speculative *p = s->state;
    const struct space *space = s->args.lm->space;
    if (!p->verify) {
        const sym_t *last = &p->proposed[p->n_proposed - 1];
        bool ends = space_is_end(space, *last);
        TRY(lm_push(s->args.draft, p->draft, last, 1, NULL));
        p->n_pushed += !ends;
        p->verify = ends || p->n_proposed == (size_t)s->value[0].number;
        return p->verify ? lm_push(s->args.lm, p->target, p->proposed, p->n_pushed, NULL) : 0;
    }
    TRY(settle(s->args.lm, &p->target, s->prompt.n, p));
    TRY(settle(s->args.draft, &p->draft, s->prompt.n, p));
    p->made.n = p->n_made;
    p->n_proposed = p->n_pushed = 0;
    p->verify = false;
    memcpy(p->ahead, p->state, chain_state_size(s->args.chain));
    return 0;
}

static const struct hyp *speculative_hyps(const struct search *s, size_t *n)
{
    const struct speculative *p = s->state;
    *n = 1;
    return &p->hyp;
}

static void speculative_fini(struct search *s)
{
    struct speculative *p = s->state;
    if (p->target >= 0)
        lm_drop(s->args.lm, p->target);
    if (p->draft >= 0)
        lm_drop(s->args.draft, p->draft);
    hyp_fini(&p->hyp);
    free(p->made.s);
    free(p->state);
    free(p->ahead);
}

static const struct param params[] = { { .name = "ahead",
                                         .kind = PARAM_INT,
                                         .min = 1,
                                         .max = MAX_AHEAD,
                                         .value = 3,
                                         .meaning = "symbols proposed a round" } };
static const struct search_type type = { .name = "speculative",
                                         .params = params,
                                         .n_params = 1,
                                         .meaning = "a draft proposes",
                                         .source = "Leviathan et al. 2023",
                                         .random = true,
                                         .check = search_any,
                                         .size = sizeof(struct speculative),
                                         .init = speculative_init,
                                         .want = speculative_want,
                                         .feed = speculative_feed,
                                         .move = speculative_move,
                                         .hyps = speculative_hyps,
                                         .fini = speculative_fini };

static void run(struct search *s, struct core *core, struct row_work *work)
{
    struct want w;
    check(s != NULL, "it opens: %s", err_text());
    while (s && search_want(s, &w, 1) > 0)
        check(core_run(core, &w, 1) == 0 && search_feed(s, work) == 0 && search_move(s) == 0, "%s", err_text());
}

/* Passes of the target for `draws` hypotheses under a draft; every one equals plain sampling's. */
static uint64_t compare(struct lm *target, struct lm *draft, const char *chain_text, const char *name, size_t *n_steps)
{
    const struct search_type *const types[] = { &type };
    const struct prompt_field field = { "text", "ab" };
    const struct prompt prompts[2] = { { .fields = &field, .n_fields = 1 }, { .n_fields = 0 } };
    const char *const strings[] = { "cab" };
    const struct stop stops[2] = { { .max_symbols = 0 }, { .strings = strings, .n_strings = 1, .max_symbols = 7 } };
    struct chain *c = chain_parse(chain_text);
    struct core *core = core_alloc();
    struct row_work *work = row_work_alloc(target->space->n);
    target_rounds = *n_steps = 0;
    for (uint32_t d = 0; d < 60; d++) {
        struct search_args args = { .lm = target,
                                    .chain = c,
                                    .stop = &stops[d % 2],
                                    .prompt = &prompts[d / 2 % 2],
                                    .draft = draft,
                                    .address = { .seed = 3, .item = 8, .draw = d } };
        struct search *plain = search_open("sample", &args), *fast = search_open_types(name, &args, types, 1);
        run(plain, core, work);
        run(fast, core, work);
        size_t n;
        const struct hyp *a = search_hyps(plain, &n), *b = search_hyps(fast, &n);
        check(a->n_steps == b->n_steps && memcmp(a->steps, b->steps, a->n_steps * sizeof *a->steps) == 0 &&
                  a->end == b->end && strcmp(text_s(&a->text), text_s(&b->text)) == 0,
              "%s under '%s', draw %u: '%s' (%s), want '%s' (%s)", name, chain_text, d, text_s(&b->text),
              hyp_end_name(b->end), text_s(&a->text), hyp_end_name(a->end));
        *n_steps += a->n_steps;
        search_close(plain);
        search_close(fast);
    }
    row_work_free(work);
    core_free(core);
    chain_free(c);
    return target_rounds;
}

int main(void)
{
    struct table_options o = { .n = 4, .max_length = 12, .seed = 41, .sharpness = 1 }, other = o;
    other.seed = 42;
    struct lm *target = table_open(&o), *twin = table_open(&o), *stranger = table_open(&other);
    static const char *const chains[] = { "", "temperature=0.7 | top_p=0.9", "presence_penalty=1 | min_p=0.1" };
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        size_t n_steps;
        uint64_t with_twin = compare(target, twin, chains[i], "speculative(3)", &n_steps);
        check(with_twin * 3 < n_steps * 2, "a perfect draft saves passes: %llu for %zu symbols",
              (unsigned long long)with_twin, n_steps);
        uint64_t with_stranger = compare(target, stranger, chains[i], "speculative(8)", &n_steps);
        check(with_stranger <= n_steps && with_stranger > with_twin,
              "a strange draft never costs a pass more: %llu for %zu", (unsigned long long)with_stranger, n_steps);
    }
    check(lm_fork(target, LM_EMPTY, 0) == 0, "all slots were dropped");
    lm_free(target);
    lm_free(twin);
    lm_free(stranger);
    return check_done("probe_speculative");
}
