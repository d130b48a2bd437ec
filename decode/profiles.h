/* Profiles: the choices of other systems where they disagree about a step, as data.
 *
 * A profile at the head of a chain ("@llamacpp | top_k=40 | top_p=0.95") changes defaults of parameters of the steps behind
 * it; what the text gives itself stands.  The canonical text names every parameter that is not at our own default, so that
 * it says what is meant without the profile, and two chains that do the same have one text. */
#ifndef DECODE_PROFILES_H
#define DECODE_PROFILES_H

#include "base/transform.h"

/* "The parameter of the step is by default this": a word, or a number as text. */
struct profile_rule {
    const char *step, *param, *value;
};

struct profile {
    const char *name; /* with its @ */
    const char *meaning;
    const char *source;
    const struct profile_rule *rules; /* (n_rules,) */
    size_t n_rules;
};

const struct profile *profiles(size_t *n);
const struct profile *profile_find(const char *name); /* NULL: none of that name */

/* The parameters of a step as the profile has them: out[type->n_params].  p may be NULL. */
void profile_params(const struct profile *p, const struct transform_type *type, struct param out[]);

#endif
