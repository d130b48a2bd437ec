/* Pages of keys and values where their memory is full before the budget is. */
#include "model/kv.h"
#include "model/tree.h"
#include "tests/lib/check.h"
#include <stdlib.h>

/* Memory for some pages; how often it was asked. */
struct scarce {
    size_t left, n_asked;
};

static void *take(void *ctx, size_t bytes)
{
    struct scarce *s = ctx;
    s->n_asked++;
    return s->left > 0 ? s->left--, malloc(bytes) : NULL;
}

static void give(void *ctx, void *page)
{
    ((struct scarce *)ctx)->left++;
    free(page);
}

/* One more pass: the next position of the slot gets its place. */
static void go_on(struct kv *kv, struct tree *tree, int slot)
{
    sym_t next = (sym_t)tree_length(tree, slot);
    tree_push(tree, slot, &next, 1);
    kv_begin(kv);
    struct kv_copy c = kv_claim(kv, tree_path(tree, slot)[next], next);
    check(c.from == -1, "position %u has a place", next);
    kv_trim(kv);
}

/* bug: each page after the last that a full card has was asked for anew, some milliseconds each, before one was evicted.
 * Memory that comes back later is found. */
static void asked_now_and_then(void)
{
    enum { PAGES = 3, BUDGET = 100 };
    const struct kv_shape shape = { 1, 1, 4, KERNEL_KV_F32 };
    struct scarce scarce = { PAGES, 0 };
    struct tree *tree = tree_alloc();
    struct kv *kv = kv_alloc(tree, &shape, BUDGET * kv_page_bytes(&shape), &(struct kv_memory){ take, give, &scarce });
    int slot = tree_fork(tree, -1, 0);
    for (size_t i = 0; i < 12 * KERNEL_PAGE; i++)
        go_on(kv, tree, slot);
    check(scarce.n_asked == PAGES + 1, "asked %zu times for %d pages", scarce.n_asked, PAGES);
    check(kv_bytes(kv) == PAGES * kv_page_bytes(&shape), "%zu bytes of pages", kv_bytes(kv));
    kv_begin(kv);
    check(kv_room(kv, PAGES) && !kv_room(kv, PAGES + 1), "the budget is what there is");
    scarce.left = 2;
    for (size_t i = 0; i < 20 * KERNEL_PAGE; i++)
        go_on(kv, tree, slot);
    check(kv_bytes(kv) == (PAGES + 2) * kv_page_bytes(&shape), "%zu bytes of pages, then", kv_bytes(kv));
    kv_release(kv);
    check(kv_bytes(kv) == 0 && scarce.left == PAGES + 2, "all is given back");
    kv_allow(kv, 2 * kv_page_bytes(&shape));
    kv_begin(kv);
    check(kv_room(kv, 2) && !kv_room(kv, 3), "another budget");
    kv_free(kv);
    tree_free(tree);
}

/* bug: where a pass used all pages there were, nothing was cut but the length of its batches, for good. */
static void cut_to_what_is_had(void)
{
    enum { PAGES = 3 };
    const struct kv_shape shape = { 1, 1, 4, KERNEL_KV_F32 };
    struct scarce scarce = { PAGES, 0 };
    struct tree *tree = tree_alloc();
    struct kv *kv = kv_alloc(tree, &shape, 100 * kv_page_bytes(&shape), &(struct kv_memory){ take, give, &scarce });
    struct kv_copy c = { .from = -1 };
    kv_begin(kv);
    for (sym_t i = 0; i <= PAGES; i++) {
        check(c.from == -1, "prefix %u of one symbol has a page", i);
        int slot = tree_fork(tree, -1, 0);
        tree_push(tree, slot, &i, 1);
        c = kv_claim(kv, *tree_path(tree, slot), 0);
    }
    check(c.from == KV_FULL, "there are %d pages", PAGES);
    kv_clear(kv);
    kv_begin(kv);
    check(kv_shrink(kv) && kv_room(kv, PAGES) && !kv_room(kv, PAGES + 1), "the next batch is of what there is");
    check(!kv_shrink(kv), "what is short next is something else");
    kv_free(kv);
    tree_free(tree);
}

int main(void)
{
    cut_to_what_is_had();
    asked_now_and_then();
    return check_done("kv");
}
