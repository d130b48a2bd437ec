/* Scoring rules of choice items: what a choice's score is besides its log-likelihood after the question.  Rows of a table:
 *
 *   likelihood                  ln p(c | question)
 *   pmi(domain='')              ln p(c | question) - ln p(c | domain): the whole prompt is replaced by a text that says what
 *                               sort of thing follows (Holtzman et al. 2021, PMI_DC)
 *   contextual(inputs=[...])    ln p(c | question) - ln of the mean over inputs of p(c | the question with its own text
 *                               replaced by the input), each normalised over the choices (Zhao et al. 2021: W is the diagonal
 *                               of 1 / p_cf, b = 0; the inputs 'N/A', '' and '[MASK]' are theirs)
 *
 * A question's own text is its fields `text` and `instruction`, each of which is replaced; contextual keeps context, system
 * and turns, pmi drops them: its domain is a prompt of one field, `text`, or `instruction` where the question has that alone.
 * The softmax of the scores is the distribution over the choices: p / p_cf, normalised. */
#ifndef EXPERIMENTS_CHOICES_H
#define EXPERIMENTS_CHOICES_H

#include "base/spec.h"
#include "evalsets/evalset.h"
#include "experiments/lms.h"

#define CHOICES_MOST   64 /* choices times prompts of one item */
#define CHOICES_INPUTS 8

struct choices_rule {
    const struct choices_type *type;
    struct spec_value value[SPEC_MAX_PARAMS];
    struct spec *spec; /* what value points into */
};

struct choices_type {
    const char *name;
    const struct param *params;
    size_t n_params;
    const char *meaning, *source;
    size_t (*n_blank)(const struct choices_rule *r);                             /* prompts beside the question's */
    const char *(*blank)(const struct choices_rule *r, size_t i, bool *replace); /* *replace: of the whole prompt */
};

/* 0 or ERR_USAGE (unknown: lists). */
int choices_parse(const char *text, struct choices_rule *out);
void choices_fini(struct choices_rule *r);
void choices_text(const struct choices_rule *r, struct text *out); /* canonical, appended */
bool choices_plain(const struct choices_rule *r);                  /* likelihood */
const struct choices_type *const *choices_types(size_t *n);

/* The scores from log-likelihoods, logp (1 + n_blank, n): after the question, then after each blank prompt.  0; ERR_DATA: a
 * choice is impossible without the question, so that nothing can be said of it. */
int choices_score(const struct choices_rule *r, const double logp[], size_t n, double score[]);

/* The i-th prompt without the question.  fields: room for one more than the question's prompt has; the result borrows them. */
struct prompt choices_blank(const struct choices_rule *r, size_t i, const struct prompt *prompt,
                            struct prompt_field fields[]);

/* One question being scored, with the verbs of experiments/score.h. */
struct choices;

struct choices_args {
    struct lms *lms;
    const char *lm_id;
    const struct prompt *prompt; /* with the template it asks for; borrowed, as item is */
    const struct item *item;
    const char *rule;
};
struct choices *choices_open(const struct choices_args *a);            /* NULL + ERR_* */
void choices_close(struct choices *c);                                 /* NULL is fine */
size_t choices_want(struct choices *c, struct want out[], size_t max); /* room for CHOICES_MOST */
int choices_feed(struct choices *c);
int choices_move(struct choices *c);
/* (n_choices,) once nothing is wanted any more; 0 or what choices_score() says. */
int choices_result(const struct choices *c, double score[]);
uint32_t choices_symbols(const struct choices *c, size_t choice); /* of its text */

#endif
