/* The case with numbers from outside, or by hand, that holds each strategy to what its source says: for who looks it up, and
 * so that none is without (tests/test_list_strategies.sh). */
#ifndef CLI_LIST_CASES_H
#define CLI_LIST_CASES_H

#include <stddef.h>

struct list_case {
    const char *kind, *name; /* as `list strategies --json` has them */
    const char *file, *id;   /* of tests/, and the text that begins the case in it */
};

const struct list_case *list_case(const char *kind, const char *name); /* NULL: it has none */

#endif
