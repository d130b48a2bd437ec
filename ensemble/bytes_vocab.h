/* Tokens by their bytes: sorted, so that those which begin with some bytes are a range. */
#ifndef ENSEMBLE_BYTES_VOCAB_H
#define ENSEMBLE_BYTES_VOCAB_H

#include "model/vocab_view.h"

#define BYTES_END 256u
#define BYTES_N   257u

struct bytes_range {
    uint32_t from, to; /* places [from, to) of the sorted tokens */
};

struct bytes_vocab {
    const struct space *space;
    struct vocab *vocab;
    uint32_t n;            /* tokens that give text */
    sym_t *id;             /* (n,) sorted by bytes, then by id */
    uint32_t *place;       /* (space->n,) where a token is sorted; n: it gives no text */
    uint32_t first[257];   /* tokens that begin with byte b are places first[b] .. first[b + 1] */
    bool *is_added;        /* (n,) by place */
    uint32_t *added_until; /* (n + 1,) added tokens before a place */
};

void bytes_vocab_init(struct bytes_vocab *t, struct vocab *vocab);
void bytes_vocab_fini(struct bytes_vocab *t);

const uint8_t *bytes_vocab_text(const struct bytes_vocab *t, uint32_t place, uint32_t *n);

/* The tokens of r, which share their first `depth` bytes, whose next byte is b. */
struct bytes_range bytes_vocab_narrow(const struct bytes_vocab *t, struct bytes_range r, uint32_t depth, uint8_t b);
/* Those of r, which share `depth` bytes, that have more. */
struct bytes_range bytes_vocab_longer(const struct bytes_vocab *t, struct bytes_range r, uint32_t depth);

#endif
