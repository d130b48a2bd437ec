/* One item from its JSON document: the schema of evalsets/README.md, checked. */
#ifndef EVALSETS_ITEM_H
#define EVALSETS_ITEM_H

#include "evalsets/evalset.h"
#include <jansson.h>

/* What evalset.json says about all items. */
struct item_rules {
    const char *evalset;
    enum item_kind kind;
    const char *const *langs; /* (n_langs,) */
    size_t n_langs;
    const char *const *splits; /* (n_splits,) */
    size_t n_splits;
};

/* Fields of which prompts are made, in their order there. */
enum { ITEM_FIELDS = 4 };
extern const char *const item_fields[ITEM_FIELDS];

/* Fills it from o, which must outlive it: its strings are o's.  0 or ERR_DATA "where: ..."; item_fini() in both cases. */
int item_read(struct item *it, const json_t *o, const char *where, const struct item_rules *rules);
void item_fini(struct item *it);

/* An array of 1 .. max distinct, non-empty strings, which stay o's; *list is the caller's.  0 or ERR_DATA. */
int item_strings(const json_t *o, const char *where, const char *key, size_t max, const char *const **list, size_t *n);

/* Names of evalsets and items: 1 to 64 ASCII letters, digits and _ - . */
int item_check_name(const char *where, const char *key, const char *name);

#endif
