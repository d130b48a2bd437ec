/* Calibrations of an lm's rows at labelled positions: vector, matrix, platt, beta.  Cross-fitted by texts, so that what is
 * told of them is of texts that they have not seen; what is used is fitted on all. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/fit_labelled.h"
#include "experiments/fit_maps.h"
#include "experiments/fit_types.h"
#include <math.h>
#include <stdlib.h>

#define CELLS ((size_t)1 << 23) /* positions times symbols: bounds memory and time (docs/ensembles.md) */

struct kept {
    struct fit_labelled labelled;
    double *logp;   /* (n,) scratch */
    size_t text;    /* the last one that gave a position */
    size_t n_texts; /* that gave some */
    size_t n_folds; /* asked for */
};

static int calibration_open(struct fit *f, size_t *most)
{
    struct kept *k = mem_alloc(1, sizeof *k);
    size_t room = CELLS / f->lm->space->n;
    f->kept = k;
    k->labelled.n = f->lm->space->n;
    k->logp = mem_alloc(k->labelled.n, sizeof *k->logp);
    k->text = SIZE_MAX;
    k->n_folds = (size_t)json_integer_value(json_object_get(f->doc, "folds"));
    *most = room < *most ? room + 1 : *most;
    return k->n_folds <= FIT_MOST_FOLDS ? 0
                                        : err_set(ERR_DATA, "%zu folds, want at most %d", k->n_folds, FIT_MOST_FOLDS);
}

static void calibration_close(struct fit *f)
{
    struct kept *k = f->kept;
    if (!k)
        return;
    fit_labelled_fini(&k->labelled);
    free(k->logp);
    free(k);
}

static int calibration_keep(struct fit *f, const struct row *r, const struct score_place *place)
{
    struct kept *k = f->kept;
    if (row_dead(r) || r->score[place->label] == -INFINITY)
        return err_set(ERR_DATA, "calibration: position %zu gives its label %u probability 0; no map can help",
                       k->labelled.n_positions, (unsigned)place->label);
    k->n_texts += f->text != k->text;
    k->text = f->text;
    for (sym_t v = 0; v < r->n; v++)
        k->logp[v] = row_logp(r, v);
    fit_labelled_add(&k->labelled, k->logp, place->label, k->n_folds > 0 ? (k->n_texts - 1) % k->n_folds : 0);
    return 0;
}

static int calibration_result(struct fit *f, json_t *out)
{
    struct kept *k = f->kept;
    if (k->n_texts < k->n_folds)
        return err_set(ERR_DATA, "%s: positions of %zu texts for %zu folds, want a text each, or folds = 0", f->on,
                       k->n_texts, k->n_folds);
    const struct fit_labelled_args a = {
        .type = calibration_find(f->type->name),
        .options = { .l2 = json_number_value(json_object_get(f->doc, "l2")) },
        .n_folds = k->n_folds,
    };
    TRY(fit_labelled_result(&k->labelled, &a, out));
    json_t *maps = json_object_get(out, "maps"); /* those of the folds have told what they are for */
    while (json_array_size(maps) > 1)
        json_array_remove(maps, json_array_size(maps) - 1);
    return 0;
}

#define CALIBRATION(NAME)                                                                                              \
    {                                                                                                                  \
        .name = NAME, .open = calibration_open, .close = calibration_close, .keep = calibration_keep,                  \
        .result = calibration_result,                                                                                  \
    }

const struct fit_type fit_vector = CALIBRATION("vector"), fit_matrix = CALIBRATION("matrix"),
                      fit_platt = CALIBRATION("platt"), fit_beta = CALIBRATION("beta");
