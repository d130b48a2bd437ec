/* The prefix tree under random forks, pushes, drops and wants: an lm with next to no memory, which forgets and computes
 * again all the time, one in chunks of its own and one that shares nothing give the same bits as one that keeps everything. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/core.h"
#include "model/transformer.h"
#include "model/tree.h"
#include "tests/lib/check.h"
#include "tests/lib/random_checkpoint.h"
#include <stdlib.h>
#include <string.h>

#define N_LMS     4
#define N_SLOTS   10
#define N_WANTS   4
#define N_SYMBOLS 3 /* few, so that paths meet and part all the time */
#define LIMIT     80

static uint64_t state = 1;

static size_t below(size_t n)
{
    state = hash_bytes(&state, sizeof state, 77);
    return (size_t)(state % n);
}

/* The same slots in every lm. */
struct world {
    struct lm *lm[N_LMS];
    struct core *core[N_LMS];
    int slot[N_SLOTS][N_LMS];
    sym_t text[N_SLOTS][LIMIT];
    size_t length[N_SLOTS];
};

static void push(struct world *w, size_t s, size_t n)
{
    n = n < LIMIT - w->length[s] ? n : LIMIT - w->length[s];
    for (size_t i = 0; i < n; i++)
        w->text[s][w->length[s] + i] = (sym_t)below(N_SYMBOLS);
    for (size_t k = 0; k < N_LMS; k++)
        check(lm_push(w->lm[k], w->slot[s][k], w->text[s] + w->length[s], n, NULL) == 0, "%s", err_text());
    w->length[s] += n;
}

/* Slot s becomes a fork of another, at any length. */
static void refork(struct world *w, size_t s, size_t from)
{
    size_t len = below(w->length[from] + 1);
    for (size_t k = 0; k < N_LMS; k++) {
        int slot = lm_fork(w->lm[k], w->slot[from][k], len);
        lm_drop(w->lm[k], w->slot[s][k]);
        w->slot[s][k] = slot;
    }
    memmove(w->text[s], w->text[from], len * sizeof(sym_t));
    w->length[s] = len;
    push(w, s, 1 + below(20));
}

static void compare(struct want wants[N_LMS][N_WANTS])
{
    for (size_t i = 0; i < N_WANTS; i++) {
        struct row truth[LIMIT], row[LIMIT];
        check(lm_rows(&wants[0][i], truth) == 0, "%s", err_text());
        for (size_t k = 1; k < N_LMS; k++) {
            size_t differ = 0;
            check(lm_rows(&wants[k][i], row) == 0, "%s", err_text());
            for (uint32_t r = 0; r < wants[k][i].n_rows; r++)
                differ += memcmp(row[r].score, truth[r].score, row[r].n * sizeof(float)) != 0;
            check(differ == 0, "lm %zu: %zu of %u rows differ", k, differ, wants[k][i].n_rows);
        }
    }
}

static void ask(struct world *w)
{
    static const uint32_t taps[] = { LM_TAP_FINAL, LM_TAP_FINAL, 1, LM_TAP_HIDDEN };
    struct want wants[N_LMS][N_WANTS];
    for (size_t i = 0; i < N_WANTS; i++) {
        size_t s = below(N_SLOTS);
        uint32_t n_rows = (uint32_t)(1 + (below(3) == 0 ? below(w->length[s]) : 0)), tap = taps[below(4)];
        for (size_t k = 0; k < N_LMS; k++)
            wants[k][i] = (struct want){ w->lm[k], w->slot[s][k], n_rows, tap };
    }
    for (size_t k = 0; k < N_LMS; k++)
        check(core_run(w->core[k], wants[k], N_WANTS) == 0, "%s", err_text());
    compare(wants);
}

static void walk(struct world *w, size_t n_steps)
{
    for (size_t s = 0; s < N_SLOTS; s++) {
        w->length[s] = 0;
        for (size_t k = 0; k < N_LMS; k++)
            w->slot[s][k] = lm_fork(w->lm[k], LM_EMPTY, 0);
        push(w, s, 1 + below(LIMIT));
    }
    for (size_t i = 0; i < n_steps; i++) {
        size_t s = below(N_SLOTS);
        if (below(2) == 0)
            refork(w, s, below(N_SLOTS));
        else if (w->length[s] < LIMIT)
            push(w, s, 1 + below(3));
        ask(w);
    }
    uint64_t kept = core_counts(w->core[0]).computed, forgetful = core_counts(w->core[1]).computed;
    check(forgetful > 2 * kept, "little memory computes again: %llu positions against %llu",
          (unsigned long long)forgetful, (unsigned long long)kept);
    uint64_t apart = core_counts(w->core[3]).computed;
    check(apart > kept, "%llu positions where nothing is shared, %llu where all is", (unsigned long long)apart,
          (unsigned long long)kept);
}

/* Nodes go with what holds them. */
static void nodes(void)
{
    struct tree *t = tree_alloc();
    const sym_t s[] = { 1, 2, 3, 4 };
    int a = tree_fork(t, -1, 0), b;
    tree_push(t, a, s, 4);
    b = tree_fork(t, a, 2);
    tree_push(t, b, s + 2, 1);
    check(tree_count(t) == 5 && tree_path(t, b)[2] == tree_path(t, a)[2], "equal prefixes are one node");
    tree_push(t, b, s, 1);
    check(tree_count(t) == 6, "parted");
    tree_drop(t, a);
    check(tree_count(t) == 5 && tree_length(t, b) == 4, "what b needs stays: %zu nodes", tree_count(t));
    tree_drop(t, b);
    check(tree_count(t) == 1, "all gone but the empty prefix: %zu nodes", tree_count(t));
    sym_t *many = mem_alloc(5000, sizeof *many);
    a = tree_fork(t, -1, 0);
    tree_push(t, a, many, 5000);
    b = tree_fork(t, -1, 0);
    tree_push(t, b, many, 5000);
    check(tree_count(t) == 5001 && memcmp(tree_path(t, a), tree_path(t, b), 5000 * sizeof(uint32_t)) == 0,
          "as many nodes as need more buckets");
    free(many);
    tree_free(t);
}

/* Only forks share. */
static void nodes_apart(void)
{
    struct tree *t = tree_alloc_apart();
    const sym_t s[] = { 1, 2, 3 };
    int a = tree_fork(t, -1, 0), b = tree_fork(t, -1, 0);
    tree_push(t, a, s, 3);
    tree_push(t, b, s, 3);
    check(tree_count(t) == 7, "equal prefixes are nodes of their own: %zu", tree_count(t));
    int c = tree_fork(t, a, 2);
    check(tree_count(t) == 7 && tree_path(t, c)[1] == tree_path(t, a)[1], "a fork is the same nodes");
    tree_push(t, c, s + 2, 1);
    check(tree_count(t) == 8, "and parts from them");
    tree_drop(t, a);
    tree_drop(t, b);
    check(tree_count(t) == 4 && tree_length(t, c) == 3, "what the fork needs stays: %zu nodes", tree_count(t));
    tree_drop(t, c);
    check(tree_count(t) == 1, "all gone: %zu nodes", tree_count(t));
    tree_free(t);
}

int main(void)
{
    const struct config config = { .n_vocab = 5,
                                   .dim = 32,
                                   .n_layers = 2,
                                   .n_heads = 2,
                                   .n_kv_heads = 1,
                                   .head_dim = 16,
                                   .ffn = 32,
                                   .max_positions = LIMIT,
                                   .norm_eps = 1e-5f,
                                   .rope_theta = 100 };
    size_t page = config.n_layers * 2 * 16 * config.head_dim * sizeof(float);
    struct checkpoint *c = random_checkpoint(&config, DTYPE_F32, 1);
    struct threads *one = threads_alloc(1), *two = threads_alloc(2);
    const struct transformer_options options[N_LMS] = {
        { .threads = one },
        { .threads = two, .kv_bytes = 6 * page, .row_bytes = 600, .chunk = 5 },
        { .threads = one, .chunk = 1 },
        { .threads = two, .apart = true, .kv_bytes = 40 * page },
    };
    struct world w;
    for (size_t k = 0; k < N_LMS; k++) {
        w.lm[k] = transformer_open(c, &options[k]);
        w.core[k] = core_alloc();
        check(w.lm[k] != NULL, "%s", err_text());
    }
    walk(&w, getenv("CHORALE_LONG") ? 20000 : 1000);
    for (size_t k = 0; k < N_LMS; k++) {
        lm_free(w.lm[k]);
        core_free(w.core[k]);
    }
    threads_free(one);
    threads_free(two);
    random_checkpoint_free(c);
    nodes();
    nodes_apart();
    return check_done("prefix_tree");
}
