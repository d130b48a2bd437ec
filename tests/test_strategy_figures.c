/* Figures of strategies: every transform has an example, what it leaves is a distribution, and gnuplot draws it. */
#include "base/err.h"
#include "decode/chain.h"
#include "plots/strategies.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_example(const char *step)
{
    struct strategies_example e[STRATEGIES_ROWS];
    bool changed = strcmp(step, "normalise") == 0;
    check(strategies_apply(step, e) == 0, "%s: %s", step, err_text());
    for (int kind = 0; kind < STRATEGIES_ROWS; kind++) {
        double sum = 0;
        for (int v = 0; v < STRATEGIES_SYMBOLS; v++) {
            sum += e[kind].left[v];
            changed |= fabs(e[kind].left[v] - e[kind].given[v]) > .01;
        }
        check_near(sum, 1, 1e-6, "%s leaves a distribution of the %s row", step, strategies_rows[kind]);
    }
    check(changed, "%s shows something", step);
}

static void test_examples(void)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++) {
        check(types[i]->shown[0] != NULL, "%s has an example", types[i]->name);
        for (size_t k = 0; k < TRANSFORM_SHOWN && types[i]->shown[k]; k++)
            test_example(types[i]->shown[k]);
    }
}

static void test_pictures(void)
{
    char folder[] = "/tmp/chorale-figures-XXXXXX", path[80], command[96];
    check(mkdtemp(folder) != NULL, "a folder");
    check(strategies_write(folder) == 0, "drawn: %s", err_text());
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s.svg", folder, types[i]->name);
        check(access(path, R_OK) == 0, "%s", path);
    }
    snprintf(path, sizeof path, "%s/all.svg", folder);
    check(access(path, R_OK) == 0, "the sheet of all");
    check(strategies_write("/proc/none") < 0, "a folder that cannot be made");
    snprintf(command, sizeof command, "rm -r %s", folder);
    check(system(command) == 0, "removed");
}

int main(void)
{
    test_examples();
    if (access("/usr/bin/gnuplot", X_OK) == 0)
        test_pictures();
    return check_done("strategy_figures");
}
