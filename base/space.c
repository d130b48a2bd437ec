#include "base/space.h"
#include "base/hash.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

/* What is hashed and where: [kind, n, n_ends, total] offsets bytes special ends, so that equal hashes mean equal spaces. */
static uint64_t hash_of(const struct space *s)
{
    uint64_t total = s->offsets[s->n];
    uint64_t head[4] = { (uint64_t)s->kind, s->n, s->n_ends, total };
    uint64_t h = hash_bytes(head, sizeof head, 0);
    h = hash_bytes(s->offsets, (s->n + (size_t)1) * sizeof *s->offsets, h);
    h = hash_bytes(s->bytes, (size_t)total, h);
    h = hash_bytes(s->special, s->n, h);
    return hash_bytes(s->ends, s->n_ends * sizeof *s->ends, h);
}

struct space *space_alloc(enum space_kind kind, uint32_t n, const uint8_t *bytes, const uint64_t *offsets,
                          const uint8_t *special, const sym_t *ends, size_t n_ends)
{
    struct space *s = mem_alloc(1, sizeof *s);
    s->kind = kind;
    s->n = n;
    s->n_ends = n_ends;
    s->offsets = mem_copy(offsets, (n + (size_t)1) * sizeof *offsets);
    s->bytes = mem_copy(bytes, (size_t)offsets[n]);
    s->special = mem_copy(special, n);
    s->ends = mem_copy(ends, n_ends * sizeof *ends);
    s->hash = hash_of(s);
    return s;
}

struct space *space_bytes(void)
{
    enum { N = 257 };
    uint8_t bytes[256], special[N] = { 0 };
    uint64_t offsets[N + 1];
    sym_t end = 256;
    for (uint32_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    for (uint32_t i = 0; i <= N; i++)
        offsets[i] = i < N ? i : 256;
    special[end] = 1;
    return space_alloc(SPACE_BYTE, N, bytes, offsets, special, &end, 1);
}

void space_free(struct space *s)
{
    if (!s)
        return;
    free((void *)(uintptr_t)s->offsets);
    free((void *)(uintptr_t)s->bytes);
    free((void *)(uintptr_t)s->special);
    free((void *)(uintptr_t)s->ends);
    free(s);
}

bool space_is_end(const struct space *s, sym_t symbol)
{
    for (size_t i = 0; i < s->n_ends; i++)
        if (s->ends[i] == symbol)
            return true;
    return false;
}

const uint8_t *space_text(const struct space *s, sym_t symbol, size_t *n)
{
    uint64_t from = s->offsets[symbol];
    *n = s->special[symbol] ? 0 : (size_t)(s->offsets[symbol + 1] - from);
    return s->bytes + from;
}
