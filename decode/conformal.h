/* Conformal nucleus: a top_p whose p was calibrated, one for each bin of the row's entropy, so that the true symbol is in
 * the nucleus with a probability of at least 1 - alpha (Ravfogel, Goldberg, Goldberger 2023).
 *
 * A table is data: `entropy` holds the bins' inner edges in nats, ascending, and `mass` one mass more.  A row of entropy H
 * uses the mass of the first bin whose edge is not below H, of the last bin beyond all edges.  It is written into chain
 * text as conformal(0.1, entropy=[1.5, 3], mass=[0.9, 0.97, 1]). */
#ifndef DECODE_CONFORMAL_H
#define DECODE_CONFORMAL_H

#include <stddef.h>

#define CONFORMAL_MAX_BINS 64

/* What a held-out position tells: how unsure the lm was, and how much it took to reach the truth. */
struct conformal_pair {
    double entropy; /* nats, of the row */
    double mass;    /* of the row's prefix in rank order up to the true symbol, with it; 1 + anything: it was masked */
};

struct conformal_table {
    size_t n;                           /* bins, 1 .. CONFORMAL_MAX_BINS */
    double entropy[CONFORMAL_MAX_BINS]; /* (n - 1,) inner edges, ascending */
    double mass[CONFORMAL_MAX_BINS];    /* (n,) in [0, 1] */
};

/* The mass of the bin that an entropy falls into. */
double conformal_mass(const struct conformal_table *t, double entropy);

/* Fits a table of n_bins bins to n held-out pairs (sorted in place): edges that give the bins equal numbers, and in each the
 * mass of rank ceil((m + 1) (1 - alpha)) of its m pairs, or 1 where that rank is m + 1.  For exchangeable pairs the truth of
 * another one is then covered with a probability of at least 1 - alpha, in every bin.  Bins of equal edges are merged.
 * 0; ERR_USAGE "alpha is 1.5, want a number in (0, 1)"; ERR_DATA for a pair that is no number, or n < n_bins. */
int conformal_fit(struct conformal_pair pairs[], size_t n, double alpha, size_t n_bins, struct conformal_table *t);

#endif
