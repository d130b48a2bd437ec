/* JSON documents (jansson): strict reading with limits, getters that name what they miss, canonical writing.
 *
 * Reading refuses duplicate keys, NUL characters, more than DOC_DEPTH levels and more than DOC_VALUES values.  Every getter takes `where`, the name
 * of the document for messages ("plan.json", "config.json of zoo:prose").  The returned json_t * of doc_read*() is
 * the caller's (json_decref); those of getters are borrowed. */
#ifndef BASE_DOC_H
#define BASE_DOC_H

#include "base/text.h"
#include <jansson.h>

#define DOC_DEPTH  64
#define DOC_VALUES (1 << 23) /* of one document: half a gigabyte of memory */

/* NULL + ERR_DATA (malformed: where, line, column) or ERR_IO (file). */
json_t *doc_read_file(const char *path, size_t max_bytes);
json_t *doc_read(const char *where, const char *s, size_t n);

/* Required members: 0 or ERR_DATA "where: 'key' is missing / is a string, want a number / ...". */
int doc_real(const json_t *o, const char *where, const char *key, double *x);
int doc_int(const json_t *o, const char *where, const char *key, int64_t *x);
int doc_string(const json_t *o, const char *where, const char *key, const char **s);
int doc_array(const json_t *o, const char *where, const char *key, json_t **a);
int doc_object(const json_t *o, const char *where, const char *key, json_t **member);

/* Optional members: x keeps its value when the key is absent or null; ERR_DATA when it has another type. */
int doc_maybe_real(const json_t *o, const char *where, const char *key, double *x);
int doc_maybe_int(const json_t *o, const char *where, const char *key, int64_t *x);
int doc_maybe_string(const json_t *o, const char *where, const char *key, const char **s);
int doc_maybe_bool(const json_t *o, const char *where, const char *key, bool *x);

/* {string: place}, by what the objects of a list have at a key; of equal ones the first.  The caller's. */
json_t *doc_places(const json_t *list, const char *key);
/* The place that doc_places() found for a string; SIZE_MAX: none, also where s is NULL. */
size_t doc_place(const json_t *places, const char *s);

/* Gives `to` the member of `from`, where it has it. */
void doc_copy(json_t *to, const json_t *from, const char *key);

/* Canonical text, appended: sorted keys, no spaces, shortest numbers, UTF-8.  Equal documents give equal bytes.
 * doc_pretty() indents by two. */
void doc_canonical(struct text *t, const json_t *o);
void doc_pretty(struct text *t, const json_t *o);

/* A name from outside, which may be any bytes, as a JSON string, which is UTF-8: U+FFFD for each byte that is none. */
json_t *doc_text(const char *s);

/* 0, or ERR_DATA naming a member of an object that is none of n names, and the nearest that is.  where: of the object; what:
 * its members are called, "field". */
int doc_known(const json_t *o, const char *where, const char *what, const char *const names[], size_t n);

/* The SHA-256 of the canonical text. */
void doc_hash(const json_t *o, char hex[65]);

#endif
