#include "model/pass.h"
#include "base/err.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct token {
    uint32_t node;
    uint32_t position;
    int32_t page;    /* takes its keys and values; -1: they are there */
    size_t pages_at; /* where the page list of its path starts */
    bool full;       /* has a row that needs the last layer */
};

struct wanted_row {
    size_t token;
    struct kept_row *kept;
};

struct pass {
    struct pass_parts p;
    uint64_t number;      /* of the batch being filled */
    struct token *tokens; /* (n_tokens,) of at most max_tokens */
    size_t n_tokens;
    struct wanted_row *rows;
    size_t n_rows, rows_cap;
    struct kv_copy *copies;
    size_t n_copies, copies_cap;
    int32_t *pages; /* page lists, one after the other */
    size_t n_pages, pages_cap;
    /* what the forward pass is given */
    struct forward_token *forward_tokens; /* (max_tokens,) */
    size_t *place;                        /* (max_tokens,) of a token among them */
    struct forward_row *forward_rows;
    size_t forward_rows_cap;
    struct forward_copy *forward_copies;
    size_t forward_copies_cap;
    const void **bases; /* of pages[] */
    size_t bases_cap;
    void **there; /* blocks of rows that stay */
    size_t there_cap;
    struct device_measured *measured; /* of them */
    size_t measured_cap;
    uint64_t computed;
};

/* The path of one want, as far as it is needed. */
struct path {
    const uint32_t *node; /* (len,) */
    size_t len, first;    /* rows are wanted from first on */
    uint32_t tap;
    uint64_t run;
};

struct pass *pass_alloc(const struct pass_parts *parts)
{
    struct pass *p = mem_alloc(1, sizeof *p);
    p->p = *parts;
    p->tokens = mem_alloc(parts->max_tokens, sizeof *p->tokens);
    p->forward_tokens = mem_alloc(parts->max_tokens, sizeof *p->forward_tokens);
    p->place = mem_alloc(parts->max_tokens, sizeof *p->place);
    return p;
}

void pass_free(struct pass *p)
{
    if (!p)
        return;
    free(p->tokens);
    free(p->rows);
    free(p->copies);
    free(p->pages);
    free(p->forward_tokens);
    free(p->place);
    free(p->forward_rows);
    free(p->forward_copies);
    free(p->bases);
    free(p->there);
    free(p->measured);
    free(p);
}

static void begin(struct pass *p)
{
    p->number++;
    p->n_tokens = p->n_rows = p->n_copies = p->n_pages = 0;
    kv_begin(p->p.kv);
}

/* The last position of a block, up to len, that has a page; block * KERNEL_PAGE - 1 when none has.  That page holds all
 * positions of the block before it. */
static ptrdiff_t covered(const struct pass *p, const struct path *path, size_t block)
{
    ptrdiff_t first = (ptrdiff_t)(block * KERNEL_PAGE), i = first + KERNEL_PAGE;
    if (i > (ptrdiff_t)path->len)
        i = (ptrdiff_t)path->len;
    for (i--; i >= first; i--)
        if (tree_node(p->p.tree, path->node[i])->page >= 0)
            break;
    return i;
}

static size_t n_blocks(const struct path *path)
{
    return (path->len + KERNEL_PAGE - 1) / KERNEL_PAGE;
}

/* Keeps the pages of the path for this batch; from the end, so that the beginning, which most share, goes last. */
static void use_path(struct pass *p, const struct path *path)
{
    for (size_t block = n_blocks(path); block-- > 0;) {
        ptrdiff_t last = covered(p, path, block);
        if (last >= (ptrdiff_t)(block * KERNEL_PAGE))
            kv_use(p->p.kv, tree_node(p->p.tree, path->node[last])->page);
    }
}

/* The page list of the tokens that the path has put into this batch since pages_at. */
static void close_list(struct pass *p, const struct path *path, size_t last)
{
    size_t n = last / KERNEL_PAGE + 1;
    mem_grow(&p->pages, &p->pages_cap, p->n_pages + n, sizeof *p->pages);
    for (size_t block = 0; block < n; block++) {
        ptrdiff_t i = covered(p, path, block);
        assert(i >= (ptrdiff_t)(block + 1 < n ? block * KERNEL_PAGE : last));
        p->pages[p->n_pages++] = tree_node(p->p.tree, path->node[i])->page;
    }
}

/* Full tokens first, so that the others can leave the last layer early. */
static size_t order_tokens(struct pass *p)
{
    size_t n_full = 0, next = 0;
    for (size_t i = 0; i < p->n_tokens; i++)
        n_full += p->tokens[i].full;
    for (size_t i = 0, rest = n_full; i < p->n_tokens; i++)
        p->place[i] = p->tokens[i].full ? next++ : rest++;
    return n_full;
}

static void fill_batch(struct pass *p, struct forward_batch *b)
{
    const struct pass_parts *a = &p->p;
    b->n_full = order_tokens(p);
    mem_grow(&p->bases, &p->bases_cap, p->n_pages, sizeof *p->bases);
    for (size_t i = 0; i < p->n_pages; i++)
        p->bases[i] = kv_page(a->kv, p->pages[i]);
    for (size_t i = 0; i < p->n_tokens; i++) {
        const struct token *t = &p->tokens[i];
        p->forward_tokens[p->place[i]] = (struct forward_token){ .symbol = tree_node(a->tree, t->node)->symbol,
                                                                 .position = t->position,
                                                                 .pages = p->bases + t->pages_at,
                                                                 .own = t->page >= 0 ? kv_page(a->kv, t->page) : NULL };
    }
    mem_grow(&p->forward_rows, &p->forward_rows_cap, p->n_rows, sizeof *p->forward_rows);
    for (size_t i = 0; i < p->n_rows; i++) {
        const struct kept_row *kept = p->rows[i].kept;
        p->forward_rows[i] = (struct forward_row){ .token = p->place[p->rows[i].token],
                                                   .tap = kept->tap == LM_TAP_THERE ? LM_TAP_FINAL : kept->tap,
                                                   .out = kept->row.score,
                                                   .there = kept->block };
    }
    mem_grow(&p->forward_copies, &p->forward_copies_cap, p->n_copies, sizeof *p->forward_copies);
    for (size_t i = 0; i < p->n_copies; i++) {
        const struct kv_copy *c = &p->copies[i];
        p->forward_copies[i] = (struct forward_copy){ kv_page(a->kv, c->from), kv_page(a->kv, c->to), c->n };
    }
    b->tokens = p->forward_tokens;
    b->n_tokens = p->n_tokens;
    b->rows = p->forward_rows;
    b->n_rows = p->n_rows;
    b->copies = p->forward_copies;
    b->n_copies = p->n_copies;
}

/* Scores are finite when they come here, so row_measure() has nothing to refuse. */
static void measure_row(void *ctx, size_t i, size_t worker)
{
    struct pass *p = ctx;
    struct kept_row *kept = p->rows[i].kept;
    (void)worker;
    if (kept->block)
        return;
    if (kept->tap == LM_TAP_HIDDEN) {
        kept->row.log_z = NAN;
        return;
    }
    int rc = row_measure(&kept->row);
    assert(rc == 0);
    (void)rc;
}

/* The largest score of a row that is known. */
static double top_of(const struct kept_row *k)
{
    return k->block ? (double)k->measured.top : (double)row_max(&k->row);
}

/* Scores so large that a distribution can no longer be told from them. */
static int check_rows(const struct pass *p)
{
    for (size_t i = 0; i < p->n_rows; i++) {
        const struct kept_row *k = p->rows[i].kept;
        if (k->tap != LM_TAP_HIDDEN && fabs(top_of(k)) > ROW_SCORE_MOST)
            return err_set(ERR_DATA, "the checkpoint gives scores as large as %g, want a magnitude of at most %g",
                           top_of(k), ROW_SCORE_MOST);
    }
    return 0;
}

/* The rows of this batch that stay on the device, all in one call. */
static int measure_there(struct pass *p)
{
    size_t n = 0;
    mem_grow(&p->there, &p->there_cap, p->n_rows, sizeof *p->there);
    mem_grow(&p->measured, &p->measured_cap, p->n_rows, sizeof *p->measured);
    for (size_t i = 0; i < p->n_rows; i++)
        if (p->rows[i].kept->block)
            p->there[n++] = p->rows[i].kept->block;
    if (n > 0)
        TRY(remote_measure(p->p.remote, p->there, n, p->measured));
    n = 0;
    for (size_t i = 0; i < p->n_rows; i++)
        if (p->rows[i].kept->block)
            p->rows[i].kept->measured = p->measured[n++];
    return 0;
}

/* Runs the batch and begins the next. */
static int flush(struct pass *p)
{
    struct forward_batch b;
    fill_batch(p, &b);
    int rc = forward_run(p->p.forward, &b);
    if (rc == 0)
        rc = measure_there(p);
    if (rc == 0) {
        if (p->n_rows > 1)
            threads_run(p->p.threads, p->n_rows, measure_row, p);
        else if (p->n_rows == 1)
            measure_row(p, 0, 0);
        rc = check_rows(p);
        for (size_t i = 0; i < p->n_rows && rc == 0; i++)
            p->rows[i].kept->ready = true;
        p->computed += p->n_tokens;
    }
    begin(p);
    return rc;
}

static int claim(struct pass *p, struct token *t)
{
    struct kv_copy copy = kv_claim(p->p.kv, t->node, t->position);
    t->page = tree_node(p->p.tree, t->node)->page;
    if (copy.from == KV_FULL)
        return FORWARD_LESS;
    if (copy.from < 0)
        return 0;
    mem_grow(&p->copies, &p->copies_cap, p->n_copies + 1, sizeof *p->copies);
    p->copies[p->n_copies++] = copy;
    return 0;
}

/* The token of path->node[i] in this batch, made if it is not there. */
static struct token *token_of(struct pass *p, const struct path *path, size_t i, size_t pages_at)
{
    struct node *n = tree_node(p->p.tree, path->node[i]);
    if (n->pass == p->number)
        return &p->tokens[n->token];
    n->pass = p->number;
    n->token = (uint32_t)p->n_tokens;
    struct token *t = &p->tokens[p->n_tokens++];
    *t = (struct token){ .node = path->node[i], .position = (uint32_t)i, .page = -1, .pages_at = pages_at };
    return t;
}

static int add_row(struct pass *p, struct token *t, const struct path *path)
{
    struct kept_row *kept = row_store_add(p->p.store, t->node, path->tap, path->run);
    if (!kept)
        return FORWARD_LESS;
    mem_grow(&p->rows, &p->rows_cap, p->n_rows + 1, sizeof *p->rows);
    p->rows[p->n_rows++] = (struct wanted_row){ .token = (size_t)(t - p->tokens), .kept = kept };
    t->full |= path->tap == LM_TAP_FINAL || path->tap == LM_TAP_HIDDEN || path->tap == LM_TAP_THERE;
    return 0;
}

static bool row_missing(const struct pass *p, const struct path *path, size_t i)
{
    return i >= path->first && !row_store_find(p->p.tree, path->node[i], path->tap);
}

static int add_path(struct pass *p, const struct path *path)
{
    size_t last = SIZE_MAX, pages_at = p->n_pages; /* last: position of the newest token of this path in this batch */
    ptrdiff_t have = -1;
    use_path(p, path);
    for (size_t i = 0; i < path->len; i++) {
        if (i % KERNEL_PAGE == 0) {
            have = covered(p, path, i / KERNEL_PAGE);
            if (have == (ptrdiff_t)(i + KERNEL_PAGE - 1) && i + KERNEL_PAGE <= path->first) {
                i += KERNEL_PAGE - 1; /* a whole block that is there */
                continue;
            }
        }
        bool missing = row_missing(p, path, i), bare = (ptrdiff_t)i > have;
        if (!missing && !bare)
            continue;
        if (p->n_tokens == p->p.max_tokens && tree_node(p->p.tree, path->node[i])->pass != p->number) {
            if (last != SIZE_MAX)
                close_list(p, path, last);
            TRY(flush(p));
            use_path(p, path);
            last = SIZE_MAX;
            pages_at = p->n_pages;
        }
        struct token *t = token_of(p, path, i, pages_at);
        if (t->pages_at == pages_at)
            last = i;
        if (bare)
            TRY(claim(p, t));
        if (missing)
            TRY(add_row(p, t, path));
    }
    if (last != SIZE_MAX)
        close_list(p, path, last);
    return 0;
}

static int add_want(struct pass *p, const struct leaf_want *w, uint64_t run)
{
    struct path path = {
        .node = tree_path(p->p.tree, w->slot), .len = tree_length(p->p.tree, w->slot), .tap = w->tap, .run = run
    };
    path.first = path.len - w->n_rows;
    while (path.len > path.first && !row_missing(p, &path, path.len - 1))
        path.len--;
    if (path.len == path.first)
        return 0;
    if (p->n_tokens > 0 && !kv_room(p->p.kv, n_blocks(&path)))
        TRY(flush(p));
    return add_path(p, &path);
}

static int run_wants(struct pass *p, const struct leaf_want w[], size_t n, uint64_t run)
{
    int rc = 0;
    begin(p);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_want(p, &w[i], run);
    if (rc == 0 && p->n_tokens > 0)
        rc = flush(p);
    if (rc < 0) {
        kv_clear(p->p.kv);
        row_store_forget(p->p.store);
    }
    return rc;
}

int pass_run(struct pass *p, const struct leaf_want w[], size_t n, uint64_t run, uint64_t *computed)
{
    int rc;
    p->computed = 0;
    while ((rc = run_wants(p, w, n, run)) == FORWARD_LESS) {
        if (kv_shrink(p->p.kv)) /* batches are smaller by that */
            continue;
        if (p->p.max_tokens == 1)
            break;
        p->p.max_tokens /= 2;
    }
    if (rc == 0)
        kv_trim(p->p.kv);
    *computed = p->computed;
    return rc == FORWARD_LESS ? err_code() : rc;
}
