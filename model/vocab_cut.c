/* Where words may be cut.  A merge across the place between two characters joins a symbol that ends with the one and a
 * symbol that begins with the other: where no merge of the vocabulary is of such symbols, none ever comes about. */
#include "base/mem.h"
#include "model/vocab_inside.h"
#include <stdlib.h>

#define NO_CHAR     UINT32_MAX
#define BITS_OF_ONE 16u /* one place in so many is taken, so as many answers are wrong */
#define LOG2_MIN    10u

struct vocab_cut {
    uint64_t *bit; /* (1 << log2,) set where a pair of characters that a merge joins hashes to */
    unsigned log2;
};

/* The first and the last character of what each token stands for; NO_CHAR: none, or beyond those with a start. */
struct ends {
    uint32_t *first, *last; /* (v->n,) */
};

static uint32_t first_char(const char *s, size_t n)
{
    uint32_t c = 0;
    return n > 0 && text_utf8(s, n, &c) > 0 && c < VOCAB_START_CHARS ? c : NO_CHAR;
}

static uint32_t last_char(const char *s, size_t n)
{
    size_t at = n;
    while (at > 0 && n - at < 4 && ((unsigned char)s[--at] & 0xc0) == 0x80)
        ;
    uint32_t c = 0;
    bool whole = n > 0 && text_utf8(s + at, n - at, &c) == (int)(n - at);
    return whole && c < VOCAB_START_CHARS ? c : NO_CHAR;
}

static void find_ends(const struct vocab *v, struct ends *e)
{
    struct text bytes = { 0 };
    for (sym_t id = 0; id < v->n; id++) {
        vocab_start_spell(v, id, &bytes);
        e->first[id] = first_char(text_s(&bytes), bytes.len);
        e->last[id] = last_char(text_s(&bytes), bytes.len);
    }
    text_free(&bytes);
}

static size_t place_of(const struct vocab_cut *c, uint32_t before, uint32_t behind)
{
    uint64_t pair = (uint64_t)before << 16 | behind;
    return (size_t)(pair * 0x9e3779b97f4a7c15u >> (64 - c->log2));
}

/* A look over the merges: how many pairs there are, then which. */
struct look {
    const struct ends *ends;
    struct vocab_cut *cut; /* NULL: they are counted */
    size_t n;
};

static void look_at(void *to, struct bpe_merge_row m)
{
    struct look *l = to;
    uint32_t before = l->ends->last[m.left], behind = l->ends->first[m.right];
    if (before == NO_CHAR || behind == NO_CHAR || (before < 0x80 && behind < 0x80))
        return;
    l->n++;
    if (l->cut) {
        size_t at = place_of(l->cut, before, behind);
        l->cut->bit[at / 64] |= (uint64_t)1 << at % 64;
    }
}

struct vocab_cut *vocab_cut_build(const struct vocab *v)
{
    struct vocab_cut *c = mem_alloc(1, sizeof *c);
    struct ends ends = { mem_alloc(v->n, sizeof(uint32_t)), mem_alloc(v->n, sizeof(uint32_t)) };
    struct look look = { .ends = &ends };
    find_ends(v, &ends);
    bpe_each(v->bpe, look_at, &look);
    for (c->log2 = LOG2_MIN; (size_t)1 << c->log2 < look.n * BITS_OF_ONE; c->log2++)
        ;
    c->bit = mem_alloc(((size_t)1 << c->log2) / 64, sizeof *c->bit);
    look.cut = c;
    bpe_each(v->bpe, look_at, &look);
    free(ends.first);
    free(ends.last);
    return c;
}

void vocab_cut_free(struct vocab_cut *c)
{
    if (!c)
        return;
    free(c->bit);
    free(c);
}

bool vocab_cut_crosses(const struct vocab_cut *c, uint32_t before, uint32_t behind)
{
    size_t at = place_of(c, before, behind);
    return c->bit[at / 64] >> at % 64 & 1;
}
