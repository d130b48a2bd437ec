#include "experiments/unit_trace.h"
#include <math.h>

#define REPORT_BYTES 16u
#define TOPK_BYTES   20u /* of a row, besides its entries */
#define FULL_BYTES   8u

/* Rows that stand for decisions: one for each step, and the one that left nothing.  A search that keeps none, or lost
 * some, has no trace. */
static size_t rows_of(const struct hyp *h)
{
    size_t want = h->n_steps + (h->end == HYP_DEAD ? 1 : 0);
    return h->trace.n < h->n_steps ? 0 : h->trace.n < want ? h->trace.n : want;
}

static void write_reports(struct text *t, const struct trace *x, size_t n)
{
    for (size_t i = 0; i < n * x->n_chain; i++) {
        const struct chain_report *r = &x->report[i];
        pack_u32(t, r->kept);
        pack_f32(t, (float)r->mass);
        pack_f32(t, (float)r->entropy);
        pack_f32(t, (float)r->divergence);
    }
}

static void write_topk(struct text *t, const struct hyp *h, size_t i)
{
    const struct trace *x = &h->trace;
    pack_f64(t, x->log_z[i]);
    pack_f64(t, x->tail[i]);
    pack_f32(t, i < h->n_steps ? h->steps[i].score : -INFINITY);
    for (size_t k = i * x->width; k < (i + 1) * x->width; k++) {
        pack_u32(t, x->id[k]);
        pack_f32(t, x->score[k]);
    }
}

static void write_full(struct text *t, const struct trace *x, size_t i)
{
    pack_f64(t, x->log_z[i]);
    for (size_t k = i * x->width; k < (i + 1) * x->width; k++)
        pack_f32(t, x->score[k]);
}

void unit_trace_write(struct text *t, const struct hyp *h)
{
    const struct trace *x = &h->trace;
    size_t n = rows_of(h);
    pack_u8(t, (uint8_t)x->level.kind);
    pack_u32(t, (uint32_t)n);
    pack_u32(t, x->n_chain);
    pack_u32(t, x->width);
    write_reports(t, x, n);
    for (size_t i = 0; i < n && x->level.kind == TRACE_TOPK; i++)
        write_topk(t, h, i);
    for (size_t i = 0; i < n && x->level.kind == TRACE_FULL; i++)
        write_full(t, x, i);
}

static void read_reports(struct unpack *u, struct unit_result *r, struct unit_trace *x)
{
    size_t n = x->n * x->n_chain;
    x->kept = unit_block(r, n, sizeof *x->kept);
    x->mass = unit_block(r, n, sizeof *x->mass);
    x->entropy = unit_block(r, n, sizeof *x->entropy);
    x->kl = unit_block(r, n, sizeof *x->kl);
    for (size_t i = 0; i < n; i++) {
        x->kept[i] = unpack_u32(u);
        x->mass[i] = unpack_f32(u);
        x->entropy[i] = unpack_f32(u);
        x->kl[i] = unpack_f32(u);
    }
}

static void read_topk(struct unpack *u, struct unit_result *r, struct unit_trace *x)
{
    x->tail = unit_block(r, x->n, sizeof *x->tail);
    x->chosen = unit_block(r, x->n, sizeof *x->chosen);
    x->id = unit_block(r, x->n * x->width, sizeof *x->id);
    for (size_t i = 0; i < x->n; i++) {
        x->log_z[i] = unpack_f64(u);
        x->tail[i] = unpack_f64(u);
        x->chosen[i] = unpack_f32(u);
        for (size_t k = i * x->width; k < (i + 1) * x->width; k++) {
            x->id[k] = unpack_u32(u);
            x->score[k] = unpack_f32(u);
        }
    }
}

static void read_full(struct unpack *u, struct unit_trace *x)
{
    for (size_t i = 0; i < x->n; i++) {
        x->log_z[i] = unpack_f64(u);
        for (size_t k = i * x->width; k < (i + 1) * x->width; k++)
            x->score[k] = unpack_f32(u);
    }
}

/* Whether what is left of the payload holds it, before anything is allocated.  No product passes 64 bits: all are 32. */
static bool fits(const struct unpack *u, const struct unit_record *h, const struct unit_trace *x)
{
    static const uint64_t row[] = { 0, 0, TOPK_BYTES, FULL_BYTES }, entry[] = { 0, 0, 8, 4 };
    if (x->kind < TRACE_STEPS || x->kind > TRACE_FULL || (x->kind < TRACE_TOPK && x->width > 0))
        return false;
    if (x->n > 0 && x->n != h->n_steps && !(h->end == HYP_DEAD && x->n == h->n_steps + 1))
        return false;
    uint64_t of_row = (uint64_t)x->n_chain * REPORT_BYTES + row[x->kind] + x->width * entry[x->kind];
    return !u->bad && (x->n == 0 || of_row <= (u->n - u->at) / x->n);
}

void unit_trace_read(struct unpack *u, struct unit_result *r, struct unit_record *h)
{
    struct unit_trace x = { .kind = (enum trace_kind)unpack_u8(u) };
    x.n = unpack_u32(u);
    x.n_chain = unpack_u32(u);
    x.width = unpack_u32(u);
    if (!fits(u, h, &x)) {
        u->bad = true;
        return;
    }
    read_reports(u, r, &x);
    x.log_z = unit_block(r, x.kind >= TRACE_TOPK ? x.n : 0, sizeof *x.log_z);
    x.score = unit_block(r, x.n * x.width, sizeof *x.score);
    if (x.kind == TRACE_TOPK)
        read_topk(u, r, &x);
    if (x.kind == TRACE_FULL)
        read_full(u, &x);
    h->trace = x;
}
