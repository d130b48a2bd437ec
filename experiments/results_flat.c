#include "base/mem.h"
#include "experiments/results_spaces.h"
#include <stdlib.h>
#include <string.h>

static void put_1d(struct h5 *h, const char *path, hid_t type, size_t n, const void *data)
{
    h5_put(h, &(struct h5_array){ .path = path, .type = type, .rank = 1, .dims = { n }, .data = data });
}

/* A stretch of each record: n elements of `size` bytes. */
struct stretch {
    const void *data;
    size_t n;
};

struct flat {
    const char *path;    /* of the values; NULL: offsets only */
    const char *offsets; /* path of the offsets; NULL: another column has them */
    hid_t type;
    size_t size; /* bytes of an element */
    struct stretch (*of)(const struct tables_record *r);
};

static void put_flat(struct h5 *h, const struct tables *t, const struct flat *f)
{
    uint64_t *offsets = mem_alloc(t->n_records + 1, sizeof *offsets);
    for (size_t i = 0; i < t->n_records; i++)
        offsets[i + 1] = offsets[i] + f->of(&t->records[i]).n;
    if (f->offsets)
        put_1d(h, f->offsets, H5T_STD_U64LE, t->n_records + 1, offsets);
    if (f->path) {
        char *all = mem_alloc(offsets[t->n_records], f->size);
        for (size_t i = 0; i < t->n_records; i++) {
            struct stretch s = f->of(&t->records[i]);
            if (s.n > 0)
                memcpy(all + offsets[i] * f->size, s.data, s.n * f->size);
        }
        put_1d(h, f->path, f->type, offsets[t->n_records], all);
        free(all);
    }
    free(offsets);
}

static struct stretch text_of(const struct tables_record *r)
{
    return (struct stretch){ r->record->text, r->record->n_text };
}

#define STEPS(name, column)                                                                                            \
    static struct stretch name(const struct tables_record *r)                                                          \
    {                                                                                                                  \
        return (struct stretch){ r->record->column, r->record->n_steps };                                              \
    }
STEPS(ids_of, symbol)
STEPS(kept_of, kept)
STEPS(logp_of, logp)
STEPS(logp_final_of, logp_final)
STEPS(entropy_of, entropy)
STEPS(entropy_final_of, entropy_final)
STEPS(mass_of, mass)
STEPS(disagreement_of, disagreement)
#undef STEPS

static struct stretch voice_logp_of(const struct tables_record *r)
{
    return (struct stretch){ r->record->voice_logp, r->record->n_steps * r->record->n_voices };
}

static struct stretch voice_share_of(const struct tables_record *r)
{
    return (struct stretch){ r->record->voice_share, r->record->n_steps * r->record->n_voices };
}

static struct stretch choice_of(const struct tables_record *r)
{
    return (struct stretch){ r->unit->choice_logp, r->unit->n_choices };
}

static struct stretch choice_symbols_of(const struct tables_record *r)
{
    return (struct stretch){ r->unit->choice_symbols, r->unit->n_choices };
}

/* Prompts are shared by most records: each distinct one is stored once, /record/prompt says which. */
static bool same_prompt(const struct unit_result *a, const struct unit_result *b)
{
    return a->n_prompt == b->n_prompt &&
           (a->n_prompt == 0 || memcmp(a->prompt, b->prompt, a->n_prompt * sizeof *a->prompt) == 0);
}

static void put_prompts(struct h5 *h, const struct tables *t)
{
    const struct unit_result **seen = mem_alloc(t->n_records, sizeof *seen);
    uint32_t *index = mem_alloc(t->n_records, sizeof *index);
    uint32_t n = 0;
    for (size_t i = 0; i < t->n_records; i++) {
        const struct tables_record *r = &t->records[i];
        uint32_t k = n;
        while (k > 0 && !same_prompt(seen[k - 1], r->unit))
            k--;
        if (k == 0) {
            seen[n++] = r->unit;
            k = n;
        }
        index[i] = k - 1;
    }
    uint64_t *offsets = mem_alloc((size_t)n + 1, sizeof *offsets);
    struct symbols all = { 0 };
    for (uint32_t k = 0; k < n; k++) {
        symbols_add(&all, seen[k]->prompt, seen[k]->n_prompt);
        offsets[k + 1] = all.n;
    }
    put_1d(h, "/record/prompt", H5T_STD_U32LE, t->n_records, index);
    put_1d(h, "/prompt/ids", H5T_STD_U32LE, all.n, all.s);
    put_1d(h, "/prompt/offsets", H5T_STD_U64LE, (size_t)n + 1, offsets);
    free(all.s);
    free(offsets);
    free(index);
    free(seen);
}

void results_write_flat(struct h5 *h, const struct tables *t)
{
    const struct flat columns[] = {
        { "/text/bytes", "/text/offsets", H5T_STD_U8LE, 1, text_of },
        { "/tokens/ids", "/tokens/offsets", H5T_STD_U32LE, 4, ids_of },
        { "/tokens/kept", NULL, H5T_STD_U32LE, 4, kept_of },
        { "/tokens/logp", NULL, H5T_IEEE_F32LE, 4, logp_of },
        { "/tokens/logp_final", NULL, H5T_IEEE_F32LE, 4, logp_final_of },
        { "/tokens/entropy", NULL, H5T_IEEE_F32LE, 4, entropy_of },
        { "/tokens/entropy_final", NULL, H5T_IEEE_F32LE, 4, entropy_final_of },
        { "/tokens/mass", NULL, H5T_IEEE_F32LE, 4, mass_of },
        { "/tokens/disagreement", NULL, H5T_IEEE_F32LE, 4, disagreement_of },
        { "/tokens/voice_logp", "/tokens/voice_offsets", H5T_IEEE_F32LE, 4, voice_logp_of },
        { "/tokens/voice_share", NULL, H5T_IEEE_F32LE, 4, voice_share_of },
        { "/choice/logp", "/choice/offsets", H5T_IEEE_F64LE, 8, choice_of },
        { "/choice/symbols", NULL, H5T_STD_U32LE, 4, choice_symbols_of },
    };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        put_flat(h, t, &columns[i]);
    put_prompts(h, t);
}
