/* What the options of llama.cpp and the arguments of transformers' generate() are on this command line. */
#ifndef CLI_OPTIONS_ELSEWHERE_H
#define CLI_OPTIONS_ELSEWHERE_H

#include "cli/options.h"

/* An option of the verb ("max-symbols"), or an operand in capitals ("PROMPT"), that a name without its dashes stands
 * for elsewhere; NULL: none that the verb has. */
const char *options_elsewhere(const struct verb *verb, const char *name);

#endif
