#include "experiments/fit_maps.h"
#include "base/err.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fit_maps {
    struct calibration **map; /* (n,) */
    size_t n;
    uint32_t classes;
    json_t *fold; /* object: hash of an item -> its fold */
};

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* A temperature of rows is a number of its own. */
bool fit_maps_are_wanted(const json_t *doc)
{
    size_t n;
    const struct calibration_type *const *types = calibration_types(&n);
    if (json_object_get(doc, "choices"))
        return true;
    for (size_t i = 0; i < n; i++)
        if (strcmp(types[i]->name, field(doc, "what")) == 0)
            return !types[i]->of_voices;
    return false;
}

static size_t folds_of(const json_t *doc)
{
    json_int_t n = json_object_get(doc, "choices") ? json_integer_value(json_object_get(doc, "folds")) : 0;
    return n >= 2 && n <= FIT_MOST_FOLDS ? (size_t)n : 0;
}

static struct calibration *read_map(const struct calibration_type *type, const json_t *list, const char *id,
                                    uint32_t classes)
{
    size_t n = json_array_size(list);
    double *x = mem_alloc(n + 1, sizeof *x);
    bool numbers = json_is_array(list);
    for (size_t i = 0; i < n && numbers; i++) {
        numbers = json_is_number(json_array_get(list, i));
        x[i] = json_number_value(json_array_get(list, i));
    }
    struct calibration *c = numbers ? calibration_make(type, x, n, classes) : NULL;
    free(x);
    if (!numbers)
        err_set(ERR_DATA, "a map is no list of numbers");
    if (!c)
        err_add(ERR_DATA, "fit '%s'", id);
    return c;
}

static void number_folds(struct fit_maps *m, const json_t *doc)
{
    size_t i;
    json_t *item;
    m->fold = json_object();
    json_array_foreach(json_object_get(doc, "items"), i, item)
    {
        if (json_is_string(item) && !json_object_get(m->fold, json_string_value(item)))
            json_object_set_new(m->fold, json_string_value(item), json_integer((json_int_t)(i % (m->n - 1))));
    }
}

struct fit_maps *fit_maps_read(const json_t *doc, const json_t *result)
{
    const char *id = field(doc, "id");
    const struct calibration_type *type = calibration_find(field(doc, "what"));
    json_t *list;
    int64_t classes;
    if (!type || doc_array(result, id, "maps", &list) < 0 || doc_int(result, id, "classes", &classes) < 0)
        return NULL;
    size_t want = 1 + folds_of(doc);
    if (json_array_size(list) != want || classes < 1 || classes > UINT32_MAX) {
        err_set(ERR_DATA, "fit '%s': %zu maps over %lld classes, want %zu", id, json_array_size(list),
                (long long)classes, want);
        return NULL;
    }
    struct fit_maps *m = mem_alloc(1, sizeof *m);
    m->classes = (uint32_t)classes;
    m->map = mem_alloc(want, sizeof(struct calibration *));
    for (; m->n < want; m->n++)
        if (!(m->map[m->n] = read_map(type, json_array_get(list, m->n), id, m->classes))) {
            fit_maps_free(m);
            return NULL;
        }
    if (m->n > 1)
        number_folds(m, doc);
    return m;
}

void fit_maps_free(struct fit_maps *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        calibration_free(m->map[i]);
    json_decref(m->fold);
    free(m->map);
    free(m);
}

const struct calibration *fit_maps_all(const struct fit_maps *m)
{
    return m->map[0];
}

const struct calibration *fit_maps_item(const struct fit_maps *m, const char *hash)
{
    const json_t *fold = json_object_get(m->fold, hash);
    return m->map[fold ? 1 + json_integer_value(fold) : 0];
}

int fit_maps_answer(const struct fit_maps *m, const char *hash, double score[], size_t n)
{
    const struct calibration *c = fit_maps_item(m, hash);
    uint32_t classes = calibration_classes(c) > 0 ? calibration_classes(c) : (uint32_t)n;
    double top = -INFINITY;
    if (n > classes)
        return err_set(ERR_DATA, "%zu choices where the calibration was fitted on at most %u", n, (unsigned)classes);
    for (size_t i = 0; i < n; i++)
        top = fmax(top, score[i]);
    if (top == -INFINITY)
        return 0;
    float *x = mem_alloc(classes, sizeof *x);
    struct row r = row_over(x, classes);
    for (size_t i = 0; i < classes; i++)
        x[i] = i < n ? (float)(score[i] - top) : -INFINITY;
    int rc = row_measure(&r);
    rc = rc < 0 ? rc : calibration_apply(c, &r);
    for (sym_t i = 0; i < n && rc == 0; i++)
        score[i] = row_logp(&r, i);
    free(x);
    return rc;
}

size_t fit_maps_fold(const json_t *doc, const char *hash, size_t n_folds)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(doc, "items"), i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), hash) == 0)
            return i % n_folds;
    }
    return n_folds;
}

void fit_maps_add(json_t *result, const struct calibration *c)
{
    size_t n;
    const double *x = calibration_numbers(c, &n);
    json_t *list = json_array(), *maps = json_object_get(result, "maps");
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_real(x[i]));
    if (!maps) {
        maps = json_array();
        json_object_set_new(result, "maps", maps);
    }
    json_array_append_new(maps, list);
}
