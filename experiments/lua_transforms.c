#include "experiments/lua_transforms.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "experiments/lua_transforms_inside.h"
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void accept_none(const struct transform *t, void *state, const struct transform_choice *c)
{
    (void)t;
    (void)state;
    (void)c;
}

static bool never_single(const struct transform *t)
{
    (void)t;
    return false;
}

static const char *keep_string(struct lua_transforms *s, const char *text)
{
    mem_grow(&s->strings, &s->cap_strings, s->n_strings + 1, sizeof *s->strings);
    return s->strings[s->n_strings++] = mem_string(text);
}

/* A field of the table at the top; NULL when absent. */
static const char *string_field(lua_State *L, struct lua_transforms *s, const char *key)
{
    const char *text = lua_getfield(L, -1, key) == LUA_TSTRING ? keep_string(s, lua_tostring(L, -1)) : NULL;
    lua_pop(L, 1);
    return text;
}

static double number_field(lua_State *L, const char *key, double otherwise)
{
    double x = lua_getfield(L, -1, key) == LUA_TNUMBER ? lua_tonumber(L, -1) : otherwise;
    lua_pop(L, 1);
    return x;
}

/* The parameter at the top. */
static void read_parameter(lua_State *L, struct lua_transforms *s, struct param *p)
{
    const char *meaning = string_field(L, s, "meaning");
    *p = (struct param){ .name = string_field(L, s, "name"),
                         .min = number_field(L, "min", (double)-INFINITY),
                         .max = number_field(L, "max", (double)INFINITY),
                         .value = number_field(L, "default", NAN),
                         .meaning = meaning ? meaning : "" };
    p->required = isnan(p->value);
    lua_getfield(L, -1, "integer");
    p->kind = lua_toboolean(L, -1) ? PARAM_INT : PARAM_REAL;
    lua_pop(L, 1);
    if (p->kind == PARAM_INT) { /* what a double holds exactly */
        p->min = fmax(p->min, -0x1p53);
        p->max = fmin(p->max, 0x1p53);
    }
    bool whole = p->kind == PARAM_REAL || p->required || p->value == floor(p->value);
    if (!(p->min <= p->max) || (!p->required && !(p->value >= p->min && p->value <= p->max)) || !whole)
        luaL_error(L, "transform: parameter '%s': its default is no number in its range", p->name);
}

/* The list in a field of the table at the top, each of its entries at the top in turn. */
static size_t read_list(lua_State *L, struct lua_transforms *s, struct lua_transform *t, const char *key,
                        void (*read)(lua_State *L, struct lua_transforms *s, struct lua_transform *t, size_t i))
{
    size_t n = 0;
    lua_getfield(L, -1, key);
    for (; lua_rawgeti(L, -1, (lua_Integer)n + 1) == LUA_TTABLE; n++) {
        read(L, s, t, n);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return n;
}

static void read_one_parameter(lua_State *L, struct lua_transforms *s, struct lua_transform *t, size_t i)
{
    if (i < SPEC_MAX_PARAMS)
        read_parameter(L, s, &t->params[i]);
}

static void read_one_state(lua_State *L, struct lua_transforms *s, struct lua_transform *t, size_t i)
{
    if (i >= LUA_STATE_MOST)
        return;
    t->state[i] = string_field(L, s, "name");
    t->first[i] = number_field(L, "value", 0);
}

static void check_name(lua_State *L, const char *name)
{
    size_t n;
    const struct transform_type *const *known = transform_types(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(known[i]->name, name) == 0)
            luaL_error(L, "transform: '%s' is a built-in transform, want another name", name);
}

/* What changes with the chain's text unchanged: defaults and first values. */
static void tell_defaults(const struct lua_transform *t, struct text *out)
{
    for (size_t i = 0; i < t->type.n_params; i++) {
        text_addf(out, "\nparameter %s %d ", t->params[i].name, t->params[i].kind);
        text_add_real(out, t->params[i].value);
    }
    for (size_t i = 0; i < t->n_state; i++) {
        text_addf(out, "\nstate %s ", t->state[i]);
        text_add_real(out, t->first[i]);
    }
}

/* The function at the top: its line, and SHA-256 of all that its outcome depends on. */
static void read_function(lua_State *L, struct lua_transforms *s, struct lua_transform *t, const struct lua_seal_at *at)
{
    lua_Debug ar;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">S", &ar);
    t->line = ar.linedefined;
    text_clear(&s->text.out);
    text_clear(&s->text.lines);
    lua_seal_read(L, lua_gettop(L), at, &s->text);
    tell_defaults(t, &s->text.out);
    hash_sha256(text_s(&s->text.out), s->text.out.len, t->hash);
}

/* The declaration at the top. */
static void read_transform(lua_State *L, struct lua_transforms *s, struct lua_transform *t,
                           const struct lua_seal_at *at)
{
    const char *meaning = string_field(L, s, "meaning"), *domain = string_field(L, s, "domain"),
               *source = string_field(L, s, "source");
    t->set = s;
    t->type = (struct transform_type){ .name = string_field(L, s, "name"),
                                       .params = t->params,
                                       .meaning = meaning ? meaning : "",
                                       .domain = domain ? domain : "",
                                       .source = source ? source : s->script.path,
                                       .start = lua_call_start,
                                       .apply = lua_call_apply,
                                       .accept = accept_none,
                                       .single = never_single,
                                       .self = t };
    check_name(L, t->type.name);
    t->type.n_params = read_list(L, s, t, "params", read_one_parameter);
    t->n_state = read_list(L, s, t, "state", read_one_state);
    t->type.state_size = t->n_state * sizeof(double);
    lua_rawgeti(L, -1, 1);
    read_function(L, s, t, at);
    lua_pop(L, 1);
}

static void read_transforms(lua_State *L, struct lua_transforms *s, int list, const struct lua_seal_at *at)
{
    s->own = mem_alloc((size_t)luaL_len(L, list), sizeof *s->own);
    for (; lua_rawgeti(L, list, (lua_Integer)s->n + 1) == LUA_TTABLE; lua_pop(L, 1)) {
        struct lua_transform *t = &s->own[s->n++];
        t->place = (lua_Integer)s->n;
        read_transform(L, s, t, at);
    }
    lua_pop(L, 1);
}

static void list_types(struct lua_transforms *s)
{
    const struct transform_type *const *known = transform_types(&s->n_types);
    s->types = mem_alloc(s->n_types + s->n, sizeof *s->types);
    memcpy(s->types, known, s->n_types * sizeof *s->types);
    for (size_t i = 0; i < s->n; i++)
        s->types[s->n_types++] = &s->own[i].type;
}

struct lua_transforms *lua_transforms_open(const char *path, const struct text *source, const char *const sets[],
                                           size_t n_sets)
{
    struct lua_transforms *s = mem_alloc(1, sizeof *s);
    const char **kept = mem_alloc(n_sets, sizeof *kept);
    text_addn(&s->source, text_s(source), source->len);
    for (size_t i = 0; i < n_sets; i++)
        kept[i] = keep_string(s, sets[i]);
    s->script = (struct script_text){ keep_string(s, path), &s->source, kept, n_sets };
    s->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    pthread_mutex_init(&s->mutex, NULL);
    if (script_state_check(&s->script) == 0)
        s->idle = lua_worker_open(s, read_transforms);
    list_types(s);
    if (s->idle)
        return s;
    lua_transforms_close(s);
    return NULL;
}

void lua_transforms_close(struct lua_transforms *s)
{
    if (!s)
        return;
    for (struct lua_worker *w = s->idle, *next; w; w = next) {
        next = w->next;
        lua_worker_close(w);
    }
    pthread_mutex_destroy(&s->mutex);
    if (s->c)
        freelocale(s->c);
    for (size_t i = 0; i < s->n_strings; i++)
        free(s->strings[i]);
    free(s->strings);
    free((void *)s->script.sets);
    free(s->types);
    free(s->own);
    text_free(&s->text.out);
    text_free(&s->text.lines);
    text_free(&s->source);
    free(s);
}

struct chain *lua_transforms_chain(const struct lua_transforms *s, const char *text)
{
    return s ? chain_parse_types(text, s->types, s->n_types) : chain_parse(text);
}

const struct transform_type *const *lua_transforms_types(const struct lua_transforms *s, size_t *n)
{
    *n = s ? s->n_types : 0;
    return s ? s->types : NULL;
}

static const char *hash_of(const struct lua_transforms *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->own[i].type.name, name) == 0)
            return s->own[i].hash;
    return NULL;
}

void lua_transforms_code(const struct lua_transforms *s, const char *text, json_t *out)
{
    struct spec *steps = s ? spec_parse("chain", text) : NULL;
    json_t *code = json_object();
    for (size_t i = 0; steps && i < steps->n_steps; i++) {
        const char *hash = hash_of(s, steps->steps[i].name);
        if (hash)
            json_object_set_new(code, steps->steps[i].name, json_string(hash));
    }
    spec_free(steps);
    json_object_del(out, "transforms");
    if (json_object_size(code) > 0)
        json_object_set(out, "transforms", code);
    json_decref(code);
}

/* Those that a plan names are what the script's text gives. */
static int check_hashes(const struct lua_transforms *s, const json_t *transforms, const char *where)
{
    const char *name;
    json_t *hash;
    json_object_foreach((json_t *)(uintptr_t)transforms, name, hash)
    {
        const char *wanted = json_string_value(hash), *got = hash_of(s, name);
        if (!wanted || !got || strcmp(wanted, got) != 0)
            return err_set(ERR_DATA,
                           "%s: transform '%s' is %.12s... in the plan, and %.12s... in the script stored with it",
                           where, name, wanted ? wanted : "", got ? got : "nothing");
    }
    return 0;
}

/* "script.lua:12" without its line */
static char *path_of(const json_t *from)
{
    const char *at = json_string_value(json_object_get(from, "at"));
    char *path = mem_string(at ? at : "(script)");
    char *colon = strrchr(path, ':');
    if (colon)
        *colon = '\0';
    return path;
}

int lua_transforms_load(const json_t *doc, const char *where, struct lua_transforms **out)
{
    const json_t *from = json_object_get(doc, "from"), *sets = json_object_get(from, "set");
    const json_t *transforms = json_object_get(json_object_get(doc, "what"), "transforms");
    const char *script = json_string_value(json_object_get(from, "script"));
    *out = NULL;
    if (json_object_size(transforms) == 0 && !json_is_true(json_object_get(from, "transforms")))
        return 0;
    struct text source = { 0 };
    text_add(&source, script ? script : "");
    const char **given = mem_alloc(json_array_size(sets), sizeof *given);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(sets); i++)
        if (json_is_string(json_array_get(sets, i)))
            given[n++] = json_string_value(json_array_get(sets, i));
    char *path = path_of(from);
    *out = lua_transforms_open(path, &source, given, n);
    int rc = *out ? check_hashes(*out, transforms, where) : err_code();
    if (rc < 0) {
        lua_transforms_close(*out);
        *out = NULL;
    }
    free(path);
    free(given);
    text_free(&source);
    return rc;
}
