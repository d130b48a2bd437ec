/* Templates: how a prompt's fields become the symbols a checkpoint was trained on.
 *
 * A template is text with {field} places.  The whole prompt is tokenised as one text; special tokens are parsed in the
 * literal parts only: the fields are data, where a special token's text stays text, so that no item can forge a role mark.
 * Rows of a table:
 *   plain    {text}                                                    (falls back to {instruction})
 *   tiger    \n\n### Instruction:\n{instruction}\n\n### Response:\n    (falls back to {text}; earlier turns in front: users'
 *            behind the first mark, the assistant's behind the second, each answer closed by the end token)
 *   auto     tiger where the vocabulary has its two marks as single tokens and the prompt has `instruction`; else plain
 * Both put the field `context`, where the prompt has one, and an empty line in front of their own field.
 * A name that contains '{' is itself a template: "Q: {text}\nA:"; {{ and }} are braces.  It has no place for turns.
 * bos is put in front where the tokenizer does so. */
#ifndef MODEL_TEMPLATE_H
#define MODEL_TEMPLATE_H

#include "base/prompt.h"
#include "model/vocab.h"

/* Appends the symbols of p.  template_name NULL: auto.
 * 0, ERR_USAGE (unknown template; a field is missing; turns that it has no place for), ERR_DATA (vocab_encode). */
int template_render(struct vocab *v, const char *template_name, const struct prompt *p, struct symbols *out);
const char *const *template_names(size_t *n);

#endif
