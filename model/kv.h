/* Pages of keys and values: what attention remembers of the positions before.
 *
 * A page holds KERNEL_PAGE positions of one path through the prefix tree, [layer][k, v][kv head][position][head_dim] in
 * one type (kernel_kv.h).  It always holds all positions of its block up to the last one it has, so a path needs one page a block: that
 * of its deepest node there.  A path that leaves another in the middle of a block gets a page of its own, into which the
 * shared positions are copied (copy on write): it costs no pass.
 *
 * Pages are a cache: they go, least recently used first, when their bytes exceed the budget and no pass uses them. */
#ifndef MODEL_KV_H
#define MODEL_KV_H

#include "model/kernel.h"
#include "model/tree.h"

struct kv_shape {
    size_t n_layers, n_kv_heads, head_dim;
    enum kernel_kv type;
};

/* Where pages lie.  ctx is borrowed. */
struct kv_memory {
    void *(*take)(void *ctx, size_t bytes); /* NULL + ERR_MEMORY: there is no more */
    void (*give)(void *ctx, void *page);
    void *ctx;
};

/* The first n positions of page `from` are to be in page `to` before any later position of `to` attends. */
struct kv_copy {
    int32_t from, to; /* from < 0: nothing to do; KV_FULL: take() had none for the page, the node has none */
    size_t n;
};

#define KV_FULL (-2)

struct kv;

/* How many times of kv_begin() memory that was full is not asked again: a card takes milliseconds to say no. */
#define KV_FULL_FOR 256u

/* bytes: the budget, a page at least.  memory NULL: this machine's; where it has no more, what there is is the budget for a
 * while (KV_FULL_FOR). */
struct kv *kv_alloc(struct tree *tree, const struct kv_shape *shape, size_t bytes, const struct kv_memory *memory);
void kv_free(struct kv *kv);

/* Bytes from a page's start to the block of keys of (layer, kv head); that of values is kv_values_at() bytes later. */
size_t kv_keys_at(const struct kv *kv, size_t layer, size_t head);
size_t kv_values_at(const struct kv *kv);
void *kv_page(const struct kv *kv, int32_t page);

/* A pass begins: pages used from here on stay until the next one begins. */
void kv_begin(struct kv *kv);
void kv_use(struct kv *kv, int32_t page);
bool kv_room(const struct kv *kv, size_t n_pages); /* n_pages more fit the budget beside those that the pass uses */
/* Gives a node without a page (at `position`) its place, and uses it. */
struct kv_copy kv_claim(struct kv *kv, uint32_t node, size_t position);
size_t kv_bytes(const struct kv *kv); /* of pages alive */
/* After a run of passes that went well: gives back what exceeds the budget and is not used by the last. */
void kv_trim(struct kv *kv);
/* Forgets all: after a pass that failed half-way. */
void kv_clear(struct kv *kv);
/* After KV_FULL and kv_clear(): the budget becomes what was had then, so that batches are cut to what there is; false: it
 * was no more before, or there was no page at all. */
bool kv_shrink(struct kv *kv);
/* Forgets all and gives all memory back. */
void kv_release(struct kv *kv);
/* Another budget from here on, of one page at least. */
void kv_allow(struct kv *kv, size_t bytes);

size_t kv_page_bytes(const struct kv_shape *shape);

#endif
