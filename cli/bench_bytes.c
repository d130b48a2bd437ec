#include "cli/bench_bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "cli/opened.h"
#include "ensemble/bytes.h"
#include "ensemble/ensemble.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TURNS = 12, BYTES_A_TURN = 24, WARM = 32, FORMS = 7, LONGEST = 400 };

/* How the voices are read; the first: as tokens. */
static const struct form {
    double lazy;
    uint32_t ahead;
} forms[FORMS] = { { 0, 0 }, { 0, 0 }, { 0, 8 }, { 1e-4, 0 }, { 1e-4, 8 }, { 1e-2, 0 }, { 1e-2, 8 } };

/* The voices, and another of the first one's vocabulary for the pool of tokens where the second has its own. */
struct duet {
    struct opened opened[3];
    size_t n_open;
};

struct reader {
    const struct form *form;
    struct lm *bytes[2], *pool; /* bytes: NULL of tokens */
    int slot;                   /* -1: none yet */
    size_t n_slot;              /* symbols since the prompt */
    uint32_t texts, draws;      /* begun, made */
    double n_bytes, n_steps, seconds;
    bool processor;
};

static double now(const struct reader *r)
{
    struct timespec t;
    if (!r->processor)
        return clock_seconds();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int begin_text(struct reader *r)
{
    char text[64];
    const struct prompt_field f = { "text", text };
    snprintf(text, sizeof text, "Once upon a time, %u years ago,", r->texts++);
    if (r->slot >= 0)
        lm_drop(r->pool, r->slot);
    r->n_slot = 0;
    r->slot = lm_fork(r->pool, LM_EMPTY, 0);
    TRY(r->slot);
    struct symbols seen = { 0 };
    int rc = lm_prompt(r->pool, r->slot, &(struct prompt){ .fields = &f, .n_fields = 1 }, &seen);
    free(seen.s);
    return rc;
}

/* One symbol; each form and text has noise of its own, or the row store would answer for the model. */
static int step(struct reader *r, struct core *core)
{
    struct want w = { r->pool, r->slot, 1, LM_TAP_FINAL };
    struct rng_address at = { .seed = (uint64_t)(r->form - forms), .step = r->draws++, .purpose = RNG_DRAW };
    struct lm_trace trace;
    struct row row;
    size_t n;
    TRY(core_run(core, &w, 1));
    TRY(lm_rows(&w, &row));
    if (row_dead(&row))
        return begin_text(r);
    struct rng_key key = rng_key(&at);
    sym_t s = row_draw(&row, &key);
    TRY(lm_push(r->pool, r->slot, &s, 1, &trace));
    space_text(r->pool->space, s, &n);
    r->n_bytes += (double)n;
    r->n_steps++;
    return space_is_end(r->pool->space, s) || ++r->n_slot >= LONGEST ? begin_text(r) : 0;
}

static int draw_bytes(struct reader *r, struct core *core, double n)
{
    double until = r->n_bytes + n, from = now(r);
    while (r->n_bytes < until)
        TRY(step(r, core));
    r->seconds += now(r) - from;
    return 0;
}

static int open_reader(struct reader *r, const struct form *form, struct duet *d)
{
    struct voice v[2] = { { .lm = NULL } };
    *r = (struct reader){ .form = form, .slot = -1 };
    r->processor = threads_count(d->opened[0].threads) == 1;
    for (size_t k = 0; k < 2; k++) {
        struct bytes_options o = { .vocab = d->opened[k].checkpoint->vocab, .lazy = form->lazy, .ahead = form->ahead };
        v[k].lm = d->opened[k == 1 && form == forms ? d->n_open - 1 : k].lm;
        if (form == forms)
            continue;
        v[k].lm = r->bytes[k] = bytes_open(d->opened[k].lm, &o);
        if (!v[k].lm)
            return err_code();
    }
    r->pool = ensemble_open(v, NULL, 2, "linear");
    return r->pool ? begin_text(r) : err_code();
}

static void close_reader(struct reader *r)
{
    lm_free(r->pool);
    for (size_t k = 0; k < 2; k++)
        lm_free(r->bytes[k]);
}

static void print_reader(const struct args *a, const struct reader *r, double tokens)
{
    double one = r->seconds / r->n_bytes, states = 0, batches = 0;
    for (size_t k = 0; k < 2; k++) {
        struct bytes_counts c = r->bytes[k] ? bytes_counts(r->bytes[k]) : (struct bytes_counts){ .rows = 1 };
        states += (r->bytes[k] ? (double)c.states / (double)c.rows : r->n_steps / r->n_bytes) / 2;
        batches += (r->bytes[k] ? (double)c.batches / (double)c.rows : r->n_steps / r->n_bytes) / 2;
    }
    const char *of = r->bytes[0] ? "bytes" : "tokens";
    if (a->json)
        printf("{\"what\":\"bytes\",\"of\":\"%s\",\"lazy\":%g,\"ahead\":%u,\"us_per_byte\":%.1f,\"speed\":%.3f,"
               "\"states_per_byte\":%.3f,\"batches_per_byte\":%.3f}\n",
               of, r->form->lazy, r->form->ahead, one * 1e6, tokens / one, states, batches);
    else
        printf("%-6s lazy %-6g ahead %2u: %8.1f us a byte, %.3f of the speed of tokens, %.3f states and %.3f batches a "
               "byte of a voice\n",
               of, r->form->lazy, r->form->ahead, one * 1e6, tokens / one, states, batches);
    fflush(stdout);
}

static int run_readers(const struct args *a, struct duet *d)
{
    struct reader r[FORMS] = { { 0 } };
    int rc = 0;
    for (size_t i = 0; i < FORMS && rc == 0; i++)
        rc = open_reader(&r[i], &forms[i], d);
    for (size_t i = 0; i < FORMS && rc == 0; i++) {
        rc = draw_bytes(&r[i], d->opened[0].core, WARM);
        r[i].seconds = r[i].n_bytes = r[i].n_steps = 0;
    }
    for (int turn = 0; turn < TURNS && rc == 0; turn++)
        for (size_t i = 0; i < FORMS && rc == 0; i++)
            rc = draw_bytes(&r[i], d->opened[0].core, BYTES_A_TURN);
    for (size_t i = 0; i < FORMS && rc == 0; i++)
        print_reader(a, &r[i], r[0].seconds / r[0].n_bytes);
    for (size_t i = 0; i < FORMS; i++)
        close_reader(&r[i]);
    return rc;
}

int bench_bytes(const struct args *a)
{
    static const char *const names[] = { "zoo:prose", "zoo:verse" };
    struct duet d = { .n_open = 0 };
    int rc = a->n_operands == 0 || a->n_operands == 2 || a->n_operands == 3
                 ? 0
                 : err_set(ERR_USAGE,
                           "bench --bytes: %zu checkpoints, want 2, 3 (tokens of the first and the third), or none for "
                           "bundled ones",
                           a->n_operands);
    for (size_t k = 0; k < (a->n_operands == 3 ? 3 : 2) && rc == 0; k++) {
        rc = opened_open(&d.opened[k], a->n_operands > 0 ? a->operand[k] : names[k], a, d.opened[0].device);
        d.n_open += rc == 0;
    }
    if (rc == 0)
        rc = run_readers(a, &d);
    while (d.n_open > 0)
        opened_close(&d.opened[--d.n_open]);
    return rc;
}
