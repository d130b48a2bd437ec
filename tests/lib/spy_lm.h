/* An lm over tokens whose rows are flat and that remembers what is wanted of it: for tests of what is made of token lms. */
#ifndef TESTS_SPY_LM_H
#define TESTS_SPY_LM_H

#include "model/lm.h"

struct spy_slot {
    struct symbols s;
    bool used;
};

struct spy_lm {
    struct lm lm;
    struct spy_slot *slot; /* (n_slots,) */
    size_t n_slots, cap_slots;
    struct row row;
    int *wanted; /* (n_wanted,) the slots of the last need() */
    size_t n_wanted, cap_wanted;
};

struct spy_lm *spy_lm_open(const struct space *space); /* borrowed */
void spy_lm_free(struct spy_lm *s);
size_t spy_lm_held(const struct spy_lm *s); /* slots not dropped */

#endif
