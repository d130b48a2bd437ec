/* Figures: what a report shows of one results file.  Rows of a table; each writes a gnuplot script. */
#ifndef PLOTS_FIGURE_H
#define PLOTS_FIGURE_H

#include "experiments/regret.h"
#include "experiments/results.h"
#include "experiments/summary.h"

/* What figures draw from.  An arm is one of the lms, whose curve it is on, and what it does with it: its setting.  Both
 * are numbered in the order of the arms. */
struct figure_data {
    const struct results *results;
    const struct summary *summary;
    const char *const *lms; /* (n_lms,) */
    size_t n_lms;
    const char *const *settings; /* (n_settings,) chain and search, never "": figure.c; two arms of one lm have two */
    size_t n_settings;
    const size_t *arm_lm, *arm_setting; /* (n_arms,) indices into them */
    const bool *frontier; /* (n_arms,) no other arm is at least as good on both headline axes and better on one */
    struct regret regrets[REGRET_LMS]; /* (n_regrets,) of ensembles; of the traces */
    size_t n_regrets;
};

#define FIGURE_LMS    12 /* curves with a name in one figure (PLOT_LINES); the others are grey points */
#define FIGURE_BARS   40 /* arms in the figure of bars */
#define FIGURE_LABELS 60 /* more points than that have numbers on the frontier only, and no intervals */
#define FIGURE_FITS   12 /* reliability diagrams */

struct figure_type {
    const char *name;  /* file stem */
    const char *title; /* heading in the report */
    const char *about; /* one or two sentences: how to read it */
    /* Appends the script.  0; 1: there is nothing to draw (no fit, no such metric); < 0 failure. */
    int (*draw)(const struct figure_data *d, struct text *script);
};

const struct figure_type *const *figure_types(size_t *n);

void figure_data_init(struct figure_data *d, const struct results *r, const struct summary *s);
void figure_data_fini(struct figure_data *d);
const char *figure_setting(const struct figure_data *d, size_t arm);

/* How many of an lm's arms are on the frontier; *all: how many it has. */
size_t figure_count_frontier(const struct figure_data *d, size_t lm, size_t *all);

/* The arms by their means of a metric, the best first, those without one (all, where m is NULL) last and in their order.
 * out (n_arms,). */
void figure_rank(const struct summary_metric *m, size_t n_arms, size_t out[]);

/* At most max arms that a reader should see, in their order: all where they fit, else those on the frontier, the best by
 * the first headline metric, and the worst.  out (max,); their number. */
size_t figure_choose(const struct figure_data *d, size_t max, size_t out[]);

/* The lms that are drawn as curves, in their order: all where they fit, else those with arms on the frontier.
 * out (FIGURE_LMS,); their number. */
size_t figure_choose_lms(const struct figure_data *d, size_t out[]);

/* The line type (plots/plot.h) of an lm in every figure of a report: its place among figure_choose_lms(), grey without
 * one. */
size_t figure_line(const struct figure_data *d, size_t lm);

/* The arm with the best mean of a metric, by its direction, of equals the better by `then` (NULL: the first); n_arms
 * when none has one or m is NULL. */
size_t figure_best(const struct summary_metric *m, const struct summary_metric *then, size_t n_arms);

/* Appends "12 of 24 results are missing, 10 of them failed"; nothing where all are there. */
void figure_missing(struct text *t, const struct results *r);

/* Appends "12 of 25 items" behind `before` where another arm has more values of a metric: their means are of other items. */
void figure_items(struct text *t, const struct figure_data *d, const struct summary_metric *m, size_t arm,
                  const char *before);

/* Appends s; of more than max bytes the first whole characters and an ellipsis. */
void figure_short(struct text *t, const char *s, size_t max);

/* "distinct-3, share of 3-grams (more is better)" */
void figure_label(struct text *t, const struct results_metric *m);

/* The metrics in the order of tables: those the script named for its axes first.  out (n_metrics,). */
void figure_order(const struct figure_data *d, const struct summary_metric *out[]);

/* Short name of a metric's axis: the first metric the script named for it that has values; NULL: none. */
const struct summary_metric *figure_creativity(const struct figure_data *d);
const struct summary_metric *figure_control(const struct figure_data *d);

#endif
