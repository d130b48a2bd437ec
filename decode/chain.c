#include "decode/chain.h"
#include "base/clones.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/row_math.h"
#include "decode/elsewhere.h"
#include "decode/packed.h"
#include "decode/presets.h"
#include "decode/profiles.h"
#include "decode/scratch.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATE_ALIGN 16 /* of each step's state inside the chain's: fits any scalar */

struct chain {
    struct spec *spec;             /* what the bound values point into */
    const struct profile *profile; /* NULL: our own rules */
    struct transform *steps;       /* (n,) */
    size_t *offset;                /* (n,) where a step's state begins */
    size_t n, state_size;
    struct text text; /* canonical */
};

static int unknown_step(const char *name, const struct transform_type *const types[], size_t n_types)
{
    if (name[0] == '@')
        return err_set(ERR_USAGE, "%s is not at the head of the chain", name);
    const char **names = mem_alloc(n_types, sizeof *names);
    for (size_t i = 0; i < n_types; i++)
        names[i] = types[i]->name;
    elsewhere_unknown(ERR_USAGE, "transform", name, names, n_types);
    free(names);
    return ERR_USAGE;
}

static int prepared(struct transform *t, const struct space *space)
{
    int rc = t->type->prepare ? t->type->prepare(t, space) : 0;
    return rc < 0 ? err_add(rc, "%s", t->type->name) : 0;
}

static int bind_step(const struct chain *c, struct transform *t, const struct spec_step *step,
                     const struct transform_type *const types[], size_t n_types)
{
    struct param params[SPEC_MAX_PARAMS];
    for (size_t i = 0; i < n_types; i++)
        if (strcmp(types[i]->name, step->name) == 0)
            t->type = types[i];
    if (!t->type)
        return unknown_step(step->name, types, n_types);
    profile_params(c->profile, t->type, params);
    TRY(spec_bind(step, params, t->type->n_params, t->value));
    return prepared(t, NULL);
}

/* What a step keeps for accept() lies in one place. */
static int one_keeper(const struct chain *c)
{
    const char *keeper = NULL;
    for (size_t i = 0; i < c->n; i++) {
        if (!c->steps[i].type->keeps_row)
            continue;
        if (keeper)
            return err_set(ERR_USAGE, "%s behind %s: a chain has room for one of them", c->steps[i].type->name, keeper);
        keeper = c->steps[i].type->name;
    }
    return 0;
}

static int bind_steps(struct chain *c, const struct transform_type *const types[], size_t n_types)
{
    for (size_t i = 0; i < c->n; i++) {
        struct transform *t = &c->steps[i];
        TRY(bind_step(c, t, &c->spec->steps[i], types, n_types));
        c->offset[i] = c->state_size;
        c->state_size += (t->type->state_size + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
        text_add(&c->text, i > 0 ? " | " : "");
        spec_canonical(&c->text, t->type->name, t->type->params, t->type->n_params, t->value);
    }
    return one_keeper(c);
}

static int unknown_head(const char *name)
{
    const char *names[64];
    size_t n, n_presets;
    const struct profile *known = profiles(&n);
    const struct preset *named = presets(&n_presets);
    for (size_t i = 0; i < n; i++)
        names[i] = known[i].name;
    for (size_t i = 0; i < n_presets && n < 64; i++)
        names[n++] = named[i].name;
    return err_unknown(ERR_USAGE, "profile or preset", name, names, n);
}

/* A profile at the head of the spec is no step. */
static int take_head(struct chain *c)
{
    if (c->spec->n_steps == 0 || c->spec->steps[0].name[0] != '@')
        return 0;
    const struct spec_step *head = &c->spec->steps[0];
    c->profile = profile_find(head->name);
    if (!c->profile)
        return unknown_head(head->name);
    if (head->n_args > 0)
        return err_set(ERR_USAGE, "%s takes no parameters", head->name);
    memmove(c->spec->steps, c->spec->steps + 1, --c->spec->n_steps * sizeof *c->spec->steps);
    return 0;
}

/* The text with a preset at its head written out. */
static void expand(struct text *out, const char *text)
{
    char name[64] = { 0 };
    size_t space = strspn(text, " \t\n\v\f\r"), n = strcspn(text + space, " \t\n\v\f\r|(=");
    if (n < sizeof name)
        memcpy(name, text + space, n);
    const struct preset *preset = preset_find(name);
    text_add(out, preset ? preset->chain : "");
    text_add(out, preset ? text + space + n : text);
}

struct chain *chain_parse_types(const char *text, const struct transform_type *const types[], size_t n_types)
{
    struct text whole = { 0 };
    expand(&whole, text);
    struct spec *spec = spec_parse("chain", text_s(&whole));
    text_free(&whole);
    if (!spec)
        return NULL;
    struct chain *c = mem_alloc(1, sizeof *c);
    c->spec = spec;
    int rc = take_head(c);
    c->n = spec->n_steps;
    c->steps = mem_alloc(c->n, sizeof *c->steps);
    c->offset = mem_alloc(c->n, sizeof *c->offset);
    if (rc == 0 && bind_steps(c, types, n_types) == 0)
        return c;
    err_add(ERR_USAGE, "chain '%s'", text);
    chain_free(c);
    return NULL;
}

struct chain *chain_parse(const char *text)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    return chain_parse_types(text, types, n);
}

void chain_free(struct chain *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        if (c->steps[i].extra)
            c->steps[i].type->release(&c->steps[i]);
    spec_free(c->spec);
    free(c->steps);
    free(c->offset);
    text_free(&c->text);
    free(c);
}

int chain_bind(struct chain *c, const struct space *space)
{
    for (size_t i = 0; i < c->n; i++)
        if (prepared(&c->steps[i], space) < 0)
            return err_add(ERR_USAGE, "chain '%s'", text_s(&c->text));
    return 0;
}

const char *chain_text(const struct chain *c)
{
    return text_s(&c->text);
}

size_t chain_length(const struct chain *c)
{
    return c->n;
}

const struct transform *chain_step(const struct chain *c, size_t i)
{
    assert(i < c->n);
    return &c->steps[i];
}

bool chain_random(const struct chain *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (transform_random(&c->steps[i]))
            return true;
    return false;
}

int chain_chances(const struct chain *c, double chance[], size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct transform *t = &c->steps[i];
        bool random = transform_random(t);
        if (random && !t->type->chance)
            return err_set(ERR_USAGE, "chain '%s': %s draws in a way that cannot be enumerated", chain_text(c),
                           t->type->name);
        chance[i] = t->type->chance ? t->type->chance(t) : 0;
        n += random;
    }
    return n <= max ? (int)n
                    : err_set(ERR_USAGE, "chain '%s': %zu steps draw by themselves, want at most %zu", chain_text(c), n,
                              max);
}

bool chain_keeps_row(const struct chain *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->steps[i].type->keeps_row)
            return true;
    return false;
}

/* What random steps do before the single symbol is left may change which one it is. */
bool chain_greedy(const struct chain *c)
{
    for (size_t i = 0; i < c->n && !transform_random(&c->steps[i]); i++)
        if (c->steps[i].type->single(&c->steps[i]))
            return true;
    return false;
}

size_t chain_state_size(const struct chain *c)
{
    return c->state_size;
}

static void *state_of(const struct chain *c, void *state, size_t i)
{
    return c->steps[i].type->state_size > 0 ? (char *)state + c->offset[i] : NULL;
}

void chain_start(const struct chain *c, void *state)
{
    if (c->state_size > 0)
        memset(state, 0, c->state_size);
    for (size_t i = 0; i < c->n; i++)
        c->steps[i].type->start(&c->steps[i], state_of(c, state, i));
}

void chain_accept(const struct chain *c, void *state, const struct transform_choice *choice)
{
    for (size_t i = 0; i < c->n; i++)
        c->steps[i].type->accept(&c->steps[i], state_of(c, state, i), choice);
}

/* What after has masked goes from before too. */
CLONES static void chain_leave(float *out, const float *before, const float *after, uint32_t n)
{
    for (uint32_t v = 0; v < n; v++)
        out[v] = after[v] > -INFINITY ? before[v] : -INFINITY;
}

double chain_left(const struct row *before, const struct row *after, float *scratch)
{
    struct row left = *before;
    left.score = scratch;
    chain_leave(scratch, before->score, after->score, after->n);
    row_measure_less(&left);
    return fmin(math_exp64(left.log_z - before->log_z), 1);
}

double chain_mass(const struct row *before, const struct row *after, float *scratch)
{
    if (row_dead(before) || row_dead(after))
        return 0;
    return row_count(before) == row_count(after) ? 1 : chain_left(before, after, scratch);
}

int chain_apply_step(const struct chain *c, size_t i, void *state, struct row *r, struct transform_at *at)
{
    const struct transform *t = &c->steps[i];
    int rc = transform_step(t, state_of(c, state, i), r, at);
    return rc < 0 ? err_add(rc, "%s", t->type->name) : 0;
}

/* Applies every step and tells of each. */
static int apply_and_report(const struct chain *c, void *state, struct row *r, struct transform_at *at,
                            struct chain_report report[])
{
    struct row model = row_over(at->work->spare[SCRATCH_MODEL], r->n);
    struct row before = row_over(at->work->spare[SCRATCH_BEFORE], r->n);
    if (c->n > 0)
        row_copy(&model, r);
    for (size_t i = 0; i < c->n; i++) {
        report[i] = (struct chain_report){ 0 };
        if (row_dead(r))
            continue;
        row_copy(&before, r);
        TRY(chain_apply_step(c, i, state, r, at));
        report[i] = (struct chain_report){ .kept = row_count(r),
                                           .mass = chain_mass(&before, r, before.score),
                                           .entropy = row_entropy(r),
                                           .divergence = row_divergence(r, &model) };
    }
    return 0;
}

/* The blind steps of a stretch [i, end) on what is left of r alone. */
static int apply_packed(const struct chain *c, void *state, struct row *r, struct transform_at *at, size_t i,
                        size_t end)
{
    struct row packed = packed_begin(r, at->work);
    for (; i < end; i++)
        TRY(chain_apply_step(c, i, state, &packed, at));
    packed_end(&packed, r, at->work);
    return 0;
}

/* Where a truncation has left little, blind steps see that alone; who draws from the row is told of it too. */
static int apply_all(const struct chain *c, void *state, struct row *r, struct transform_at *at)
{
    bool few = false;
    for (size_t i = 0, end; i < c->n; i = end) {
        for (end = i; few && end < c->n && c->steps[end].type->blind;)
            end++;
        if (end > i) {
            TRY(apply_packed(c, state, r, at, i, end));
            continue;
        }
        TRY(chain_apply_step(c, i, state, r, at));
        if ((few || c->steps[i].type->truncates) && !row_dead(r)) {
            row_list(r, at->work);
            few = packed_short(r, at->work, PACKED_WORTH);
        }
        end = i + 1;
    }
    return 0;
}

int chain_apply(const struct chain *c, void *state, struct row *r, const struct transform_at *where,
                struct chain_report report[])
{
    struct transform_at at = *where;
    at.place = 0;
    at.cut = 0;
    r->few = 0;
    return report ? apply_and_report(c, state, r, &at, report) : apply_all(c, state, r, &at);
}
