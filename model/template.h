/* Templates: how a prompt's fields become the symbols a checkpoint was trained on.
 *
 * A template is text with {field} places.  The literal parts are tokenised with special tokens parsed; the fields are
 * data, where a special token's text stays text, so that no item can forge a role mark.  Rows of a table:
 *   plain    {text}                                                    (falls back to {instruction})
 *   tiger    \n\n### Instruction:\n{instruction}\n\n### Response:\n    (falls back to {text}; earlier turns in between)
 *   auto     tiger where the vocabulary has its two marks as single tokens and the prompt has `instruction`; else plain
 * bos is put in front where the tokenizer does so. */
#ifndef MODEL_TEMPLATE_H
#define MODEL_TEMPLATE_H

#include "base/prompt.h"
#include "model/vocab.h"

/* Appends the symbols of p.  0, ERR_USAGE (unknown template; a field is missing). */
int template_render(struct vocab *v, const char *template_name, const struct prompt *p, struct symbols *out);
const char *const *template_names(size_t *n);

#endif
