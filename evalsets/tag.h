/* Task tags: a small markup by which an item says what kind of task it is.
 *
 *     <task:math>          <task:translate from=zh to="Old English"> Where the river bends ...
 *
 *     prompt   = [ tag ] , text ;
 *     tag      = { blank } , "<task:" , inside , ">" , { blank } , [ newline ] ;
 *     inside   = name , { blank , { blank } , argument } , { blank } ;
 *     argument = name , "=" , value ;
 *     value    = bare , { bare } | '"' , { character - '"' - "\" | "\" , ( '"' | "\" ) } , '"' ;
 *     name     = letter , { letter | digit | "_" | "-" } ;              (* ASCII *)
 *     bare     = character - blank - newline - '"' - "<" - ">" - "=" ;
 *     blank    = " " | tab ;
 *
 * A text that does not begin with "<task:" has no tag; in its middle it is text.  One tag a prompt.  No argument may have
 * the name of a prompt field that items have.
 *
 * An item's tag stands at the beginning of its instruction (or of its text, where it has none) or in its field `task`
 * ("translate from=zh").  The model does not see it; its name and its arguments become fields of the prompt: {task},
 * {from}, {to} in a template. */
#ifndef EVALSETS_TAG_H
#define EVALSETS_TAG_H

#include "evalsets/evalset.h"

#define TAG_ARGUMENTS 16
#define TAG_BYTES     1024 /* of a tag at most */

struct tag {
    const char *task;
    struct prompt_field args[TAG_ARGUMENTS]; /* (n_args,) in the order written; names differ */
    size_t n_args;
    char *memory; /* what task and args point into */
};

/* Reads the tag at the beginning of a text; *rest is what follows it.  1: there is one (tag_fini() frees it); 0: none,
 * *rest is the text; ERR_DATA "where: task tag, column 7: ...". */
int tag_read(const char *where, const char *text, struct tag *t, const char **rest);
/* The whole of a text is the inside of a tag.  1 or ERR_DATA. */
int tag_read_inside(const char *where, const char *text, struct tag *t);
void tag_fini(struct tag *t); /* of a zeroed one too */

/* What the model sees of an item. */
struct tag_prompt {
    struct prompt prompt; /* the item's own where there is no tag */
    struct tag tag;       /* task is NULL where there is none */
    struct prompt_field *fields;
};

/* Texts to be scored (ITEM_TEXT) have no tags.  0 or ERR_DATA; borrows the item, which must outlive it. */
int tag_item(const char *where, const struct item *item, struct tag_prompt *out);
void tag_prompt_fini(struct tag_prompt *p); /* of a zeroed one too */

#endif
