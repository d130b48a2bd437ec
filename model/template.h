/* Templates: how a prompt becomes the symbols a checkpoint was trained on.
 *
 * The whole prompt is tokenised as one text, as the reference does it, in which special tokens are parsed in the literal
 * parts only: what the prompt says is data, and no text in it becomes a control token (a special token, bos, an end, or
 * a mark of any row below that is an added token).  Text that a family uses as a mark without having a token for it
 * ("[INST]" of llama2) is text wherever it stands.
 *
 * A conversation is: the system text (the field `system`, or a first turn of that role), the turns, and as the last turn
 * of the user `instruction`, or else `text`.  The field `context` stands in front of that text, with an empty line
 * between.  The answer's head ends what is rendered.
 *
 * p->template_name is
 *   a name       of a row of model/template_rows.c; `plain` is raw, `tiger` is tigerbot-web
 *   auto, NULL   raw for a prompt of `text` alone.  Else the row that the checkpoint's own chat template is known to be;
 *                where it has none, tigerbot-web if the vocabulary has its two marks as added tokens, else raw for an
 *                instruction alone.  In all other cases the template must be asked for
 *   a text       with '{' in it is itself a template:
 *
 *     text    = { literal | place } , { section } ;
 *     place   = "{" , ( field | "bos" | "bos?" | "eos" ) , "}" ;       (* {{ and }} are braces *)
 *     section = "{#" , ( "system" | "user" | "assistant" | "answer" ) , "}" , { literal | place } ;
 *
 * bos stands in front where the tokenizer puts it, unless the text has {bos} itself.  Without sections ("Q: {text}\nA:") it has no place for turns; fields that it does not mention are left out.  With them
 * what comes first begins the prompt, and {text} is the place of a turn's own text in its section; a section that is not
 * there has no place in the prompt. */
#ifndef MODEL_TEMPLATE_H
#define MODEL_TEMPLATE_H

#include "base/prompt.h"
#include "model/vocab.h"

/* Appends the symbols of p.  chat_template: the checkpoint's own (Jinja), NULL: none.
 * 0, ERR_USAGE (unknown template; none known; a mark that the vocabulary lacks; a field is missing; turns or a system
 * text that it has no place for), ERR_DATA (vocab_encode). */
int template_render(struct vocab *v, const char *chat_template, const struct prompt *p, struct symbols *out);

/* Whether a name is that of a template, or a text is one: before there is a prompt.  0 or ERR_USAGE. */
int template_check(const char *template_name);

/* The name of the row that a published Jinja template is, by its distinctive marks; NULL: not known. */
const char *template_known(const char *chat_template);

#endif
