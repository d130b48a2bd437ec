/* top_h and ees: prefixes of the rank order, bounded by entropies (nats).
 *
 *   top_h(h, min_keep, entropy, among)
 *          entropy=kept: the longest prefix whose own entropy, renormalised, is at most h times that of the row (the paper).
 *          entropy=partial: the longest whose sum of -p ln p is (Hugging Face, among=100).  The first symbol stays.
 *          among = n > 0 looks at the n most probable alone, as if there were no others; 0 at all
 *   ees(min_keep)
 *          grows a prefix from two symbols and stops before the first i at which its renormalised entropy over ln i is less
 *          than its mass: where the prefix is more concentrated than it is complete.  No parameter
 * The entropy of a prefix of the rank order grows with its length, so that the first one beyond the bound is the answer. */
#include "base/row_math.h"
#include "decode/transforms.h"
#include <math.h>

enum { ENTROPY_KEPT, ENTROPY_PARTIAL };

#define SLACK (1 + 0x1p-21) /* sums that differ by rounding are equal */
#define MANY  4096          /* symbols that are not asked for at once */

/* Sums over a prefix: of p, and of -p ln p. */
struct sums {
    double p, surprise;
};

static void sums_add(struct sums *s, double logp)
{
    double p = math_exp64(logp);
    s->p += p;
    s->surprise -= p > 0 ? p * logp : 0;
}

/* Of the prefix, renormalised: -sum p/m ln(p/m). */
static double sums_entropy(const struct sums *s)
{
    return s->p > 0 ? s->surprise / s->p + math_log64(s->p) : 0;
}

/* Of the first `among`; renormalised by what they sum to. */
static struct sums sums_of(const double logp[], uint32_t among)
{
    struct sums s = { 0 };
    for (uint32_t i = 0; i < among; i++)
        sums_add(&s, logp[i]);
    return s;
}

static uint32_t top_h_rule(const struct transform *t, const struct row *r, const double logp[], uint32_t n, bool whole)
{
    double h = t->value[0].number;
    uint32_t among = transform_count(t, 3);
    struct sums s = { 0 };
    if (among > n && !whole)
        return 0;
    bool some = among > 0 && (among < n || !whole);
    struct sums all = some ? sums_of(logp, among) : (struct sums){ 1, row_entropy(r) };
    uint32_t end = among > 0 && among < n ? among : n;
    double most = h * sums_entropy(&all) * SLACK, log_all = math_log64(all.p);
    for (uint32_t i = 0; i < end; i++) {
        sums_add(&s, logp[i] - log_all);
        double entropy = transform_word(t, 2) == ENTROPY_KEPT ? sums_entropy(&s) : s.surprise;
        if (i > 0 && entropy > most)
            return i;
    }
    return whole || end < n || among == n ? end : 0;
}

static int top_h_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    uint32_t among = transform_count(t, 3), first = among > TRANSFORM_FIRST && among < MANY ? among : TRANSFORM_FIRST;
    (void)state;
    transform_keep_prefix(t, r, at, &(struct transform_prefix){ top_h_rule, transform_count(t, 1), first });
    return 0;
}

static uint32_t ees_rule(const struct transform *t, const struct row *r, const double logp[], uint32_t n, bool whole)
{
    struct sums s = { 0 };
    (void)t;
    (void)r;
    for (uint32_t i = 1; i <= n; i++) {
        sums_add(&s, logp[i - 1]);
        if (i > 1 && sums_entropy(&s) * SLACK < s.p * math_log64(i))
            return i - 1;
    }
    return whole ? n : 0;
}

static int ees_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    (void)state;
    transform_keep_prefix(t, r, at, &(struct transform_prefix){ ees_rule, transform_count(t, 0), TRANSFORM_FIRST });
    return 0;
}

static const char *const entropies[] = { "kept", "partial", NULL };
static const struct param top_h_params[] = {
    { .name = "h",
      .kind = PARAM_REAL,
      .max = 1,
      .required = true,
      .meaning = "share of the row's entropy that the kept symbols may have" },
    PARAM_MIN_KEEP,
    { .name = "entropy",
      .kind = PARAM_WORD,
      .words = entropies,
      .meaning = "kept: that of the kept symbols, renormalised; partial: their part of the row's" },
    { .name = "among", .kind = PARAM_INT, .max = UINT32_MAX, .meaning = "most probable symbols looked at; 0 all" },
};
static const struct param ees_params[] = { PARAM_MIN_KEEP };

const struct transform_type transform_top_h = {
    .name = "top_h",
    .params = top_h_params,
    .n_params = 4,
    .meaning = "keeps as many of the best as a share of the row's entropy allows",
    .domain = "probabilities",
    .source = "arXiv 2509.02510 (NeurIPS 2025)",
    .shown = { "top_h=0.6" },
    .start = transform_start_none,
    .apply = top_h_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};

const struct transform_type transform_ees = {
    .name = "ees",
    .params = ees_params,
    .n_params = 1,
    .meaning = "grows the kept set until its evenness falls below its mass",
    .domain = "probabilities",
    .source = "arXiv 2512.00789",
    .shown = { "ees" },
    .start = transform_start_none,
    .apply = ees_apply,
    .accept = transform_accept_none,
    .single = transform_never_single,
    .truncates = true,
    .blind = true,
};
