/* Fitted calibrations (ensemble/calibration.h) as the results of fits: {"classes": n, "maps": [[number], ...]}.
 *
 * The first map is fitted on everything.  A fit of choices has one more for each of its folds, fitted on all items but the
 * fold's: an item that was fitted on is answered by the map that has not seen it (cross-fitting), so that few items can be
 * fitted on and reported. */
#ifndef EXPERIMENTS_FIT_MAPS_H
#define EXPERIMENTS_FIT_MAPS_H

#include "base/doc.h"
#include "ensemble/calibration.h"

#define FIT_MOST_FOLDS 20

struct fit_maps;

/* The maps of a result of the fit `doc` of a plan; NULL + ERR_DATA: no such maps, or not as many as folds. */
struct fit_maps *fit_maps_read(const json_t *doc, const json_t *result);
void fit_maps_free(struct fit_maps *m);      /* NULL is fine */
bool fit_maps_are_wanted(const json_t *doc); /* whether a fit of a plan leaves maps */

/* Of rows: the first.  Of an item by the hash of what a model sees of it (plan_leaf_item()). */
const struct calibration *fit_maps_all(const struct fit_maps *m);
const struct calibration *fit_maps_item(const struct fit_maps *m, const char *hash);
/* The scores of an item's choices (n,) become ln of their calibrated probabilities; where all are impossible they stay as
 * they are.  0; ERR_DATA: more choices than were fitted on, or what calibration_apply() says. */
int fit_maps_answer(const struct fit_maps *m, const char *hash, double score[], size_t n);

/* The fold of an item of the fit, 0 .. n_folds - 1; n_folds: it is none of them. */
size_t fit_maps_fold(const json_t *doc, const char *hash, size_t n_folds);

/* Adds the numbers of one map to "maps" of a result. */
void fit_maps_add(json_t *result, const struct calibration *c);

#endif
