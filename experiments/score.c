#include "experiments/score.h"
#include "base/err.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

struct part {
    const struct symbols *symbols;
    int slot;
    size_t done;    /* symbols whose log-probability is known */
    size_t pushed;  /* symbols pushed after the prompt: done + chunk - 1 when rows are wanted */
    uint32_t chunk; /* rows wanted in this round */
    double *logp;   /* (symbols->n,) */
};

struct score {
    struct lm *lm;
    struct part *parts; /* (n,) */
    size_t n;
};

/* The row before symbol i stands at the position of the symbol before it; a prefix without any symbol has one row. */
static int part_push(struct score *s, struct part *p)
{
    size_t left = p->symbols->n - p->done, before = lm_length(s->lm, p->slot);
    p->chunk = (uint32_t)(left < SCORE_CHUNK ? left : SCORE_CHUNK);
    if (before == 0 && p->chunk > 1)
        p->chunk = 1;
    if (p->chunk == 0)
        return 0;
    size_t want = p->done + p->chunk - 1, n = want - p->pushed;
    p->pushed = want;
    return n > 0 ? lm_push(s->lm, p->slot, p->symbols->s + want - n, n, NULL) : 0;
}

static int score_start(struct score *s, const struct prompt *prompt)
{
    int first = lm_fork(s->lm, LM_EMPTY, 0);
    if (first < 0)
        return first;
    struct symbols seen = { 0 };
    int rc = lm_prompt(s->lm, first, prompt, &seen);
    for (size_t i = 0; i < s->n && rc == 0; i++) {
        int slot = lm_fork(s->lm, first, lm_length(s->lm, first));
        s->parts[i].slot = slot;
        rc = slot < 0 ? slot : part_push(s, &s->parts[i]);
    }
    lm_drop(s->lm, first);
    free(seen.s);
    return rc;
}

struct score *score_open(struct lm *lm, const struct prompt *prompt, const struct symbols continuations[], size_t n)
{
    struct score *s = mem_alloc(1, sizeof *s);
    s->lm = lm;
    s->n = n;
    s->parts = mem_alloc(n, sizeof *s->parts);
    for (size_t i = 0; i < n; i++) {
        s->parts[i].symbols = &continuations[i];
        s->parts[i].slot = -1;
        s->parts[i].logp = mem_alloc(continuations[i].n, sizeof(double));
    }
    if (score_start(s, prompt) == 0)
        return s;
    score_close(s);
    return NULL;
}

void score_close(struct score *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        if (s->parts[i].slot >= 0)
            lm_drop(s->lm, s->parts[i].slot);
        free(s->parts[i].logp);
    }
    free(s->parts);
    free(s);
}

static struct want want_of(const struct score *s, const struct part *p)
{
    return (struct want){ .lm = s->lm, .slot = p->slot, .n_rows = p->chunk, .tap = LM_TAP_FINAL };
}

size_t score_want(struct score *s, struct want out[], size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->parts[i].chunk == 0)
            continue;
        assert(n < max);
        out[n++] = want_of(s, &s->parts[i]);
    }
    return n;
}

static int part_feed(struct score *s, struct part *p, const struct score_sink *sink)
{
    struct row rows[SCORE_CHUNK];
    struct want w = want_of(s, p);
    int rc = lm_rows(&w, rows);
    for (uint32_t k = 0; k < p->chunk && rc == 0; k++) {
        struct score_place place = {
            .label = p->symbols->s[p->done + k], .at = p->done + k, .slot = p->slot, .back = p->chunk - 1 - k
        };
        p->logp[place.at] = row_logp(&rows[k], place.label);
        if (sink)
            rc = sink->row(sink->ctx, &rows[k], &place);
    }
    return rc;
}

int score_feed(struct score *s, const struct score_sink *sink)
{
    int rc = 0;
    for (size_t i = 0; i < s->n && rc == 0; i++)
        if (s->parts[i].chunk > 0)
            rc = part_feed(s, &s->parts[i], sink);
    return rc;
}

int score_move(struct score *s)
{
    int rc = 0;
    for (size_t i = 0; i < s->n && rc == 0; i++) {
        s->parts[i].done += s->parts[i].chunk;
        rc = part_push(s, &s->parts[i]);
    }
    return rc;
}

const double *score_logp(const struct score *s, size_t continuation)
{
    return s->parts[continuation].logp;
}

double score_sum(const struct score *s, size_t continuation)
{
    double sum = 0;
    for (size_t i = 0; i < s->parts[continuation].symbols->n; i++)
        sum += s->parts[continuation].logp[i];
    return sum;
}
