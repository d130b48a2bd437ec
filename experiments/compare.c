#include "experiments/compare.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Items of two results aligned by name: pair i is item a[i] of the first and b[i] of the second. */
struct pairs {
    size_t *a, *b;
    size_t n, unmatched, changed;
};

struct place {
    const char *name;
    size_t i;
};

static int place_order(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->i > y->i) - (x->i < y->i);
}

/* The first place of a name in a sorted list, or n. */
static size_t find(const struct place list[], size_t n, const char *name)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(list[low].name, name) == 0 ? low : n;
}

/* What item i asks, as its plan has it; NULL: a file that says nothing. */
static const char *asked(const struct results *r, size_t i)
{
    const json_t *items = json_object_get(json_object_get(results_plan(r), "what"), "items");
    return json_string_value(json_object_get(json_array_get(items, i), "hash"));
}

static size_t count_changed(const struct results *ra, const struct results *rb, const struct pairs *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const char *a = asked(ra, p->a[i]), *b = asked(rb, p->b[i]);
        n += a && b && strcmp(a, b) != 0;
    }
    return n;
}

static void align(const struct results *ra, const struct results *rb, struct pairs *out)
{
    size_t na, nb;
    const struct results_item *a = results_items(ra, &na), *b = results_items(rb, &nb);
    struct place *names = mem_alloc(nb, sizeof *names);
    for (size_t i = 0; i < nb; i++)
        names[i] = (struct place){ b[i].name, i };
    if (nb > 1)
        qsort(names, nb, sizeof *names, place_order);
    out->a = mem_alloc(na, sizeof *out->a);
    out->b = mem_alloc(na, sizeof *out->b);
    out->n = 0;
    for (size_t i = 0; i < na; i++) {
        size_t at = find(names, nb, a[i].name);
        if (at == nb)
            continue;
        out->a[out->n] = i;
        out->b[out->n++] = names[at].i;
    }
    free(names);
    out->unmatched = na - out->n + (nb > out->n ? nb - out->n : 0);
    out->changed = count_changed(ra, rb, out);
}

static bool is_binary(const double x[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i]) && x[i] != 0 && x[i] != 1)
            return false;
    return n > 0;
}

static void count_flips(struct compare_row *row, const double a[], const double b[], size_t n)
{
    row->p_mcnemar = NAN;
    if (!is_binary(a, n) || !is_binary(b, n))
        return;
    for (size_t i = 0; i < n; i++) {
        row->flips_to_b += a[i] == 0 && b[i] == 1;
        row->flips_to_a += a[i] == 1 && b[i] == 0;
    }
    row->p_mcnemar = stats_mcnemar(row->flips_to_b, row->flips_to_a);
}

struct side {
    const struct results *r;
    uint32_t arm;
    const struct results_metric *m;
};

static void values(const struct side *s, const size_t pick[], size_t n, double out[])
{
    size_t n_items;
    results_items(s->r, &n_items);
    double *all = mem_alloc(n_items, sizeof *all);
    results_by_item(s->r, s->m, s->arm, all);
    for (size_t i = 0; i < n; i++)
        out[i] = all[pick[i]];
    free(all);
}

/* d = b - a where both have a number; elsewhere neither counts, or the means would be of other items than their difference.
 * How many are left out so. */
static size_t keep_pairs(double a[], double b[], double d[], size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        d[i] = b[i] - a[i];
        if (!isnan(d[i]))
            continue;
        out += !isnan(a[i]) || !isnan(b[i]);
        a[i] = b[i] = NAN;
    }
    return out;
}

static void compare_metric(const struct side *sa, const struct side *sb, const struct pairs *pairs, struct compare *out)
{
    size_t n_arms, n = pairs->n;
    double *a = mem_alloc(n, sizeof *a), *b = mem_alloc(n, sizeof *b), *d = mem_alloc(n, sizeof *d);
    struct stats_options o = { .seed = 1, .stream = hash_string(sa->m->name) };
    struct compare_row row = { .metric = sa->m->name,
                               .direction = sa->m->direction,
                               .arm_a = results_arms(sa->r, &n_arms)[sa->arm].name,
                               .arm_b = results_arms(sb->r, &n_arms)[sb->arm].name,
                               .unmatched = pairs->unmatched };
    values(sa, pairs->a, n, a);
    values(sb, pairs->b, n, b);
    row.unmatched += keep_pairs(a, b, d, n);
    row.a = stats_bootstrap(a, n, &o);
    row.b = stats_bootstrap(b, n, &o);
    row.delta = stats_bootstrap_paired(b, a, n, &o);
    row.p = stats_signflip(d, n, &o);
    row.tells = stats_tells(d, n);
    count_flips(&row, a, b, n);
    if (row.delta.n > 0) {
        mem_grow(&out->rows, &out->cap, out->n + 1, sizeof *out->rows);
        out->rows[out->n++] = row;
    }
    free(a);
    free(b);
    free(d);
}

/* Arm arm_a of a with arm arm_b of b, on the items in pairs. */
struct match {
    const struct results *a, *b;
    uint32_t arm_a, arm_b;
    const struct pairs *pairs;
};

static void compare_texts(const struct match *x, struct compare *out)
{
    uint32_t da = results_draws(x->a), db = results_draws(x->b);
    for (size_t i = 0; i < x->pairs->n; i++)
        for (uint32_t draw = 0; draw < da && draw < db; draw++) {
            size_t na, nb, same = 0;
            const struct results_record *a = results_unit(x->a, x->arm_a, (uint32_t)x->pairs->a[i], draw, &na);
            const struct results_record *b = results_unit(x->b, x->arm_b, (uint32_t)x->pairs->b[i], draw, &nb);
            if (na == 0 || nb == 0 || !*a->end || !*b->end)
                continue;
            while (same < na && same < nb && a[same].n_text == b[same].n_text &&
                   memcmp(a[same].text, b[same].text, a[same].n_text) == 0)
                same++;
            out->texts++;
            out->same += same == na && same == nb;
        }
}

static void compare_pair(const struct match *x, struct compare *out)
{
    size_t na, nb;
    compare_texts(x, out);
    const struct results_metric *ma = results_metrics(x->a, &na), *mb = results_metrics(x->b, &nb);
    for (size_t i = 0; i < na; i++)
        for (size_t k = 0; k < nb; k++) {
            struct side sa = { x->a, x->arm_a, &ma[i] }, sb = { x->b, x->arm_b, &mb[k] };
            if (strcmp(ma[i].name, mb[k].name) == 0 && ma[i].level != METRIC_ARM && ma[i].level == mb[k].level)
                compare_metric(&sa, &sb, x->pairs, out);
        }
}

static void free_pairs(struct pairs *p)
{
    free(p->a);
    free(p->b);
}

/* A row's p as it was corrected: one that the correction has not counted, since it cannot tell, stays 1. */
static double corrected(const struct compare_row *r, double q)
{
    return r->direction != 0 && !r->tells ? r->p : q;
}

/* Metrics without a direction describe and are no tests: they do not count in the corrections. */
static void correct(struct compare *c)
{
    double *p = mem_alloc(c->n, sizeof *p), *q = mem_alloc(c->n, sizeof *q);
    for (size_t i = 0; i < c->n; i++)
        p[i] = c->rows[i].direction != 0 && c->rows[i].tells ? c->rows[i].p : NAN;
    stats_holm(p, c->n, q);
    for (size_t i = 0; i < c->n; i++)
        c->rows[i].p_holm = corrected(&c->rows[i], q[i]);
    stats_benjamini_hochberg(p, c->n, q);
    for (size_t i = 0; i < c->n; i++)
        c->rows[i].p_bh = corrected(&c->rows[i], q[i]);
    free(p);
    free(q);
}

static int finish(struct compare *c, size_t n_arms)
{
    correct(c);
    if (c->n > 0)
        return 0;
    return err_set(ERR_USAGE, n_arms > 0 ? "nothing to compare: no item and metric is in both"
                                         : "nothing to compare: no arm of one name is in both; want --arm A --arm B");
}

int compare_arms(const struct results *a, uint32_t arm_a, const struct results *b, uint32_t arm_b, struct compare *out)
{
    struct pairs pairs;
    *out = (struct compare){ 0 };
    align(a, b, &pairs);
    out->changed = pairs.changed;
    compare_pair(&(struct match){ a, b, arm_a, arm_b, &pairs }, out);
    free_pairs(&pairs);
    return finish(out, 1);
}

int compare_runs(const struct results *a, const struct results *b, struct compare *out)
{
    size_t na, nb, matched = 0;
    const struct results_arm *arms_a = results_arms(a, &na), *arms_b = results_arms(b, &nb);
    struct pairs pairs;
    *out = (struct compare){ 0 };
    align(a, b, &pairs);
    out->changed = pairs.changed;
    for (size_t i = 0; i < na; i++)
        for (size_t k = 0; k < nb; k++)
            if (strcmp(arms_a[i].name, arms_b[k].name) == 0) {
                size_t before = out->n;
                matched++;
                compare_pair(&(struct match){ a, b, (uint32_t)i, (uint32_t)k, &pairs }, out);
                out->bare += out->n == before;
            }
    free_pairs(&pairs);
    out->unmatched_arms = na + nb - 2 * matched;
    return finish(out, matched);
}

void compare_fini(struct compare *c)
{
    free(c->rows);
    *c = (struct compare){ 0 };
}

int compare_find_arm(const struct results *r, const char *name)
{
    size_t n, found = 0;
    int at = -1;
    const struct results_arm *arms = results_arms(r, &n);
    const char **names = mem_alloc(n, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        names[i] = arms[i].name;
        if (strcmp(arms[i].name, name) == 0) {
            free(names);
            return (int)i;
        }
        if (strstr(arms[i].name, name)) {
            found++;
            at = (int)i;
        }
    }
    if (found != 1)
        at = found == 0 ? err_unknown(ERR_USAGE, "arm", name, names, n)
                        : err_set(ERR_USAGE, "arm '%s' could be any of %zu: give more of its name", name, found);
    free(names);
    return at;
}
