/* Plans: what a script declared with everything resolved, as canonical JSON; what is hashed, stored and run.
 *
 * {"what": {...}, "from": {...}, "hash": SHA-256 of what}
 *   what: format, name, seed, draws, limit, stop, log (level of the trace), mode, kernels, lms (nodes, below), fits, arms,
 *         evalsets, items, judge, creativity, control, tasks (where the script speaks of tasks), select (where it has
 *         selections), reward (where texts have one: the name of a metric, or {"code": SHA-256 of what a function of the
 *         script depends on}), transforms (where chains use such of the script)
 *   from: script, at, set, machine, cores; none of it changes what is asked for
 *
 * Nodes of lms, each before those that use it:
 *   {"id", "key", "kind": "model", "name", "hash", "space", "bytes", "parameters", "positions"?, "template"?}
 *   {"id", "key", "kind": "table", "name", "space", "n", "length", "seed", "sharpness"}
 *   {"id", "key", "kind": "ensemble", "space", "rule", "weights": [number] or {"fit": id}, "weighting"?,
 *    "voices": [{"lm", "name", "template"?, "drop"?, "chain"?, "temperature"?: number or {"fit": id},
 *                 "calibration"?: {"fit": id}}]}
 * Ids are distinct within lms and within fits.
 * positions: the plan of rotary positions, for the context that the checkpoint declares (model/rope.h); absent without
 * them.
 * Chains that use transforms of the script (arms, tasks, voices) have "transforms": {name: SHA-256 of what its outcome
 * depends on} beside them; what->transforms has all of these; their source is from->script.
 * fits: {"id", "what": "temperature", "lm", "on", "lang"?, "items": [hash], "template"?}
 *       {"id", "what": "vector", "matrix", "platt" or "beta", "lm", "folds", "l2"?, ...}
 *       {"id", "what": "weights", "lm": the linear pool of the same voices, "rule": whose weights, ...}
 *       {"id", "what": "isotonic", ..., "lm", "choices": rule, "folds", "l2"?, "bins"?, ...}: of answers
 *       {"id", "what": "entropy", "lm", "chain", "target", "from", "to", ...}
 *       {"id", "what": "conformal", "lm", "chain", "bins"?, ...}
 * arms: {"name", "lm", "chain", "fit"?: id, of the value that the chain waits for, "search", "draft"?: id of an lm,
 *        "repeats", "choices"?: rule, "calibration"?: id of a fit of them,
 *        "tasks"?: [{"task", "lm", "chain", "search", "draft"?, "repeats", "limit"?}]}: what the arm does with items of a
 *   task where that differs; items: {"set", "id", "hash", "task"?}; evalsets: {"name", "as", "hash"} */
#ifndef EXPERIMENTS_PLAN_H
#define EXPERIMENTS_PLAN_H

#include "base/doc.h"
#include "decode/stop.h"
#include "decode/trace.h"
#include "evalsets/tag.h"

/* Raised when the same plan would give other numbers, or lacks something that now decides them.
 *   2: auto renders the checkpoint's own chat template; nodes have positions
 *   3: units of ensembles tell of weights and uncertainty at every step, and of the texts that they score; also the cuts and
 *      pools whose numbers changed since 2, and the uncertainty of voices that were not asked: nothing was released between */
#define PLAN_FORMAT 3

struct plan_arm {
    const char *name, *lm, *chain, *search; /* lm: id of a node */
    const char *draft;                      /* id of the node that proposes to its speculative search; NULL: none */
    const char *choices;                    /* how questions with choices are scored (experiments/choices.h) */
    const char *calibration;                /* id of the fit that their answers are corrected by; NULL: none */
    const char *fit;          /* id of the fit whose value the chain waits for (fit_place.h); NULL: none */
    bool repeats;             /* its draws would be equal: computed once, counted n times */
    struct stop stop;         /* borrows the plan's strings */
    const char *task;         /* NULL: the arm itself; else what it does with items of this task */
    size_t arm;               /* index of the arm itself */
    size_t choice;            /* index in plan.arms */
    size_t tasks, n_tasks;    /* of the arm itself: what it does with tasks, plan.arms[tasks] and those behind it */
    const json_t *transforms; /* {name: hash} of those of the script in the chain; NULL: none */
};

struct plan_item {
    const struct evalset *set;
    const struct item *item;
    const char *name;            /* "openings/en-001" */
    char hash[65];               /* of what the model sees of it */
    const char *task;            /* NULL: none, or the plan knows of no tasks */
    const struct prompt *prompt; /* what the model sees: without its task tag */
};

struct plan {
    json_t *doc;                    /* owned: {"what", "from", "hash"} */
    json_t *what;                   /* borrowed from doc */
    json_t *lm_places, *fit_places; /* of what's lms and fits, by their ids (base/doc.h); owned */
    const char *name, *hash;
    uint64_t seed;
    uint32_t draws;
    struct stop stop; /* of the arms themselves */
    struct trace_level trace;
    const char *judge;     /* id of a node, NULL */
    struct plan_arm *arms; /* (n_choices,): the arms, then what they do with tasks */
    size_t n_arms, n_choices;
    struct plan_item *items; /* empty when read without evalsets */
    size_t n_items;
    const char **creativity, **control; /* names of metrics */
    size_t n_creativity, n_control;
    const char *reward;  /* name of a metric (reward.h); NULL: none, or a function of the script */
    const char **select; /* canonical texts of decode/select.h */
    size_t n_select;
    struct evalset **sets;
    size_t n_sets;
    struct tag_prompt *tags; /* (n_items,) behind items' prompts; NULL where the plan knows of no tasks */
};

struct plan_options {
    const char *const *sets; /* (n_sets,) "name=value" of --set */
    size_t n_sets;
    uint32_t limit;           /* items an evalset, 0: as the script says */
    const char *const *items; /* (n_items,) "evalset/id": of the plan's items only these; none: all */
    size_t n_items;
    const char *mode;    /* compute mode, NULL: "f32" */
    const char *kernels; /* NULL: the best of this machine */
    const char *device;  /* model/device_open.h; NULL: the processor */
    bool deterministic;  /* on a device */
    const char *kv;      /* type of keys and values, NULL: "f32" */
    const char *trace;   /* level of the trace, NULL: as the script says */
    bool prompts;        /* refuse an lm that none of its prompts can be rendered for: the plan is to be run */
};

/* Script to plan: opens checkpoints and evalsets to check and hash them; computes nothing.  NULL + ERR_USAGE with
 * file:line, ERR_DATA, ERR_IO.  o may be NULL. */
struct plan *plan_prepare(const char *script, const struct plan_options *o);
/* Its two halves: what the script declares (script.h), its text into source (cleared first); the plan of that. */
json_t *plan_declared(const char *script, struct text *source, const struct plan_options *o);
struct plan *plan_resolve(json_t *declared, const struct text *source, const struct plan_options *o);
/* From a plan's document, which becomes the plan's also on failure; opens the evalsets.  where: for messages. */
struct plan *plan_load(json_t *doc, const char *where);
/* A stored plan.json; opens its evalsets and checks their hashes.  NULL + ERR_DATA, ERR_IO. */
struct plan *plan_read(const char *path);
void plan_free(struct plan *p);
int plan_write(const struct plan *p, const char *path);

/* What an arm does with an item: the arm, or its profile of the item's task. */
const struct plan_arm *plan_choice(const struct plan *p, size_t arm, size_t item);

/* The documents of an lm and of a fit; NULL: the plan has none of that id, or id is NULL. */
const json_t *plan_lm(const struct plan *p, const char *id);
const json_t *plan_fit(const struct plan *p, const char *id);
size_t plan_leaves(const struct plan *p, const char *id); /* below an lm; one used twice counts twice */

/* What differs between two plans' `what`, one line each ("arms: 'verse | top_p=0.9' is new"), at most a dozen.
 * *only_adds: nothing but new arms, items or draws. */
void plan_diff(const struct plan *old, const struct plan *now, struct text *out, bool *only_adds);

/* What a run will cost, for --dry-run. */
struct plan_cost {
    uint64_t units;        /* distinct, after arms that repeat and items that need no chain */
    uint64_t records;      /* (arm, item, draw) they stand for */
    uint64_t symbols;      /* generated at most, by the limits */
    uint64_t positions;    /* through checkpoints at most, voices and judge counted */
    uint64_t memory_bytes; /* weights and working memory, roughly */
    uint64_t disk_bytes;   /* journal and results.h5, at most */
    uint64_t trace_bytes;  /* of them: what the trace level adds */
    double seconds;        /* at most, roughly */
};
int plan_cost(const struct plan *p, size_t threads, struct plan_cost *out);
/* The plan for people: lms, arms, items, cost. */
int plan_describe(const struct plan *p, size_t threads, struct text *out);

#endif
