/* The laws of model/lm.h as a suite that runs over any lm: purity, equal prefixes one computation, forks without a pass,
 * batch, order, chunks and threads that change no bit, rows at many positions, drops, limits, traces. */
#ifndef TESTS_LM_CONTRACT_H
#define TESTS_LM_CONTRACT_H

#include "model/lm.h"

struct lm_subject {
    const char *name; /* for messages */
    /* A fresh lm whose leaves use n_threads threads and at most chunk positions a pass (0: their default), as far as they
     * know of either; several may be open at once.  close() frees it and all that open() made for it. */
    struct lm *(*open)(void *ctx, size_t n_threads, size_t chunk);
    void (*close)(void *ctx, struct lm *lm);
    void *ctx;
    sym_t n_symbols; /* prefixes are made of symbols below this, >= 2 */
    size_t length;   /* of the longest prefix, >= 4; one of `length` symbols must not be beyond the limit */
};

/* Checks all laws (tests/lib/check.h). */
void lm_contract(const struct lm_subject *s);

#endif
