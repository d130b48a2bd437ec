/* Rows that lie on a device, and decisions over them there (model/device_rows.h).
 *
 * An lm whose rows can stay where they are computed says so (lm.remote).  A want of LM_TAP_THERE leaves its row there; who
 * wants it asks lm_remote() instead of lm_rows() how the row is made, and brings a whole round of decisions over such rows
 * to remote_decide().  One owner thread for all of it. */
#ifndef MODEL_REMOTE_H
#define MODEL_REMOTE_H

#include "model/device_open.h"
#include "model/lm.h"

/* One device and rows of n symbols. */
struct remote;

struct remote *remote_open(struct device *d, uint32_t n); /* NULL + ERR_MEMORY */
void remote_close(struct remote *r);                      /* after all blocks were given back; NULL: nothing */
uint32_t remote_symbols(const struct remote *r);
bool remote_together(const struct remote *a, const struct remote *b); /* rows of both may meet in a pool */

void *remote_take(struct remote *r); /* a row's block; NULL: the device has no memory for it */
void remote_give(struct remote *r, void *block);

/* 0, ERR_MEMORY.  measure: of blocks whose scores a pass has written. */
int remote_measure(struct remote *r, void *const block[], size_t n, struct device_measured out[]);
int remote_decide(struct remote *r, const struct device_decisions *d, const struct device_answers *out);

/* How the row of a want is made of rows on a device; valid as long as the row would be. */
struct remote_row {
    struct remote *remote;
    uint32_t n; /* rows: 1, or those of a pool */
    bool pooled;
    const void *block[DEVICE_PARTS];                      /* (n,) */
    const struct device_measured *measured[DEVICE_PARTS]; /* (n,) */
    double weight[DEVICE_PARTS];                          /* (n,) of a pool */
    uint32_t rule;                                        /* enum device_rule */
    double power;
    /* Of an lm with voices, whose rows these are: what push() would have told of a symbol to which they gave logp[n]. */
    void (*tell)(const struct remote_row *row, const double logp[], const struct device_apart *apart,
                 struct lm_trace *t);
    const void *self;
};

#endif
