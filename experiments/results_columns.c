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
STEPS(disagreement)
#undef STEPS

static struct stretch text_of(const struct results_row *r)
{
    return (struct stretch){ r->record->text, r->record->n_text };
}

static struct stretch voice_logp_of(const struct results_row *r)
{
    return (struct stretch){ r->record->voice_logp, r->record->n_steps * r->record->n_voices };
}

static struct stretch voice_share_of(const struct results_row *r)
{
    return (struct stretch){ r->record->voice_share, r->record->n_steps * r->record->n_voices };
}

static struct stretch choice_of(const struct results_row *r)
{
    return (struct stretch){ r->unit->choice_logp, r->unit->n_choices };
}

static struct stretch choice_symbols_of(const struct results_row *r)
{
    return (struct stretch){ r->unit->choice_symbols, r->unit->n_choices };
}

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

static const struct {
    const char *path, *offsets; /* offsets: NULL where another column has them, or each record has one element */
    enum element element;
    struct stretch (*of)(const struct results_row *r);
} columns[] = {
    { "/record/arm", NULL, U32, arm_of },
    { "/record/item", NULL, U32, item_of },
    { "/record/draw", NULL, U32, draw_of },
    { "/record/end", NULL, U32, end_of },
    { "/record/n_symbols", NULL, U32, n_symbols_of },
    { "/record/n_voices", NULL, U32, n_voices_of },
    { "/record/prompt", NULL, U32, prompt_of },
    { "/record/log_weight", NULL, F64, log_weight_of },
    { "/record/nll", NULL, F64, nll_of },
    { "/record/judge_nll", NULL, F64, judge_nll_of },
    { "/text/bytes", "/text/offsets", U8, text_of },
    { "/tokens/ids", "/tokens/offsets", U32, symbol_of },
    { "/tokens/kept", NULL, U32, kept_of },
    { "/tokens/logp", NULL, F32, logp_of },
    { "/tokens/logp_final", NULL, F32, logp_final_of },
    { "/tokens/entropy", NULL, F32, entropy_of },
    { "/tokens/entropy_final", NULL, F32, entropy_final_of },
    { "/tokens/mass", NULL, F32, mass_of },
    { "/tokens/disagreement", NULL, F32, disagreement_of },
    { "/tokens/voice_logp", "/tokens/voice_offsets", F32, voice_logp_of },
    { "/tokens/voice_share", NULL, F32, voice_share_of },
    { "/choice/logp", "/choice/offsets", F64, choice_of },
    { "/choice/symbols", NULL, U32, choice_symbols_of },
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* A column, and where each record's stretch of it begins. */
struct ragged {
    struct h5_column *values, *offsets; /* offsets may be NULL */
    uint64_t end;
};

struct results_columns {
    struct h5 *h;
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
    if (s.n > 0)
        h5_column_add(r->values, s.data, s.n);
    r->end += s.n;
    if (r->offsets)
        h5_column_add(r->offsets, &r->end, 1);
}

static void ragged_close(struct ragged *r)
{
    h5_column_close(r->values);
    if (r->offsets)
        h5_column_close(r->offsets);
}

struct results_columns *results_columns_open(struct h5 *h)
{
    struct results_columns *c = mem_alloc(1, sizeof *c);
    c->h = h;
    for (size_t i = 0; i < N_COLUMNS; i++)
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

void results_columns_close(struct results_columns *c)
{
    for (size_t i = 0; i < N_COLUMNS; i++)
        ragged_close(&c->ragged[i]);
    ragged_close(&c->prompts);
    h5_text(c->h, "/record/end", "long_name",
            "how the text ended: 0 open, 1 end symbol, 2 stop string, 3 limit, 4 dead");
    h5_text(c->h, "/record/nll", "units", "nats");
    h5_text(c->h, "/record/judge_nll", "units", "nats");
    keymap_free(&c->seen);
    free(c);
}
