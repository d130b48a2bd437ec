/* results.h5, read: coordinates, metrics, records, texts, traces, provenance.
 *
 * Everything returned is borrowed and lives until results_close(), except tokens (until the next results_tokens()).
 * Foreign or damaged files give ERR_DAMAGED, never a crash of this reader's own making: what they claim is held against
 * the bytes they have, and nothing outside the file is read.  The HDF5 library may crash or hang on a damaged file:
 * verbs read in a process of its own (cli/guard.h). */
#ifndef EXPERIMENTS_RESULTS_H
#define EXPERIMENTS_RESULTS_H

#include "base/doc.h"
#include "base/space.h"
#include "evalsets/metric.h"

/* Raised when the layout of results.h5 changes; what is read of an older one is empty where it lacks an array.
 *   2: /item_task; the attribute positions
 *   3: /tokens/{data_entropy,epkl,rmi,agreement,voice_weight}, which read NAN where a file lacks them; texts that an
 *      ensemble scored have voices; /tokens/disagreement is NAN without voices; /record/reward; what
 *      drafts proposed, /record/proposed, accepted, passes */
#define RESULTS_SCHEMA 3

struct results;

struct results_arm {
    const char *name, *lm, *chain, *search;
};

struct results_item {
    const char *name; /* "openings/en-001" */
    const char *set, *id, *lang;
    const char *kind;   /* "generate", "choice", "text" */
    const char *prompt; /* what a reader should see before the text: instruction, text or context */
    const char *task;   /* of its tag `<task:NAME>`, "" for none */
    int64_t gold;       /* CHOICE; else -1 */
};

struct results_metric {
    const char *name, *unit, *meaning;
    enum metric_level level;
    int direction;       /* +1, -1, 0 */
    double min, max;     /* range; infinite where unbounded */
    const double *value; /* (n_arms, n_items, n_draws), (n_arms, n_items) or (n_arms) by level; NAN: not defined */
};

struct results_record {
    uint32_t arm, item, draw; /* the first that it stands for */
    double log_weight;
    const char *end; /* "symbol", "string", "limit", "dead"; "" for choice and text items */
    const char *text;
    size_t n_text;
    uint32_t n_symbols;
    double nll;                /* nats, under the chain (generated) or the lm (text items) */
    double judge_nll;          /* nats; NAN: not judged */
    double reward;             /* what best(by=reward) chooses by; NAN: none */
    const double *choice_logp; /* (n_choices,) nats */
    size_t n_choices;
};

/* The trace of a record; arrays of n. */
struct results_tokens {
    size_t n;
    uint32_t n_voices;
    const uint32_t *id;
    const float *logp, *logp_final, *entropy, *entropy_final, *mass;
    const float *data_entropy, *disagreement, *epkl, *rmi, *agreement; /* ensemble/uncertainty.h; NAN without voices */
    const uint32_t *kept;
    const float *voice_logp, *voice_share, *voice_weight; /* (n, n_voices) */
};

struct results_bin {
    double confidence, accuracy;
    uint64_t n;
};
#define RESULTS_BINS 15

/* A fit.  NAN, 0 and NULL where a fit of its kind has none. */
struct results_fit {
    const char *id, *what, *lm, *on;
    double value;                 /* the temperature */
    double nll_before, nll_after; /* nats a symbol or question; of weights: equal ones, the fitted; of maps: held out */
    double ece_before, ece_after;
    double full_ece_before, full_ece_after;     /* of all symbols or choices (Liu et al. 2024); NAN: not measured */
    double consistent_before, consistent_after; /* p of the consistency resampling; NAN likewise */
    /* Reliability on the split it was fitted on: top symbol, equal-width bins. */
    struct results_bin before[RESULTS_BINS], after[RESULTS_BINS];
    size_t n_voices;
    char **voices;                /* (n_voices,) names */
    double *weights, *nll_voices; /* (n_voices,) nll_voices: of each alone, NAN where it excludes a label */
    size_t n_bins;
    double *edges, *mass; /* (n_bins - 1,), (n_bins,) of a conformal table */
};

/* path: results.h5, or a run folder (its results.h5; where there is none yet, compacted aside).  NULL + ERR_IO,
 * ERR_DATA, ERR_DAMAGED. */
struct results *results_open(const char *path);
void results_close(struct results *r);

/* Who wants to know when the file is looked into, where the library may hang. */
struct results_watch {
    void (*begins)(void *ctx), (*ends)(void *ctx);
    void *ctx;
};
/* From now on w is told of each further look; it and its ctx must outlive r. */
void results_watch(struct results *r, const struct results_watch *w);

const json_t *results_plan(const struct results *r);       /* plan.json as it was */
const json_t *results_provenance(const struct results *r); /* versions, machine, kernels, created, sessions */
uint32_t results_draws(const struct results *r);
const struct results_arm *results_arms(const struct results *r, size_t *n);
const struct results_item *results_items(const struct results *r, size_t *n);
const struct results_metric *results_metrics(const struct results *r, size_t *n);
const struct results_metric *results_metric(const struct results *r, const char *name); /* NULL + ERR_USAGE, nearest */
/* Metrics that the script named for an axis. */
const char *const *results_creativity(const struct results *r, size_t *n);
const char *const *results_control(const struct results *r, size_t *n);

const struct results_record *results_records(const struct results *r, size_t *n);
/* Records of a unit: *n of them, 0 when it is missing or failed. */
const struct results_record *results_unit(const struct results *r, uint32_t arm, uint32_t item, uint32_t draw,
                                          size_t *n);
/* 0 or ERR_DAMAGED. */
int results_tokens(struct results *r, const struct results_record *record, struct results_tokens *out);
/* The text bytes of a symbol as the arm's lm spells it; NULL when unknown. */
const char *results_piece(const struct results *r, uint32_t arm, sym_t id, size_t *n);
/* Names of the voices of an arm's lm; 0 for a leaf. */
const char *const *results_voices(const struct results *r, uint32_t arm, size_t *n);

const struct results_fit *results_fits(const struct results *r, size_t *n);

/* Appends a chain of the plan that waits for a fit with what was fitted; as it is where fit is NULL.  0; ERR_DATA: these
 * results have no such fit. */
int results_chain(const struct results *r, const char *fit, const char *chain, struct text *out);

struct results_cost {
    double seconds; /* of all sessions */
    uint64_t sessions, positions, rounds, wanted, asked;
    const double *arm_symbols; /* (n_arms,) symbols generated */
    const double *arm_seconds; /* (n_arms,) wall time: every round's, shared evenly among its live units */
};
const struct results_cost *results_cost(const struct results *r);

/* Metric values of one arm by item: out (n_items,), the mean over draws; arm-level metrics give NAN. */
void results_by_item(const struct results *r, const struct results_metric *m, uint32_t arm, double out[]);

#endif
