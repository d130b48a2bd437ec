#include "ensemble/bytes_adjacent.h"
#include "base/mem.h"
#include "ensemble/bytes_derive.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CACHED      1024u /* left tokens whose barred ones are kept */
#define CACHED_BITS ((size_t)1 << 28)

struct kept {
    sym_t left;
    bool used;
    uint64_t *bits;
};

/* A merge, by its left part. */
struct joint {
    sym_t left, right;
    uint32_t rank;
};

/* Tokens by their left spines: a forest whose trees are stretches of `order`. */
struct forest {
    sym_t *order;              /* (n,) parents first, each followed by all that begins with it */
    uint32_t *at, *until;      /* (space->n,) a token's stretch */
    sym_t *child;              /* (n,) those of one token side by side */
    uint32_t *first, *n_child; /* (space->n,) */
};

struct bytes_adjacent {
    const struct bytes_vocab *t;
    const struct bpe *merges;
    struct bytes_derivation *of; /* (space->n,) */
    struct joint *joint;         /* (n_joints,) by left part */
    size_t n_joints, cap_joints;
    uint32_t *first_joint; /* (space->n + 1,) */
    struct forest forest;
    sym_t *odd; /* (n_odd,) reached tokens that are */
    size_t n_odd;
    uint64_t *unreached; /* (t->n bits) by place */
    struct kept *kept;   /* (n_kept,) by left token, direct */
    size_t n_kept, n_words;
    struct symbols work;
};

static void add_joint(void *to, struct bpe_merge_row m)
{
    struct bytes_adjacent *a = to;
    mem_grow(&a->joint, &a->cap_joints, a->n_joints + 1, sizeof *a->joint);
    a->joint[a->n_joints++] = (struct joint){ m.left, m.right, m.rank };
}

static int by_parts(const void *x, const void *y)
{
    const struct joint *a = x, *b = y;
    if (a->left != b->left)
        return a->left < b->left ? -1 : 1;
    return (a->right > b->right) - (a->right < b->right);
}

static void index_joints(struct bytes_adjacent *a)
{
    uint32_t n = a->t->space->n;
    bpe_each(a->merges, add_joint, a);
    if (a->n_joints > 0)
        qsort(a->joint, a->n_joints, sizeof *a->joint, by_parts);
    a->first_joint = mem_alloc(n + (size_t)1, sizeof *a->first_joint);
    for (size_t i = 0; i < a->n_joints; i++)
        a->first_joint[a->joint[i].left + 1]++;
    for (uint32_t v = 0; v < n; v++)
        a->first_joint[v + 1] += a->first_joint[v];
}

static bool is_plain(const struct bytes_adjacent *a, sym_t id)
{
    return a->of[id].reached && !a->of[id].odd;
}

/* Tokens with their left parents, by counting. */
static void index_children(struct bytes_adjacent *a)
{
    struct forest *f = &a->forest;
    uint32_t n = a->t->space->n, sum = 0;
    for (sym_t v = 0; v < n; v++)
        if (is_plain(a, v) && a->of[v].rank >= 0)
            f->n_child[a->of[v].left]++;
    for (sym_t v = 0; v < n; v++) {
        f->first[v] = sum;
        sum += f->n_child[v];
        f->n_child[v] = 0;
    }
    for (sym_t v = 0; v < n; v++)
        if (is_plain(a, v) && a->of[v].rank >= 0)
            f->child[f->first[a->of[v].left] + f->n_child[a->of[v].left]++] = v;
}

/* Depth first, without recursion: until[] holds the next child to visit on the way down. */
static void index_tree(struct bytes_adjacent *a, sym_t root, uint32_t *n)
{
    struct forest *f = &a->forest;
    sym_t v = root;
    f->at[v] = *n;
    f->order[(*n)++] = v;
    for (;;) {
        if (f->until[v] < f->n_child[v]) {
            v = f->child[f->first[v] + f->until[v]++];
            f->at[v] = *n;
            f->order[(*n)++] = v;
            continue;
        }
        f->until[v] = *n;
        if (v == root)
            return;
        v = a->of[v].left;
    }
}

static void index_tokens(struct bytes_adjacent *a)
{
    struct forest *f = &a->forest;
    uint32_t n = a->t->space->n, n_order = 0;
    f->order = mem_alloc(n, sizeof *f->order);
    f->child = mem_alloc(n, sizeof *f->child);
    f->at = mem_alloc(n, sizeof *f->at);
    f->until = mem_alloc(n, sizeof *f->until);
    f->first = mem_alloc(n, sizeof *f->first);
    f->n_child = mem_alloc(n, sizeof *f->n_child);
    a->odd = mem_alloc(n, sizeof *a->odd);
    a->unreached = mem_alloc(a->n_words, sizeof *a->unreached);
    index_children(a);
    for (sym_t v = 0; v < n; v++) {
        uint32_t place = a->t->place[v];
        if (is_plain(a, v) && a->of[v].rank < 0)
            index_tree(a, v, &n_order);
        if (a->of[v].reached && a->of[v].odd)
            a->odd[a->n_odd++] = v;
        if (place < a->t->n && !a->of[v].reached && !a->t->is_added[place])
            a->unreached[place / 64] |= (uint64_t)1 << place % 64;
    }
}

struct bytes_adjacent *bytes_adjacent_alloc(const struct bytes_vocab *t)
{
    struct bytes_adjacent *a = mem_alloc(1, sizeof *a);
    a->t = t;
    a->merges = vocab_view_merges(t->vocab);
    assert(a->merges);
    a->of = bytes_derive(t);
    a->n_words = t->n / 64 + 1;
    a->n_kept = CACHED_BITS / 64 / a->n_words;
    a->n_kept = a->n_kept > CACHED ? CACHED : a->n_kept < 1 ? 1 : a->n_kept;
    a->kept = mem_alloc(a->n_kept, sizeof *a->kept);
    index_joints(a);
    index_tokens(a);
    return a;
}

void bytes_adjacent_free(struct bytes_adjacent *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_kept; i++)
        free(a->kept[i].bits);
    free(a->kept);
    free(a->of);
    free(a->joint);
    free(a->first_joint);
    free(a->forest.order);
    free(a->forest.child);
    free(a->forest.at);
    free(a->forest.until);
    free(a->forest.first);
    free(a->forest.n_child);
    free(a->odd);
    free(a->unreached);
    free(a->work.s);
    free(a);
}

bool bytes_adjacent_reaches(const struct bytes_adjacent *a, sym_t id)
{
    return a->of[id].reached;
}

static bool pair_anew(struct bytes_adjacent *a, sym_t left, sym_t right)
{
    size_t n_left, n_right;
    const uint8_t *l = space_text(a->t->space, left, &n_left), *r = space_text(a->t->space, right, &n_right);
    struct text both = { 0 };
    text_addn(&both, l, n_left);
    text_addn(&both, r, n_right);
    a->work.n = 0;
    bool merges = vocab_view_merge(a->t->vocab, text_s(&both), both.len, &a->work);
    text_free(&both);
    return merges && a->work.n == 2 && a->work.s[0] == left && a->work.s[1] == right;
}

/* The symbols at one side of the boundary, outermost (the whole token) first. */
static size_t right_spine(const struct bytes_adjacent *a, sym_t t, sym_t out[])
{
    size_t n = 0;
    for (out[n++] = t; a->of[t].rank >= 0; out[n++] = t)
        t = a->of[t].right;
    return n;
}

/* Of which one is odd or unreached. */
static bool is_pair(struct bytes_adjacent *a, sym_t left, sym_t right)
{
    return a->of[left].reached && a->of[right].reached && pair_anew(a, left, right);
}

static void set_bit(uint64_t bits[], uint32_t place)
{
    bits[place / 64] |= (uint64_t)1 << place % 64;
}

/* All tokens whose left spine has r. */
static void bar_tree(const struct bytes_adjacent *a, sym_t r, uint64_t bits[])
{
    for (uint32_t i = a->forest.at[r]; i < a->forest.until[r]; i++)
        set_bit(bits, a->t->place[a->forest.order[i]]);
}

/* The merge across the boundary of l, which stands at the left from rank `from` on until a merge of rank `until`, and r.
 * It comes first for r itself, or before r becomes part of a longer token: for all that begin with that one. */
static void bar_joint(const struct bytes_adjacent *a, const struct joint *j, int64_t from, int64_t until,
                      uint64_t bits[])
{
    const struct forest *f = &a->forest;
    int64_t rank = j->rank;
    if (!a->of[j->right].reached || a->of[j->right].odd || a->of[j->right].rank >= until)
        return;
    if (rank < until)
        set_bit(bits, a->t->place[j->right]);
    for (uint32_t i = 0; i < f->n_child[j->right]; i++) {
        sym_t child = f->child[f->first[j->right] + i];
        int64_t end = a->of[child].rank;
        if (from <= end && (until <= end ? rank < until : rank <= end))
            bar_tree(a, child, bits);
    }
}

static void bar_odd(struct bytes_adjacent *a, sym_t left, uint64_t bits[])
{
    for (size_t i = 0; i < a->n_odd; i++)
        if (!is_pair(a, left, a->odd[i]))
            set_bit(bits, a->t->place[a->odd[i]]);
}

static void bar_all(struct bytes_adjacent *a, sym_t left, uint64_t bits[])
{
    for (uint32_t i = 0; i < a->t->n; i++)
        if (!a->t->is_added[i] && !is_pair(a, left, a->t->id[i]))
            set_bit(bits, i);
}

static void bar(struct bytes_adjacent *a, sym_t left, uint64_t bits[])
{
    sym_t ls[BYTES_SPINE + 1];
    memcpy(bits, a->unreached, a->n_words * sizeof *bits);
    if (!a->of[left].reached || a->of[left].odd) {
        bar_all(a, left, bits);
        return;
    }
    size_t n = right_spine(a, left, ls);
    for (size_t k = 0; k < n; k++)
        for (uint32_t i = a->first_joint[ls[k]]; i < a->first_joint[ls[k] + 1]; i++)
            bar_joint(a, &a->joint[i], a->of[ls[k]].rank, k > 0 ? a->of[ls[k - 1]].rank : INT64_MAX, bits);
    bar_odd(a, left, bits);
}

const uint64_t *bytes_adjacent_barred(struct bytes_adjacent *a, sym_t left)
{
    struct kept *k = &a->kept[left % a->n_kept];
    if (!k->bits)
        k->bits = mem_alloc(a->n_words, sizeof *k->bits);
    if (!k->used || k->left != left)
        bar(a, left, k->bits);
    k->used = true;
    k->left = left;
    return k->bits;
}
