/* A checkpoint opened for a verb: threads, weights, lm, core, freed together. */
#ifndef CLI_OPENED_H
#define CLI_OPENED_H

#include "base/threads.h"
#include "cli/options.h"
#include "model/checkpoint.h"
#include "model/core.h"
#include "model/device_open.h"

/* The rows of options that every verb which computes shares. */
#define OPENED_OPTIONS                                                                                                 \
    { "threads", "N", NULL, "threads; default: physical cores" },                                                      \
        { "mode", "MODE", "native", "compute mode: f32 or native" }, OPENED_ROWS

/* The same of verbs that make a plan, where they have no defaults of their own. */
#define OPENED_PLAN_OPTIONS                                                                                            \
    { "mode", "MODE", NULL, "compute mode: f32 (default) or native (default on a device)" }, OPENED_ROWS

#define OPENED_ROWS                                                                                                    \
    { "kv", "TYPE", NULL, "type of keys and values: f32, bf16, q8; default: f32, on a device in native mode bf16" },   \
        { "device", "NAME", NULL, "where checkpoints compute: cpu (default), cuda, cuda:1" },                          \
        { "deterministic", NULL, NULL, "on a device: rows that do not depend on what else is in the batch" },          \
    {                                                                                                                  \
        "kernels", "PATH", NULL,                                                                                       \
            "kernel path: amx, avx512bf16, avx512vnni, avx512, avxvnni, avx2, reference; default: the best that "      \
            "passes its self-test"                                                                                     \
    }

struct opened {
    struct threads *threads;
    struct device *device; /* NULL: the processor */
    bool lent;             /* the device is another's, which outlives this */
    struct checkpoint *checkpoint;
    struct random_weights *random; /* whose checkpoint it is, or NULL */
    struct lm *lm;
    struct core *core;
};

struct plan_options;
void opened_plan(const struct args *a, struct plan_options *o); /* fills in what those rows say */

/* What --device and --deterministic ask for; *d is NULL for the processor.  0 or the failure. */
int opened_device(const struct args *a, struct device **d);

/* name: "zoo:prose", a folder, a .gguf file; on: the device of another that is shared, NULL: what --device says.  0 or the
 * failure; on failure o is empty. */
int opened_open(struct opened *o, const char *name, const struct args *a, struct device *on);
/* The same of random weights, "1.1B" or a shape (model/random_weights.h); the verb has --type. */
int opened_random(struct opened *o, const char *shape, const struct args *a, struct device *on);
void opened_close(struct opened *o);

/* A slot that holds the symbols; >= 0 or failure. */
int opened_slot(struct opened *o, const sym_t s[], size_t n);

#endif
