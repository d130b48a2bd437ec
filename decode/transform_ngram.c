/* no_repeat_ngram: masks every symbol that would end an n-gram which prompt and text already hold.
 *
 * n = 0 is off, n = 1 masks all that was said.  The prompt counts, as in Hugging Face.  Where everything is masked the
 * distribution is dead and ends the hypothesis. */
#include "decode/transforms.h"
#include <math.h>

static bool same(const struct transform_at *at, size_t a, size_t b, size_t n)
{
    while (n > 0 && transform_symbol(at, a + n - 1) == transform_symbol(at, b + n - 1))
        n--;
    return n == 0;
}

static int ngram_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    size_t n = transform_count(t, 0), said = transform_said(at);
    (void)state;
    if (n == 0 || said < n || row_dead(r))
        return 0;
    size_t context = n - 1, tail = said - context;
    for (size_t i = 0; i + context < said; i++) {
        sym_t next = transform_symbol(at, i + context);
        if (next < r->n && same(at, i, tail, context))
            r->score[next] = -INFINITY;
    }
    return row_measure(r);
}

static const struct param ngram_params[] = {
    { .name = "n", .kind = PARAM_INT, .max = UINT32_MAX, .required = true, .meaning = "length in symbols; 0 is off" },
};

const struct transform_type transform_no_repeat_ngram = {
    .name = "no_repeat_ngram",
    .params = ngram_params,
    .n_params = 1,
    .meaning = "forbids to say any n symbols in a row twice",
    .domain = "logits",
    .source = "Paulus, Xiong, Socher 2018",
    .start = transform_start_none,
    .apply = ngram_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
};
