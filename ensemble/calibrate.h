/* Calibration by temperature: one number T per voice (or per pool), fitted on labelled positions, and what it changes.
 *
 * p_T(v) is proportional to p(v)^(1/T).  The negative log-likelihood of the labels is convex in 1/T, so the optimum is
 * unique; it is found by Newton's method on 1/T inside a bracket, the same bits in every run.  A row's probabilities
 * suffice (log p is a logit of offset zero), so any lm can be calibrated, ensembles too: a pool of calibrated voices is
 * not calibrated (Rahaman & Thiery 2021), so fit the voices first and then the pool.
 *
 * Fit on one split, report on another.  One owner thread. */
#ifndef ENSEMBLE_CALIBRATE_H
#define ENSEMBLE_CALIBRATE_H

#include "base/row.h"

#define CALIBRATE_MIN 0.01 /* temperatures that are tried */
#define CALIBRATE_MAX 100.0

struct calibrate; /* a growing set of labelled positions */

struct calibrate *calibrate_alloc(void);
void calibrate_free(struct calibrate *c);

/* Adds one position: the row that was given and the symbol that came.  Copies what it needs.  0; ERR_DATA when the row
 * is dead or gives the label probability 0: no temperature could help. */
int calibrate_add(struct calibrate *c, const struct row *r, sym_t label);
size_t calibrate_count(const struct calibrate *c);

struct calibrate_fit {
    double temperature;
    double error;      /* standard error of ln temperature, from the curvature at the optimum; NAN when bounded */
    double nll_before; /* nats a position, at temperature 1 */
    double nll_after;
    size_t n;
    bool bounded; /* the optimum lies outside CALIBRATE_MIN .. CALIBRATE_MAX (every label is its row's best, say) */
};

/* 0 or ERR_DATA (no positions). */
int calibrate_temperature(const struct calibrate *c, struct calibrate_fit *out);

/* Mean negative log-likelihood of the labels, nats a position, at a temperature. */
double calibrate_nll(const struct calibrate *c, double temperature);

/* One bar of a reliability diagram: positions whose best symbol has a probability in its n-th part of (0, 1]. */
struct calibrate_bin {
    size_t n;
    double confidence; /* mean probability of the best symbol; NAN when n is 0 */
    double accuracy;   /* share of positions whose label it is (lowest id among equals); NAN when n is 0 */
};

/* Fills n_bins bins of equal width; returns the top-label ECE, sum over bins of n/N |accuracy - confidence|. */
double calibrate_reliability(const struct calibrate *c, double temperature, struct calibrate_bin bins[], size_t n_bins);

/* Of each position (count,): the probability of its best symbol at a temperature, and whether that is the label. */
void calibrate_best(const struct calibrate *c, double temperature, double confidence[], bool right[]);

/* Full-ECE (Liu et al. 2024): not the best symbol alone but every (position, symbol) that is not masked is a prediction:
 * sum over bins of equal width of n/N |share that came - mean probability|, N all pairs. */
double calibrate_full_ece(const struct calibrate *c, double temperature, size_t n_bins);

#endif
