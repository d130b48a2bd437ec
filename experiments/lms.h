/* The lms of a plan, alive: checkpoints opened once each, ensembles built when their fits are known.
 *
 * Nodes are those of experiments/plan.h.  Everything is owned here and closed by lms_close(), in reverse. */
#ifndef EXPERIMENTS_LMS_H
#define EXPERIMENTS_LMS_H

#include "base/doc.h"
#include "base/threads.h"
#include "experiments/fit_maps.h"
#include "experiments/lua_transforms.h"
#include "model/lm.h"

struct lms;
struct device;

/* what: the plan's `what`, which must outlive it; opens nothing yet. */
struct lms *lms_alloc(const json_t *what, struct threads *threads);
void lms_close(struct lms *s); /* NULL is fine */

/* The lm of a node, built on first use, with all that it is made of.  NULL + ERR_DATA (another checkpoint than the plan's,
 * a fit that is not known yet), ERR_USAGE, ERR_IO. */
struct lm *lms_find(struct lms *s, const char *id);
void lms_set_transforms(struct lms *s, const struct lua_transforms *transforms); /* of the script; must outlive s */
const struct lua_transforms *lms_transforms(const struct lms *s);                /* NULL: none */
/* result: what a fit learnt (experiments/fit.h); shared.  0; ERR_DATA: it is not what a fit of that kind leaves. */
int lms_set_fit(struct lms *s, const char *fit, json_t *result);
const json_t *lms_result(const struct lms *s, const char *fit); /* what it learnt; NULL + ERR_DATA: not known yet */
/* What a fit of maps (experiments/fit_maps.h) learnt; NULL + ERR_DATA: not known yet.  Valid until it is set again. */
const struct fit_maps *lms_maps(const struct lms *s, const char *fit);
bool lms_ready(const struct lms *s, const char *id); /* every fit it needs is known */

/* The template that prompts of this node ask for; NULL: the lm's own choice. */
const char *lms_template(const struct lms *s, const char *id);
/* Appends text as symbols of the node's space.  0 or ERR_DATA. */
int lms_encode(struct lms *s, const char *id, const char *text, size_t n, struct symbols *out);
/* The kernel path of the checkpoints opened so far; "" for none. */
const char *lms_kernels(const struct lms *s);
/* Where its checkpoints compute, borrowed; NULL: this machine's processor, or none is open yet. */
struct device *lms_device(const struct lms *s);

/* The documents of an lm and of a fit; NULL when the plan has none of that id. */
const json_t *lms_node(const struct lms *s, const char *id);
const json_t *lms_fit(const struct lms *s, const char *id);

#endif
