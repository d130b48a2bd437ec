#include "model/architecture.h"
#include "base/err.h"
#include "base/num.h"
#include "model/architecture_rows.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PARAMETERS_MAX ((uint64_t)1 << 62)
#define ROWS_MAX       64 /* that a message lists */

const struct architecture *architecture_find(const char *name)
{
    for (size_t i = 0; i < architecture_rows_n; i++)
        if (!name || strcmp(name, architecture_rows[i].name) == 0)
            return &architecture_rows[i];
    return NULL;
}

const struct architecture *architecture_of(const struct config *c)
{
    const struct architecture *a = architecture_find(c->architecture);
    assert(a);
    return a;
}

const struct architecture *architecture_find_gguf(const char *name, struct architecture_hint has)
{
    const struct architecture *found = NULL;
    for (size_t i = 0; i < architecture_rows_n; i++) {
        const struct architecture *a = &architecture_rows[i];
        if (strcmp(name, a->gguf) != 0 || (a->keys.n_experts[0] != NULL) != has.experts)
            continue;
        if (!found || (has.window && !found->keys.window))
            found = a;
    }
    return found;
}

bool architecture_leaves_open(const struct architecture *a, enum architecture_bias bias)
{
    for (size_t i = 0; i < a->n_tensors; i++)
        if (a->tensors[i].bias == bias)
            return true;
    return false;
}

void architecture_lay_out_folder(struct config *c)
{
    const struct architecture *a = architecture_of(c);
    c->rope_interleaved = false;
    c->qkv_by_head = a->folder_qkv_by_head;
    c->transposed = a->folder_transposed;
    c->norm_offset = a->folder_norm_offset;
}

void architecture_lay_out_gguf(struct config *c)
{
    c->rope_interleaved = architecture_of(c)->gguf_interleaved;
    c->qkv_by_head = false;
    c->transposed = false;
    c->norm_offset = 0;
}

static int unknown(const char *where, const char *key, const char *seen, const char *(*name_of)(size_t row))
{
    const char *names[ROWS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < architecture_rows_n && n < ROWS_MAX; i++) {
        size_t before = 0;
        while (before < n && strcmp(names[before], name_of(i)) != 0)
            before++;
        names[n] = name_of(i);
        n += before == n;
    }
    return err_add(err_unknown(ERR_DATA, key, seen, names, n), "%s", where);
}

static const char *folder_name(size_t row)
{
    return architecture_rows[row].name;
}

static const char *gguf_name(size_t row)
{
    return architecture_rows[row].gguf;
}

int architecture_unknown(const char *where, const char *key, const char *seen)
{
    return unknown(where, key, seen, folder_name);
}

int architecture_unknown_gguf(const char *where, const char *key, const char *seen)
{
    return unknown(where, key, seen, gguf_name);
}

/* Reads the number at s, without sign and leading zeros, below limit; its end, or NULL. */
static const char *read_number(const char *s, uint32_t limit, uint32_t *x)
{
    size_t n = strspn(s, "0123456789");
    uint64_t value = 0;
    if (n == 0 || n > 9 || (s[0] == '0' && n > 1))
        return NULL;
    for (size_t i = 0; i < n; i++)
        value = 10 * value + (uint64_t)(s[i] - '0');
    if (value >= limit)
        return NULL;
    *x = (uint32_t)value;
    return s + n;
}

/* What follows the pattern in a name, its numbers in p; NULL when the name begins otherwise. */
static const char *match(const char *pattern, const char *name, const struct config *c, struct architecture_place *p)
{
    uint32_t *const number[] = { &p->layer, &p->expert };
    const uint32_t limit[] = { c->n_layers, c->n_experts };
    size_t i = 0;
    for (; *pattern && name; pattern++)
        if (*pattern == '#') {
            name = read_number(name, limit[i], number[i]);
            i++;
        } else {
            name = *pattern == *name ? name + 1 : NULL;
        }
    return name;
}

static bool place(const struct config *c, const char *name, const char *pattern, struct architecture_place *p)
{
    const char *end = match(pattern, name, c, p);
    if (!end)
        return false;
    p->bias = strcmp(end, ".bias") == 0;
    if (!p->bias && strcmp(end, ".weight") != 0)
        return false;
    if (p->bias && !architecture_has_bias(c, p->tensor))
        return false;
    return architecture_is_top(p->tensor->role) || architecture_in_layer(c, p->tensor->role, p->layer);
}

bool architecture_place(const struct config *c, const char *name, struct architecture_place *p)
{
    const struct architecture *a = architecture_of(c);
    for (size_t i = 0; i < a->n_tensors; i++) {
        *p = (struct architecture_place){ .tensor = &a->tensors[i] };
        if (place(c, name, p->tensor->folder, p))
            return true;
    }
    return false;
}

/* "blk.#.ffn_gate.#" for "blk.#.ffn_gate_exps". */
static void name_single(const char *stacked, char out[ARCHITECTURE_NAME_BYTES])
{
    static const char end[] = "_exps";
    size_t n = strlen(stacked) - (sizeof end - 1);
    assert(strcmp(stacked + n, end) == 0);
    snprintf(out, ARCHITECTURE_NAME_BYTES, "%.*s.#", (int)n, stacked);
}

bool architecture_place_gguf(const struct config *c, const char *name, struct architecture_place *p)
{
    const struct architecture *a = architecture_of(c);
    char single[ARCHITECTURE_NAME_BYTES];
    for (size_t i = 0; i < a->n_tensors; i++) {
        *p = (struct architecture_place){ .tensor = &a->tensors[i] };
        bool experts = architecture_is_expert(p->tensor->role);
        if (place(c, name, p->tensor->gguf, p)) {
            p->stacked = experts;
            return true;
        }
        if (!experts)
            continue;
        name_single(p->tensor->gguf, single);
        if (place(c, name, single, p))
            return true;
    }
    return false;
}

bool architecture_idle(const struct config *c, const char *name)
{
    size_t n = strlen(name);
    for (const char *const *end = architecture_of(c)->idle; *end; end++)
        if (n >= strlen(*end) && strcmp(name + n - strlen(*end), *end) == 0)
            return true;
    return false;
}

static void write_name(const struct architecture_place *p, const char *pattern, char out[ARCHITECTURE_NAME_BYTES])
{
    const uint32_t number[] = { p->layer, p->expert };
    size_t n = 0, i = 0;
    for (const char *s = pattern; *s && n + 16 < ARCHITECTURE_NAME_BYTES; s++)
        if (*s == '#')
            n += (size_t)snprintf(out + n, ARCHITECTURE_NAME_BYTES - n, "%u", number[i++]);
        else
            out[n++] = *s;
    snprintf(out + n, ARCHITECTURE_NAME_BYTES - n, "%s", p->bias ? ".bias" : ".weight");
}

void architecture_name(const struct architecture_place *p, char out[ARCHITECTURE_NAME_BYTES])
{
    write_name(p, p->tensor->folder, out);
}

void architecture_name_gguf(const struct architecture_place *p, char out[ARCHITECTURE_NAME_BYTES])
{
    write_name(p, p->tensor->gguf, out);
}

bool architecture_is_top(enum architecture_role role)
{
    return role <= ROLE_HEAD;
}

bool architecture_is_norm(enum architecture_role role)
{
    return role >= ROLE_ATTENTION_NORM || role == ROLE_FINAL_NORM || role == ROLE_EMBEDDING_NORM;
}

bool architecture_is_expert(enum architecture_role role)
{
    return role >= ROLE_EXPERT_GATE && role <= ROLE_EXPERT_DOWN;
}

bool architecture_in_layer(const struct config *c, enum architecture_role role, size_t layer)
{
    bool experts = role >= ROLE_ROUTER && role <= ROLE_EXPERT_DOWN, dense = role >= ROLE_GATE && role <= ROLE_DOWN;
    return !(experts && !config_has_experts(c, layer)) && !(dense && config_has_experts(c, layer));
}

bool architecture_has_bias(const struct config *c, const struct architecture_tensor *t)
{
    return t->bias == BIAS_ALWAYS || (t->bias == BIAS_ATTENTION && c->attention_bias) ||
           (t->bias == BIAS_MLP && c->mlp_bias);
}

void architecture_shape(const struct config *c, const struct architecture_place *p, size_t *n, size_t *k)
{
    size_t q = (size_t)c->n_heads * c->head_dim, kv = (size_t)c->n_kv_heads * c->head_dim;
    const size_t shapes[ROLES][2] = {
        [ROLE_EMBEDDING] = { c->n_vocab, c->dim },
        [ROLE_POSITIONS] = { c->max_positions, c->dim },
        [ROLE_EMBEDDING_NORM] = { c->dim, 0 },
        [ROLE_FINAL_NORM] = { c->dim, 0 },
        [ROLE_HEAD] = { c->n_vocab, c->dim },
        [ROLE_Q] = { q, c->dim },
        [ROLE_K] = { kv, c->dim },
        [ROLE_V] = { kv, c->dim },
        [ROLE_QKV] = { q + 2 * kv, c->dim },
        [ROLE_O] = { c->dim, q },
        [ROLE_GATE] = { c->ffn, c->dim },
        [ROLE_UP] = { c->ffn, c->dim },
        [ROLE_GATE_UP] = { 2 * (size_t)c->ffn, c->dim },
        [ROLE_DOWN] = { c->dim, c->ffn },
        [ROLE_ROUTER] = { c->n_experts, c->dim },
        [ROLE_EXPERT_GATE] = { c->expert_ffn, c->dim },
        [ROLE_EXPERT_UP] = { c->expert_ffn, c->dim },
        [ROLE_EXPERT_DOWN] = { c->dim, c->expert_ffn },
        [ROLE_ATTENTION_NORM] = { c->dim, 0 },
        [ROLE_Q_NORM] = { c->head_dim, 0 },
        [ROLE_K_NORM] = { c->head_dim, 0 },
        [ROLE_ATTENTION_POST] = { c->dim, 0 },
        [ROLE_MLP_NORM] = { c->dim, 0 },
        [ROLE_MLP_POST] = { c->dim, 0 },
    };
    *n = shapes[p->tensor->role][0];
    *k = p->bias ? 0 : shapes[p->tensor->role][1];
}

/* Moves on to the next number of the layer, the expert; false when there are no more. */
static bool next_number(const struct config *c, struct architecture_place *p)
{
    if (architecture_is_top(p->tensor->role))
        return false;
    if (architecture_is_expert(p->tensor->role) && ++p->expert < c->n_experts)
        return true;
    p->expert = 0;
    return ++p->layer < c->n_layers;
}

/* Whether the checkpoint holds it: not a tied head, not the second spelling of a role, not of a layer of another kind. */
static bool is_held(const struct config *c, const struct architecture *a, const struct architecture_place *p)
{
    if (p->tensor->role == ROLE_HEAD && c->tied_head)
        return false;
    if (p->tensor > a->tensors && p->tensor[-1].role == p->tensor->role)
        return false;
    return architecture_is_top(p->tensor->role) || architecture_in_layer(c, p->tensor->role, p->layer);
}

bool architecture_next(const struct config *c, struct architecture_place *p)
{
    const struct architecture *a = architecture_of(c);
    if (p->tensor && !p->bias && architecture_has_bias(c, p->tensor)) {
        p->bias = true;
        return true;
    }
    do {
        p->bias = false;
        if (!p->tensor)
            p->tensor = a->tensors;
        else if (!next_number(c, p))
            *p = (struct architecture_place){ .tensor = p->tensor + 1 };
        if (p->tensor == a->tensors + a->n_tensors)
            return false;
    } while (!is_held(c, a, p));
    return true;
}

/* The layers that have a tensor of this role. */
static uint64_t count_layers(const struct config *c, enum architecture_role role)
{
    if (architecture_is_top(role))
        return 1;
    if (c->n_experts == 0)
        return architecture_in_layer(c, role, 0) ? c->n_layers : 0;
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->n_layers && i < CONFIG_MIXED_LAYERS; i++)
        n += architecture_in_layer(c, role, i);
    return n;
}

/* *sum += times * n * k, or UINT64_MAX where that is more than PARAMETERS_MAX. */
static void count(uint64_t *sum, uint64_t times, uint64_t n, uint64_t k)
{
    uint64_t x;
    if (!num_mul(times, n, &x) || !num_mul(x, k > 0 ? k : 1, &x) || !num_add(*sum, x, sum) || *sum > PARAMETERS_MAX)
        *sum = UINT64_MAX;
}

uint64_t architecture_parameters(const struct config *c)
{
    const struct architecture *a = architecture_of(c);
    uint64_t total = 0;
    for (size_t i = 0; i < a->n_tensors; i++) {
        struct architecture_place p = { .tensor = &a->tensors[i] };
        uint64_t each = architecture_is_expert(p.tensor->role) ? c->n_experts : 1;
        uint64_t times = count_layers(c, p.tensor->role) * each; /* at most 2^24 * 2^12 */
        size_t n, k;
        bool second = i > 0 && a->tensors[i - 1].role == p.tensor->role;
        if (second || (p.tensor->role == ROLE_HEAD && c->tied_head))
            continue;
        architecture_shape(c, &p, &n, &k);
        count(&total, times, n, k);
        if (architecture_has_bias(c, p.tensor))
            count(&total, times, n, 0);
    }
    return total;
}

uint64_t architecture_idle_parameters(const struct config *c)
{
    const struct architecture *a = architecture_of(c);
    uint64_t total = 0;
    for (size_t i = 0; i < a->n_tensors; i++) {
        struct architecture_place p = { .tensor = &a->tensors[i] };
        size_t n, k;
        if (!architecture_is_expert(p.tensor->role))
            continue;
        architecture_shape(c, &p, &n, &k);
        count(&total, count_layers(c, p.tensor->role) * (c->n_experts - c->n_chosen), n, k);
    }
    return total;
}
