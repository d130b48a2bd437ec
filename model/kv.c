#include "model/kv.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((uintptr_t)2 << 20)

struct page {
    void *data;                /* NULL: a free entry */
    uint32_t own[KERNEL_PAGE]; /* nodes whose place this is; 0: a copy */
    size_t filled;
    uint64_t pass;        /* the last that used it */
    int32_t newer, older; /* by last use; -1: none.  Of a free entry: older is the next free one */
};

struct kv {
    struct tree *tree;
    struct kv_shape shape;
    struct kv_memory memory;
    size_t page_bytes, budget, most; /* budget in pages: most, or what there was when memory was full */
    uint64_t again;                  /* pass from which on the budget is the most again */
    size_t had; /* pages that there were when the memory for one more was missing; SIZE_MAX: it was not */
    struct page *pages;
    size_t n_pages, pages_cap;
    int32_t newest, oldest, free_page;
    void **spare; /* (n_spare,) data of evicted pages, for the next */
    size_t n_spare, spare_cap;
    size_t n_live, n_used;
    uint64_t pass;
};

/* In 2 MB pages of the system where it has some and one of ours holds a few: fewer address lookups. */
static void *host_take(void *ctx, size_t bytes)
{
    void *data = mem_aligned(1, bytes);
    uintptr_t from = ((uintptr_t)data + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    uintptr_t to = ((uintptr_t)data + bytes) / HUGE_PAGE * HUGE_PAGE;
    (void)ctx;
    if (to > from)
        madvise((void *)from, to - from, MADV_HUGEPAGE);
    return data;
}

static void host_give(void *ctx, void *page)
{
    (void)ctx;
    free(page);
}

size_t kv_page_bytes(const struct kv_shape *shape)
{
    return shape->n_layers * 2 * shape->n_kv_heads * kernel_kv_bytes(shape->type, shape->head_dim);
}

struct kv *kv_alloc(struct tree *tree, const struct kv_shape *shape, size_t bytes, const struct kv_memory *memory)
{
    struct kv *kv = mem_alloc(1, sizeof *kv);
    kv->tree = tree;
    kv->shape = *shape;
    kv->memory = memory ? *memory : (struct kv_memory){ host_take, host_give, NULL };
    kv->page_bytes = kv_page_bytes(shape);
    kv->newest = kv->oldest = kv->free_page = -1;
    kv_allow(kv, bytes);
    return kv;
}

static void give(struct kv *kv, void *data)
{
    if (data)
        kv->memory.give(kv->memory.ctx, data);
}

void kv_free(struct kv *kv)
{
    if (!kv)
        return;
    for (size_t i = 0; i < kv->n_pages; i++)
        give(kv, kv->pages[i].data);
    for (size_t i = 0; i < kv->n_spare; i++)
        give(kv, kv->spare[i]);
    free(kv->spare);
    free(kv->pages);
    free(kv);
}

size_t kv_values_at(const struct kv *kv)
{
    return kv->shape.n_kv_heads * kernel_kv_bytes(kv->shape.type, kv->shape.head_dim);
}

size_t kv_keys_at(const struct kv *kv, size_t layer, size_t head)
{
    return layer * 2 * kv_values_at(kv) + head * kernel_kv_bytes(kv->shape.type, kv->shape.head_dim);
}

void *kv_page(const struct kv *kv, int32_t page)
{
    return kv->pages[page].data;
}

void kv_begin(struct kv *kv)
{
    kv->pass++;
    kv->n_used = 0;
}

bool kv_room(const struct kv *kv, size_t n_pages)
{
    return kv->n_used + n_pages <= kv->budget;
}

size_t kv_bytes(const struct kv *kv)
{
    return kv->n_live * kv->page_bytes;
}

static void unlink_page(struct kv *kv, int32_t page)
{
    struct page *p = &kv->pages[page];
    if (p->newer >= 0)
        kv->pages[p->newer].older = p->older;
    else
        kv->newest = p->older;
    if (p->older >= 0)
        kv->pages[p->older].newer = p->newer;
    else
        kv->oldest = p->newer;
}

static void link_newest(struct kv *kv, int32_t page)
{
    struct page *p = &kv->pages[page];
    p->newer = -1;
    p->older = kv->newest;
    if (kv->newest >= 0)
        kv->pages[kv->newest].newer = page;
    else
        kv->oldest = page;
    kv->newest = page;
}

void kv_use(struct kv *kv, int32_t page)
{
    struct page *p = &kv->pages[page];
    if (p->pass != kv->pass)
        kv->n_used++;
    p->pass = kv->pass;
    unlink_page(kv, page);
    link_newest(kv, page);
}

static void evict(struct kv *kv, int32_t page)
{
    struct page *p = &kv->pages[page];
    unlink_page(kv, page);
    mem_grow(&kv->spare, &kv->spare_cap, kv->n_spare + 1, sizeof *kv->spare);
    kv->spare[kv->n_spare++] = p->data;
    p->data = NULL;
    p->older = kv->free_page;
    kv->free_page = page;
    kv->n_live--;
    for (size_t i = 0; i < KERNEL_PAGE; i++) {
        if (!p->own[i])
            continue;
        tree_node(kv->tree, p->own[i])->page = -1;
        tree_release(kv->tree, p->own[i]);
    }
}

/* Evicts while more than n pages live and the oldest is not of this pass. */
static void evict_to(struct kv *kv, size_t n)
{
    while (kv->n_live > n && kv->pages[kv->oldest].pass != kv->pass)
        evict(kv, kv->oldest);
}

/* There are n pages, and no more for a while. */
static void be_full(struct kv *kv, size_t n)
{
    kv->budget = n < kv->budget ? n : kv->budget;
    kv->again = kv->pass + KV_FULL_FOR;
}

/* Memory for a page: an evicted one's, or more; NULL where there is none, after the oldest that this pass does not use. */
static void *page_data(struct kv *kv)
{
    if (kv->n_spare > 0)
        return kv->spare[--kv->n_spare];
    void *data = kv->memory.take(kv->memory.ctx, kv->page_bytes);
    if (data || kv->n_live == 0)
        return data;
    size_t had = kv->n_live;
    evict_to(kv, had - 1);
    if (kv->n_spare == 0) /* this pass uses all: kv_shrink() */
        return NULL;
    be_full(kv, had);
    return kv->spare[--kv->n_spare];
}

/* -1: no memory for it. */
static int32_t new_page(struct kv *kv)
{
    evict_to(kv, kv->budget - 1);
    void *data = page_data(kv);
    if (!data) {
        kv->had = kv->n_live;
        return -1;
    }
    int32_t page = kv->free_page;
    if (page < 0) {
        mem_grow(&kv->pages, &kv->pages_cap, kv->n_pages + 1, sizeof *kv->pages);
        page = (int32_t)kv->n_pages++;
    } else {
        kv->free_page = kv->pages[page].older;
    }
    kv->pages[page] = (struct page){ .data = data, .pass = kv->pass };
    kv->n_live++;
    kv->n_used++;
    link_newest(kv, page);
    return page;
}

struct kv_copy kv_claim(struct kv *kv, uint32_t id, size_t position)
{
    size_t at = position % KERNEL_PAGE;
    struct node *n = tree_node(kv->tree, id);
    int32_t before = at > 0 ? tree_node(kv->tree, n->parent)->page : -1;
    struct kv_copy copy = { .from = -1 };
    assert(n->page < 0 && (at == 0 || before >= 0));
    if (before >= 0)
        kv_use(kv, before);
    if (before >= 0 && kv->pages[before].filled == at)
        n->page = before;
    else
        n->page = new_page(kv);
    if (n->page < 0)
        return (struct kv_copy){ .from = KV_FULL };
    struct page *p = &kv->pages[n->page];
    if (at > 0 && n->page != before)
        copy = (struct kv_copy){ before, n->page, at };
    p->own[at] = id;
    p->filled = at + 1;
    return copy;
}

void kv_trim(struct kv *kv)
{
    if (kv->pass >= kv->again) {
        kv->budget = kv->most;
        kv->again = UINT64_MAX;
    }
    evict_to(kv, kv->budget);
    while (kv->n_spare > 0 && kv->n_live + kv->n_spare > kv->budget)
        give(kv, kv->spare[--kv->n_spare]);
}

bool kv_shrink(struct kv *kv)
{
    bool less = kv->had > 0 && kv->had < kv->budget;
    if (less)
        be_full(kv, kv->had);
    kv->had = SIZE_MAX; /* what is short next time may be something else */
    return less;
}

void kv_clear(struct kv *kv)
{
    while (kv->oldest >= 0)
        evict(kv, kv->oldest);
}

void kv_release(struct kv *kv)
{
    kv_clear(kv);
    while (kv->n_spare > 0)
        give(kv, kv->spare[--kv->n_spare]);
}

void kv_allow(struct kv *kv, size_t bytes)
{
    kv->budget = kv->most = bytes > kv->page_bytes ? bytes / kv->page_bytes : 1;
    kv->again = UINT64_MAX;
    kv->had = SIZE_MAX;
}
