/* Figures of strategies: the row as given behind, what the step leaves before it; a mark below a symbol: masked. */
#include "base/err.h"
#include "base/folder.h"
#include "decode/chain.h"
#include "plots/plot.h"
#include "plots/strategies.h"
#include <math.h>
#include <string.h>

enum {
    WIDTH = 780,
    HEIGHT = 190,
    SHEET_COLUMNS = 2,
    SHEET_WIDTH = 1180,
    SHEET_HEIGHT = 90,
    PANEL_LETTERS = 38,
    HEAD = 28
};

#define LEGEND                                                                                                         \
    "probabilities of symbols: a peaked row, a flat one, one with two peaks; grey: as given, blue: after the step, "   \
    "orange below: masked"

/* Bars as the outline of all of them, which is one path of a picture; those too low to be seen are left out. */
static void add_bars(const double height[], double least, struct text *t)
{
    for (int v = 0; v < STRATEGIES_SYMBOLS; v++)
        if (fabs(height[v]) > least)
            text_addf(t, "%d 0\n%d %.4f\n%d.85 %.4f\n%d.85 0\n", v, v, height[v], v, height[v], v);
    text_addf(t, "%d 0\nEOD\n", STRATEGIES_SYMBOLS);
}

static void add_panel(const struct strategies_example *e, size_t id, const char *title, struct text *t)
{
    double top = strategies_top(e), masked[STRATEGIES_SYMBOLS];
    for (int v = 0; v < STRATEGIES_SYMBOLS; v++)
        masked[v] = e->left[v] > 0 ? 0 : -.09 * top;
    text_addf(t, "$given%zu << EOD\n", id);
    add_bars(e->given, .003 * top, t);
    text_addf(t, "$left%zu << EOD\n", id);
    add_bars(e->left, .003 * top, t);
    text_addf(t, "$masked%zu << EOD\n", id);
    add_bars(masked, 0, t);
    text_add(t, "set label 1 ");
    plot_string(t, title);
    text_addf(t, " at graph 0,1 left offset 0,0.8 font ',11' noenhanced\nset yrange [-%.4f:%.4f]\n", .1 * top,
              1.05 * top);
    text_addf(
        t,
        "plot $given%zu using 1:2 with filledcurves closed lc rgb '#c4c4c4' fs solid 1 noborder notitle, \\\n"
        "  $left%zu using 1:2 with filledcurves closed lc rgb '#0072b2' fs transparent solid 0.5 noborder notitle, \\\n"
        "  $masked%zu using 1:2 with filledcurves closed lc rgb '#d55e00' fs solid 1 noborder notitle\n",
        id, id, id);
}

/* The three panels of a step; the step's text is the title of the first. */
static int add_step(const char *step, size_t id, struct text *t)
{
    struct strategies_example examples[STRATEGIES_ROWS];
    TRY(strategies_apply(step, examples));
    for (size_t kind = 0; kind < STRATEGIES_ROWS; kind++) {
        bool hidden = kind == 1 && strlen(step) > PANEL_LETTERS; /* by the first panel's title */
        const char *title = kind == 0 ? step : hidden ? "" : strategies_rows[kind];
        add_panel(&examples[kind], id * STRATEGIES_ROWS + kind, title, t);
    }
    return 0;
}

static void add_look(struct text *t)
{
    text_addf(t, "unset key\nunset xtics\nunset grid\nunset border\nset xrange [-0.3:%d.3]\n", STRATEGIES_SYMBOLS);
    text_add(t, "set tmargin 2.2\nset bmargin 0.6\n");
}

static size_t shown_of(const struct transform_type *type)
{
    size_t n = 0;
    while (n < TRANSFORM_SHOWN && type->shown[n])
        n++;
    return n;
}

static int add_type(const struct transform_type *type, size_t *id, struct text *t)
{
    for (size_t i = 0; i < shown_of(type); i++)
        TRY(add_step(type->shown[i], (*id)++, t));
    return 0;
}

static int write_one(const char *folder, const struct transform_type *type)
{
    struct text t = { 0 };
    size_t n = shown_of(type), id = 0;
    plot_head(&t, WIDTH, (int)n * HEIGHT + HEAD);
    add_look(&t);
    text_addf(&t,
              "set ytics nomirror font ',9' format '%%g'\nset multiplot layout %zu,%d title '" LEGEND "' font ',10'\n",
              n, STRATEGIES_ROWS);
    int rc = add_type(type, &id, &t);
    text_add(&t, "unset multiplot\n");
    rc = rc < 0 ? rc : plot_write(folder, type->name, &t);
    text_free(&t);
    return rc;
}

/* All settings on one sheet. */
static int write_sheet(const char *folder, const struct transform_type *const types[], size_t n_types)
{
    struct text t = { 0 };
    size_t n = 0, id = 0;
    int rc = 0;
    for (size_t i = 0; i < n_types; i++)
        n += shown_of(types[i]);
    size_t rows = (n + SHEET_COLUMNS - 1) / SHEET_COLUMNS;
    plot_head(&t, SHEET_WIDTH, (int)rows * SHEET_HEIGHT + HEAD);
    add_look(&t);
    text_addf(&t,
              "unset ytics\nset lmargin 2\nset rmargin 1\nset multiplot layout %zu,%d title '" LEGEND "' font ',10'\n",
              rows, SHEET_COLUMNS * STRATEGIES_ROWS);
    for (size_t i = 0; i < n_types && rc == 0; i++)
        rc = add_type(types[i], &id, &t);
    text_add(&t, "unset multiplot\n");
    rc = rc < 0 ? rc : plot_write(folder, "all", &t);
    text_free(&t);
    return rc;
}

int strategies_write(const char *folder)
{
    size_t n_types;
    const struct transform_type *const *types = transform_types(&n_types);
    TRY(folder_make(folder));
    for (size_t i = 0; i < n_types; i++)
        TRY(write_one(folder, types[i]));
    return write_sheet(folder, types, n_types);
}
