#include "model/unigram.h"
#include "base/mem.h"
#include "model/trie.h"
#include "model/uchar.h"
#include <stdlib.h>

#define UNKNOWN_PENALTY 10.0
#define NOWHERE         SIZE_MAX

struct piece {
    sym_t id;
    bool is_own;
    double score;
};

/* The best cut up to a place: its sum, and where its last part begins. */
struct node {
    double sum;
    size_t from; /* NOWHERE: no cut ends here */
    int64_t id;
};

struct unigram {
    enum unigram_sums sums;
    struct trie *trie; /* piece -> its number */
    struct piece *piece;
    size_t n_pieces, cap_pieces;
    double least, most;
    bool counted;      /* least and most are of something */
    struct node *node; /* scratch: (n + 1,) */
    size_t cap_node;
    struct unigram_part *part; /* scratch */
    size_t cap_part;
};

struct unigram *unigram_alloc(enum unigram_sums sums)
{
    struct unigram *u = mem_alloc(1, sizeof *u);
    u->sums = sums;
    u->trie = trie_alloc();
    return u;
}

void unigram_free(struct unigram *u)
{
    if (!u)
        return;
    trie_free(u->trie);
    free(u->piece);
    free(u->node);
    free(u->part);
    free(u);
}

void unigram_count(struct unigram *u, double score)
{
    u->least = !u->counted || score < u->least ? score : u->least;
    u->most = !u->counted || score > u->most ? score : u->most;
    u->counted = true;
}

static bool put(struct unigram *u, const char *piece, size_t n, struct piece p)
{
    if (n > UNIGRAM_PIECE_MAX || !trie_put(u->trie, piece, n, (uint32_t)u->n_pieces))
        return false;
    mem_grow(&u->piece, &u->cap_pieces, u->n_pieces + 1, sizeof *u->piece);
    u->piece[u->n_pieces++] = p;
    return true;
}

bool unigram_put(struct unigram *u, const char *piece, size_t n, sym_t id, double score)
{
    if (!put(u, piece, n, (struct piece){ .id = id, .score = score }))
        return false;
    unigram_count(u, score);
    return true;
}

bool unigram_put_own(struct unigram *u, const char *piece, size_t n, sym_t id)
{
    return put(u, piece, n, (struct piece){ .id = id, .is_own = true });
}

static void offer(const struct unigram *u, struct node *to, double sum, size_t from, int64_t id)
{
    double rounded = u->sums == UNIGRAM_FLOATS ? (double)(float)sum : sum;
    if (to->from == NOWHERE || rounded > to->sum)
        *to = (struct node){ .sum = rounded, .from = from, .id = id };
}

/* All parts that begin at `from`, where a cut ends. */
static void offer_from(struct unigram *u, const char *s, size_t n, size_t from)
{
    size_t width;
    uchar_decode(s + from, &width);
    double sum = u->node[from].sum;
    bool has_single = false;
    uint32_t node = 0;
    for (size_t at = from; at < n;) {
        node = trie_child(u->trie, node, (unsigned char)s[at++]);
        if (!node)
            break;
        int64_t value = trie_value(u->trie, node);
        if (value < 0)
            continue;
        const struct piece *p = &u->piece[value];
        double score = p->is_own ? (double)(float)((float)(at - from) * (float)u->most) - 0.1 : p->score;
        offer(u, &u->node[at], score + sum, from, p->id);
        has_single |= at - from == width;
    }
    if (has_single)
        return;
    double unknown = u->least - UNKNOWN_PENALTY;
    if (u->sums == UNIGRAM_FLOATS)
        unknown = (double)(float)unknown;
    offer(u, &u->node[from + width], unknown + sum, from, -1);
}

const struct unigram_part *unigram_cut(struct unigram *u, const char *s, size_t n, size_t *n_parts)
{
    mem_grow(&u->node, &u->cap_node, n + 1, sizeof *u->node);
    for (size_t i = 0; i <= n; i++)
        u->node[i] = (struct node){ .from = NOWHERE };
    size_t count = 0;
    for (size_t from = 0, width; from < n; from += width) {
        uchar_decode(s + from, &width);
        offer_from(u, s, n, from);
    }
    for (size_t at = n; at > 0; at = u->node[at].from)
        count++;
    mem_grow(&u->part, &u->cap_part, count, sizeof *u->part);
    *n_parts = count;
    for (size_t at = n; at > 0; at = u->node[at].from)
        u->part[--count] = (struct unigram_part){ u->node[at].from, at, u->node[at].id };
    return u->part;
}
