/* sequence_bias, ban: what would complete a phrase is biased or masked.
 *
 *   sequence_bias([1+7:-2, ' the end:3'])   adds to the score of the last symbol of 1 7 after a 1, and of every symbol that
 *                                           completes the text ' the end'; several phrases add up
 *   ban([5, 1+7, 'idiot'])                  masks them; a banned text can then not come about, however it is spelled
 * Prompt and text count as what was said.  decode/ending.h says what completes a phrase.  Texts are of bytes: 'cat' is
 * also in ' cats'.
 *
 * Other systems: all of them spell a text with one sequence of ids (vLLM with a second one behind a space), so that other
 * spellings pass; Hugging Face does not ban eos alone though it is asked to. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/ending.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>

static void release(struct transform *t)
{
    endings_fini(t->extra);
    free(t->extra);
    t->extra = NULL;
}

/* Takes over what was read. */
static int prepared(struct transform *t, int read, struct phrases *p, const struct space *space)
{
    if (t->extra)
        release(t);
    if (read < 0) {
        phrases_fini(p);
        return read;
    }
    t->extra = mem_alloc(1, sizeof(struct endings));
    return endings_init(t->extra, p, space);
}

static int bias_prepare(struct transform *t, const struct space *space)
{
    struct phrases p = { 0 };
    int read = phrases_read_weighted(&p, &t->value[0]);
    return prepared(t, read, &p, space);
}

static int ban_prepare(struct transform *t, const struct space *space)
{
    struct phrases p = { 0 };
    int read = phrases_read(&p, &t->value[0]);
    return prepared(t, read, &p, space);
}

static int bias_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct endings *e = t->extra;
    (void)state;
    TRY(endings_ready(e, r->n));
    for (size_t i = 0; i < e->phrases.n; i++) {
        struct ending_scan s = endings_scan(e, i, at);
        for (sym_t v; endings_next(&s, &v);)
            r->score[v] = (float)((double)r->score[v] + e->phrases.item[i].weight);
    }
    return row_measure(r);
}

static int ban_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    const struct endings *e = t->extra;
    (void)state;
    TRY(endings_ready(e, r->n));
    for (size_t i = 0; i < e->phrases.n; i++) {
        struct ending_scan s = endings_scan(e, i, at);
        for (sym_t v; endings_next(&s, &v);)
            r->score[v] = -INFINITY;
    }
    return row_measure(r);
}

static const struct param bias_params[] = {
    { .name = "list",
      .kind = PARAM_LIST,
      .required = true,
      .meaning = "phrases and what is added to the scores that complete them: [1+7:-2, ' the end:3']" },
};
static const struct param ban_params[] = {
    { .name = "list",
      .kind = PARAM_LIST,
      .required = true,
      .meaning = "phrases never said: [5, 1+7, 'idiot']; ids in a row, or text however spelled" },
};

const struct transform_type transform_sequence_bias = {
    .name = "sequence_bias",
    .params = bias_params,
    .n_params = 1,
    .meaning = "adds to the scores of the symbols that would complete a phrase",
    .domain = "logits",
    .source = "Hugging Face SequenceBiasLogitsProcessor",
    .shown = { "sequence_bias([1+2:2])" },
    .start = transform_start_none,
    .apply = bias_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = bias_prepare,
    .release = release,
};

const struct transform_type transform_ban = {
    .name = "ban",
    .params = ban_params,
    .n_params = 1,
    .meaning = "masks the symbols that would complete a phrase",
    .domain = "logits",
    .source = "Hugging Face bad_words_ids, vLLM bad_words",
    .shown = { "ban([1, 1+0])" },
    .start = transform_start_none,
    .apply = ban_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = ban_prepare,
    .release = release,
};
