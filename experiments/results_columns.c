#include "experiments/results_columns.h"
#include "base/mem.h"
#include "experiments/keymap.h"
#include <stdlib.h>

/* What a record adds to a column: n elements. */
struct stretch {
    const void *data;
    size_t n;
};

#define NUMBER(field)                                                                                                  \
    static struct stretch field##_of(const struct results_row *r)                                                      \
    {                                                                                                                  \
        return (struct stretch){ &r->field, 1 };                                                                       \
    }
NUMBER(arm)
NUMBER(item)
NUMBER(draw)
NUMBER(end)
NUMBER(n_symbols)
NUMBER(n_voices)
NUMBER(prompt)
NUMBER(log_weight)
NUMBER(nll)
NUMBER(judge_nll)
NUMBER(reward)
#undef NUMBER

#define STEPS(column)                                                                                                  \
    static struct stretch column##_of(const struct results_row *r)                                                     \
    {                                                                                                                  \
        return (struct stretch){ r->record->column, r->record->n_steps };                                              \
    }
STEPS(symbol)
STEPS(kept)
STEPS(logp)
STEPS(logp_final)
STEPS(entropy)
STEPS(entropy_final)
STEPS(mass)
STEPS(data_entropy)
STEPS(disagreement)
STEPS(epkl)
STEPS(rmi)
STEPS(agreement)
#undef STEPS

static struct stretch text_of(const struct results_row *r)
{
    return (struct stretch){ r->record->text, r->record->n_text };
}

#define VOICES(column)                                                                                                 \
    static struct stretch column##_of(const struct results_row *r)                                                     \
    {                                                                                                                  \
        return (struct stretch){ r->record->column, r->record->n_steps * r->record->n_voices };                        \
    }
VOICES(voice_logp)
VOICES(voice_share)
VOICES(voice_weight)
#undef VOICES

static struct stretch choice_of(const struct results_row *r)
{
    return (struct stretch){ r->unit->choice_logp, r->unit->n_choices };
}

static struct stretch choice_symbols_of(const struct results_row *r)
{
    return (struct stretch){ r->unit->choice_symbols, r->unit->n_choices };
}

#define DRAFT(column)                                                                                                  \
    static struct stretch column##_of(const struct results_row *r)                                                     \
    {                                                                                                                  \
        return (struct stretch){ &r->record->column, 1 };                                                              \
    }
DRAFT(proposed)
DRAFT(accepted)
DRAFT(passes)
#undef DRAFT

static struct stretch n_chain_of(const struct results_row *r)
{
    return (struct stretch){ &r->record->trace.n_chain, 1 };
}

#define TRACE(column, each)                                                                                            \
    static struct stretch trace_##column##_of(const struct results_row *r)                                             \
    {                                                                                                                  \
        const struct unit_trace *t = &r->record->trace;                                                                \
        return (struct stretch){ t->column, t->n * (each) };                                                           \
    }
TRACE(kept, t->n_chain)
TRACE(mass, t->n_chain)
TRACE(entropy, t->n_chain)
TRACE(kl, t->n_chain)
TRACE(log_z, 1)
TRACE(tail, 1)
TRACE(chosen, 1)
TRACE(id, t->width)
TRACE(score, t->width)
#undef TRACE

enum element { U8, U32, F32, F64 };

static hid_t type_of(enum element e)
{
    switch (e) {
    case U8: return H5T_STD_U8LE;
    case U32: return H5T_STD_U32LE;
    case F32: return H5T_IEEE_F32LE;
    case F64: return H5T_IEEE_F64LE;
    }
    return -1;
}

enum { TOPK = 1 << TRACE_TOPK, FULL = 1 << TRACE_FULL, STEPS_UP = 1 << TRACE_STEPS | TOPK | FULL };

static const struct {
    const char *path, *offsets; /* offsets: NULL where another column has them, or each record has one element */
    enum element element;
    struct stretch (*of)(const struct results_row *r);
    unsigned levels; /* at which it is written: bits 1 << enum trace_kind; 0: at all */
} columns[] = {
    { "/record/arm", NULL, U32, arm_of, 0 },
    { "/record/item", NULL, U32, item_of, 0 },
    { "/record/draw", NULL, U32, draw_of, 0 },
    { "/record/end", NULL, U32, end_of, 0 },
    { "/record/n_symbols", NULL, U32, n_symbols_of, 0 },
    { "/record/n_voices", NULL, U32, n_voices_of, 0 },
    { "/record/prompt", NULL, U32, prompt_of, 0 },
    { "/record/log_weight", NULL, F64, log_weight_of, 0 },
    { "/record/nll", NULL, F64, nll_of, 0 },
    { "/record/judge_nll", NULL, F64, judge_nll_of, 0 },
    { "/record/reward", NULL, F64, reward_of, 0 },
    { "/record/proposed", NULL, U32, proposed_of, 0 },
    { "/record/accepted", NULL, U32, accepted_of, 0 },
    { "/record/passes", NULL, U32, passes_of, 0 },
    { "/text/bytes", "/text/offsets", U8, text_of, 0 },
    { "/tokens/ids", "/tokens/offsets", U32, symbol_of, 0 },
    { "/tokens/kept", NULL, U32, kept_of, 0 },
    { "/tokens/logp", NULL, F32, logp_of, 0 },
    { "/tokens/logp_final", NULL, F32, logp_final_of, 0 },
    { "/tokens/entropy", NULL, F32, entropy_of, 0 },
    { "/tokens/entropy_final", NULL, F32, entropy_final_of, 0 },
    { "/tokens/mass", NULL, F32, mass_of, 0 },
    { "/tokens/data_entropy", NULL, F32, data_entropy_of, 0 },
    { "/tokens/disagreement", NULL, F32, disagreement_of, 0 },
    { "/tokens/epkl", NULL, F32, epkl_of, 0 },
    { "/tokens/rmi", NULL, F32, rmi_of, 0 },
    { "/tokens/agreement", NULL, F32, agreement_of, 0 },
    { "/tokens/voice_logp", "/tokens/voice_offsets", F32, voice_logp_of, 0 },
    { "/tokens/voice_share", NULL, F32, voice_share_of, 0 },
    { "/tokens/voice_weight", NULL, F32, voice_weight_of, 0 },
    { "/choice/logp", "/choice/offsets", F64, choice_of, 0 },
    { "/choice/symbols", NULL, U32, choice_symbols_of, 0 },
    { "/trace/steps/length", NULL, U32, n_chain_of, STEPS_UP },
    { "/trace/steps/kept", "/trace/steps/offsets", U32, trace_kept_of, STEPS_UP },
    { "/trace/steps/mass", NULL, F32, trace_mass_of, STEPS_UP },
    { "/trace/steps/entropy", NULL, F32, trace_entropy_of, STEPS_UP },
    { "/trace/steps/kl", NULL, F32, trace_kl_of, STEPS_UP },
    { "/trace/rows/log_z", "/trace/rows/offsets", F64, trace_log_z_of, TOPK | FULL },
    { "/trace/top/tail", NULL, F64, trace_tail_of, TOPK },
    { "/trace/top/chosen", NULL, F32, trace_chosen_of, TOPK },
    { "/trace/top/ids", "/trace/top/offsets", U32, trace_id_of, TOPK },
    { "/trace/top/score", NULL, F32, trace_score_of, TOPK },
    { "/trace/full/score", "/trace/full/offsets", F32, trace_score_of, FULL },
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* A column, and where each record's stretch of it begins. */
struct ragged {
    struct h5_column *values, *offsets; /* NULL: not at this level; offsets: another column has them */
    uint64_t end;
};

struct results_columns {
    struct h5 *h;
    enum trace_kind level;
    struct ragged ragged[N_COLUMNS];
    struct ragged prompts;
    struct keymap seen; /* hash of a prompt -> index */
};

static struct ragged ragged_open(struct h5 *h, const char *path, hid_t type, const char *offsets)
{
    struct ragged r = { .values = h5_column_open(h, path, type) };
    if (offsets) {
        r.offsets = h5_column_open(h, offsets, H5T_STD_U64LE);
        h5_column_add(r.offsets, &r.end, 1);
    }
    return r;
}

static void ragged_add(struct ragged *r, struct stretch s)
{
    if (!r->values)
        return;
    if (s.n > 0)
        h5_column_add(r->values, s.data, s.n);
    r->end += s.n;
    if (r->offsets)
        h5_column_add(r->offsets, &r->end, 1);
}

static void ragged_close(struct ragged *r)
{
    if (r->values)
        h5_column_close(r->values);
    if (r->offsets)
        h5_column_close(r->offsets);
}

struct results_columns *results_columns_open(struct h5 *h, enum trace_kind level)
{
    struct results_columns *c = mem_alloc(1, sizeof *c);
    c->h = h;
    c->level = level;
    for (size_t i = 0; i < N_COLUMNS; i++)
        if (columns[i].levels == 0 || (columns[i].levels & 1u << level))
            c->ragged[i] = ragged_open(h, columns[i].path, type_of(columns[i].element), columns[i].offsets);
    c->prompts = ragged_open(h, "/prompt/ids", H5T_STD_U32LE, "/prompt/offsets");
    return c;
}

void results_columns_add(struct results_columns *c, const struct results_row *r)
{
    for (size_t i = 0; i < N_COLUMNS; i++)
        ragged_add(&c->ragged[i], columns[i].of(r));
}

uint32_t results_columns_prompt(struct results_columns *c, const struct unit_result *u)
{
    struct unit_key key = unit_text_key((const char *)u->prompt, u->n_prompt * sizeof *u->prompt);
    size_t i = keymap_get(&c->seen, key);
    if (i == KEYMAP_NONE) {
        i = c->seen.n;
        keymap_set(&c->seen, key, i);
        ragged_add(&c->prompts, (struct stretch){ u->prompt, u->n_prompt });
    }
    return (uint32_t)i;
}

static void describe(struct h5 *h, enum trace_kind level)
{
    static const struct {
        const char *path, *meaning;
        unsigned levels; /* 0: at all */
    } texts[] = {
        { "/tokens/data_entropy", "weighted mean of the voices' entropies, nats; NaN: no voices", 0 },
        { "/tokens/disagreement", "mutual information: entropy of the voices' mixture - data_entropy, nats", 0 },
        { "/tokens/epkl", "expected pairwise KL divergence of the voices, disagreement + rmi, nats", 0 },
        { "/tokens/rmi", "reverse mutual information, mean of KL(mixture || voice), nats; inf: one excludes", 0 },
        { "/tokens/agreement", "weight of the largest party of voices with one best symbol", 0 },
        { "/tokens/voice_logp", "of the symbol under each voice, nats; NaN: it took no part", 0 },
        { "/tokens/voice_share", "of each voice in the symbol: its responsibility", 0 },
        { "/tokens/voice_weight", "of each voice in the step", 0 },
        { "/trace/steps/length", "steps of the record's chain", STEPS_UP },
        { "/trace/steps/kept", "symbols not masked, of each decision and step of the chain", STEPS_UP },
        { "/trace/steps/mass", "probability before the step of what the step kept", STEPS_UP },
        { "/trace/steps/entropy", "of the distribution after the step, nats", STEPS_UP },
        { "/trace/steps/kl", "KL(distribution after the step || the model's), nats", STEPS_UP },
        { "/trace/rows/log_z", "of the model's row: ln p = score - log_z", TOPK | FULL },
        { "/trace/top/tail", "probability of the symbols that are not among ids", TOPK },
        { "/trace/top/chosen", "raw score of the chosen symbol; -inf: none was left", TOPK },
        { "/trace/top/ids", "most probable symbols of the model's row, best first; 4294967295: none", TOPK },
        { "/trace/top/score", "raw score of ids", TOPK },
        { "/trace/full/score", "raw scores of all symbols", FULL },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].levels == 0 || (texts[i].levels & 1u << level))
            h5_text(h, texts[i].path, "long_name", texts[i].meaning);
}

void results_columns_close(struct results_columns *c)
{
    for (size_t i = 0; i < N_COLUMNS; i++)
        ragged_close(&c->ragged[i]);
    ragged_close(&c->prompts);
    h5_text(c->h, "/record/end", "long_name",
            "how the text ended: 0 open, 1 end symbol, 2 stop string, 3 limit, 4 dead");
    h5_text(c->h, "/record/nll", "units", "nats");
    h5_text(c->h, "/record/judge_nll", "units", "nats");
    h5_text(c->h, "/record/proposed", "long_name", "symbols that a draft proposed; 0: no draft");
    h5_text(c->h, "/record/accepted", "long_name", "of them, those that became part of the text");
    h5_text(c->h, "/record/passes", "long_name", "passes of the lm with a draft");
    describe(c->h, c->level);
    keymap_free(&c->seen);
    free(c);
}
