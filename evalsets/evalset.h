/* Evalsets: questions and how to mark them.  Never sees a model.
 *
 * An evalset is a folder: README.md (origin, licence), evalset.json (name, kind, language tags, metrics, splits) and
 * items.jsonl, one item a line; its schema is written in evalsets/README.md. */
#ifndef EVALSETS_EVALSET_H
#define EVALSETS_EVALSET_H

#include "base/prompt.h"
#include <stdint.h>

enum item_kind {
    ITEM_GENERATE, /* a prompt; a search answers */
    ITEM_CHOICE,   /* a prompt and choices; their likelihoods answer */
    ITEM_TEXT,     /* a text to be scored */
    ITEM_KINDS
};
extern const char *const evalset_kinds[ITEM_KINDS]; /* their names, in files too: "generate", "choice", "text" */

struct item {
    const char *id; /* unique in the evalset, ASCII */
    uint64_t hash;  /* of evalset name and id: the item's part of a random address */
    enum item_kind kind;
    const char *lang;           /* "en", "zh" */
    const char *split;          /* "fit", "report"; "report" where the file says nothing */
    const char *task;           /* GENERATE, CHOICE: the inside of a task tag (evalsets/tag.h), or NULL */
    struct prompt prompt;       /* TEXT items without context or instruction: the field `text`, empty */
    const char *const *choices; /* (n_choices,) CHOICE */
    size_t n_choices;
    size_t gold;                 /* CHOICE */
    const char *text;            /* TEXT */
    const char *const *keywords; /* (n_keywords,) words that must appear */
    size_t n_keywords;
    const char *form;      /* name of a verse form, or NULL */
    const uint32_t *lines; /* (n_lines,) characters wanted per line of the form */
    size_t n_lines;
};

struct evalset {
    const char *name;  /* as evalset.json says; without the split, which is no part of an item's address */
    const char *split; /* the one selected; NULL: all */
    const char *path;
    char hash[65];            /* SHA-256 of items.jsonl */
    const struct item *items; /* (n_items,) in the order of the file */
    size_t n_items;
    const char *const *metrics; /* (n_metrics,) names of what it is for; may be none */
    size_t n_metrics;
    const char *readme; /* first paragraph of README.md without its heading, "" where there is none; for lists */
    void *memory;
};

/* name: a bundled evalset, a folder, or either with "/split" after it ("held_out/fit").
 * NULL + ERR_DATA "evalset 'keywords': items.jsonl:17: 'keywords' is missing" or ERR_IO. */
struct evalset *evalset_open(const char *name);
void evalset_close(struct evalset *e);

/* Where the bundled evalsets are (home/evalsets/data): set once by cli/ and tests, before threads start.  The strings
 * of evalset_names(), sorted, live until the next call. */
void evalset_set_home(const char *home);
const char *const *evalset_names(size_t *n);

#endif
