#include "decode/program.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "decode/phrase.h"
#include "decode/transforms.h"
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a step is written. */
struct writing {
    struct program *p;
    const struct program_at *where;
};

/* How the transforms of a type are written: whether these parameters can be, and the steps.  0 or ERR_DATA. */
struct writer {
    const struct transform_type *type;
    bool (*can)(const struct transform *t);
    int (*write)(const struct transform *t, struct writing *w);
};

static struct device_step *add(struct program *p, enum device_step_kind kind)
{
    mem_grow(&p->steps, &p->cap_steps, p->n_steps + 1, sizeof *p->steps);
    struct device_step *step = &p->steps[p->n_steps++];
    *step = (struct device_step){ .kind = kind };
    return step;
}

static bool always(const struct transform *t)
{
    (void)t;
    return true;
}

static int write_temperature(const struct transform *t, struct writing *w)
{
    double temperature = t->value[0].number;
    if (t->type->single(t))
        add(w->p, DEVICE_FIRST);
    else if (temperature != 1)
        add(w->p, DEVICE_SCALE)->a = fmin(1 / temperature, DBL_MAX);
    return 0;
}

static int write_normalise(const struct transform *t, struct writing *w)
{
    (void)t;
    add(w->p, DEVICE_NORMALISE);
    return 0;
}

static uint32_t ties(const struct transform *t, size_t param)
{
    return transform_word(t, param) == TIES_ALL ? DEVICE_TIES_ALL : 0;
}

static int write_top_k(const struct transform *t, struct writing *w)
{
    uint32_t k = transform_count(t, 0), min_keep = transform_count(t, 1);
    if (k == 0)
        return 0;
    struct device_step *step = add(w->p, DEVICE_TOP_K);
    step->k = k > min_keep ? k : min_keep;
    step->rules = ties(t, 2);
    return 0;
}

static int write_top_p(const struct transform *t, struct writing *w)
{
    static const uint32_t bound[] = {
        [BOUND_REACH] = 0, [BOUND_OVER] = DEVICE_BOUND_OVER, [BOUND_BELOW] = DEVICE_BOUND_BELOW
    };
    double p = t->value[0].number;
    if (p >= 1 || (p == 0 && transform_word(t, 5) != 0)) /* zero=off */
        return 0;
    struct device_step *step = add(w->p, DEVICE_TOP_P);
    step->a = p;
    step->k = transform_count(t, 1);
    step->rules = bound[transform_word(t, 2)] | ties(t, 3) | (transform_word(t, 4) != 0 ? DEVICE_OF_GIVEN : 0);
    return 0;
}

static int write_min_p(const struct transform *t, struct writing *w)
{
    double p = t->value[0].number;
    if (p == 0)
        return 0;
    struct device_step *step = add(w->p, DEVICE_MIN_P);
    step->a = p;
    step->b = num_log(p);
    step->k = transform_count(t, 1);
    return 0;
}

/* The others take the symbols in order of distance twice. */
static bool can_typical(const struct transform *t)
{
    return transform_count(t, 1) == 1 && transform_word(t, 2) != BOUND_BELOW;
}

static int write_typical(const struct transform *t, struct writing *w)
{
    double mass = t->value[0].number;
    mass = transform_word(t, 2) == BOUND_REACH ? mass : fmax(mass * (1 + 0x1p-21), 0x1p-1000);
    if (mass >= 1)
        return 0;
    struct device_step *step = add(w->p, DEVICE_TYPICAL);
    step->a = mass;
    step->rules = ties(t, 3);
    return 0;
}

/* A step over the symbols that were listed since there were n. */
static void listed(struct writing *w, enum device_step_kind kind, size_t n)
{
    if (w->p->listed->n == n && kind != DEVICE_ALLOW)
        return;
    struct device_step *step = add(w->p, kind);
    step->first = (uint32_t)n;
    step->n = (uint32_t)(w->p->listed->n - n);
}

static int write_penalty(const struct transform *t, struct writing *w)
{
    size_t n = w->p->listed->n;
    bool adds = t->type == &transform_frequency || t->type == &transform_presence;
    if (t->type == &transform_repetition_norm)
        add(w->p, DEVICE_NORMALISE);
    int rc = transform_penalty_listed(t, w->where->at, w->where->n, w->p->listed);
    listed(w, adds ? DEVICE_ADD : DEVICE_REPEAT, n);
    return rc < 0 ? rc : 0;
}

static int write_bias(const struct transform *t, struct writing *w)
{
    size_t n = w->p->listed->n;
    int rc = transform_bias_listed(t, w->where->at, w->where->n, w->p->listed);
    listed(w, t->type == &transform_allow ? DEVICE_ALLOW : DEVICE_ADD, n);
    return rc < 0 ? rc : 0;
}

#define MOST_BIASES 1024 /* so that looking for one twice costs little */

/* Each symbol's score is changed once: two biases for one are rounded twice. */
static bool can_bias(const struct transform *t)
{
    const struct phrases *p = t->extra;
    if (p->n > MOST_BIASES)
        return false;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < i; j++)
            if (p->item[i].n_ids == 1 && p->item[j].n_ids == 1 && p->item[i].ids[0] == p->item[j].ids[0])
                return false;
    return true;
}

static const struct writer writers[] = {
    { &transform_temperature, always, write_temperature },
    { &transform_normalise, always, write_normalise },
    { &transform_top_k, always, write_top_k },
    { &transform_top_p, always, write_top_p },
    { &transform_min_p, always, write_min_p },
    { &transform_typical, can_typical, write_typical },
    { &transform_repetition, always, write_penalty },
    { &transform_repetition_norm, always, write_penalty },
    { &transform_frequency, always, write_penalty },
    { &transform_presence, always, write_penalty },
    { &transform_prompt_reward, always, write_penalty },
    { &transform_bias, can_bias, write_bias },
    { &transform_allow, always, write_bias },
    { &transform_suppress, always, write_bias },
};

static const struct writer *writer_of(const struct transform_type *type)
{
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
        if (writers[i].type == type)
            return &writers[i];
    return NULL;
}

void program_init(struct program *p)
{
    *p = (struct program){ .listed = mem_alloc(1, sizeof *p->listed) };
}

void program_clear(struct program *p)
{
    p->n_steps = 0;
    p->listed->n = 0;
}

void program_fini(struct program *p)
{
    if (p->listed) {
        free(p->listed->symbol);
        free(p->listed->value);
    }
    free(p->listed);
    free(p->steps);
    *p = (struct program){ 0 };
}

const char *program_refusal(const struct chain *c, const struct draw_type *draw)
{
    size_t n = 0;
    for (size_t i = 0; i < chain_length(c); i++) {
        const struct transform *t = chain_step(c, i);
        const struct writer *w = writer_of(t->type);
        if (!w || !w->can(t))
            return t->type->name;
        n += t->type == &transform_repetition_norm ? 2 : 1;
    }
    if (n > DEVICE_MOST_STEPS)
        return "a chain so long";
    return draw == draw_find("gumbel") || draw == draw_find("greedy") ? NULL : draw->name;
}

int program_add(struct program *p, const struct program_at *where, struct device_decision *out)
{
    struct writing w = { p, where };
    size_t first = p->n_steps;
    for (size_t i = 0; i < chain_length(where->chain); i++) {
        const struct transform *t = chain_step(where->chain, i);
        const struct writer *writer = writer_of(t->type);
        assert(writer && writer->can(t));
        int rc = writer->write(t, &w);
        if (rc < 0)
            return err_add(rc, "%s", t->type->name);
    }
    out->first_step = (uint32_t)first;
    out->n_steps = (uint32_t)(p->n_steps - first);
    out->draw = where->draw->random ? DEVICE_GUMBEL : DEVICE_GREEDY;
    struct rng_key key = rng_key(where->noise);
    memcpy(out->key, key.key, sizeof key.key);
    memcpy(out->counter, key.counter, sizeof key.counter);
    return 0;
}
