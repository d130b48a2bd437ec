/* What each strategy does to three rows of sixteen symbols: one peaked, one flat, one with two peaks.  The same examples are
 * drawn as text in docs/strategies.md (cli/list_markdown.c) and as figures here. */
#ifndef PLOTS_STRATEGIES_H
#define PLOTS_STRATEGIES_H

enum { STRATEGIES_SYMBOLS = 16, STRATEGIES_ROWS = 3 };

extern const char *const strategies_rows[STRATEGIES_ROWS]; /* "peaked", ... */

/* One row before and after a step: probabilities; 0 is masked. */
struct strategies_example {
    double given[STRATEGIES_SYMBOLS], left[STRATEGIES_SYMBOLS];
};

/* What the text of the examples has said, for transforms that look back. */
#define STRATEGIES_SAID "3, then 2 0 1 0 1"

/* out: (STRATEGIES_ROWS,).  0 or ERR_USAGE, ERR_DATA. */
int strategies_apply(const char *step, struct strategies_example out[]);

double strategies_top(const struct strategies_example *e); /* the largest probability of both */

/* FOLDER/NAME.svg (and its .gp) for every transform, and FOLDER/all.svg with one setting of each.  The folder is made.
 * 0, ERR_IO, ERR_USAGE. */
int strategies_write(const char *folder);

#endif
