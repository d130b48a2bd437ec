/* What can be done with a row where it lives: one table for host memory, one for each kind of device.
 *
 * The functions of base/row.h check their arguments and call these.  Scores of a row are measured (log_z right), not
 * dead, and free of NaN and +INFINITY here, unless an entry says otherwise; entries that change scores need not measure,
 * but for those that keep the first of the rank order. */
#ifndef BASE_ROW_OPS_H
#define BASE_ROW_OPS_H

#include "base/row.h"

struct row_kernel;
struct row_affine;
struct row_cubic;

struct row_ops {
    const char *name;
    const struct row_kernel *(*kernel)(void); /* host rows: their inner loops */

    int (*measure)(struct row *r); /* as row_measure(): any scores */
    void (*weigh)(struct row *r);  /* as row_measure_less() */
    void (*copy)(struct row *to, const struct row *from);
    float (*max)(const struct row *r);
    sym_t (*argmax)(const struct row *r);
    uint32_t (*count)(const struct row *r);
    double (*entropy)(const struct row *r);
    void (*gather)(const struct row *r, const sym_t id[], size_t n, double logp[]);
    float (*min)(const struct row *r);
    void (*spread)(const struct row *r, double *mean, double *variance);
    double (*log_power)(const struct row *r, double k, struct row_work *w);
    double (*divergence)(const struct row *q, const struct row *p);
    void (*distance)(const struct row *r, double center, float distance[]);
    void (*exp)(const struct row *r, float x[], uint32_t n);
    void (*probs)(const struct row *r, float p[]); /* of any row */
    uint32_t (*at_least)(const struct row *r, float score, struct row_work *w);
    uint32_t (*top)(const struct row *r, uint32_t k, struct row_work *w, sym_t id[], double logp[]);

    void (*affine)(struct row *r, const struct row_affine *f);
    void (*scale)(struct row *r, double factor); /* measures too; the kernel's bounds on factor and scores */
    void (*slide)(struct row *r, double by);
    void (*cubic)(struct row *r, const struct row_cubic *f);
    void (*shift)(struct row *r, const sym_t id[], uint32_t n, double by);
    void (*mask_below)(struct row *r, float score); /* no more than the largest; measures */
    void (*mask_but)(struct row *r, sym_t v);       /* v == r->n: masks all, whatever the scores were */
    void (*keep_rank)(struct row *r, uint32_t k, struct row_work *w);                  /* measures */
    void (*keep_mass)(struct row *r, double p, uint32_t min_keep, struct row_work *w); /* measures */
    void (*keep_mass_by)(struct row *r, const float key[], double p, uint32_t min_keep, struct row_work *w);

    sym_t (*mass_near)(const struct row *r, double center, const float key[], double p, struct row_work *w);
    void (*mask_far)(struct row *r, const float key[], float most, sym_t last);
    void (*mask_after)(struct row *r, sym_t v); /* measures */

    sym_t (*draw)(const struct row *r, const struct rng_key *k);
    sym_t (*draw_few)(const struct row *r, const struct rng_key *k, const uint32_t block[], uint32_t n_blocks);
    void (*block_max)(const struct row *r, float max[]); /* (ceil(n / ROW_BLOCK),); any scores */

    /* out->score, not normalised; no row is dead, every weight > 0, 1 <= n_rows <= ROW_PARTS.  The first two measure
     * it. */
    void (*pool_linear)(struct row *out, const struct row rows[], const double weight[], size_t n_rows);
    void (*pool_log)(struct row *out, const struct row rows[], const double weight[], size_t n_rows);
    void (*pool_power)(struct row *out, const struct row rows[], const double weight[], size_t n_rows, double r);
    void (*pool_apart)(const struct row rows[], const double weight[], size_t n_rows, struct row_apart *out);
    /* pool_linear() of weights that sum to one, or pool_log(), and pool_apart() in one pass, with the bits of both.  NULL:
     * one after the other. */
    void (*pool_linear_apart)(struct row *out, const struct row rows[], const double weight[], size_t n_rows,
                              struct row_apart *apart);
    void (*pool_log_apart)(struct row *out, const struct row rows[], const double weight[], size_t n_rows,
                           struct row_apart *apart);
};

#endif
