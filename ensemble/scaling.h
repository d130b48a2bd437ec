/* Vector and matrix scaling: logits z become W z + b before the softmax, W diagonal or whole, fitted on labelled positions
 * (Guo et al. 2017), with an L2 penalty that draws W to 1 and b to 0 (Kull et al. 2019), so that few positions leave the
 * distribution as it is.
 *
 * Minimises  mean over t of -ln softmax(W z_t + b)[y_t]  +  l2 / 2 (|W - I|^2 + |b|^2)  by BFGS (GSL), the same bits in every
 * run.  Convex.  The z are log-probabilities, so that a row's offset does not matter; masked classes stay masked and take
 * no part.  A matrix has n^2 + n numbers: for choices, not for vocabularies. */
#ifndef ENSEMBLE_SCALING_H
#define ENSEMBLE_SCALING_H

#include "base/row.h"

#define SCALING_MATRIX_MOST 64u /* classes of a matrix */

enum scaling_kind { SCALING_VECTOR, SCALING_MATRIX };

struct scaling {
    enum scaling_kind kind;
    uint32_t n;
    double *w;                    /* (n,), or (n, n): z'_i = sum_j w[i n + j] z_j + b_i */
    double *b;                    /* (n,) */
    double nll_before, nll_after; /* nats a position */
};

struct scaling_set {
    const double *logp; /* (n_positions, n): ln p, -INFINITY where masked */
    const uint32_t *label;
    size_t n_positions;
    uint32_t n;
};

/* 0; ERR_DATA (no positions, a masked label, a matrix of too many classes, no rest). */
int scaling_fit(enum scaling_kind kind, const struct scaling_set *set, double l2, struct scaling *out);
int scaling_apply(const struct scaling *s, struct row *r); /* r->n == s->n; measured.  0 or what row_measure() says */
void scaling_fini(struct scaling *s);

#endif
