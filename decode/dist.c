#include "decode/dist.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/chain.h"
#include "decode/dist_explain.h"
#include "decode/dist_line.h"
#include "decode/draw.h"
#include "decode/scratch.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Scratch, kept from line to line for as long as their distributions have one size. */
struct dist {
    size_t n_lines;
    struct dist_options options;
    struct row_work *work;
    struct space *space; /* n symbols without text */
    float *given;        /* (n,) */
    float *draft;        /* (n,) */
};

struct dist *dist_alloc(void)
{
    return mem_alloc(1, sizeof(struct dist));
}

void dist_set(struct dist *d, const struct dist_options *o)
{
    d->options = *o;
}

static void release(struct dist *d)
{
    row_work_free(d->work);
    space_free(d->space);
    free(d->given);
    free(d->draft);
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
    d->draft = mem_alloc(n, sizeof *d->draft);
    d->space = space_alloc(SPACE_TOKEN, n, (const uint8_t *)"", offsets, special, NULL, 0);
    free(offsets);
    free(special);
}

static void add_scores(struct text *out, const struct row *r)
{
    for (uint32_t v = 0; v < r->n; v++) {
        text_add(out, v > 0 ? "," : "");
        text_add_json_real(out, (double)r->score[v]);
    }
}

static void add_probs(struct text *out, const struct row *r, double factor)
{
    for (uint32_t v = 0; v < r->n; v++) {
        text_add(out, v > 0 ? "," : "");
        text_add_real(out, math_exp64(row_logp(r, v)) * factor);
    }
}

/* The step's canonical text, as JSON. */
static void add_step(struct text *out, const struct transform *t)
{
    struct text step = { 0 };
    spec_canonical(&step, t->type->name, t->type->params, t->type->n_params, t->value);
    text_add_json(out, text_s(&step), step.len);
    text_free(&step);
}

static void add_steps(struct text *out, const struct chain *c, const struct chain_report report[])
{
    for (size_t i = 0; i < chain_length(c); i++) {
        const struct transform *t = chain_step(c, i);
        text_addf(out, "%s{\"name\":\"%s\",\"step\":", i > 0 ? "," : "", t->type->name);
        add_step(out, t);
        text_addf(out, ",\"kept\":%u,\"mass\":", report[i].kept);
        text_add_real(out, report[i].mass);
        text_add(out, ",\"entropy\":");
        text_add_real(out, report[i].entropy);
        text_add(out, ",\"divergence\":");
        text_add_real(out, report[i].divergence);
        text_add(out, "}");
    }
}

/* A draw of a row without support is null. */
static void add_drawn(struct text *out, const int64_t drawn[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        text_add(out, i > 0 ? "," : "");
        if (drawn[i] < 0)
            text_add(out, "null");
        else
            text_addf(out, "%u", (unsigned)drawn[i]);
    }
}

/* What the rejection rule says of a proposal. */
static void add_rule(struct text *out, const struct dist_told *told)
{
    const struct dist_line *l = told->line;
    struct row rest = row_over(told->work->spare[SCRATCH_STEP], l->n);
    text_add(out, ",\"accept\":");
    text_add_real(out, draw_accepts(told->final, told->draft, (sym_t)l->proposed));
    draw_residual(told->final, told->draft, (sym_t)l->proposed, &rest);
    text_add(out, ",\"residual\":[");
    add_probs(out, &rest, 1);
    text_add(out, "]");
}

/* The answer after "{"id":..". */
static void answer(struct text *out, const struct dist_told *told)
{
    const struct dist_line *l = told->line;
    size_t n = chain_length(l->chain);
    text_add(out, ",\"probs\":[");
    add_probs(out, told->final, l->unnormalised && n > 0 ? told->report[n - 1].mass : 1);
    text_addf(out, "],\"kept\":%u,\"mass\":", row_count(told->final));
    text_add_real(out, told->mass);
    text_add(out, ",\"entropy\":");
    text_add_real(out, row_entropy(told->final));
    text_add(out, ",\"steps\":[");
    add_steps(out, l->chain, told->report);
    text_add(out, "],\"logits\":[");
    add_scores(out, told->final);
    text_add(out, "]");
    if (l->proposed >= 0 && !row_dead(told->final))
        add_rule(out, told);
    if (l->n_draws < 0)
        return;
    text_add(out, ",\"drawn\":[");
    add_drawn(out, told->drawn, row_dead(told->final) && !chain_random(l->chain) ? 0 : (size_t)l->n_draws);
    text_add(out, "]");
}

/* One row on its way through a line's chain. */
struct passage {
    struct row given, final, draft; /* draft: of score NULL where there is none */
    struct transform_at at;
    void *state;
    struct chain_report *report;
};

static int pass(const struct dist_line *l, struct passage *p)
{
    row_copy(&p->final, &p->given);
    chain_start(l->chain, p->state);
    return chain_apply(l->chain, p->state, &p->final, &p->at, p->report);
}

/* One draw of what the chain left, or what a proposal becomes. */
static sym_t draw_one(const struct dist_line *l, const struct passage *p)
{
    struct row rest = row_over(p->at.work->spare[SCRATCH_STEP], l->n);
    struct rng_key key = rng_key(&l->address);
    return l->proposed < 0
               ? row_draw(&p->final, &key)
               : draw_proposed(&p->final, p->draft.score ? &p->draft : NULL, (sym_t)l->proposed, &l->address, &rest);
}

/* Draw i at its own address; a step that draws by itself decides anew for each, as it does for each draw of `sample`. */
static int draw(struct dist_line *l, struct passage *p, int64_t drawn[])
{
    int rc = 0;
    for (l->address.draw = 0; rc == 0 && (int64_t)l->address.draw < l->n_draws; l->address.draw++) {
        if (l->address.draw > 0 && chain_random(l->chain))
            rc = pass(l, p);
        drawn[l->address.draw] = rc < 0 || row_dead(&p->final) ? -1 : (int64_t)draw_one(l, p);
    }
    l->address.draw = 0;
    return rc == 0 && l->n_draws > 1 && chain_random(l->chain) ? pass(l, p) : rc;
}

/* The draft's row, where the line has one. */
static int measure_draft(struct dist *d, const struct dist_line *l, struct row *draft)
{
    if (!l->draft.list)
        return 0;
    *draft = row_over(d->draft, l->n);
    TRY(dist_line_draft(l, draft->score));
    TRY(row_measure(draft));
    return draft->score[l->proposed] == -INFINITY
               ? err_set(ERR_DATA, "%s: 'draft' gives what it proposes, symbol %lld, no probability", l->where,
                         (long long)l->proposed)
               : 0;
}

static int apply(struct dist *d, struct dist_line *l, dist_tell *tell, struct text *out)
{
    resize(d, l->n);
    struct passage p = { .given = row_over(d->given, l->n), .final = row_over(d->work->spare[SCRATCH_ROW], l->n) };
    TRY(chain_bind(l->chain, d->space));
    TRY(dist_line_scores(l, p.given.score));
    TRY(row_measure(&p.given));
    TRY(measure_draft(d, l, &p.draft));
    if (!l->has_space)
        l->address.space = d->space->hash;
    p.at = (struct transform_at){ .space = d->space,
                                  .prompt = l->prompt.s,
                                  .n_prompt = l->prompt.n,
                                  .made = l->history.s,
                                  .n_made = l->history.n,
                                  .address = &l->address,
                                  .work = d->work };
    p.state = mem_aligned(chain_state_size(l->chain) + 1, 1);
    p.report = mem_alloc(chain_length(l->chain), sizeof *p.report);
    int64_t *drawn = mem_alloc(l->n_draws > 0 ? (size_t)l->n_draws : 1, sizeof *drawn);
    int code = pass(l, &p);
    if (code == 0)
        code = draw(l, &p, drawn);
    if (code == 0) {
        double mass = chain_mass(&p.given, &p.final, d->work->spare[SCRATCH_BEFORE]);
        tell(out, &(struct dist_told){ l, &p.given, &p.final, p.draft.score ? &p.draft : NULL, p.report, mass, d->work,
                                       drawn });
    }
    free(p.state);
    free(p.report);
    free(drawn);
    return code;
}

int dist_line(struct dist *d, const char *line, size_t n, struct text *out)
{
    char where[32];
    struct dist_line l = { .where = where };
    snprintf(where, sizeof where, "line %zu", ++d->n_lines);
    int code = dist_line_read(&l, &d->options, line, n);
    text_add(out, "{\"id\":");
    text_add(out, text_s(&l.id));
    if (code == 0)
        code = apply(d, &l, answer, out);
    if (code < 0) {
        text_add(out, ",\"error\":");
        text_add_json(out, err_text(), strlen(err_text()));
    }
    text_add(out, "}");
    dist_line_fini(&l);
    return code;
}

void dist_skip(struct dist *d)
{
    d->n_lines++;
}

int dist_explain(struct dist *d, const char *line, size_t n, struct text *out)
{
    char where[32];
    struct dist_line l = { .where = where };
    snprintf(where, sizeof where, "line %zu", ++d->n_lines);
    int code = dist_line_read(&l, &d->options, line, n);
    text_add_shown(out, text_s(&l.id), l.id.len);
    text_add(out, ": ");
    if (code == 0)
        code = apply(d, &l, dist_explain_told, out);
    if (code < 0) {
        text_add(out, "error: ");
        text_add_shown(out, err_text(), strlen(err_text()));
        text_add(out, "\n");
    }
    dist_line_fini(&l);
    return code;
}
