#include "plots/curves.h"
#include "base/mem.h"
#include "plots/plot.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_POINTS = 2000, /* of one block */
    MAX_NUMBERS = 4,   /* of settings whose points coincide */
    WIDTH = 900,
    NAME = 48,      /* bytes of an lm's name */
    BESIDE = 26,    /* longer names stand below the figure: beside it they would take its place */
    KEY_HEIGHT = 20 /* of a line of the key */
};

static void axis(struct text *t, char name, const struct summary_metric *m)
{
    struct text label = { 0 };
    figure_label(&label, m->metric);
    text_addf(t, "set %clabel ", name);
    plot_string(t, text_s(&label));
    text_add(t, " noenhanced\n");
    if (m->metric->direction < 0)
        text_addf(t, "set %crange [*:*] reverse\n", name);
    text_free(&label);
}

static void number(struct text *t, double x)
{
    plot_number(t, x);
    text_add(t, " ");
}

static void point(struct text *t, const struct interval *x, const struct interval *y, size_t setting)
{
    double low_x = isfinite(x->low) ? x->low : x->mean, high_x = isfinite(x->high) ? x->high : x->mean;
    double low_y = isfinite(y->low) ? y->low : y->mean, high_y = isfinite(y->high) ? y->high : y->mean;
    number(t, x->mean);
    number(t, y->mean);
    number(t, low_x);
    number(t, high_x);
    number(t, low_y);
    number(t, high_y);
    text_addf(t, "%zu\n", setting + 1);
}

/* Whether two settings differ in numbers alone: they are of one strategy, between which a line means something. */
static bool same_strategy(const char *a, const char *b)
{
    static const char digits[] = "+-.0123456789eE";
    for (bool value = false; *a == *b || value; a++, b++) {
        if (value && strspn(a, digits) > 0 && strspn(b, digits) > 0) {
            a += strspn(a, digits);
            b += strspn(b, digits);
        }
        if (*a != *b)
            return false;
        if (!*a)
            return true;
        value = *a == '=' || *a == '(' || *a == ','; /* a number may follow; digits of names are no numbers */
    }
    return false;
}

static bool has_point(const struct summary_metric *x, const struct summary_metric *y, size_t arm)
{
    return isfinite(x->arms[arm].mean) && isfinite(y->arms[arm].mean);
}

struct choice {
    const struct figure_data *d;
    const struct summary_metric *x, *y;
    const bool *named; /* (n_lms,) the lms that are curves */
};

static void block_head(struct text *t, size_t lm)
{
    text_addf(t, lm == SIZE_MAX ? "$others << EOD\n" : "$lm%zu << EOD\n", lm);
}

/* The block of one lm, or of all that have no curve (SIZE_MAX); how many points it has. */
static size_t block(const struct choice *c, size_t lm, struct text *t)
{
    size_t n = 0, last = SIZE_MAX;
    block_head(t, lm);
    for (size_t arm = 0; arm < c->d->summary->n_arms && n < MAX_POINTS; arm++) {
        size_t own = c->d->arm_lm[arm];
        if ((lm == SIZE_MAX ? c->named[own] : own != lm) || !has_point(c->x, c->y, arm))
            continue;
        size_t setting = c->d->arm_setting[arm];
        if (last != SIZE_MAX && !same_strategy(c->d->settings[last], c->d->settings[setting]))
            text_add(t, "\n"); /* gnuplot's lines end where a line is empty */
        last = setting;
        point(t, &c->x->arms[arm], &c->y->arms[arm], setting);
        n++;
    }
    text_add(t, "EOD\n");
    return n;
}

static bool coincide(const struct choice *c, size_t a, size_t b)
{
    return c->d->arm_lm[a] == c->d->arm_lm[b] && c->x->arms[a].mean == c->x->arms[b].mean &&
           c->y->arms[a].mean == c->y->arms[b].mean;
}

/* "3,5": the numbers of all that lie on the point of an arm; nothing where an earlier arm has said them. */
static void add_label(const struct choice *c, size_t arm, struct text *t)
{
    size_t n = 0, n_arms = c->d->summary->n_arms;
    for (size_t i = 0; i < arm; i++)
        if (coincide(c, i, arm))
            return;
    number(t, c->x->arms[arm].mean);
    number(t, c->y->arms[arm].mean);
    for (size_t i = arm; i < n_arms && n <= MAX_NUMBERS; i++)
        if (coincide(c, i, arm) && n++ < MAX_NUMBERS)
            text_addf(t, "%s%zu", n > 1 ? "," : "", c->d->arm_setting[i] + 1);
    text_add(t, n > MAX_NUMBERS ? ",\xe2\x80\xa6\n" : "\n");
}

/* The numbers of the settings: of all points, or where they would cover each other of those on the frontier. */
static void labels(const struct choice *c, size_t lm, size_t n_points, struct text *t)
{
    text_addf(t, "$labels%zu << EOD\n", lm);
    for (size_t arm = 0; arm < c->d->summary->n_arms; arm++)
        if (c->d->arm_lm[arm] == lm && has_point(c->x, c->y, arm) && (n_points <= FIGURE_LABELS || c->d->frontier[arm]))
            add_label(c, arm, t);
    text_add(t, "EOD\n");
}

static void curve(const struct figure_data *d, size_t lm, size_t style, struct text *t)
{
    struct text name = { 0 };
    text_addf(t, "$lm%zu using 1:2 with linespoints lt %zu title ", lm, style);
    figure_short(&name, d->lms[lm], NAME);
    plot_string(t, text_s(&name));
    text_free(&name);
    text_addf(t, " noenhanced, \\\n  $labels%zu using 1:2:3 with labels offset 0.9,0.6 font ',9' tc lt %zu notitle", lm,
              style);
}

static void intervals(size_t lm, size_t style, struct text *t)
{
    text_addf(t, "$lm%zu using 1:2:3:4:5:6 with xyerrorbars lt %zu lw 0.7 pt 0 notitle, \\\n  ", lm, style);
}

/* The head of a figure whose plot is of the given height, with room for its key. */
static void head(const struct figure_data *d, const size_t lms[], size_t n, int height, struct text *t)
{
    bool below = false;
    for (size_t i = 0; i < n; i++)
        below |= strlen(d->lms[lms[i]]) > BESIDE;
    plot_head(t, WIDTH, height + (below ? KEY_HEIGHT * ((int)n + (n < d->n_lms)) : 0));
    text_add(t, below ? "set key outside bottom center maxcols 1 height 1\n" : "");
}

int curves_draw(const struct figure_data *d, const struct summary_metric *x, const struct summary_metric *y, int height,
                struct text *script)
{
    size_t n_points = 0, others, chosen[FIGURE_LMS], n = figure_choose_lms(d, chosen);
    bool *named = mem_alloc(d->n_lms, sizeof *named);
    struct choice c = { d, x, y, named };
    head(d, chosen, n, height, script);
    axis(script, 'x', x);
    axis(script, 'y', y);
    for (size_t i = 0; i < n; i++)
        named[chosen[i]] = true;
    for (size_t i = 0; i < n; i++)
        n_points += block(&c, chosen[i], script);
    others = n < d->n_lms ? block(&c, SIZE_MAX, script) : 0;
    for (size_t i = 0; i < n; i++)
        labels(&c, chosen[i], n_points + others, script);
    text_add(script, "plot ");
    if (others > 0)
        text_addf(script, "$others using 1:2 with points lt %d title '%zu other lms', \\\n  ", PLOT_LINES + 1,
                  d->n_lms - n);
    for (size_t i = 0; i < n; i++) {
        text_add(script, i == 0 ? "" : ", \\\n  ");
        if (n_points + others <= FIGURE_LABELS)
            intervals(chosen[i], i + 1, script);
        curve(d, chosen[i], i + 1, script);
    }
    text_add(script, "\n");
    free(named);
    return n_points + others > 0 ? 0 : 1; /* gnuplot fails on a figure without points */
}
