/* Cases of other systems' test suites as lines of `dist`: for test_conformance*.c. */
#ifndef TESTS_DIST_CASE_H
#define TESTS_DIST_CASE_H

#include "base/doc.h"
#include "base/space.h"
#include "decode/dist.h"
#include <math.h>

#define MASKED (-INFINITY)
#define EVEN5  "\"probs\":[0.2,0.2,0.2,0.2,0.2]"
#define RAW    "\"unnormalised\":true"

struct dist_case {
    const char *label;
    const char *values; /* the member "logits" or "probs" */
    const char *chain;
    const char *more; /* further members, or "" */
    double want[10];
};

/* The answer to a line, for json_decref(); NULL after a failed check. */
json_t *dist_case_ask(const char *label, const char *line);
/* The same to a line made of its parts. */
json_t *dist_case_parts(const char *label, const char *values, const char *chain, const char *more);

/* Checks a member of the answers, "probs" or "logits", against want[]; null is MASKED. */
void dist_case_compare(const struct dist_case cases[], size_t n, const char *member, double tolerance);
#define COMPARE(cases, member, tolerance) dist_case_compare(cases, sizeof cases / sizeof cases[0], member, tolerance)

/* Element i of a list member; null is MASKED. */
double dist_case_number(const json_t *o, const char *list, size_t i);
/* Checks how many symbols a chain keeps. */
void dist_case_kept(const char *label, const char *values, const char *chain, int want);
/* Checks the symbol that the chain gives with temperature=0 behind it. */
void dist_case_greedy(const char *label, const char *values, const char *chain, const char *history, sym_t want);

#endif
