/* Decode defaults in a GGUF file: a whole generation_config.json, or llama.cpp's keys general.sampling.*,
 * common_init_sampler_from_model() there. */
#include "base/err.h"
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include "model/generation_config.h"
#include "model/json_members.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a)  (sizeof(a) / sizeof *(a))
#define KEY(name) CHECKPOINT_SAMPLING name

static int read_real(const struct gguf *g, const char *key, double *x)
{
    float narrow = NAN;
    TRY(gguf_maybe_real(g, key, &narrow));
    if (!isnan(narrow))
        *x = text_shortest(narrow);
    return 0;
}

/* llama.cpp keeps them in int32_t: -1 is a value. */
static int read_count(const struct gguf *g, const char *key, int64_t *x)
{
    const struct gguf_value *v = gguf_find(g, key);
    int32_t narrow;
    uint32_t count = 0;
    if (v && v->type == GGUF_I32) {
        memcpy(&narrow, v->data, sizeof narrow);
        *x = narrow;
        return 0;
    }
    TRY(gguf_maybe_u32(g, key, &count));
    if (v)
        *x = count;
    return 0;
}

/* The value of another key as text; NULL: it is off. */
static char *value_text(const struct gguf *g, const struct gguf_pair *p)
{
    static const char *const off_at_zero[] = { KEY("xtc_probability"), KEY("mirostat") };
    struct text t = { 0 };
    double x = NAN;
    int64_t n = GENERATION_UNSAID;
    if (p->value.type == GGUF_STRING)
        text_addn(&t, p->value.data, p->value.n < 64 ? (size_t)p->value.n : 64);
    else if (read_count(g, p->key, &n) == 0)
        text_addf(&t, "%lld", (long long)n);
    else if (read_real(g, p->key, &x) == 0)
        text_add_real(&t, x);
    else
        text_add(&t, "...");
    for (size_t i = 0; i < COUNT(off_at_zero); i++)
        if (strcmp(p->key, off_at_zero[i]) == 0 && (x == 0 || n == 0)) {
            text_free(&t);
            return NULL;
        }
    char *s = mem_string(text_s(&t));
    text_free(&t);
    return s;
}

static void name_others(const struct gguf *g, const char *const known[], size_t n_known, struct text *others)
{
    size_t n = 0, prefix = strlen(CHECKPOINT_SAMPLING);
    for (size_t i = 0; i < g->n_pairs; i++) {
        const struct gguf_pair *p = &g->pairs[i];
        size_t k = 0;
        while (k < n_known && strcmp(p->key, known[k]) != 0)
            k++;
        char *value = strncmp(p->key, CHECKPOINT_SAMPLING, prefix) == 0 && k == n_known ? value_text(g, p) : NULL;
        if (value)
            generation_config_other(others, &n, p->key + prefix, value);
        free(value);
    }
}

static int read_keys(struct checkpoint *c)
{
    static const char *const known[] = { KEY("temp"),           KEY("top_p"), KEY("min_p"),
                                         KEY("penalty_repeat"), KEY("top_k"), KEY("penalty_last_n") };
    const struct gguf *g = c->files->gguf;
    struct generation_defaults *d = &c->generation;
    for (size_t i = 0; i < COUNT(known); i++)
        if (gguf_find(g, known[i]))
            d->from = GENERATION_LLAMACPP;
    TRY(read_real(g, KEY("temp"), &d->temperature));
    TRY(read_real(g, KEY("top_p"), &d->top_p));
    TRY(read_real(g, KEY("min_p"), &d->min_p));
    TRY(read_real(g, KEY("penalty_repeat"), &d->repetition_penalty));
    TRY(read_count(g, KEY("top_k"), &d->top_k));
    TRY(read_count(g, KEY("penalty_last_n"), &d->penalty_last_n));
    if (d->from == GENERATION_LLAMACPP)
        d->do_sample = 1; /* llama.cpp draws, at a temperature of 0 too, where one symbol is left */
    name_others(g, known, COUNT(known), &c->files->others);
    d->others = text_s(&c->files->others);
    return 0;
}

/* A folder's generation_config.json, that `convert` took along whole.  1; 0: there is none; ERR_DATA. */
static int read_whole(struct checkpoint *c)
{
    const struct gguf *g = c->files->gguf;
    char *s;
    TRY(gguf_maybe_string(g, CHECKPOINT_GENERATION, &s));
    if (!s)
        return 0;
    struct text where = { 0 };
    text_addf(&where, "%s: '" CHECKPOINT_GENERATION "'", g->where);
    json_t *o = json_members_read(text_s(&where), s, strlen(s), CHECKPOINT_SMALL_MAX);
    int rc = o ? generation_config_read(o, text_s(&where), &c->generation, &c->files->others) : ERR_DATA;
    c->generation.others = text_s(&c->files->others);
    json_decref(o);
    text_free(&where);
    free(s);
    return rc < 0 ? rc : 1;
}

int checkpoint_read_sampling(struct checkpoint *c)
{
    int whole = read_whole(c);
    if (whole == 0)
        return read_keys(c);
    return whole < 0 ? whole : 0;
}
