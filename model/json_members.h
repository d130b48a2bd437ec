/* JSON from strangers: bounds on what a text may cost before it is parsed, and objects walked member by member.
 *
 * A parsed value takes up to 150 bytes of memory for 3 bytes of text, so that a text is bounded in bytes and in values
 * first; and an object that may hold very many members (the header of a safetensors file) is never parsed whole. */
#ifndef MODEL_JSON_MEMBERS_H
#define MODEL_JSON_MEMBERS_H

#include "base/doc.h"

#define JSON_VALUES_MAX (1u << 23) /* of one text; the largest tokenizers have 2 million: about 1 GB at worst */

/* 0; ERR_DATA: more than max_bytes, or more values than JSON_VALUES_MAX. */
int json_members_bound(const char *where, const char *s, size_t n, size_t max_bytes);

/* json_members_bound() and doc_read(). */
json_t *json_members_read(const char *where, const char *s, size_t n, size_t max_bytes);

/* A walk over the members of one object; text is not copied. */
struct json_members {
    const char *where; /* for messages */
    const char *s;     /* (n,) the object, and nothing but spaces around it */
    size_t n, at;      /* at: zero to begin with */
    struct text key;   /* of the present member; text_free() it after the walk */
};

/* 1: the next member, its name in m->key, its value the n_value bytes at *value, not yet parsed; 0: there is no further
 * one; ERR_DATA: not the text of an object.  Names that come twice are for the caller to find. */
int json_members_next(struct json_members *m, const char **value, size_t *n_value);

#endif
