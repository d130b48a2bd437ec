/* Where a verb's lm comes from: a checkpoint by name, or --script FILE --lm ID: an lm that an experiment declares. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cli/opened.h"
#include "experiments/lms.h"
#include "experiments/lua_transforms.h"
#include "experiments/plan.h"

#define SOURCE_OPTIONS                                                                                                 \
    { "script", "FILE", NULL, "take the lm from this experiment script instead of a checkpoint" },                     \
        { "lm", "ID", NULL, "which lm of the script; default: that of its last arm" },                                 \
        { "set", "NAME=VALUE", NULL, "arg.NAME of the script; may be given several times" }, OPENED_OPTIONS

#define SOURCE_INPUT_MAX ((size_t)1 << 28) /* bytes of a prompt, or of texts to score */

struct source {
    struct lm *lm; /* borrowed from what follows */
    struct core *core;
    struct threads *threads;
    struct checkpoint *checkpoint; /* of a checkpoint by name; else NULL */
    struct opened opened;
    struct plan *plan;
    struct lms *lms;
    struct lua_transforms *transforms; /* of the script; NULL: none */
    const char *id;                    /* of the plan's lm; NULL without a plan */
    const char *template_name;         /* what the script says of this lm; NULL: nothing */
};

/* Where its checkpoints compute, borrowed; NULL: this machine's processor, or an lm without checkpoints. */
struct device *source_device(const struct source *s);

/* name: a checkpoint; NULL: from --script.  0 or the failure; on failure s is empty. */
int source_open(struct source *s, const struct args *a, const char *name);
/* The prompt of the command line, "-" being all of stdin, which read then holds.  0 or the failure. */
int source_prompt(const char *operand, struct text *read, const char **prompt);
/* Appends chain, with the preset @checkpoint written out for this lm (experiments/checkpoint_preset.h).  0 or the failure. */
int source_chain(const struct source *s, const char *chain, struct text *out);
void source_close(struct source *s);

#endif
