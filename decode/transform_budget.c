/* budget(tokens, text, start): after so many symbols a closing sequence is forced, unless the text closed by itself.
 *
 * Counting begins with the first generated symbol, or behind `start` once that was generated; when `tokens` symbols were
 * counted and `text` has not come by itself, the symbols of `text` are forced one by one; after either, nothing more is
 * done.  text and start are ids (`17+4`) or text: a text is seen however it was spelled, and forced in the spelling by
 * longest symbols (decode/phrase.h); an end-of-thought mark that is a special symbol has no text and must be an id.
 * Put it first: a forced symbol that a step in front of it masked leaves a dead row. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/ending.h"
#include "decode/transforms.h"
#include <stdlib.h>

enum phase { WAITING, COUNTING, FORCING, DONE };

struct budget {
    uint32_t phase, count; /* counted or forced symbols */
};

struct marks {
    struct phrases close, start; /* one each; start may have none */
};

static void clear(struct marks *m)
{
    phrases_fini(&m->close);
    phrases_fini(&m->start);
}

static int read(struct phrases *p, const struct spec_value *v)
{
    struct spec_value list = { .list = &v->text, .n_list = v->text ? 1 : 0 };
    return phrases_read(p, &list);
}

static int budget_prepare(struct transform *t, const struct space *space)
{
    if (!t->extra)
        t->extra = mem_alloc(1, sizeof(struct marks));
    struct marks *m = t->extra;
    clear(m);
    TRY(read(&m->close, &t->value[1]));
    TRY(read(&m->start, &t->value[2]));
    if (space) {
        TRY(phrases_spell(&m->close, space));
        TRY(phrases_check(&m->start, space));
    }
    return 0;
}

static void budget_release(struct transform *t)
{
    clear(t->extra);
    free(t->extra);
}

static enum phase counting(const struct transform *t)
{
    return transform_count(t, 0) > 0 ? COUNTING : FORCING;
}

static void budget_start(const struct transform *t, void *state)
{
    const struct marks *m = t->extra;
    struct budget *b = state;
    b->phase = m->start.n > 0 ? WAITING : counting(t);
}

static int budget_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct marks *m = t->extra;
    const struct budget *b = state;
    const struct phrase *close = &m->close.item[0];
    (void)at;
    if (close->n_ids == 0)
        return err_set(ERR_USAGE, "its texts are not bound to a symbol space");
    return b->phase == FORCING ? transform_only(r, close->ids[b->count]) : 0;
}

static void budget_accept(const struct transform *t, void *state, const struct transform_choice *c)
{
    const struct marks *m = t->extra;
    struct budget *b = state;
    const struct phrase *close = &m->close.item[0];
    if (b->phase == WAITING) {
        if (ending_completes(&m->start.item[0], c->at, c->symbol))
            b->phase = counting(t);
    } else if (b->phase == COUNTING) {
        b->count++;
        if (ending_completes(close, c->at, c->symbol))
            b->phase = DONE;
        else if (b->count >= transform_count(t, 0))
            *b = (struct budget){ .phase = FORCING };
    } else if (b->phase == FORCING && close->n_ids > 0) {
        b->count += c->symbol == close->ids[b->count];
        if (b->count == close->n_ids)
            b->phase = DONE;
    }
}

static const struct param budget_params[] = {
    { .name = "tokens",
      .kind = PARAM_INT,
      .max = UINT32_MAX,
      .required = true,
      .meaning = "symbols counted before the closing is forced" },
    { .name = "text", .kind = PARAM_TEXT, .required = true, .meaning = "the closing: ids (17+4) or text" },
    { .name = "start",
      .kind = PARAM_TEXT,
      .meaning = "counts from behind this, ids or text; absent: from the beginning" },
};

const struct transform_type transform_budget = {
    .name = "budget",
    .params = budget_params,
    .n_params = 3,
    .meaning = "forces a closing sequence after a number of symbols",
    .domain = "logits",
    .source = "Muennighoff et al. 2025 (budget forcing); llama.cpp reasoning budget",
    .state_size = sizeof(struct budget),
    .shown = { "budget(0, '2+4')" },
    .start = budget_start,
    .apply = budget_apply,
    .accept = budget_accept,
    .single = transform_never_single,
    .prepare = budget_prepare,
    .release = budget_release,
};
