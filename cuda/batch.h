/* A batch of token positions as the kernels are told of it: one block of arrays, filled on the host and sent at once,
 * at fixed addresses, so that a recorded pass reads the next batch's. */
#ifndef CUDA_BATCH_H
#define CUDA_BATCH_H

#include "cuda/card.h"

/* Where the arrays lie on the card. */
struct batch {
    struct device_context *c;
    uint32_t max_tokens;
    struct cuda_token *tokens;      /* (max_tokens,) */
    struct cuda_span *spans;        /* (max_tokens,) */
    uint32_t *index;                /* (rows_cap,) tokens of rows, in the order in which the rows are computed */
    struct cuda_copy *copies;       /* (copies_cap,) */
    const void **pages;             /* (pages_cap,) */
    uint32_t n_spans, n_full_spans; /* of all tokens; of those that leave the last layer */
    uint32_t most_tokens, most_positions;
    /* the host's side */
    char *host, *there; /* the two blocks, `bytes` each */
    uint64_t bytes, rows_cap, copies_cap, pages_cap;
    uint64_t *order; /* (n_rows,) of index: numbers of rows */
    uint64_t order_cap;
    struct batch_path *paths; /* (paths_cap,) open addressing by the page list's address */
    uint32_t paths_cap;
    uint32_t moved; /* how often the arrays have moved: what was recorded before reads the old ones */
};

int batch_open(struct device_context *c, uint32_t max_tokens, struct batch **out, struct device_error *error);
void batch_close(struct batch *b);

/* Fills and sends the arrays of d.  alone: every token is a span of its own. */
enum batch_spans { BATCH_JOINED, BATCH_ALONE };
int batch_send(struct batch *b, const struct device_batch *d, enum batch_spans spans, struct device_error *error);

/* Rows in the order of index: those after fewer layers first, of one layer hidden states first. */
const struct device_row *batch_row(const struct batch *b, const struct device_batch *d, uint64_t i);

/* Bytes on the card for batches of so many tokens, before pages and copies. */
uint64_t batch_bytes(uint32_t max_tokens);

#endif
