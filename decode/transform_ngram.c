/* no_repeat_ngram(n, of): masks every symbol that would end an n-gram which was said already.
 *
 * n = 0 is off, n = 1 masks all that was said.  `of` says where n-grams are looked for:
 *   all      prompt and text as one sequence (the default; Hugging Face's no_repeat_ngram_size)
 *   prompt   in the prompt alone, for the n-gram that the text alone would end (its encoder_no_repeat_ngram_size)
 * Where everything is masked the distribution is dead and ends the hypothesis. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/transforms.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum of { OF_ALL, OF_PROMPT };

static int ngram_prepare(struct transform *t, const struct space *space)
{
    static const char *const names[] = { "all", "prompt" };
    const char *of = t->value[1].text ? t->value[1].text : "all";
    size_t i = 0;
    (void)space;
    while (i < 2 && strcmp(names[i], of) != 0)
        i++;
    if (i == 2)
        return err_unknown(ERR_USAGE, "place", of, names, 2);
    if (!t->extra)
        t->extra = mem_alloc(1, sizeof(enum of));
    *(enum of *)t->extra = (enum of)i;
    return 0;
}

static void ngram_release(struct transform *t)
{
    free(t->extra);
}

/* Masks what stood behind each earlier place that the last `context` symbols end as well, the symbol `from` places back and
 * those before it: a search by the Z-function of the context read backwards, in time that grows as the history does. */
static void mask_ended(const struct transform_at *at, struct row *r, size_t context, size_t from)
{
    size_t said = transform_said(at);
    struct transform_stretch known = { 0 };
    transform_tail(at, (double)context);
    for (size_t k = from; k + context <= said; k++) {
        size_t len = transform_common(at, &known, k, context);
        sym_t next = transform_symbol(at, said - k);
        if (len == context && next < r->n)
            r->score[next] = -INFINITY;
    }
}

/* The n-grams lie in the first `within` symbols; the text that one would be added to has `own` symbols. */
static int ngram_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    bool prompt = *(const enum of *)t->extra == OF_PROMPT;
    size_t n = transform_count(t, 0), said = transform_said(at);
    size_t within = prompt ? at->n_prompt : said, own = prompt ? at->n_made : said;
    (void)state;
    if (n == 0 || own + 1 < n)
        return 0;
    mask_ended(at, r, n - 1, said - within + 1);
    return row_measure(r);
}

static const struct param ngram_params[] = {
    { .name = "n",
      .kind = PARAM_INT,
      .max = ROW_WORK_TAIL,
      .required = true,
      .meaning = "length in symbols; 0 is off" },
    { .name = "of", .kind = PARAM_TEXT, .meaning = "where it was said: all (prompt and text) or prompt; default all" },
};

const struct transform_type transform_no_repeat_ngram = {
    .name = "no_repeat_ngram",
    .params = ngram_params,
    .n_params = 2,
    .meaning = "forbids to say any n symbols in a row twice",
    .domain = "logits",
    .source = "Paulus, Xiong, Socher 2018",
    .shown = { "no_repeat_ngram=2" },
    .start = transform_start_none,
    .apply = ngram_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .prepare = ngram_prepare,
    .release = ngram_release,
};
