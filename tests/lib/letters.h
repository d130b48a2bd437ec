/* A small experiment over exact tables, in a temporary folder: evalsets of letters and a script. */
#ifndef TESTS_LIB_LETTERS_H
#define TESTS_LIB_LETTERS_H

#include "experiments/plan.h"
#include "experiments/results.h"
#include "experiments/run.h"
#include "model/lm.h"

/* Makes the folder with evalsets gen, choice, score (all reported) and held (to fit on); exits with 77 when it cannot. */
void letters_open(void);
void letters_close(void);
const char *letters_path(const char *name); /* FOLDER/NAME; valid until the next four calls */

#define LETTERS_HELD 10
const char *letters_held(size_t i); /* text i of evalset held; 105 letters in all */

/* The script; DIR in it stands for the folder.  Three lms (two tables and an ensemble with a fitted voice), four chains,
 * a judge. */
extern const char letters_script[];

/* A plan from a script in which DIR is replaced; NULL + err_text(). */
struct plan *letters_plan(const char *script, const struct plan_options *o);

/* The plan of one experiment: `head`, then arms over evalsets, both as a script has them.  NULL + err_text(). */
struct plan *letters_experiment(const char *head, const char *arms, const char *sets);
/* Its results, of a run into FOLDER/name; NULL after a failed check. */
struct results *letters_results(const char *head, const char *arms, const char *sets, const char *name, size_t threads);

struct lm *letters_table(void); /* what a script has as 'table:n=4,length=16,seed=3,sharpness=1.5' */
/* ln p(text | prompt) under a table; the end is no part of it. */
double letters_logp(const struct lm *table, const char *prompt, const char *text);

/* An evalset FOLDER/NAME of one metric; items: JSON lines. */
void letters_set(const char *name, const char *kind, const char *metric, const char *items);
void letters_write(const char *path, const char *text);
void letters_remove(const char *path); /* a file or a folder with all in it */

/* p into letters_path(name): what run_execute() gives. */
int letters_run(const struct plan *p, const char *name, struct run_options o);
struct text letters_read(const char *path); /* a file, for text_free() */

#endif
