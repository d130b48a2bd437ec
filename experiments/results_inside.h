/* The inside of struct results, for results*.c. */
#ifndef EXPERIMENTS_RESULTS_INSIDE_H
#define EXPERIMENTS_RESULTS_INSIDE_H

#include "experiments/h5.h"
#include "experiments/results.h"

struct results_space {
    char *hash;
    uint8_t *bytes;
    uint64_t *offsets; /* (n + 1,) */
    size_t n;
};

struct results_arm_voices {
    const char **names;
    size_t n;
};

struct results_column {
    char **list; /* (n,) */
    size_t n;
};

/* Columns of a trace. */
enum results_token {
    TOKEN_ID,
    TOKEN_KEPT,
    TOKEN_LOGP,
    TOKEN_LOGP_FINAL,
    TOKEN_ENTROPY,
    TOKEN_ENTROPY_FINAL,
    TOKEN_MASS,
    TOKEN_DATA_ENTROPY,
    TOKEN_DISAGREEMENT,
    TOKEN_EPKL,
    TOKEN_RMI,
    TOKEN_AGREEMENT,
    TOKEN_VOICE_LOGP,
    TOKEN_VOICE_SHARE,
    TOKEN_VOICE_WEIGHT,
    RESULTS_TOKENS
};

struct results {
    char *path;
    hid_t file;
    const struct results_watch *watch; /* NULL: nobody watches */
    json_t *plan, *provenance;
    struct results_arm *arms;
    struct results_item *items;
    struct results_arm_voices *voices; /* (n_arms,) */
    size_t n_arms, n_items;
    uint32_t draws;
    struct results_column *columns; /* (n_columns,) what arms and items point into */
    size_t n_columns, cap_columns;
    struct results_metric *metrics;
    size_t n_metrics, cap_metrics;
    const char **creativity, **control;
    size_t n_creativity, n_control;
    struct results_record *records;
    uint32_t *record_voices; /* (n_records,) */
    size_t n_records;
    int64_t *unit_record; /* (n_arms, n_items, draws) */
    uint32_t *unit_count;
    char *text;
    uint64_t *text_offsets, *token_offsets, *voice_offsets, *choice_offsets;
    double *choice_logp;
    struct results_space *spaces;
    size_t n_spaces;
    size_t *arm_space; /* (n_arms,) index into spaces */
    struct results_fit *fits;
    size_t n_fits;
    struct results_cost cost;
    void *tokens[RESULTS_TOKENS];  /* traces of the records window_from .. window_to - 1, one after the other */
    size_t window_from, window_to; /* reading one record at a time would inflate its chunks again for every record */
};

void results_free_tokens(struct results *r);

/* Each reads its part; 0 or ERR_DAMAGED. */
int results_read_axes(struct results *r);
int results_read_metrics(struct results *r);
int results_read_records(struct results *r);
int results_check_tokens(const struct results *r);
int results_read_spaces(struct results *r);
int results_read_fits(struct results *r);
void results_free_fits(struct results *r);
int results_read_cost(struct results *r);

#endif
