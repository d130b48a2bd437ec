/* Presets: chains by name, "@tigerbot-launch".  One stands at the head of a chain; more steps may follow it, bound by the
 * preset's own profile. */
#ifndef DECODE_PRESETS_H
#define DECODE_PRESETS_H

#include <stddef.h>

struct preset {
    const char *name;  /* with its @ */
    const char *chain; /* chain text, a profile at its head where it has one */
    const char *meaning;
    const char *source;
};

const struct preset *presets(size_t *n);
const struct preset *preset_find(const char *name); /* NULL: none of that name */

#endif
