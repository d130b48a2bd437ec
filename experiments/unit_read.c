#include "base/err.h"
#include "base/mem.h"
#include "experiments/unit_trace.h"
#include <math.h>
#include <stdlib.h>

#define KEY_BYTES 16u

static struct unit_key read_key(struct unpack *u)
{
    struct unit_key key;
    key.a = unpack_u64(u);
    key.b = unpack_u64(u);
    return key;
}

static struct unit_head read_head(struct unpack *u)
{
    struct unit_head h = { .frame = (enum unit_frame)unpack_u8(u) };
    h.key = read_key(u);
    h.texts = u->s + u->at;
    if (h.frame == UNIT_RESULT) {
        h.n_texts = unpack_count(u, KEY_BYTES);
        h.texts = u->s + u->at;
        u->at += h.n_texts * KEY_BYTES;
    }
    u->bad |= h.frame < UNIT_RESULT || h.frame > UNIT_SESSION;
    return h;
}

bool unit_head(const void *head, size_t n, struct unit_head *out)
{
    struct unpack u = unpack_over(head, n);
    *out = read_head(&u);
    return !u.bad;
}

struct unit_key unit_head_text(const struct unit_head *h, size_t i)
{
    struct unpack u = unpack_over(h->texts + i * KEY_BYTES, KEY_BYTES);
    return read_key(&u);
}

bool unit_judged(const void *payload, size_t n, double *nll, uint32_t *n_symbols)
{
    struct unpack u = unpack_over(payload, n);
    struct unit_head h = read_head(&u);
    *nll = unpack_f64(&u);
    *n_symbols = unpack_u32(&u);
    return h.frame == UNIT_JUDGED && unpack_done(&u);
}

bool unit_message(const void *payload, size_t n, const char **message, size_t *n_message)
{
    struct unpack u = unpack_over(payload, n);
    struct unit_head h = read_head(&u);
    *message = unpack_bytes(&u, n_message);
    return (h.frame == UNIT_FAILED || h.frame == UNIT_FIT || h.frame == UNIT_SESSION) && unpack_done(&u);
}

/* The decoded arrays. */
struct memory {
    void **blocks;
    size_t n, cap;
};

void *unit_block(struct unit_result *r, size_t n, size_t size)
{
    struct memory *m = r->memory;
    mem_grow(&m->blocks, &m->cap, m->n + 1, sizeof *m->blocks);
    return m->blocks[m->n++] = mem_alloc(n, size);
}

#define STEP_BYTES     28u /* of a step of a hypothesis in a payload */
#define SCORED_BYTES   8u  /* of a symbol of a text */
#define ENSEMBLE_BYTES 20u /* and of a step of an ensemble, */
#define VOICE_BYTES    12u /* of each voice in it */

/* Whether as many steps of that many voices can be in what is left. */
static bool steps_fit(const struct unpack *u, const struct unit_record *h, uint32_t step_bytes)
{
    uint64_t each = h->n_voices > 0 ? step_bytes + ENSEMBLE_BYTES + VOICE_BYTES * h->n_voices : step_bytes;
    return h->n_voices <= LM_MAX_VOICES && h->n_steps * each <= u->n - u->at;
}

static void columns_alloc(struct unit_result *r, struct unit_record *h)
{
    float **const steps[] = { &h->logp,         &h->logp_final,   &h->entropy, &h->entropy_final, &h->mass,
                              &h->data_entropy, &h->disagreement, &h->epkl,    &h->rmi,           &h->agreement };
    float **const voices[] = { &h->voice_logp, &h->voice_share, &h->voice_weight };
    h->symbol = unit_block(r, h->n_steps, sizeof *h->symbol);
    h->kept = unit_block(r, h->n_steps, sizeof *h->kept);
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
        *steps[k] = unit_block(r, h->n_steps, sizeof(float));
    for (size_t k = 0; k < sizeof voices / sizeof *voices; k++)
        *voices[k] = unit_block(r, h->n_steps * h->n_voices, sizeof(float));
}

/* What the voices said, of every step. */
static void read_traces(struct unpack *u, struct unit_record *h)
{
    for (size_t i = 0; i < h->n_steps; i++) {
        float *const to[] = { &h->data_entropy[i], &h->disagreement[i], &h->epkl[i], &h->rmi[i], &h->agreement[i] };
        for (size_t k = 0; k < sizeof to / sizeof *to; k++)
            *to[k] = h->n_voices > 0 ? unpack_f32(u) : NAN;
        for (size_t k = i * h->n_voices; k < (i + 1) * h->n_voices; k++) {
            h->voice_logp[k] = unpack_f32(u);
            h->voice_share[k] = unpack_f32(u);
            h->voice_weight[k] = unpack_f32(u);
        }
    }
}

static void read_hyp(struct unpack *u, struct unit_result *r, struct unit_record *h)
{
    h->end = (enum hyp_end)unpack_u8(u);
    h->log_weight = unpack_f64(u);
    h->text = unpack_bytes(u, &h->n_text);
    h->n_steps = unpack_count(u, STEP_BYTES);
    h->n_voices = unpack_u32(u);
    u->bad |= h->end > HYP_DEAD || !steps_fit(u, h, STEP_BYTES);
    if (u->bad)
        h->n_steps = h->n_voices = 0;
    columns_alloc(r, h);
    for (size_t i = 0; i < h->n_steps; i++) {
        h->symbol[i] = unpack_u32(u);
        h->kept[i] = unpack_u32(u);
        float *const to[] = { &h->logp[i], &h->logp_final[i], &h->entropy[i], &h->entropy_final[i], &h->mass[i] };
        for (size_t k = 0; k < sizeof to / sizeof *to; k++)
            *to[k] = unpack_f32(u);
    }
    read_traces(u, h);
}

static void read_draft(struct unpack *u, struct unit_record *h)
{
    h->proposed = unpack_u32(u);
    h->accepted = unpack_u32(u);
    h->passes = unpack_u32(u);
    u->bad |= h->accepted > h->proposed || h->accepted > h->n_steps;
}

static void read_text(struct unpack *u, struct unit_result *r)
{
    r->n_records = 1;
    struct unit_record *h = r->records = unit_block(r, 1, sizeof *r->records);
    h->text = "";
    h->n_steps = unpack_count(u, SCORED_BYTES);
    h->n_voices = unpack_u32(u);
    u->bad |= !steps_fit(u, h, SCORED_BYTES);
    if (u->bad)
        h->n_steps = h->n_voices = 0;
    columns_alloc(r, h);
    for (size_t i = 0; i < h->n_steps; i++) {
        h->symbol[i] = unpack_u32(u);
        h->logp[i] = h->logp_final[i] = unpack_f32(u);
        h->entropy[i] = h->entropy_final[i] = h->mass[i] = NAN;
    }
    read_traces(u, h);
}

static void read_choices(struct unpack *u, struct unit_result *r)
{
    r->n_choices = unpack_count(u, 12);
    double *logp = unit_block(r, r->n_choices, sizeof *logp);
    uint32_t *symbols = unit_block(r, r->n_choices, sizeof *symbols);
    for (size_t i = 0; i < r->n_choices; i++) {
        logp[i] = unpack_f64(u);
        symbols[i] = unpack_u32(u);
    }
    r->choice_logp = logp;
    r->choice_symbols = symbols;
    /* one record that has no text, so that every unit has one */
    r->n_records = 1;
    r->records = unit_block(r, 1, sizeof *r->records);
    r->records[0].text = "";
}

int unit_decode(const void *payload, size_t n, struct unit_result *out)
{
    struct unpack u = unpack_over(payload, n);
    *out = (struct unit_result){ .memory = mem_alloc(1, sizeof(struct memory)) };
    struct unit_head h = read_head(&u);
    bool ours = h.frame == UNIT_RESULT;
    out->key = h.key;
    unsigned kind = unpack_u8(&u), flags = kind & (UNIT_TRACED | UNIT_DRAFTED);
    bool traced = flags & UNIT_TRACED, drafted = flags & UNIT_DRAFTED;
    out->kind = (enum item_kind)(kind == (ITEM_GENERATE | flags) ? ITEM_GENERATE : kind);
    out->n_prompt = unpack_count(&u, 4);
    uint32_t *prompt = unit_block(out, out->n_prompt, sizeof *prompt);
    for (size_t i = 0; i < out->n_prompt; i++)
        prompt[i] = unpack_u32(&u);
    out->prompt = prompt;
    switch (out->kind) {
    case ITEM_GENERATE:
        out->n_records = unpack_count(&u, 21);
        out->records = unit_block(out, out->n_records, sizeof *out->records);
        for (size_t i = 0; i < out->n_records; i++) {
            read_hyp(&u, out, &out->records[i]);
            if (drafted)
                read_draft(&u, &out->records[i]);
            if (traced)
                unit_trace_read(&u, out, &out->records[i]);
        }
        break;
    case ITEM_CHOICE: read_choices(&u, out); break;
    case ITEM_TEXT: read_text(&u, out); break;
    default: ours = false;
    }
    if (ours && unpack_done(&u))
        return 0;
    unit_fini(out);
    return err_set(ERR_DAMAGED, "a journal frame passed its checksum but holds no result");
}

void unit_fini(struct unit_result *r)
{
    struct memory *m = r->memory;
    for (size_t i = 0; m && i < m->n; i++)
        free(m->blocks[i]);
    if (m)
        free(m->blocks);
    free(m);
    *r = (struct unit_result){ 0 };
}
