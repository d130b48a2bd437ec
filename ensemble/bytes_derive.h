/* How the tokens of a BPE are made of their own bytes. */
#ifndef ENSEMBLE_BYTES_DERIVE_H
#define ENSEMBLE_BYTES_DERIVE_H

#include "ensemble/bytes_vocab.h"

#define BYTES_SPINE 512u /* symbols of a token that is not odd, at most */

struct bytes_derivation {
    sym_t left, right; /* of the last merge */
    int64_t rank;      /* of it; -1: none, the token is a symbol of its own */
    bool reached;      /* the merges alone make the token of its bytes */
    bool odd;          /* not in order of rank, or too long to tell, or a byte that characters fall back to */
};

/* (t->space->n,) for free(); added tokens and those without text are not reached. */
struct bytes_derivation *bytes_derive(const struct bytes_vocab *t);

#endif
