#include "experiments/plan.h"
#include "base/err.h"
#include "base/mem.h"
#include "experiments/plan_check.h"
#include <stdlib.h>
#include <string.h>

#define MAX_PLAN (256u << 20)

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static uint32_t limit_of(const json_t *limit, const char *key)
{
    json_int_t x = json_integer_value(json_object_get(limit, key));
    return x > 0 && x < UINT32_MAX ? (uint32_t)x : 0;
}

/* The plan's strings with another limit; the plan's own where there is none. */
static struct stop stop_of(const struct plan *p, const json_t *limit)
{
    struct stop s = p->stop;
    if (!limit)
        return s;
    s.max_bytes = limit_of(limit, "bytes");
    s.max_symbols = limit_of(limit, "symbols");
    s.max_chars = limit_of(limit, "chars");
    return s;
}

static const char **strings(const json_t *list, size_t *n)
{
    *n = json_array_size(list);
    const char **out = mem_alloc(*n, sizeof *out);
    for (size_t i = 0; i < *n; i++)
        out[i] = json_string_value(json_array_get(list, i));
    return out;
}

static void load_choice(struct plan *p, const json_t *doc, struct plan_arm choice)
{
    choice.lm = field(doc, "lm");
    choice.chain = field(doc, "chain");
    choice.search = field(doc, "search");
    choice.draft = json_string_value(json_object_get(doc, "draft"));
    choice.transforms = json_object_get(doc, "transforms");
    choice.choices = json_object_get(doc, "choices") ? field(doc, "choices") : "likelihood";
    choice.calibration = json_string_value(json_object_get(doc, "calibration"));
    choice.fit = json_string_value(json_object_get(doc, "fit"));
    choice.repeats = json_is_true(json_object_get(doc, "repeats"));
    choice.stop = stop_of(p, json_object_get(doc, "limit"));
    choice.choice = p->n_choices;
    p->arms[p->n_choices++] = choice;
}

static void load_arms(struct plan *p)
{
    const json_t *arms = json_object_get(p->what, "arms");
    size_t n = p->n_arms = json_array_size(arms), k;
    json_t *t;
    for (size_t i = 0; i < p->n_arms; i++)
        n += json_array_size(json_object_get(json_array_get(arms, i), "tasks"));
    p->arms = mem_alloc(n, sizeof *p->arms);
    for (size_t i = 0; i < p->n_arms; i++) {
        const json_t *a = json_array_get(arms, i);
        load_choice(p, a, (struct plan_arm){ .name = field(a, "name"), .arm = i });
    }
    for (size_t i = 0; i < p->n_arms; i++) {
        p->arms[i].tasks = p->n_choices;
        json_array_foreach(json_object_get(json_array_get(arms, i), "tasks"), k, t)
        {
            load_choice(p, t, (struct plan_arm){ .name = p->arms[i].name, .arm = i, .task = field(t, "task") });
        }
        p->arms[i].n_tasks = p->n_choices - p->arms[i].tasks;
    }
}

const struct plan_arm *plan_choice(const struct plan *p, size_t arm, size_t item)
{
    const char *task = p->items[item].task;
    const struct plan_arm *own = &p->arms[arm], *tasks = p->arms + own->tasks;
    for (size_t i = 0; task && i < own->n_tasks; i++)
        if (strcmp(tasks[i].task, task) == 0)
            return &tasks[i];
    return own;
}

static void find_places(struct plan *p)
{
    p->lm_places = doc_places(json_object_get(p->what, "lms"), "id");
    p->fit_places = doc_places(json_object_get(p->what, "fits"), "id");
}

const json_t *plan_lm(const struct plan *p, const char *id)
{
    return json_array_get(json_object_get(p->what, "lms"), doc_place(p->lm_places, id));
}

const json_t *plan_fit(const struct plan *p, const char *id)
{
    return json_array_get(json_object_get(p->what, "fits"), doc_place(p->fit_places, id));
}

size_t plan_leaves(const struct plan *p, const char *id)
{
    const json_t *voices = json_object_get(plan_lm(p, id), "voices");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(voices); i++)
        n += plan_leaves(p, field(json_array_get(voices, i), "lm"));
    return voices ? n : 1;
}

static int open_sets(struct plan *p)
{
    const json_t *sets = json_object_get(p->what, "evalsets");
    p->sets = mem_alloc(json_array_size(sets), sizeof(struct evalset *));
    for (size_t i = 0; i < json_array_size(sets); i++) {
        const json_t *s = json_array_get(sets, i);
        struct evalset *e = evalset_open(field(s, "name"));
        if (!e)
            return ERR_DATA;
        p->sets[p->n_sets++] = e;
        if (strcmp(e->hash, field(s, "hash")) != 0)
            return err_set(ERR_DATA,
                           "evalset '%s' has changed since the plan was made; want it as it was, or another run folder",
                           field(s, "name"));
    }
    return 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(const struct item *const *)a)->id, (*(const struct item *const *)b)->id);
}

/* The items of a set in the order of their ids. */
static const struct item **items_by_id(const struct evalset *e)
{
    const struct item **items = mem_alloc(e->n_items, sizeof *items);
    for (size_t i = 0; i < e->n_items; i++)
        items[i] = &e->items[i];
    qsort(items, e->n_items, sizeof *items, by_id);
    return items;
}

/* ids: (n_sets,) of items_by_id() */
static int load_item(struct plan *p, const struct item **const ids[], const json_t *doc, struct plan_item *out)
{
    const struct item key = { .id = field(doc, "id") }, *wanted = &key;
    for (size_t k = 0; k < p->n_sets && !out->item; k++)
        if (strcmp(p->sets[k]->name, field(doc, "set")) == 0) {
            const struct item **found = bsearch(&wanted, ids[k], p->sets[k]->n_items, sizeof *found, by_id);
            out->set = p->sets[k];
            out->item = found ? *found : NULL;
        }
    if (!out->item)
        return err_set(ERR_DATA, "the plan's item '%s/%s' is gone", field(doc, "set"), field(doc, "id"));
    struct text name = { 0 };
    text_addf(&name, "%s/%s", field(doc, "set"), field(doc, "id"));
    out->name = name.s;
    strncpy(out->hash, field(doc, "hash"), sizeof out->hash - 1);
    out->prompt = &out->item->prompt;
    return 0;
}

/* Where the plan knows of tasks: what the model sees. */
static int load_tag(struct plan_item *item, struct tag_prompt *tag)
{
    TRY(tag_item(item->name, item->item, tag));
    item->task = tag->tag.task;
    item->prompt = &tag->prompt;
    return 0;
}

static int load_items(struct plan *p)
{
    const json_t *items = json_object_get(p->what, "items");
    const struct item ***ids = mem_alloc(p->n_sets, sizeof *ids);
    int rc = 0;
    for (size_t k = 0; k < p->n_sets; k++)
        ids[k] = items_by_id(p->sets[k]);
    p->items = mem_alloc(json_array_size(items), sizeof *p->items);
    for (size_t i = 0; i < json_array_size(items) && rc == 0; i++)
        rc = load_item(p, ids, json_array_get(items, i), &p->items[p->n_items++]);
    for (size_t k = 0; k < p->n_sets; k++)
        free(ids[k]);
    free(ids);
    if (rc < 0 || !json_object_get(p->what, "tasks"))
        return rc;
    p->tags = mem_alloc(p->n_items, sizeof *p->tags);
    for (size_t i = 0; i < p->n_items; i++)
        TRY(load_tag(&p->items[i], &p->tags[i]));
    return 0;
}

/* The numbers of another format are others, so its run cannot go on; what it has in results.h5 is still there to read. */
static int check_format(const char *where, int64_t format)
{
    if (format == PLAN_FORMAT)
        return 0;
    return err_set(
        ERR_DATA,
        "%s: a plan of format %lld, and this program runs format %d, whose texts may differ: run the script into "
        "another folder (--out), or go on with the program that began it; a results.h5 that is there is read as "
        "before",
        where, (long long)format, PLAN_FORMAT);
}

static int check_hash(const char *where, const struct plan *p)
{
    char hash[65];
    doc_hash(p->what, hash);
    return strcmp(hash, p->hash) == 0
               ? 0
               : err_set(ERR_DATA, "%s: its hash is %.12s..., that of its content %.12s...: it was changed", where,
                         p->hash, hash);
}

struct plan *plan_load(json_t *doc, const char *where)
{
    struct plan *p = mem_alloc(1, sizeof *p);
    int64_t draws = 0, seed = 0, format = 0;
    p->doc = doc;
    if (doc_object(doc, where, "what", &p->what) < 0 || doc_string(doc, where, "hash", &p->hash) < 0 ||
        doc_int(p->what, where, "format", &format) < 0 || doc_int(p->what, where, "draws", &draws) < 0 ||
        doc_int(p->what, where, "seed", &seed) < 0 || doc_string(p->what, where, "name", &p->name) < 0)
        goto fail;
    if (check_format(where, format) < 0 || check_hash(where, p) < 0)
        goto fail;
    if (draws < 1 || draws > UINT32_MAX) {
        err_set(ERR_DATA, "%s: draws is %lld, want 1 .. %u", where, (long long)draws, UINT32_MAX);
        goto fail;
    }
    if (plan_check(p->what, where) < 0)
        goto fail;
    p->draws = (uint32_t)draws;
    p->seed = (uint64_t)seed;
    if (trace_level(field(p->what, "log"), &p->trace) < 0) {
        err_add(ERR_DATA, "%s", where);
        goto fail;
    }
    p->stop = stop_of(p, json_object_get(p->what, "limit"));
    p->stop.strings = strings(json_object_get(p->what, "stop"), &p->stop.n_strings);
    p->judge = json_string_value(json_object_get(p->what, "judge"));
    p->creativity = strings(json_object_get(p->what, "creativity"), &p->n_creativity);
    p->control = strings(json_object_get(p->what, "control"), &p->n_control);
    p->reward = json_string_value(json_object_get(p->what, "reward"));
    p->select = strings(json_object_get(p->what, "select"), &p->n_select);
    find_places(p);
    load_arms(p);
    if (open_sets(p) < 0 || load_items(p) < 0)
        goto fail;
    return p;
fail:
    plan_free(p);
    return NULL;
}

struct plan *plan_read(const char *path)
{
    json_t *doc = doc_read_file(path, MAX_PLAN);
    return doc ? plan_load(doc, path) : NULL;
}

int plan_write(const struct plan *p, const char *path)
{
    struct text t = { 0 };
    doc_pretty(&t, p->doc);
    text_add(&t, "\n");
    int rc = t.len <= MAX_PLAN
                 ? text_write_file(path, t.s, t.len)
                 : err_set(ERR_USAGE, "a plan of %zu bytes, want at most %u: fewer items or arms", t.len, MAX_PLAN);
    text_free(&t);
    return rc;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_items; i++)
        free((char *)p->items[i].name);
    for (size_t i = 0; p->tags && i < p->n_items; i++)
        tag_prompt_fini(&p->tags[i]);
    free(p->tags);
    for (size_t i = 0; i < p->n_sets; i++)
        evalset_close(p->sets[i]);
    free(p->items);
    free(p->sets);
    free(p->arms);
    free((void *)p->stop.strings);
    free(p->creativity);
    free(p->control);
    free(p->select);
    json_decref(p->lm_places);
    json_decref(p->fit_places);
    json_decref(p->doc);
    free(p);
}
