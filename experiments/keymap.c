#include "experiments/keymap.h"
#include "base/hash.h"
#include "base/mem.h"
#include <stdlib.h>

/* Keys are hashes already; open addressing, at most half full. */
static struct keymap_entry *place(const struct keymap *m, struct unit_key key)
{
    uint64_t words[] = { key.a, key.b };
    size_t i = (size_t)hash_bytes(words, sizeof words, m->seed) & (m->cap - 1);
    while (m->entries[i].value != KEYMAP_NONE && !unit_key_equal(m->entries[i].key, key))
        i = (i + 1) & (m->cap - 1);
    return &m->entries[i];
}

static void grow(struct keymap *m)
{
    struct keymap old = *m;
    m->cap = old.cap ? old.cap * 2 : 64;
    m->seed = (uint64_t)(uintptr_t)m;
    m->entries = mem_alloc(m->cap, sizeof *m->entries);
    for (size_t i = 0; i < m->cap; i++)
        m->entries[i].value = KEYMAP_NONE;
    for (size_t i = 0; i < old.cap; i++)
        if (old.entries[i].value != KEYMAP_NONE)
            *place(m, old.entries[i].key) = old.entries[i];
    free(old.entries);
}

void keymap_free(struct keymap *m)
{
    free(m->entries);
    *m = (struct keymap){ 0 };
}

void keymap_set(struct keymap *m, struct unit_key key, size_t value)
{
    if (m->n * 2 >= m->cap)
        grow(m);
    struct keymap_entry *e = place(m, key);
    m->n += e->value == KEYMAP_NONE;
    *e = (struct keymap_entry){ key, value };
}

size_t keymap_get(const struct keymap *m, struct unit_key key)
{
    return m->cap == 0 ? KEYMAP_NONE : place(m, key)->value;
}
