#include "decode/search.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/elsewhere.h"
#include "decode/searches.h"
#include <stdlib.h>
#include <string.h>

const struct search_type *const *search_types(size_t *n)
{
    static const struct search_type *const types[] = {
        &search_sample,          &search_greedy,      &search_beam,       &search_beam_sample, &search_diverse_beam,
        &search_stochastic_beam, &search_contrastive, &search_best_first, &search_speculative,
    };
    *n = sizeof types / sizeof types[0];
    return types;
}

static int unknown(const char *name, const struct search_type *const types[], size_t n)
{
    const char **names = mem_alloc(n, sizeof *names);
    for (size_t i = 0; i < n; i++)
        names[i] = types[i]->name;
    elsewhere_unknown(ERR_USAGE, "search", name, names, n);
    free(names);
    return ERR_USAGE;
}

/* Fills type, value and spec (the caller frees spec, also after a failure). */
static int bind(struct search *s, const char *text, const struct search_type *const types[], size_t n)
{
    s->spec = spec_parse("search", text);
    if (!s->spec)
        return ERR_USAGE;
    if (s->spec->n_steps != 1)
        return err_set(ERR_USAGE, "search '%s' has %zu steps, want one", text, s->spec->n_steps);
    const struct spec_step *step = &s->spec->steps[0];
    for (size_t i = 0; i < n; i++)
        if (strcmp(types[i]->name, step->name) == 0)
            s->type = types[i];
    if (!s->type)
        return unknown(step->name, types, n);
    TRY(spec_bind(step, s->type->params, s->type->n_params, s->value));
    return s->type->check(s->value);
}

int search_any(const struct spec_value value[])
{
    (void)value;
    return 0;
}

int search_word(const struct spec_value *value, const char *what, const char *const names[], size_t n)
{
    for (size_t i = 0; value->text && i < n; i++)
        if (strcmp(value->text, names[i]) == 0)
            return (int)i;
    return value->text ? err_unknown(ERR_USAGE, what, value->text, names, n) : 0;
}

static int check_chain(const struct search_type *type, const struct chain *c)
{
    if (type->defers && chain_keeps_row(c))
        return err_set(ERR_USAGE,
                       "search %s: a step of chain '%s' reads the row of each choice again; want a search of one text",
                       type->name, chain_text(c));
    return 0;
}

struct search *search_open_types(const char *text, const struct search_args *args,
                                 const struct search_type *const types[], size_t n_types)
{
    struct search *s = mem_alloc(1, sizeof *s);
    s->args = *args;
    s->asked = *args->prompt;
    s->asked.address = &s->args.address;
    s->args.prompt = &s->asked;
    if (bind(s, text, types, n_types) == 0 && stop_valid(args->stop) == 0 && check_chain(s->type, s->args.chain) == 0) {
        s->state = mem_alloc(1, s->type->size);
        if (s->type->init(s) == 0)
            return s;
    }
    search_close(s);
    return NULL;
}

struct search *search_open(const char *text, const struct search_args *args)
{
    size_t n;
    const struct search_type *const *types = search_types(&n);
    return search_open_types(text, args, types, n);
}

void search_close(struct search *s)
{
    if (!s)
        return;
    if (s->state)
        s->type->fini(s);
    spec_free(s->spec);
    free(s->prompt.s);
    free(s->state);
    free(s);
}

int search_want(struct search *s, struct want out[], size_t max)
{
    return s->type->want(s, out, max);
}

int search_offer(struct search *s, struct round *r, struct row_work *work)
{
    return s->type->offer ? s->type->offer(s, r, work) : 0;
}

int search_feed(struct search *s, struct row_work *work)
{
    return s->type->feed(s, work);
}

int search_move(struct search *s)
{
    return s->type->move(s);
}

const struct hyp *search_hyps(const struct search *s, size_t *n)
{
    return s->type->hyps(s, n);
}

static int bind_known(struct search *s, const char *text)
{
    size_t n;
    const struct search_type *const *types = search_types(&n);
    return bind(s, text, types, n);
}

int search_canonical(const char *text, struct text *out)
{
    struct search s = { 0 };
    int code = bind_known(&s, text);
    if (code == 0)
        spec_canonical(out, s.type->name, s.type->params, s.type->n_params, s.value);
    spec_free(s.spec);
    return code;
}

enum search_drafts search_drafts(const char *text)
{
    struct search s = { 0 };
    bool asks = bind_known(&s, text) == 0 && s.type->drafts;
    enum search_drafts drafts = asks ? s.type->drafts(s.value) : SEARCH_DRAFTS_NONE;
    spec_free(s.spec);
    return drafts;
}

const char *search_drafted(const char *text)
{
    return strcmp(text, "sample") == 0 ? "speculative" : text;
}

bool search_walks(const char *text, struct draw *out)
{
    struct search s = { 0 };
    *out = (struct draw){ 0 };
    bool walks = bind_known(&s, text) == 0 && s.type->walks && s.type->walks(s.value, out);
    spec_free(s.spec);
    return walks;
}

bool search_random(const char *text)
{
    struct search s = { 0 };
    bool is_random = bind_known(&s, text) == 0 && s.type->random;
    spec_free(s.spec);
    return is_random;
}

bool search_hidden(const char *text)
{
    struct search s = { 0 };
    bool hidden = bind_known(&s, text) == 0 && s.type->hidden;
    spec_free(s.spec);
    return hidden;
}

int search_takes(const char *text, const struct chain *c)
{
    struct search s = { 0 };
    int rc = bind_known(&s, text);
    if (rc == 0)
        rc = check_chain(s.type, c);
    spec_free(s.spec);
    return rc;
}
