#include "ensemble/bytes_vocab.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

struct word {
    const uint8_t *s; /* (n,) */
    size_t n;
    sym_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->s, y->s, n);
    if (order != 0)
        return order;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static uint32_t words_of(const struct space *space, struct word out[])
{
    uint32_t n = 0;
    for (sym_t v = 0; v < space->n; v++) {
        struct word w = { .id = v };
        w.s = space_text(space, v, &w.n);
        if (w.n > 0 && !space_is_end(space, v))
            out[n++] = w;
    }
    return n;
}

void bytes_vocab_init(struct bytes_vocab *t, struct vocab *vocab)
{
    const struct space *space = vocab_space(vocab);
    struct word *word = mem_alloc(space->n, sizeof *word);
    *t = (struct bytes_vocab){ .space = space, .vocab = vocab, .n = words_of(space, word) };
    qsort(word, t->n, sizeof *word, by_bytes);
    t->id = mem_alloc(t->n, sizeof *t->id);
    t->place = mem_alloc(space->n, sizeof *t->place);
    t->is_added = mem_alloc(t->n, sizeof *t->is_added);
    t->added_until = mem_alloc(t->n + 1, sizeof *t->added_until);
    for (sym_t v = 0; v < space->n; v++)
        t->place[v] = t->n;
    for (uint32_t i = 0; i < t->n; i++) {
        t->id[i] = word[i].id;
        t->place[word[i].id] = i;
        t->is_added[i] = vocab_view_is_added(vocab, word[i].id);
        t->added_until[i + 1] = t->added_until[i] + t->is_added[i];
        t->first[*word[i].s + 1]++;
    }
    for (int b = 0; b < 256; b++)
        t->first[b + 1] += t->first[b];
    free(word);
}

void bytes_vocab_fini(struct bytes_vocab *t)
{
    free(t->id);
    free(t->place);
    free(t->is_added);
    free(t->added_until);
}

const uint8_t *bytes_vocab_text(const struct bytes_vocab *t, uint32_t place, uint32_t *n)
{
    size_t length;
    const uint8_t *s = space_text(t->space, t->id[place], &length);
    *n = (uint32_t)length;
    return s;
}

/* The first place of r whose token has a byte at `depth` that is b or greater; one without such a byte is least. */
static uint32_t first_from(const struct bytes_vocab *t, struct bytes_range r, uint32_t depth, unsigned b)
{
    while (r.from < r.to) {
        uint32_t middle = r.from + (r.to - r.from) / 2, n;
        const uint8_t *s = bytes_vocab_text(t, middle, &n);
        if (n <= depth || s[depth] < b)
            r.from = middle + 1;
        else
            r.to = middle;
    }
    return r.from;
}

struct bytes_range bytes_vocab_narrow(const struct bytes_vocab *t, struct bytes_range r, uint32_t depth, uint8_t b)
{
    if (depth == 0)
        return (struct bytes_range){ t->first[b], t->first[b + 1] };
    return (struct bytes_range){ first_from(t, r, depth, b), first_from(t, r, depth, (unsigned)b + 1) };
}

struct bytes_range bytes_vocab_longer(const struct bytes_vocab *t, struct bytes_range r, uint32_t depth)
{
    return (struct bytes_range){ first_from(t, r, depth, 0), r.to };
}
