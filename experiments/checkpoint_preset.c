#include "experiments/checkpoint_preset.h"
#include "base/err.h"
#include "base/spec.h"
#include "decode/chain.h"
#include <math.h>
#include <string.h>

#define TRANSFORMERS_TOP_K 50 /* GenerationConfig._get_default_generation_params() */
#define LLAMACPP_LAST_N    64 /* common_params_sampling */

/* The rules of the systems where they disagree (decode/chain.h). */
static const char *const profiles[] = { [GENERATION_TRANSFORMERS] = "@hf", [GENERATION_LLAMACPP] = "@llamacpp" };

/* What is being made of one checkpoint's defaults. */
struct making {
    struct text *chain, *left;
};

static bool known_step(const char *name)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(types[i]->name, name) == 0)
            return true;
    return false;
}

static void add_to_list(struct text *list, const char *between, const char *s)
{
    text_add(list, list->len > 0 ? between : "");
    text_add(list, s);
}

/* The step `name=value`; where no transform has that name, the member of the file is left out. */
static void add_step(struct making *m, const char *name, const char *member, double value)
{
    struct text t = { 0 };
    bool known = known_step(name);
    text_addf(&t, "%s=", known ? name : member);
    text_add_real(&t, value);
    if (known)
        add_to_list(m->chain, " | ", text_s(&t));
    else if (m->left)
        add_to_list(m->left, ", ", text_s(&t));
    text_free(&t);
}

static bool said(int64_t x)
{
    return x != GENERATION_UNSAID;
}

/* The steps of a drawing generate(): what transformers would not have made a processor of is off. */
static void add_warpers(struct making *m, const struct generation_defaults *d)
{
    int64_t top_k = said(d->top_k) ? d->top_k : TRANSFORMERS_TOP_K;
    const struct {
        const char *step, *member;
        double value;
        bool on;
    } rows[] = {
        { "temperature", "temperature", d->temperature, d->temperature != 1 },
        { "top_h", "top_h", d->top_h, true },
        { "top_k", "top_k", (double)top_k, top_k != 0 },
        { "top_p", "top_p", d->top_p, d->top_p < 1 },
        { "min_p", "min_p", d->min_p, d->min_p != 0 },
        { "typical", "typical_p", d->typical_p, d->typical_p < 1 },
        { "epsilon", "epsilon_cutoff", d->epsilon_cutoff, d->epsilon_cutoff > 0 && d->epsilon_cutoff < 1 },
        { "eta", "eta_cutoff", d->eta_cutoff, d->eta_cutoff > 0 && d->eta_cutoff < 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!isnan(rows[i].value) && rows[i].on)
            add_step(m, rows[i].step, rows[i].member, rows[i].value);
}

static void from_transformers(struct making *m, const struct generation_defaults *d)
{
    if (!isnan(d->repetition_penalty) && d->repetition_penalty != 1)
        add_step(m, "repetition_penalty", "repetition_penalty", d->repetition_penalty);
    if (said(d->no_repeat_ngram) && d->no_repeat_ngram > 0)
        add_step(m, "no_repeat_ngram", "no_repeat_ngram_size", (double)d->no_repeat_ngram);
    if (said(d->min_new_tokens) && d->min_new_tokens > 0)
        add_step(m, "min_tokens", "min_new_tokens", (double)d->min_new_tokens);
    if (d->do_sample == 1)
        add_warpers(m, d);
    else
        add_step(m, "temperature", "do_sample", 0);
    if (d->renormalises)
        add_to_list(m->chain, " | ", "normalise");
}

static void from_llamacpp(struct making *m, const struct generation_defaults *d)
{
    int64_t last_n = said(d->penalty_last_n) ? d->penalty_last_n : LLAMACPP_LAST_N;
    if (!isnan(d->repetition_penalty) && d->repetition_penalty != 1 && last_n != 0) {
        struct text t = { 0 };
        text_add(&t, "repetition_penalty(");
        text_add_real(&t, d->repetition_penalty);
        text_addf(&t, ", last_n=%lld)", (long long)last_n);
        add_to_list(m->chain, " | ", text_s(&t));
        text_free(&t);
    }
    if (said(d->top_k) && d->top_k > 0)
        add_step(m, "top_k", "top_k", (double)d->top_k);
    if (d->top_p < 1)
        add_step(m, "top_p", "top_p", d->top_p);
    if (d->min_p > 0)
        add_step(m, "min_p", "min_p", d->min_p);
    if (!isnan(d->temperature) && d->temperature != 1)
        add_step(m, "temperature", "temp", fmax(d->temperature, 0)); /* below 0 it is greedy there too */
}

static int states_none(const struct checkpoint *c)
{
    return err_set(
        ERR_DATA,
        "%s states no decode defaults (%s), so there is no preset '" CHECKPOINT_PRESET "' for it: name the steps",
        c->name, strcmp(c->format, "gguf") == 0 ? "no keys general.sampling.*" : "no generation_config.json");
}

/* The chain under its system's profile, where there is one of that name: the canonical text then names its rules. */
static struct chain *parse(const struct checkpoint *c, const char *steps)
{
    struct text t = { 0 };
    text_addf(&t, "%s | temperature=1", profiles[c->generation.from]);
    struct chain *known = chain_parse(text_s(&t));
    text_clear(&t);
    text_addf(&t, "%s%s%s", known ? profiles[c->generation.from] : "", known && *steps ? " | " : "", steps);
    chain_free(known);
    struct chain *parsed = chain_parse(text_s(&t));
    text_free(&t);
    return parsed;
}

int checkpoint_preset(const struct checkpoint *c, struct text *chain, struct text *left)
{
    const struct generation_defaults *d = &c->generation;
    struct text made = { 0 };
    struct making m = { &made, left };
    if (d->from == GENERATION_NONE)
        return states_none(c);
    if (left && d->others)
        text_add(left, d->others);
    if (d->from == GENERATION_TRANSFORMERS)
        from_transformers(&m, d);
    else
        from_llamacpp(&m, d);
    struct chain *parsed = parse(c, text_s(&made));
    if (parsed)
        text_add(chain, chain_text(parsed));
    else
        err_add(ERR_DATA, "the decode defaults of %s", c->name);
    chain_free(parsed);
    text_free(&made);
    return parsed ? 0 : ERR_DATA;
}

static bool is_preset(const struct spec_step *s)
{
    return strcmp(s->name, CHECKPOINT_PRESET) == 0;
}

bool checkpoint_preset_used(const char *chain)
{
    struct spec *s = spec_parse("chain", chain);
    bool used = false;
    for (size_t i = 0; s && i < s->n_steps; i++)
        used = used || is_preset(&s->steps[i]);
    spec_free(s);
    return used;
}

/* Steps as they are written: from their name to the '|' before the next one's. */
static void add_written(const char *chain, const struct spec *s, size_t i, struct text *out)
{
    const char *from = chain + s->steps[i].column - 1;
    size_t n = strlen(from);
    if (i + 1 < s->n_steps) {
        n = s->steps[i + 1].column - s->steps[i].column;
        while (from[n - 1] != '|') /* white space behind it */
            n--;
        n--;
    }
    while (n > 0 && (from[n - 1] == ' ' || (from[n - 1] >= '\t' && from[n - 1] <= '\r')))
        n--;
    text_add(out, out->len > 0 ? " | " : "");
    text_addn(out, from, n);
}

int checkpoint_preset_expand(const char *chain, const char *preset, struct text *out)
{
    struct spec *s = spec_parse("chain", chain);
    struct text made = { 0 };
    int rc = s ? 0 : ERR_USAGE;
    for (size_t i = 0; s && i < s->n_steps; i++)
        if (!is_preset(&s->steps[i]))
            add_written(chain, s, i, &made);
        else if (s->steps[i].n_args > 0)
            rc = err_set(ERR_USAGE, "chain '%s': '" CHECKPOINT_PRESET "' has no parameters", chain);
        else if (*preset)
            add_to_list(&made, " | ", preset);
    if (rc == 0)
        text_add(out, text_s(&made));
    text_free(&made);
    spec_free(s);
    return rc;
}
