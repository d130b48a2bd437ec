/* The kinds of fits, for fit*.c. */
#ifndef EXPERIMENTS_FIT_TYPES_H
#define EXPERIMENTS_FIT_TYPES_H

#include "evalsets/evalset.h"
#include "experiments/fit.h"
#include "experiments/lua_transforms.h"
#include "experiments/score.h"

struct fit_type;

struct fit {
    const struct fit_type *type;
    const json_t *doc; /* of the plan */
    const char *id, *lm_id, *on;
    struct lm *lm;
    const struct lua_transforms *transforms; /* of the script; NULL: none */
    struct evalset *set;
    struct symbols *texts; /* (set->n_items,) empty for items that are no texts of the language */
    void *kept;            /* the type's */
    size_t text;           /* the one that is being read */
    size_t at, stride;     /* every stride-th position is kept */
    interrupt_t *signal;
};

struct fit_type {
    const char *name;
    /* Makes f->kept.  *most: how many positions it has room for, at most FIT_POSITIONS.  0 or ERR_*. */
    int (*open)(struct fit *f, size_t *most);
    void (*close)(struct fit *f); /* f->kept may be NULL */
    /* One position: the lm's row and where it stands.  Copies. */
    int (*keep)(struct fit *f, const struct row *r, const struct score_place *place);
    /* Reads what is labelled; NULL: every position of the texts goes to keep(). */
    int (*read)(struct fit *f, struct lms *lms, struct core *core);
    /* Adds what was learnt to a result that says what was fitted. */
    int (*result)(struct fit *f, json_t *out);
};

extern const struct fit_type fit_temperature, fit_weights, fit_entropy, fit_conformal;
extern const struct fit_type fit_vector, fit_matrix, fit_platt, fit_beta; /* fit_calibration.c */
extern const struct fit_type fit_choices; /* whatever is fitted to answers: a plan gives them "choices" */

#endif
