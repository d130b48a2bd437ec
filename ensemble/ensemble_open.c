/* Making an ensemble: what its voices must have in common, its name and its hash. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ensemble/ensemble_slot.h"
#include <string.h>

static const char *name_of(const struct voice *v)
{
    return v->name ? v->name : v->lm->name;
}

static int check_spaces(const struct voice voices[], size_t n)
{
    const struct space *first = voices[0].lm->space;
    for (size_t k = 1; k < n; k++) {
        const struct space *s = voices[k].lm->space;
        if (s->hash != first->hash)
            return err_set(
                ERR_USAGE,
                "ensemble: voices '%s' (%u symbols) and '%s' (%u symbols) have different symbol spaces; pool "
                "them over bytes, each through a byte adapter",
                name_of(&voices[0]), (unsigned)first->n, name_of(&voices[k]), (unsigned)s->n);
    }
    return 0;
}

static int check_voice(const struct voice *v)
{
    if (v->tap == LM_TAP_HIDDEN)
        return err_set(ERR_USAGE, "ensemble: voice '%s' taps a hidden state, which is no distribution", name_of(v));
    if (v->tap != LM_TAP_FINAL && v->lm->n_voices > 0)
        return err_set(ERR_USAGE, "ensemble: voice '%s' taps layer %u of an ensemble, which has no layers", name_of(v),
                       (unsigned)v->tap);
    for (size_t i = 0; i < v->n_transforms; i++) {
        const struct transform_type *t = v->transforms[i]->type;
        bool random = transform_random(v->transforms[i]);
        if (t->state_size > 0 || random)
            return err_set(ERR_USAGE,
                           "ensemble: voice '%s': %s %s; a voice's transforms are functions of the prefix, "
                           "put it after the pool",
                           name_of(v), t->name, random ? "is random" : "keeps state");
    }
    return 0;
}

static int check_voices(const struct voice voices[], size_t n)
{
    if (n == 0 || n > LM_MAX_VOICES)
        return err_set(ERR_USAGE, "ensemble: %zu voices, want 1 to %d", n, LM_MAX_VOICES);
    for (size_t k = 0; k < n; k++) {
        TRY(check_voice(&voices[k]));
        for (size_t j = 0; j < k; j++)
            if (strcmp(name_of(&voices[j]), name_of(&voices[k])) == 0)
                return err_set(ERR_USAGE, "ensemble: two voices are called '%s'; give one of them a name",
                               name_of(&voices[k]));
    }
    return check_spaces(voices, n);
}

static void copy_voice(struct voice *to, const struct voice *from)
{
    const char **drop = mem_alloc(from->n_drop, sizeof *drop);
    for (size_t i = 0; i < from->n_drop; i++)
        drop[i] = mem_string(from->drop[i]);
    *to = *from;
    to->name = mem_string(name_of(from));
    to->template_name = from->template_name ? mem_string(from->template_name) : NULL;
    to->drop = drop;
    to->transforms = mem_copy(from->transforms, from->n_transforms * sizeof *from->transforms);
}

/* What makes the voice's rows differ from its lm's: "template=plain|drop=context|tap=3|temperature=0.8", or "". */
static void add_manner(struct text *t, const struct voice *v)
{
    size_t from = t->len;
    if (v->template_name)
        text_addf(t, "|template=%s", v->template_name);
    for (size_t i = 0; i < v->n_drop; i++)
        text_addf(t, "|drop=%s", v->drop[i]);
    if (v->tap != LM_TAP_FINAL)
        text_addf(t, "|tap=%u", (unsigned)v->tap);
    for (size_t i = 0; i < v->n_transforms; i++) {
        const struct transform *x = v->transforms[i];
        text_add(t, "|");
        spec_canonical(t, x->type->name, x->type->params, x->type->n_params, x->value);
    }
    if (t->len > from)
        t->s[from] = '[';
    text_add(t, t->len > from ? "]" : "");
}

/* The rule, and the weighting where it learns: "linear by bayes". */
static void add_rule(struct text *t, const struct ensemble *e)
{
    pool_text(&e->pool, t);
    if (!weighting_learns(&e->weighting))
        return;
    text_add(t, " by ");
    weighting_text(&e->weighting, t);
}

/* linear(prose=0.7, verse[temperature=0.8]=0.3); power=0.5(a=0.5, b=0.5); min(a, b). */
static char *make_name(const struct ensemble *e)
{
    struct text t = { 0 };
    add_rule(&t, e);
    for (size_t k = 0; k < e->n_voices; k++) {
        text_addf(&t, "%s%s", k == 0 ? "(" : ", ", e->voice[k].name);
        add_manner(&t, &e->voice[k]);
        text_add(&t, e->pool.type->weighted ? "=" : "");
        if (e->pool.type->weighted)
            text_add_real(&t, e->weight[k]);
    }
    text_add(&t, ")");
    char *name = mem_string(text_s(&t));
    text_free(&t);
    return name;
}

/* Names do not matter to rows; order does, to gated, contrast and the sums' last bits. */
static void make_hash(struct ensemble *e)
{
    struct text t = { 0 };
    text_add(&t, "ensemble 1\n");
    add_rule(&t, e);
    for (size_t k = 0; k < e->n_voices; k++) {
        text_addf(&t, "\n%s ", e->voice[k].lm->hash);
        text_add_real(&t, e->weight[k]);
        text_add(&t, " ");
        add_manner(&t, &e->voice[k]);
    }
    hash_sha256(text_s(&t), t.len, e->hash);
    e->lane = (uint32_t)hash_string(e->hash) & 0xffffff;
    text_free(&t);
}

static void fill_lm(struct ensemble *e)
{
    e->lm = (struct lm){
        .type = &ensemble_type,
        .self = e,
        .space = e->voice[0].lm->space,
        .name = e->name,
        .hash = e->hash,
        .voices = e->voice_names,
        .n_voices = e->n_voices,
        .max_length = e->voice[0].lm->max_length,
        .pure = !e->pool.type->samples,
    };
    for (size_t k = 0; k < e->n_voices; k++) {
        const struct lm *v = e->voice[k].lm;
        e->voice_names[k] = e->voice[k].name;
        e->transforms |= e->voice[k].n_transforms > 0;
        e->lm.pure &= v->pure;
        e->lm.max_length = v->max_length < e->lm.max_length ? v->max_length : e->lm.max_length;
    }
}

/* The rule and what its weights come from.  0 or ERR_USAGE; on failure nothing is held. */
static int parse(const struct ensemble_rule *r, struct pool *pool, struct weighting *weighting)
{
    TRY(pool_parse(r->rule, pool));
    int rc = weighting_parse(r->weighting ? r->weighting : "fixed", pool, weighting);
    if (rc < 0)
        pool_fini(pool);
    return rc;
}

/* Positions inside a prompt are those of one prompt. */
static int check_reads(const struct weighting *w, const struct voice voices[], size_t n)
{
    for (size_t k = 0; k < n && w->type->reads; k++)
        if (voices[k].lm->type == &ensemble_type)
            return err_set(
                ERR_USAGE,
                "weighting %s: voice '%s' is an ensemble, whose own voices may have different prompts; weigh "
                "its voices instead",
                w->type->name, name_of(&voices[k]));
    return 0;
}

struct lm *ensemble_open_by(const struct voice voices[], const double weights[], size_t n,
                            const struct ensemble_rule *r)
{
    struct pool pool;
    struct weighting weighting;
    double w[LM_MAX_VOICES];
    if (check_voices(voices, n) < 0 || parse(r, &pool, &weighting) < 0)
        return NULL;
    for (size_t k = 0; k < n; k++)
        w[k] = weights ? weights[k] : 1;
    if (check_reads(&weighting, voices, n) < 0 || pool_weights(&pool, w, n) < 0) {
        weighting_fini(&weighting);
        pool_fini(&pool);
        return NULL;
    }
    struct ensemble *e = mem_alloc(1, sizeof *e);
    e->pool = pool;
    e->weighting = weighting;
    e->n_voices = (uint32_t)n;
    e->n_past = pool.global ? n : weighting.type->size(&weighting, n);
    memcpy(e->weight, w, n * sizeof *w);
    for (size_t k = 0; k < n; k++)
        copy_voice(&e->voice[k], &voices[k]);
    e->name = make_name(e);
    make_hash(e);
    fill_lm(e);
    e->lm.remote = ensemble_place(e);
    return &e->lm;
}

struct lm *ensemble_open(const struct voice voices[], const double weights[], size_t n, const char *rule)
{
    return ensemble_open_by(voices, weights, n, &(struct ensemble_rule){ .rule = rule });
}
