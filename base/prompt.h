/* A prompt before any model has seen it: named fields and turns.
 *
 * Each voice renders its own text from it through its template (model/template.h): an instruction template uses
 * `instruction`, a context-aware voice drops `context`, a plain one uses `text`. */
#ifndef BASE_PROMPT_H
#define BASE_PROMPT_H

#include "base/rng.h"
#include <stddef.h>

struct prompt_field {
    const char *name; /* "text", "instruction", "context", ... */
    const char *text; /* UTF-8 */
};

struct prompt_turn {
    const char *role; /* "user", "assistant", "system" */
    const char *text;
};

struct prompt {
    const struct prompt_field *fields; /* (n_fields,) */
    size_t n_fields;
    const struct prompt_turn *turns; /* (n_turns,) earlier turns of a conversation, oldest first */
    size_t n_turns;
    const char *template_name; /* NULL: the lm's own; set by a voice on its copy */
    /* Of what an lm that is not pure draws (a sampled member): seed, item and draw; copied.  NULL: nothing is drawn; rows
     * are what the draws follow, as scoring wants them. */
    const struct rng_address *address;
};

const char *prompt_field(const struct prompt *p, const char *name); /* NULL when absent */

#endif
