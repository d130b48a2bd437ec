/* force(list, from): forces symbols: a prefix, a first or last token, a whole trace.
 *
 * Symbol i of the list is the only one that stays where from + i symbols were generated; before and after it does nothing.
 * Put it first: what the steps in front of it masked stays masked, and a forced symbol that was masked leaves a dead
 * row.  The record of a forced symbol still holds its probability under the lm, so that forcing a whole trace replays it
 * with its real log-probabilities.  Texts are spelled by longest symbols (decode/phrase.h). */
#include "base/err.h"
#include "base/mem.h"
#include "decode/phrase.h"
#include "decode/transforms.h"
#include <stdlib.h>

struct forced {
    struct phrases phrases;
    sym_t *symbol; /* (n,); NULL while a text waits for a space */
    size_t n;
};

static void clear(struct forced *f)
{
    phrases_fini(&f->phrases);
    free(f->symbol);
    *f = (struct forced){ 0 };
}

static int force_prepare(struct transform *t, const struct space *space)
{
    if (!t->extra)
        t->extra = mem_alloc(1, sizeof(struct forced));
    struct forced *f = t->extra;
    clear(f);
    TRY(phrases_read(&f->phrases, &t->value[0]));
    if (space)
        TRY(phrases_spell(&f->phrases, space));
    f->symbol = phrases_join(&f->phrases, &f->n);
    return 0;
}

static void force_release(struct transform *t)
{
    clear(t->extra);
    free(t->extra);
}

static int force_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct forced *f = t->extra;
    size_t from = transform_count(t, 1);
    (void)state;
    if (!f->symbol)
        return err_set(ERR_USAGE, "its texts are not bound to a symbol space");
    if (at->n_made < from || at->n_made - from >= f->n)
        return 0;
    return transform_only(r, f->symbol[at->n_made - from]);
}

static const struct param force_params[] = {
    { .name = "list",
      .kind = PARAM_LIST,
      .required = true,
      .meaning = "symbols said one after the other: [17, 4+9, 'Once upon']" },
    { .name = "from", .kind = PARAM_INT, .max = UINT32_MAX, .meaning = "symbols generated before the first of them" },
};

const struct transform_type transform_force = {
    .name = "force",
    .params = force_params,
    .n_params = 2,
    .meaning = "forces the text to be a sequence from a place on",
    .domain = "logits",
    .source = "Hugging Face forced_bos/eos_token_id, vLLM trace_decode_token_ids",
    .shown = { "force([0, 1, 2, 3, 4, 5])" },
    .start = transform_start_none,
    .apply = force_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = force_prepare,
    .release = force_release,
};
