/* From a checkpoint and what is asked of it to an lm: kernels, types, positions, memory. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/checkpoint_settle.h"
#include "model/core.h"
#include "model/forward_cpu.h"
#include "model/forward_device.h"
#include "model/rope.h"
#include "model/transformer_inside.h"
#include <stdlib.h>
#include <string.h>

#define DEFAULT_KV_BYTES  ((size_t)512 << 20)
#define DEFAULT_ROW_BYTES ((size_t)256 << 20)
#define DEFAULT_CHUNK     ((size_t)256)
#define DEVICE_CHUNK      ((size_t)1024)
#define ACTIVATION_BYTES  ((size_t)512 << 20) /* of a chunk at most, unless one position takes more */

static int transformer_compute(void *self, const struct leaf_want w[], size_t n, struct queue *q)
{
    struct transformer *t = self;
    uint64_t computed = 0;
    int rc = pass_run(t->pass, w, n, queue_run(q), &computed);
    queue_computed(q, computed);
    return rc;
}

/* Symbols without text: what a checkpoint without tokenizer speaks. */
static struct space *bare_space(uint32_t n)
{
    uint64_t *offsets = mem_alloc(n + (size_t)1, sizeof *offsets);
    uint8_t *special = mem_alloc(n, 1);
    struct space *s = space_alloc(SPACE_TOKEN, n, special, offsets, special, NULL, 0);
    free(offsets);
    free(special);
    return s;
}

/* Of a path that is asked for by name, the types that the checkpoint has are tried; a choice holds for the other checkpoints
 * of a plan too. */
static uint32_t types_of(const struct checkpoint *c, const char *kernels)
{
    if (!kernels)
        return KERNEL_ALL_TYPES;
    uint32_t types = KERNEL_TYPE(DTYPE_F32);
    for (size_t i = 0; i < c->n_tensors; i++)
        types |= KERNEL_TYPE(c->tensors[i].type);
    return types;
}

/* The device's path is a name like those of kernels: rows of one are not those of another. */
static int choose_path(struct transformer *t, const struct transformer_options *o)
{
    const struct device *d = t->device;
    t->kernels =
        kernel_choose(d ? NULL : o->kernels, d ? KERNEL_F32 : t->mode, types_of(t->c, o->kernels), &t->refused);
    if (!t->kernels)
        return err_code();
    if (!d) {
        text_add(&t->path, t->kernels->name);
        return 0;
    }
    text_addf(&t->path, "%s sm_%u%u%s", d->api->name, d->info.major, d->info.minor,
              d->deterministic ? " deterministic" : "");
    if (o->kernels && strcmp(o->kernels, text_s(&t->path)) != 0)
        return err_set(ERR_USAGE, "kernels '%s': device %s has '%s'", o->kernels, d->name, text_s(&t->path));
    return 0;
}

static int choose(struct transformer *t, const struct transformer_options *o)
{
    static const char *const modes[] = { [KERNEL_F32] = "f32", [KERNEL_NATIVE] = "native" };
    const char *name = o->mode ? o->mode : o->device ? "native" : "f32";
    t->mode = strcmp(name, "native") == 0 ? KERNEL_NATIVE : KERNEL_F32;
    if (strcmp(name, modes[t->mode]) != 0)
        return err_unknown(ERR_USAGE, "compute mode", name, modes, 2);
    return choose_path(t, o);
}

/* What is planned for more positions than a checkpoint has would be another model. */
static int plan_positions(struct transformer *t, const struct transformer_options *o)
{
    const struct config *g = &t->c->config;
    t->planned = o->max_positions > 0 ? o->max_positions : g->max_positions;
    if (t->planned > g->max_positions)
        return err_set(ERR_USAGE, "%s: %u positions, want at most %u", t->c->name, t->planned, g->max_positions);
    rope_describe(g, t->planned, &t->positions);
    return 0;
}

/* The type of keys and values. */
static int choose_kv(const struct transformer_options *o, enum kernel_mode mode, enum kernel_kv *type)
{
    const char *names[KERNEL_KV_TYPES], *name = o->kv;
    *type = o->device && mode == KERNEL_NATIVE ? KERNEL_KV_BF16 : KERNEL_KV_F32;
    for (int i = 0; i < KERNEL_KV_TYPES; i++) {
        names[i] = kernel_kv_name((enum kernel_kv)i);
        if (name && strcmp(name, names[i]) == 0) {
            *type = (enum kernel_kv)i;
            return 0;
        }
    }
    return name ? err_unknown(ERR_USAGE, "type of keys and values", name, names, KERNEL_KV_TYPES) : 0;
}

static int open_lm(struct transformer *t, const char *alias)
{
    struct checkpoint *c = t->c;
    struct text identity = { 0 };
    if (!c->vocab)
        t->bare = bare_space(c->config.n_vocab);
    const struct space *space = t->bare ? t->bare : vocab_space(c->vocab);
    if (space->n > c->config.n_vocab)
        return err_set(ERR_DATA, "%s: the tokenizer has %u symbols, the embedding %u rows", c->name, space->n,
                       c->config.n_vocab);
    text_addf(&identity, "%s %s %s", alias ? alias : c->hash, t->mode == KERNEL_NATIVE ? "native" : "f32",
              text_s(&t->path));
    if (c->config.rope.scaling != SCALING_NONE)
        text_addf(&identity, " %s", text_s(&t->positions));
    if (t->kv_type != KERNEL_KV_F32)
        text_addf(&identity, " kv %s", kernel_kv_name(t->kv_type));
    hash_sha256(text_s(&identity), identity.len, t->hash);
    text_free(&identity);
    t->lm = (struct lm){ .type = &transformer_type,
                         .self = t,
                         .space = space,
                         .name = c->name,
                         .hash = t->hash,
                         .max_length = t->planned,
                         .pure = true,
                         .layered = true };
    t->leaf = (struct leaf){ .self = t, .compute = transformer_compute };
    return 0;
}

/* Widths are numbers from a file: the weights prove them, but activations of many positions take more than weights. */
static size_t choose_chunk(const struct config *g, size_t asked)
{
    size_t chunk = asked > 0 ? asked : DEFAULT_CHUNK, fits = ACTIVATION_BYTES / forward_cpu.token_bytes(g);
    return chunk <= fits ? chunk : fits > 0 ? fits : 1;
}

/* A page holds all layers of KERNEL_PAGE positions and cannot be had in parts. */
static int check_page(const struct transformer *t, size_t kv_bytes)
{
    const struct config *g = &t->c->config;
    uint64_t page = 2 * (uint64_t)g->n_kv_heads * kernel_kv_bytes(t->kv_type, g->head_dim), limit = DEFAULT_KV_BYTES;
    limit = limit > kv_bytes ? limit : kv_bytes;
    if (!num_mul(page, g->n_layers, &page) || page > limit)
        return err_set(
            ERR_DATA,
            "%s: keys and values of %u positions take %llu bytes, want at most %llu (%u layers, %u heads of %u)",
            t->c->name, KERNEL_PAGE, (unsigned long long)page, (unsigned long long)limit, g->n_layers, g->n_kv_heads,
            g->head_dim);
    return 0;
}

static struct forward_parts parts_of(const struct transformer *t, const struct transformer_options *o, size_t chunk)
{
    return (struct forward_parts){ .checkpoint = t->c,
                                   .weights = t->weights,
                                   .kernels = t->kernels,
                                   .kv = t->kv,
                                   .threads = o->threads,
                                   .mode = t->mode,
                                   .kv_type = t->kv_type,
                                   .n_scores = t->lm.space->n,
                                   .max_tokens = chunk,
                                   .planned = t->planned,
                                   .weight_bytes = t->plan.weight_most,
                                   .device = t->device };
}

static void yield(void *self)
{
    struct transformer *t = self;
    kv_release(t->kv);
    device_pages_empty(t->pages);
}

static void allow(void *self)
{
    struct transformer *t = self;
    kv_allow(t->kv, (size_t)t->plan.kv);
}

/* Memory for pages comes from the device from here on; lms that it has already share it. */
static int open_device(struct transformer *t, const struct transformer_options *o, size_t page_bytes, size_t *chunk)
{
    struct forward_parts parts = parts_of(t, o, o->chunk > 0 ? o->chunk : DEVICE_CHUNK);
    const struct device_ask ask = { .name = t->c->name,
                                    .weights = o->weight_bytes,
                                    .kv = o->kv_bytes,
                                    .page = page_bytes,
                                    .n_users = device_share_count(t->device) };
    parts.weight_bytes = o->weight_bytes;
    device_share_yield(t->device);
    int rc = forward_device_plan(&parts, &ask, &t->plan);
    if (t->plan.others > 0) /* there was a plan */
        device_share_allow(t->device, t->plan.others);
    TRY(rc);
    t->user = (struct device_user){ .yield = yield, .allow = allow, .self = t, .plan = &t->plan, .most = o->kv_bytes };
    device_share_join(t->device, &t->user);
    *chunk = parts.max_tokens;
    t->pages = device_pages_open(t->device, page_bytes);
    return t->pages ? 0 : err_code();
}

static int open_forward(struct transformer *t, const struct transformer_options *o)
{
    const struct config *g = &t->c->config;
    const struct kv_shape shape = { g->n_layers, g->n_kv_heads, g->head_dim, t->kv_type };
    size_t chunk = choose_chunk(g, o->chunk), kv_bytes = o->kv_bytes > 0 ? o->kv_bytes : DEFAULT_KV_BYTES;
    struct kv_memory memory;
    TRY(check_page(t, kv_bytes));
    if (t->device) {
        TRY(open_device(t, o, kv_page_bytes(&shape), &chunk));
        memory = device_pages_memory(t->pages);
        kv_bytes = (size_t)t->plan.kv;
        t->remote = t->lm.remote = remote_open(t->device, t->lm.space->n);
        if (!t->remote)
            return err_code();
        row_store_place(t->store, t->remote);
    }
    t->kv = kv_alloc(t->tree, &shape, kv_bytes, t->device ? &memory : NULL);
    struct forward_parts parts = parts_of(t, o, chunk);
    t->forward = forward_alloc(t->device ? &forward_device : &forward_cpu, &parts);
    if (!t->forward)
        return err_code();
    t->pass = pass_alloc(&(struct pass_parts){ t->tree, t->kv, t->store, t->forward, o->threads, chunk, t->remote });
    return 0;
}

static int open_all(struct transformer *t, const struct transformer_options *o)
{
    t->device = o->device;
    if (!o->alias)
        TRY(checkpoint_hash(t->c)); /* it reads the files, which give their pages back then */
    if (!t->device)
        checkpoint_settle(t->c, o->threads);
    t->weights = weights_open(t->c);
    if (!t->weights)
        return ERR_DATA;
    TRY(choose(t, o));
    TRY(choose_kv(o, t->mode, &t->kv_type));
    TRY(plan_positions(t, o));
    TRY(open_lm(t, o->alias));
    t->tree = o->apart ? tree_alloc_apart() : tree_alloc();
    t->store =
        row_store_alloc(t->tree, t->lm.space->n, t->c->config.dim, o->row_bytes > 0 ? o->row_bytes : DEFAULT_ROW_BYTES);
    return open_forward(t, o);
}

struct lm *transformer_open(struct checkpoint *c, const struct transformer_options *o)
{
    struct transformer *t = mem_alloc(1, sizeof *t);
    t->c = c;
    if (open_all(t, o) < 0) {
        transformer_type.free(t);
        return NULL;
    }
    return &t->lm;
}
