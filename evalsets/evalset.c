#include "evalsets/evalset.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "evalsets/item.h"
#include "evalsets/metric.h"
#include "evalsets/shelf.h"
#include <stdlib.h>
#include <string.h>

/* Far above any set of questions, far below a host's memory. */
#define MAX_META  ((size_t)1 << 20)
#define MAX_BYTES ((size_t)256 << 20)
#define MAX_LINE  ((size_t)1 << 20)
#define MAX_ITEMS 1000000
#define MAX_LIST  64

const char *const evalset_kinds[] = { [ITEM_GENERATE] = "generate", [ITEM_CHOICE] = "choice", [ITEM_TEXT] = "text" };

/* What an evalset owns. */
struct memory {
    struct text where; /* "evalset 'keywords'" */
    struct text path, split, readme;
    json_t *meta;
    const char *const *langs, *const *splits;
    size_t n_langs, n_splits;
    enum item_kind kind;
    json_t **docs; /* (n_docs,) of the items read so far; their strings are the items' */
    struct item *items;
    size_t n_docs, cap_docs, cap_items;
};

static int read_kind(struct memory *m)
{
    const char *kind;
    TRY(doc_string(m->meta, text_s(&m->where), "kind", &kind));
    for (size_t i = 0; i < ITEM_KINDS; i++)
        if (strcmp(evalset_kinds[i], kind) == 0) {
            m->kind = (enum item_kind)i;
            return 0;
        }
    return err_add(err_unknown(ERR_DATA, "kind", kind, evalset_kinds, ITEM_KINDS), "%s", text_s(&m->where));
}

/* They tell readers what the set is for; a run measures all that its items allow. */
static int read_metrics(struct evalset *e, struct memory *m)
{
    if (!json_object_get(m->meta, "metrics"))
        return 0;
    TRY(item_strings(m->meta, text_s(&m->where), "metrics", MAX_LIST, &e->metrics, &e->n_metrics));
    for (size_t i = 0; i < e->n_metrics; i++)
        if (!metric_find(e->metrics[i]))
            return err_add(ERR_DATA, "%s", text_s(&m->where));
    return 0;
}

static int read_meta(struct evalset *e, struct memory *m)
{
    static const char *const fields[] = { "name", "kind", "lang", "splits", "metrics" };
    static const char *const report[] = { "report" };
    struct text path = { 0 };
    text_addf(&path, "%s/evalset.json", e->path);
    struct text bytes = { 0 };
    int rc = text_read_regular(&bytes, text_s(&path), MAX_META);
    if (rc == 0 && !(m->meta = doc_read(text_s(&path), text_s(&bytes), bytes.len)))
        rc = ERR_DATA;
    text_clear(&m->where);
    text_add(&m->where, text_s(&path));
    text_free(&path);
    text_free(&bytes);
    TRY(rc);
    const char *where = text_s(&m->where);
    if (!json_is_object(m->meta))
        return err_set(ERR_DATA, "%s: want a JSON object", where);
    TRY(doc_known(m->meta, where, "field", fields, sizeof fields / sizeof *fields));
    TRY(doc_string(m->meta, where, "name", &e->name));
    TRY(item_check_name(where, "name", e->name));
    TRY(read_kind(m));
    TRY(item_strings(m->meta, where, "lang", MAX_LIST, &m->langs, &m->n_langs));
    if (json_object_get(m->meta, "splits")) {
        TRY(item_strings(m->meta, where, "splits", MAX_LIST, &m->splits, &m->n_splits));
    } else {
        m->splits = mem_copy(report, sizeof report);
        m->n_splits = 1;
    }
    TRY(read_metrics(e, m));
    text_clear(&m->where);
    text_addf(&m->where, "evalset '%s'", e->name);
    return 0;
}

static int read_line(struct evalset *e, struct memory *m, const char *s, size_t n)
{
    struct text where = { 0 };
    int rc;
    text_addf(&where, "%s: items.jsonl:%zu", text_s(&m->where), m->n_docs + 1);
    const struct item_rules rules = { .evalset = e->name,
                                      .kind = m->kind,
                                      .langs = m->langs,
                                      .n_langs = m->n_langs,
                                      .splits = m->splits,
                                      .n_splits = m->n_splits };
    mem_grow(&m->docs, &m->cap_docs, m->n_docs + 1, sizeof *m->docs);
    mem_grow(&m->items, &m->cap_items, m->n_docs + 1, sizeof *m->items);
    json_t *doc = NULL;
    if (n > MAX_LINE)
        rc = err_set(ERR_DATA, "%s: %zu bytes in one line, want at most %zu", text_s(&where), n, MAX_LINE);
    else if (n == 0 || (n == 1 && *s == '\r'))
        rc = err_set(ERR_DATA, "%s: an empty line, want a JSON object", text_s(&where));
    else if (m->n_docs == MAX_ITEMS)
        rc = err_set(ERR_DATA, "%s: more than %d items", text_s(&where), MAX_ITEMS);
    else
        rc = (doc = doc_read(text_s(&where), s, n)) ? 0 : ERR_DATA;
    if (doc) {
        m->docs[m->n_docs] = doc;
        rc = item_read(&m->items[m->n_docs++], doc, text_s(&where), &rules);
    }
    text_free(&where);
    return rc;
}

static int read_items(struct evalset *e, struct memory *m)
{
    struct text path = { 0 }, bytes = { 0 };
    text_addf(&path, "%s/items.jsonl", e->path);
    int rc = text_read_regular(&bytes, text_s(&path), MAX_BYTES);
    const char *s = text_s(&bytes), *end = s + bytes.len;
    while (rc == 0 && s < end) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        const char *stop = newline ? newline : end;
        rc = read_line(e, m, s, (size_t)(stop - s));
        s = newline ? newline + 1 : end;
    }
    if (rc == 0 && m->n_docs == 0)
        rc = err_set(ERR_DATA, "%s: no items", text_s(&path));
    hash_sha256(text_s(&bytes), bytes.len, e->hash);
    text_free(&bytes);
    text_free(&path);
    return rc;
}

struct line_of {
    const char *id;
    size_t line;
};

static int by_id(const void *a, const void *b)
{
    const struct line_of *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int check_ids(const struct memory *m)
{
    struct line_of *lines = mem_alloc(m->n_docs, sizeof *lines);
    for (size_t i = 0; i < m->n_docs; i++)
        lines[i] = (struct line_of){ m->items[i].id, i + 1 };
    qsort(lines, m->n_docs, sizeof *lines, by_id);
    int rc = 0;
    for (size_t i = 1; i < m->n_docs && rc == 0; i++)
        if (strcmp(lines[i - 1].id, lines[i].id) == 0)
            rc = err_set(ERR_DATA, "%s: items.jsonl:%zu: id '%s' is that of line %zu already", text_s(&m->where),
                         lines[i].line, lines[i].id, lines[i - 1].line);
    free(lines);
    return rc;
}

/* Keeps the items of e->split. */
static int select_split(struct evalset *e, struct memory *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n_splits && e->split; i++)
        kept += strcmp(m->splits[i], e->split) == 0;
    if (e->split && kept == 0)
        return err_add(err_unknown(ERR_DATA, "split", e->split, m->splits, m->n_splits), "%s", text_s(&m->where));
    kept = 0;
    for (size_t i = 0; i < m->n_docs; i++) {
        if (e->split && strcmp(m->items[i].split, e->split) != 0)
            item_fini(&m->items[i]);
        else
            m->items[kept++] = m->items[i];
    }
    e->items = m->items;
    e->n_items = kept;
    return kept > 0 ? 0 : err_set(ERR_DATA, "%s: no items in split '%s'", text_s(&m->where), e->split);
}

static int open_into(struct evalset *e, struct memory *m, const char *name)
{
    TRY(shelf_find(name, &m->path, &m->split));
    e->path = text_s(&m->path);
    e->split = m->split.len > 0 ? text_s(&m->split) : NULL;
    TRY(read_meta(e, m));
    TRY(read_items(e, m));
    TRY(check_ids(m));
    TRY(shelf_readme(e->path, &m->readme));
    e->readme = text_s(&m->readme);
    return select_split(e, m);
}

struct evalset *evalset_open(const char *name)
{
    struct evalset *e = mem_alloc(1, sizeof *e);
    struct memory *m = mem_alloc(1, sizeof *m);
    e->memory = m;
    if (open_into(e, m, name) == 0)
        return e;
    e->n_items = m->n_docs; /* whatever was read, to be freed */
    e->items = m->items;
    evalset_close(e);
    return NULL;
}

void evalset_close(struct evalset *e)
{
    if (!e)
        return;
    struct memory *m = e->memory;
    for (size_t i = 0; i < e->n_items; i++)
        item_fini(&m->items[i]);
    for (size_t i = 0; i < m->n_docs; i++)
        json_decref(m->docs[i]);
    json_decref(m->meta);
    free(m->items);
    free(m->docs);
    free((void *)(uintptr_t)m->langs);
    free((void *)(uintptr_t)m->splits);
    free((void *)(uintptr_t)e->metrics);
    text_free(&m->where);
    text_free(&m->path);
    text_free(&m->split);
    text_free(&m->readme);
    free(m);
    free(e);
}

void evalset_set_home(const char *home)
{
    shelf_set_home(home);
}

const char *const *evalset_names(size_t *n)
{
    return shelf_names(n);
}
