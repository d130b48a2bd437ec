/* A map from unit keys to numbers. */
#ifndef EXPERIMENTS_KEYMAP_H
#define EXPERIMENTS_KEYMAP_H

#include "experiments/unit.h"

#define KEYMAP_NONE SIZE_MAX

struct keymap_entry {
    struct unit_key key;
    size_t value; /* KEYMAP_NONE: empty */
};

struct keymap {
    struct keymap_entry *entries; /* (cap,) cap a power of two */
    size_t n, cap;
    uint64_t
        seed; /* the map's address: a foreign journal's keys cannot be chosen to collide; nothing depends on the order */
};

void keymap_free(struct keymap *m);
/* Gives key a value; an old one is replaced. */
void keymap_set(struct keymap *m, struct unit_key key, size_t value);
size_t keymap_get(const struct keymap *m, struct unit_key key); /* KEYMAP_NONE when absent */

#endif
