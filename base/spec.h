/* Specs: the text form of chains, pool rules, searches and their like, and the tables that give it meaning.
 *
 *   spec  = step { "|" step }        step = name | name "=" value | name "(" arg { "," arg } ")"
 *   arg   = value | key "=" value    white space is free; values are numbers, words or 'quoted text' ('' is one quote)
 *   list  = "[" value { "," value } "]"   is a value too
 *
 * A table row of a strategy declares its parameters; spec_bind() checks a step against them and fills a value each;
 * spec_canonical() writes the one text form that is the strategy's identity: `name`, `name=value` (one parameter) or
 * `name(first, key=value)`, parameters at their default left out. */
#ifndef BASE_SPEC_H
#define BASE_SPEC_H

#include "base/text.h"

#define SPEC_MAX_PARAMS 8

enum param_kind { PARAM_REAL, PARAM_INT, PARAM_TEXT, PARAM_LIST, PARAM_WORD };

struct param {
    const char *name;
    enum param_kind kind;
    double min, max;          /* inclusive bounds of REAL and INT; of the elements of a numeric LIST */
    bool min_open;            /* the lower bound itself is not allowed */
    bool required;            /* no default */
    bool numeric;             /* LIST: of numbers, of which how they are written says nothing */
    double value;             /* default of REAL and INT; of a WORD its place in words */
    const char *meaning;      /* one line, with the unit */
    const char *const *words; /* WORD: what it may be, NULL behind the last */
};

/* One value of a bound step; text and list point into the struct spec that it was bound from. */
struct spec_value {
    double number;           /* of a WORD: its place in the parameter's words */
    const char *text;        /* TEXT and LIST; NULL when absent */
    const char *const *list; /* LIST: (n_list,) element texts */
    size_t n_list;
};

struct spec_arg {
    const char *key; /* NULL when positional */
    struct spec_value value;
    bool is_number;
};

struct spec_step {
    const char *name;
    const struct spec_arg *args;
    size_t n_args;
    size_t column; /* of the name, from 1, for messages */
};

struct spec {
    struct spec_step *steps;
    size_t n_steps;
    void *memory;
};

/* NULL + ERR_USAGE "chain 'top_k=': column 7: a value is missing".  what names the text in messages. */
struct spec *spec_parse(const char *what, const char *text);
void spec_free(struct spec *s);

/* Fills value[n_params].  0 or ERR_USAGE "top_p: p is 1.5, want (0, 1]" / "unknown parameter 'q'; known: p, min_keep". */
int spec_bind(const struct spec_step *step, const struct param params[], size_t n_params, struct spec_value value[]);

/* The place of a word among a WORD parameter's words, or -1. */
int spec_word(const struct param *p, const char *word);

/* Appends the canonical text of a bound step. */
void spec_canonical(struct text *out, const char *name, const struct param params[], size_t n_params,
                    const struct spec_value value[]);

#endif
