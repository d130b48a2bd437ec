/* Options of verbs: one table feeds the parser, the defaults and --help.
 *
 * Every verb has --help, --json, --quiet and --verbose besides its own rows.  Values are checked by the getters, which
 * name the option, the value seen and the value wanted; all failures are ERR_USAGE. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_MAX 32

struct option_row {
    const char *name;     /* without the dashes */
    const char *value;    /* what stands for its value in --help; NULL: a flag */
    const char *fallback; /* default, as text; NULL: absent */
    const char *meaning;
};

struct args;

struct verb {
    const char *name;
    const char *operands; /* "SCRIPT", "CHECKPOINT [PROMPT]" */
    size_t min_operands, max_operands;
    const char *summary; /* one line */
    const char *details; /* the rest of --help, or NULL */
    const struct option_row *options;
    size_t n_options;
    int (*run)(const struct args *a); /* 0 or a negative code (base/err.h) */
};

struct args {
    const struct verb *verb;
    const char *value[OPTIONS_MAX]; /* of verb->options; NULL: absent */
    const char *const *repeated;    /* (n_repeated,) pairs name, value, in order, for options given more than once */
    size_t n_repeated;
    char *const *operand; /* (n_operands,) */
    size_t n_operands;
    bool help, json, quiet, verbose;
};

/* Fills a from argv past the verb's name.  0 or ERR_USAGE. */
int options_parse(const struct verb *verb, int argc, char *argv[], struct args *a);
void options_fini(struct args *a);
void options_help(const struct verb *verb); /* to stdout */

/* assert: the verb declares the option. */
const char *options_text(const struct args *a, const char *name); /* NULL: absent */
bool options_flag(const struct args *a, const char *name);
bool options_given(const struct args *a, const char *name); /* on the command line: no fallback */
/* The values of an option that may be given several times, in order, into out (a->n_repeated / 2 have room); how many
 * they are. */
size_t options_all(const struct args *a, const char *name, const char *out[]);
/* Where there is no script: 0, or ERR_USAGE of a --set. */
int options_no_set(const struct args *a);
int options_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *x);
int options_real(const struct args *a, const char *name, double min, double max, double *x);

#endif
