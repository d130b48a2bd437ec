#include "decode/dist.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/chain.h"
#include "decode/dist_line.h"
#include "decode/scratch.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Scratch, kept from line to line for as long as their distributions have one size. */
struct dist {
    size_t n_lines;
    struct row_work *work;
    struct space *space; /* n symbols without text */
    float *given;        /* (n,) */
};

struct dist *dist_alloc(void)
{
    return mem_alloc(1, sizeof(struct dist));
}

static void release(struct dist *d)
{
    row_work_free(d->work);
    space_free(d->space);
    free(d->given);
}

void dist_free(struct dist *d)
{
    if (d)
        release(d);
    free(d);
}

static void resize(struct dist *d, uint32_t n)
{
    if (d->work && d->work->n == n)
        return;
    release(d);
    uint64_t *offsets = mem_alloc(n + (size_t)1, sizeof *offsets);
    uint8_t *special = mem_alloc(n, sizeof *special);
    d->work = row_work_alloc(n);
    d->given = mem_alloc(n, sizeof *d->given);
    d->space = space_alloc(SPACE_TOKEN, n, (const uint8_t *)"", offsets, special, NULL, 0);
    free(offsets);
    free(special);
}

static void add_scores(struct text *out, const struct row *r)
{
    for (uint32_t v = 0; v < r->n; v++) {
        text_add(out, v > 0 ? "," : "");
        if (r->score[v] > -INFINITY)
            text_add_real(out, (double)r->score[v]);
        else
            text_add(out, "null");
    }
}

static void add_probs(struct text *out, const struct row *r, double factor)
{
    for (uint32_t v = 0; v < r->n; v++) {
        text_add(out, v > 0 ? "," : "");
        text_add_real(out, math_exp64(row_logp(r, v)) * factor);
    }
}

static void add_steps(struct text *out, const struct chain *c, const struct chain_report report[])
{
    for (size_t i = 0; i < chain_length(c); i++) {
        text_addf(out, "%s{\"name\":\"%s\",\"kept\":%u,\"mass\":", i > 0 ? "," : "", chain_step(c, i)->type->name,
                  report[i].kept);
        text_add_real(out, report[i].mass);
        text_add(out, ",\"entropy\":");
        text_add_real(out, report[i].entropy);
        text_add(out, "}");
    }
}

static void add_draws(struct text *out, const struct row *r, struct rng_address a, uint32_t n)
{
    for (a.draw = 0; a.draw < n && !row_dead(r); a.draw++) {
        struct rng_key key = rng_key(&a);
        text_addf(out, "%s%u", a.draw > 0 ? "," : "", row_draw(r, &key));
    }
}

/* The answer after "{"id":.."; given is lost. */
static void answer(struct text *out, const struct dist_line *l, struct row *given, const struct row *final,
                   const struct chain_report report[])
{
    size_t n = chain_length(l->chain);
    text_add(out, ",\"probs\":[");
    add_probs(out, final, l->unnormalised && n > 0 ? report[n - 1].mass : 1);
    text_addf(out, "],\"kept\":%u,\"mass\":", row_count(final));
    text_add_real(out, chain_mass(given, final, given->score));
    text_add(out, ",\"entropy\":");
    text_add_real(out, row_entropy(final));
    text_add(out, ",\"steps\":[");
    add_steps(out, l->chain, report);
    text_add(out, "],\"logits\":[");
    add_scores(out, final);
    text_add(out, "]");
    if (l->n_draws < 0)
        return;
    text_add(out, ",\"drawn\":[");
    add_draws(out, final, l->address, (uint32_t)l->n_draws);
    text_add(out, "]");
}

static int apply(struct dist *d, struct dist_line *l, struct text *out)
{
    resize(d, l->n);
    struct row given = row_over(d->given, l->n), final = row_over(d->work->spare[SCRATCH_ROW], l->n);
    TRY(chain_bind(l->chain, d->space));
    TRY(dist_line_scores(l, given.score));
    TRY(row_measure(&given));
    row_copy(&final, &given);
    if (!l->has_space)
        l->address.space = d->space->hash;
    struct transform_at at = { .space = d->space,
                               .prompt = l->prompt.s,
                               .n_prompt = l->prompt.n,
                               .made = l->history.s,
                               .n_made = l->history.n,
                               .address = &l->address,
                               .work = d->work };
    void *state = mem_aligned(chain_state_size(l->chain) + 1, 1);
    struct chain_report *report = mem_alloc(chain_length(l->chain), sizeof *report);
    chain_start(l->chain, state);
    int code = chain_apply(l->chain, state, &final, &at, report);
    if (code == 0)
        answer(out, l, &given, &final, report);
    free(state);
    free(report);
    return code;
}

int dist_line(struct dist *d, const char *line, size_t n, struct text *out)
{
    struct dist_line l = { 0 };
    char where[32];
    snprintf(where, sizeof where, "line %zu", ++d->n_lines);
    int code = dist_line_read(&l, where, line, n);
    text_add(out, "{\"id\":");
    text_add(out, text_s(&l.id));
    if (code == 0)
        code = apply(d, &l, out);
    if (code < 0) {
        text_add(out, ",\"error\":");
        text_add_json(out, err_text(), strlen(err_text()));
    }
    text_add(out, "}");
    dist_line_fini(&l);
    return code;
}
