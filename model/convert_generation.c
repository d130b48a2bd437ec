/* Decode defaults between generation_config.json and GGUF's keys general.sampling.*, which are those of llama.cpp.
 *
 * A folder's generation_config.json goes whole into a GGUF file and comes back as it was; the keys of llama.cpp's lie beside
 * it where they mean the same.  Of a file that has these keys alone a generation_config.json is made.  What is lost on the
 * way is a remark. */
#include "base/err.h"
#include "model/checkpoint_files.h"
#include "model/convert_inside.h"
#include <math.h>
#include <string.h>

#define TRANSFORMERS_TOP_K 50 /* where do_sample is true and the file says nothing */
#define ALL_SYMBOLS        -1 /* of penalty_last_n, which is 64 where a file says nothing */
#define KEY(name)          CHECKPOINT_SAMPLING name

static void add_name(struct text *list, const char *name, double value)
{
    text_addf(list, "%s%s=", list->len > 0 ? ", " : "", name);
    text_add_real(list, value);
}

static void write_real(struct gguf_keys *k, const char *key, double x)
{
    if (!isnan(x))
        gguf_write_real(k, key, (float)x);
}

static bool penalises(const struct generation_defaults *d)
{
    return !isnan(d->repetition_penalty) && d->repetition_penalty != 1;
}

/* A checkpoint that takes the most probable symbol has no keys: a temperature of 0 there would be more than "not said". */
static void write_keys(struct gguf_keys *k, const struct generation_defaults *d)
{
    int64_t top_k = d->top_k == GENERATION_UNSAID ? TRANSFORMERS_TOP_K : d->top_k;
    write_real(k, KEY("temp"), d->temperature);
    write_real(k, KEY("top_p"), d->top_p);
    write_real(k, KEY("min_p"), d->min_p);
    write_real(k, KEY("penalty_repeat"), d->repetition_penalty);
    if (penalises(d))
        gguf_write_i32(k, KEY("penalty_last_n"), ALL_SYMBOLS);
    if (top_k >= 0 && top_k <= INT32_MAX)
        gguf_write_u32(k, KEY("top_k"), (uint32_t)top_k);
}

/* What llama.cpp has no key for, or what is not written since nothing is drawn. */
static void name_unsaid(const struct generation_defaults *d, struct text *list)
{
    const struct {
        const char *name;
        double value;
        bool on; /* it changes what is drawn */
    } rows[] = {
        { "repetition_penalty", d->repetition_penalty, d->do_sample != 1 && penalises(d) },
        { "typical_p", d->typical_p, d->typical_p < 1 },
        { "top_h", d->top_h, !isnan(d->top_h) },
        { "epsilon_cutoff", d->epsilon_cutoff, d->epsilon_cutoff > 0 },
        { "eta_cutoff", d->eta_cutoff, d->eta_cutoff > 0 },
        { "no_repeat_ngram_size", (double)d->no_repeat_ngram, d->no_repeat_ngram > 0 },
        { "min_new_tokens", (double)d->min_new_tokens, d->min_new_tokens > 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].on)
            add_name(list, rows[i].name, rows[i].value);
    if (d->others && *d->others)
        text_addf(list, "%s%s", list->len > 0 ? ", " : "", d->others);
}

void convert_add_generation(const struct conversion *v, struct gguf_keys *k)
{
    const struct generation_defaults *d = &v->c->generation;
    struct text unsaid = { 0 };
    if (d->from != GENERATION_TRANSFORMERS)
        return;
    const struct map_file *m = convert_find_part(v, "generation");
    if (m)
        gguf_write_text(k, CHECKPOINT_GENERATION, (const char *)m->bytes, (size_t)m->size);
    if (d->do_sample == 1)
        write_keys(k, d);
    name_unsaid(d, &unsaid);
    if (unsaid.len > 0)
        text_addf(v->remarks, "%s: other programs that read GGUF do not see of its decode defaults: %s\n", v->to,
                  unsaid.s);
    text_free(&unsaid);
}

/* A value in the range in which transformers takes it, else among what is lost. */
static void put_real(json_t *o, const char *name, double x, double most, struct text *lost)
{
    if (isnan(x))
        return;
    if (x >= 0 && x <= most)
        json_object_set_new(o, name, convert_number((float)x));
    else
        add_name(lost, name, x);
}

/* llama.cpp's defaults as members; to say nothing of top_k would be 50. */
static void put_members(const struct generation_defaults *d, json_t *o, struct text *lost)
{
    bool draws = !(d->temperature <= 0), penalty = penalises(d) && d->penalty_last_n != 0;
    json_object_set_new(o, "do_sample", json_boolean(draws));
    if (draws) {
        put_real(o, "temperature", d->temperature, INFINITY, lost);
        put_real(o, "top_p", d->top_p, 1, lost);
        put_real(o, "min_p", d->min_p, 1, lost);
        json_object_set_new(o, "top_k", json_integer(d->top_k > 0 ? d->top_k : 0));
    }
    if (penalty)
        put_real(o, "repetition_penalty", d->repetition_penalty, INFINITY, lost);
    if (penalty && d->penalty_last_n >= 0)
        add_name(lost, "penalty_last_n", (double)d->penalty_last_n);
    if (d->others && *d->others)
        text_addf(lost, "%s%s", lost->len > 0 ? ", " : "", d->others);
}

void convert_set_generation(const struct conversion *v, json_t *o)
{
    const struct generation_defaults *d = &v->c->generation;
    struct text lost = { 0 };
    if (d->from != GENERATION_LLAMACPP)
        return;
    put_members(d, o, &lost);
    bool cuts = d->top_p < 1 || d->min_p > 0, warms = d->temperature > 0 && d->temperature != 1;
    if (lost.len > 0)
        text_addf(v->remarks, "%s: generation_config.json does not say of its decode defaults: %s\n", v->to, lost.s);
    if (cuts && warms)
        text_addf(v->remarks,
                  "%s: transformers applies the temperature before top_p and min_p, llama.cpp behind them\n", v->to);
    text_free(&lost);
}
