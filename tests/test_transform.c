/* decode/transform*: laws that every registered transform keeps, and those of the row alone against a plain reference that
 * sorts.  What reads the history: test_transform_history, test_transform_repeats. */
#include "base/err.h"
#include "base/rng.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_V = 90, MAX_SAID = 40, MIN_SHOWN = 16 /* symbols that shown steps may name */ };

enum law {
    MASKS = 1,      /* survivors keep their scores, bit for bit */
    IDEMPOTENT = 2, /* twice is once */
    SHIFT = 4,      /* adding a constant to all scores masks the same symbols */
    CUTS = 8,       /* it keeps min_keep, or one */
};

struct law_case {
    const char *text;
    unsigned laws;
    uint32_t min_keep;
};

/* What some promise beside. */
static const struct law_case cases[] = {
    { "temperature=0", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "temperature=1", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "temperature=0.6", SHIFT, 0 },
    { "temperature=inf", SHIFT, 0 },
    { "temperature=1e-300", SHIFT, 0 },
    { "top_k=0", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_k=1", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "top_k=7", MASKS | IDEMPOTENT | SHIFT | CUTS, 7 },
    { "top_k(2, min_keep=5)", MASKS | IDEMPOTENT | SHIFT | CUTS, 5 },
    { "top_k=4294967295", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_p=0", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "top_p=1", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_p=0.6137", MASKS | SHIFT | CUTS, 1 },
    { "top_p(0.2371, min_keep=4)", MASKS | SHIFT | CUTS, 4 },
    { "min_p=0", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "min_p=0.0837", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "min_p(0.9371, min_keep=3)", MASKS | IDEMPOTENT | SHIFT | CUTS, 3 },
    { "min_p=1", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "min_p=7", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "min_p=inf", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "typical=0", MASKS | CUTS, 1 },
    { "typical=1", MASKS | IDEMPOTENT, 0 },
    { "typical=0.4371", MASKS | CUTS, 1 },
    { "typical(0.1371, min_keep=6)", MASKS | CUTS, 6 },
    { "typical(0.4371, bound=over, ties=all)", MASKS | CUTS, 1 },
    { "typical(0.4371, bound=below, ties=all)", MASKS | CUTS, 1 },
    { "temperature(0.1, greedy_below=0.5)", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "dynatemp=0.5", SHIFT, 0 },
    { "dynatemp(0.5, exponent=2, temperature=0.4)", SHIFT, 0 },
    { "dynatemp(0, temperature=0)", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "edt=0.7", SHIFT, 0 },
    { "edt(1000, base=0.5)", SHIFT, 0 },
    { "quadratic=0.3", SHIFT, 0 },
    { "quadratic(2, curve=7)", SHIFT, 0 },
    { "skew=-1.5", 0, 0 },
    { "skew=20", 0, 0 },
    { "skew=-20", 0, 0 },
    { "skew(0.7, order=id)", 0, 0 },
    { "top_k(3, ties=all)", MASKS | IDEMPOTENT | SHIFT | CUTS, 3 },
    { "top_p(0.6137, bound=over)", MASKS | SHIFT | CUTS, 1 },
    { "top_p(0.6137, bound=below)", MASKS | SHIFT | CUTS, 1 },
    { "top_p(0.6137, bound=below, ties=all)", MASKS | SHIFT | CUTS, 1 },
    { "top_p(0.2137, min_keep=5, bound=below)", MASKS | SHIFT | CUTS, 5 },
    { "top_p(0, zero=off)", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_p(0.6137, of=given)", MASKS | SHIFT | CUTS, 1 },
    { "top_a=0", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_a=0.3", MASKS | SHIFT | CUTS, 1 },
    { "top_a=inf", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "top_a(0.9, min_keep=4)", MASKS | SHIFT | CUTS, 4 },
    { "epsilon=0", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "epsilon=0.0237", MASKS | SHIFT | CUTS, 1 },
    { "epsilon=1", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "epsilon(0.2371, min_keep=5)", MASKS | SHIFT | CUTS, 5 },
    { "eta=0", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "eta=0.0437", MASKS | SHIFT | CUTS, 1 },
    { "eta(0.4371, min_keep=2)", MASKS | SHIFT | CUTS, 2 },
    { "tfs=0", MASKS | SHIFT | CUTS, 1 },
    { "tfs=1", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "tfs=0.9137", MASKS | SHIFT | CUTS, 1 },
    { "tfs(0.5137, min_keep=3)", MASKS | SHIFT | CUTS, 3 },
    { "top_n_sigma=0", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "top_n_sigma=0.737", MASKS | SHIFT | CUTS, 1 },
    { "top_n_sigma(0.737, min_keep=3, sigma=sample)", MASKS | SHIFT | CUTS, 3 },
    { "top_n_sigma(0, zero=off)", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_n_sigma=inf", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_h=0", MASKS | SHIFT | CUTS, 1 },
    { "top_h=1", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "top_h=0.7371", MASKS | SHIFT | CUTS, 1 },
    { "top_h(0.7371, entropy=partial, among=10)", MASKS | SHIFT | CUTS, 1 },
    { "top_h(0.3371, min_keep=3)", MASKS | SHIFT | CUTS, 3 },
    { "p_less", MASKS | SHIFT | CUTS, 1 },
    { "p_less=3.5", MASKS | SHIFT | CUTS, 1 },
    { "p_less=inf", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "p_less(1.0001, min_keep=2)", MASKS | SHIFT | CUTS, 2 },
    { "p_less_norm", MASKS | SHIFT | CUTS, 1 },
    { "min_k", MASKS | SHIFT | CUTS, 1 },
    { "min_k=0", MASKS | SHIFT | CUTS, 1 },
    { "min_k(20, min_keep=4)", MASKS | SHIFT | CUTS, 4 },
    { "ees", MASKS | SHIFT | CUTS, 1 },
    { "ees=3", MASKS | SHIFT | CUTS, 3 },
    { "diff", MASKS | SHIFT | CUTS, 1 },
    { "diff(mass=0.7371)", MASKS | SHIFT | CUTS, 1 },
    { "diff(min_p=0.2137)", MASKS | SHIFT | CUTS, 1 },
    { "diff(0.5, min_p=0.1, min_keep=4)", MASKS | SHIFT | CUTS, 4 },
    { "xtc=0", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "xtc(1, threshold=0)", MASKS | IDEMPOTENT | SHIFT | CUTS, 1 },
    { "xtc=1", MASKS | SHIFT | CUTS, 1 },
    { "xtc(0.5, min_keep=7)", MASKS | SHIFT | CUTS, 1 },
    { "xtc(1, ties=all)", MASKS | SHIFT | CUTS, 1 },
    { "xtc(0.5, form=expected)", SHIFT, 0 },
    { "conformal(0.1, mass=[1])", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "conformal(0.1, entropy=[1.237], mass=[0.5371, 0.9137])", MASKS | SHIFT | CUTS, 1 },
    { "repetition_penalty(0.5, last_n=3)", 0, 0 },
    { "presence_penalty(-0.4, last_n=5)", 0, 0 },
    { "no_repeat_ngram=0", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "no_repeat_ngram=2", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "no_repeat_ngram(2, of=prompt)", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "repetition_penalty(1.3, last_n=3, decay=6)", 0, 0 },
    { "frequency_penalty(0.3, last_n=3, decay=6)", 0, 0 },
    { "presence_penalty(0.3, last_n=0, decay=6)", 0, 0 },
    { "repetition_penalty_norm(1.3, last_n=9)", 0, 0 },
    { "dry(0.8, base=2, allowed=1, breakers=[0])", 0, 0 },
    { "min_tokens(20, ends=[0])", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "length_decay(3, factor=1.1, ends=[0])", 0, 0 },
    { "mirostat1=2", MASKS | CUTS, 1 },
    { "mirostat2=1.5", MASKS | CUTS, 1 },
    { "loop(6, count=2, ends=[0])", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "budget(0, text=0)", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "sequence_bias=[0:1, 0+0:-2]", 0, 0 },
    { "ban=[0+0]", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "allow=[0]", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "suppress=[0]", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "force([0], from=2)", MASKS | IDEMPOTENT | SHIFT, 0 },
    { "green(0.5, scheme=self)", 0, 0 },
    { "normalise", SHIFT, 0 },
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

/* A random row and what was said before it.  Scores are multiples of 1/64, so that ties and exact shifts are common. */
struct scene {
    uint32_t n;
    float score[MAX_V];
    sym_t prompt[MAX_SAID], made[MAX_SAID];
    size_t n_prompt, n_made;
};

static struct rng_key key;
static uint32_t drawn;

static uint32_t below(uint32_t n)
{
    uint32_t words[4];
    rng_words(&key, drawn++, words);
    return words[0] % n;
}

static struct scene scene_random(void)
{
    struct scene s = { .n = below(5) == 0 ? 1 + below(3) : 1 + below(MAX_V) };
    uint32_t spread = below(2) == 0 ? 64 : 1024;
    for (uint32_t v = 0; v < s.n; v++)
        s.score[v] = below(6) == 0 ? -INFINITY : (float)((int)below(spread) - (int)spread / 2) / 64;
    s.n_prompt = below(MAX_SAID);
    s.n_made = below(MAX_SAID);
    uint32_t alphabet = below(2) == 0 && s.n > 4 ? 4 : s.n;
    for (size_t i = 0; i < MAX_SAID; i++) {
        s.prompt[i] = below(alphabet);
        s.made[i] = below(alphabet);
    }
    return s;
}

static struct row_work *work;
static double state[64]; /* of a chain that has just begun */

/* Applies a chain to score[s->n]; the row's log_z is checked. */
static struct row apply(const struct chain *c, const struct scene *s, float score[], struct chain_report report[])
{
    struct rng_address address = { .seed = 1, .step = (uint32_t)s->n_made, .purpose = RNG_DRAW };
    struct transform_at at = { .prompt = s->prompt,
                               .n_prompt = s->n_prompt,
                               .made = s->made,
                               .n_made = s->n_made,
                               .address = &address,
                               .work = work };
    struct row r = row_over(score, s->n), again = row_over(score, s->n);
    check(row_measure(&r) == 0 && chain_state_size(c) <= sizeof state, "measured");
    chain_start(c, state);
    check(chain_apply(c, state, &r, &at, report) == 0, "%s: %s", chain_text(c), err_text());
    check(row_measure(&again) == 0 && (r.log_z == again.log_z || fabs(r.log_z - again.log_z) < 1e-6),
          "%s: log_z is right: %g, %g", chain_text(c), r.log_z, again.log_z);
    return r;
}

static void check_masks(const struct law_case *k, const struct scene *s, const float after[])
{
    for (uint32_t v = 0; v < s->n; v++) {
        check(!isnan(after[v]) && after[v] < INFINITY, "%s: no NaN, no inf", k->text);
        check(s->score[v] > -INFINITY || after[v] == -INFINITY, "%s: masked stays masked", k->text);
        if (k->laws & MASKS)
            check(after[v] == s->score[v] || after[v] == -INFINITY, "%s: survivors keep their scores", k->text);
    }
}

static uint32_t alive(const float score[], uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t v = 0; v < n; v++)
        count += score[v] > -INFINITY;
    return count;
}

static void check_laws(const struct law_case *k, const struct chain *c, const struct scene *s)
{
    float once[MAX_V], twice[MAX_V], shifted[MAX_V];
    struct chain_report report;
    memcpy(once, s->score, sizeof once);
    struct row r = apply(c, s, once, &report);
    check_masks(k, s, once);
    uint32_t before = alive(s->score, s->n), after = alive(once, s->n);
    check(before > 0 || row_dead(&r), "%s: dead stays dead", k->text);
    check(report.kept == after, "%s: kept is %u, want %u", k->text, report.kept, after);
    check(report.mass >= 0 && report.mass <= 1 && (report.mass == 1) >= (before == after && before > 0),
          "%s: mass is %g", k->text, report.mass);
    if (k->laws & CUTS)
        check(after >= (k->min_keep < before ? k->min_keep : before), "%s: min_keep: %u of %u", k->text, after, before);
    if (k->laws & IDEMPOTENT) {
        memcpy(twice, once, sizeof twice);
        apply(c, s, twice, NULL);
        check(memcmp(once, twice, s->n * sizeof *once) == 0, "%s: twice is once", k->text);
    }
    if (k->laws & SHIFT) {
        for (uint32_t v = 0; v < s->n; v++)
            shifted[v] = s->score[v] + 16;
        apply(c, s, shifted, NULL);
        for (uint32_t v = 0; v < s->n; v++)
            check((shifted[v] == -INFINITY) == (once[v] == -INFINITY), "%s: a shift masks the same", k->text);
    }
}

/* What holds for every row of the table, of what it shows of itself. */
static void shown_laws(const struct transform_type *type)
{
    for (size_t k = 0; k < TRANSFORM_SHOWN && type->shown[k]; k++) {
        const struct law_case law = { type->shown[k], type->truncates ? MASKS : 0, 0 };
        struct chain *c = chain_parse(law.text);
        check(c && chain_length(c) == 1 && chain_step(c, 0)->type == type, "%s: %s", type->name, err_text());
        for (int round = 0; c && round < 120; round++) {
            struct scene s = scene_random();
            if (s.n >= MIN_SHOWN)
                check_laws(&law, c, &s);
        }
        chain_free(c);
    }
}

static void laws(void)
{
    size_t n_types;
    const struct transform_type *const *types = transform_types(&n_types);
    for (size_t i = 0; i < n_types; i++)
        shown_laws(types[i]);
    for (size_t k = 0; k < N_CASES; k++) {
        struct chain *c = chain_parse(cases[k].text);
        check(c != NULL, "%s: %s", cases[k].text, err_text());
        for (int round = 0; c && round < 120; round++) {
            struct scene s = scene_random();
            check_laws(&cases[k], c, &s);
        }
        struct scene none = { .n = 5, .score = { -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY } };
        struct scene one = { .n = 1, .score = { -3 } };
        if (c) {
            check_laws(&cases[k], c, &none);
            check_laws(&cases[k], c, &one);
        }
        chain_free(c);
    }
}

/* References.  Each fills keep[] and change[] from the scene, in doubles, by sorting. */
static const double *sort_key;

static int by_key(const void *a, const void *b)
{
    sym_t x = *(const sym_t *)a, y = *(const sym_t *)b;
    if (sort_key[x] != sort_key[y])
        return sort_key[x] < sort_key[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static double reference_log_z(const struct scene *s)
{
    double sum = 0;
    for (uint32_t v = 0; v < s->n; v++)
        sum += exp((double)s->score[v]);
    return log(sum);
}

/* Keeps the shortest prefix, in the order of k, that holds min_keep symbols and reaches mass or rank.  False where the
 * mass is met too closely for the last bits of a sum to decide. */
static bool reference_prefix(const struct scene *s, const double k[], double mass, uint32_t rank, uint32_t min_keep,
                             bool keep[])
{
    sym_t id[MAX_V];
    uint32_t n = 0;
    double log_z = reference_log_z(s), sum = 0;
    for (sym_t v = 0; v < s->n; v++)
        if (s->score[v] > -INFINITY)
            id[n++] = v;
    sort_key = k;
    qsort(id, n, sizeof *id, by_key);
    memset(keep, 0, s->n * sizeof *keep);
    for (uint32_t i = 0; i < n; i++) {
        bool enough = rank > 0 ? i >= rank : mass < 1 && sum >= mass;
        if (rank == 0 && mass > 0 && fabs(sum - mass) < 1e-6)
            return false;
        if (enough && i >= min_keep)
            return true;
        keep[id[i]] = true;
        sum += exp((double)s->score[id[i]] - log_z);
    }
    return true;
}

static void compare(const char *text, const struct scene *s, const bool keep[])
{
    float score[MAX_V];
    struct chain *c = chain_parse(text);
    memcpy(score, s->score, sizeof score);
    apply(c, s, score, NULL);
    for (uint32_t v = 0; v < s->n; v++)
        check((score[v] > -INFINITY) == keep[v], "%s: symbol %u of %u is %s", text, v, s->n,
              keep[v] ? "kept" : "masked");
    chain_free(c);
}

static void cut_references(const struct scene *s)
{
    double down[MAX_V], distance[MAX_V], log_z = reference_log_z(s), entropy = 0, top = -INFINITY;
    bool keep[MAX_V];
    char text[80];
    for (uint32_t v = 0; v < s->n; v++) {
        double lp = (double)s->score[v] - log_z;
        down[v] = -(double)s->score[v];
        top = fmax(top, (double)s->score[v]);
        entropy -= lp > -INFINITY ? exp(lp) * lp : 0;
    }
    for (uint32_t v = 0; v < s->n; v++) /* our order is by float32 distance */
        distance[v] = (double)(float)fabs((double)s->score[v] - (log_z - entropy));
    uint32_t k = 1 + below(12), min_keep = 1 + below(4);
    double p = (below(1000) + .5) / 1001;
    snprintf(text, sizeof text, "top_k(%u, min_keep=%u)", k, min_keep);
    if (reference_prefix(s, down, 0, k, min_keep, keep))
        compare(text, s, keep);
    snprintf(text, sizeof text, "top_p(%.9f, min_keep=%u)", p, min_keep);
    if (reference_prefix(s, down, p, 0, min_keep, keep))
        compare(text, s, keep);
    snprintf(text, sizeof text, "typical(%.9f, min_keep=%u)", p, min_keep);
    if (reference_prefix(s, distance, p, 0, min_keep, keep))
        compare(text, s, keep);
    (void)reference_prefix(s, down, 0, min_keep, min_keep, keep);
    for (uint32_t v = 0; v < s->n; v++)
        keep[v] |= s->score[v] > -INFINITY && (double)s->score[v] >= top + log(p) - 1e-7;
    snprintf(text, sizeof text, "min_p(%.9f, min_keep=%u)", p, min_keep);
    compare(text, s, keep);
}

static void scale_references(const struct scene *s)
{
    static const double temperatures[] = { 0.25, 0.7, 1, 1.5, 8 };
    for (int i = 0; i < 5; i++) {
        float score[MAX_V];
        char text[40];
        double t = temperatures[i], sum = 0;
        snprintf(text, sizeof text, "temperature=%g", t);
        struct chain *c = chain_parse(text);
        memcpy(score, s->score, sizeof score);
        struct row r = apply(c, s, score, NULL);
        for (uint32_t v = 0; v < s->n; v++)
            sum += exp((double)s->score[v] / t);
        for (uint32_t v = 0; v < s->n; v++) {
            if (s->score[v] > -INFINITY)
                check_near((double)score[v], (double)s->score[v] / t, 1e-5, "%s: raw scores are divided", text);
            check_near(exp(row_logp(&r, v)), sum > 0 ? exp((double)s->score[v] / t) / sum : 0, 1e-6, "%s: p(%u)", text,
                       v);
        }
        chain_free(c);
    }
}

static void greedy_and_uniform(const struct scene *s)
{
    struct chain *zero = chain_parse("temperature=0"), *inf = chain_parse("temperature=inf | normalise");
    float cold[MAX_V], hot[MAX_V];
    memcpy(cold, s->score, sizeof cold);
    memcpy(hot, s->score, sizeof hot);
    apply(zero, s, cold, NULL);
    apply(inf, s, hot, NULL);
    uint32_t best = 0, n = alive(s->score, s->n);
    for (uint32_t v = 1; v < s->n; v++)
        best = s->score[v] > s->score[best] ? v : best;
    for (uint32_t v = 0; v < s->n; v++) {
        check((cold[v] > -INFINITY) == (n > 0 && v == best), "temperature=0 keeps the first maximum alone");
        if (s->score[v] > -INFINITY)
            check_near((double)hot[v], -log(n), 1e-6, "temperature=inf is uniform over the support");
    }
    chain_free(zero);
    chain_free(inf);
}

/* bug: p just above 1 kept every tie of the maximum, though the chain called itself greedy */
static void min_p_above_one(void)
{
    float score[3] = { 1, 1, 0 };
    struct scene s = { .n = 3, .score = { 1, 1, 0 } };
    struct chain *c = chain_parse("min_p=1.0000000001");
    check(chain_greedy(c), "min_p above 1 leaves one symbol");
    struct row r = apply(c, &s, score, NULL);
    check(row_count(&r) == 1 && row_argmax(&r) == 0, "min_p above 1 keeps the first maximum, %u kept", row_count(&r));
    chain_free(c);
}

/* bug: a step that failed did not say which it was */
static void failing_step(void)
{
    float score[2] = { 3e38f, 0 };
    sym_t said = 0;
    struct rng_address address = { .seed = 1, .purpose = RNG_DRAW };
    struct transform_at at = { .made = &said, .n_made = 1, .address = &address, .work = work };
    struct row r = row_over(score, 2);
    struct chain *c = chain_parse("top_k=2 | repetition_penalty=0.5");
    check(row_measure(&r) == 0 && chain_apply(c, NULL, &r, &at, NULL) == ERR_DATA &&
              strstr(err_text(), "repetition_penalty: score of symbol 0 is inf"),
          "%s", err_text());
    chain_free(c);
}

int main(void)
{
    struct rng_address a = { .seed = 20, .purpose = RNG_TEST };
    key = rng_key(&a);
    work = row_work_alloc(MAX_V);
    laws();
    min_p_above_one();
    failing_step();
    for (int round = 0; round < 400; round++) {
        struct scene s = scene_random();
        cut_references(&s);
        scale_references(&s);
        greedy_and_uniform(&s);
    }
    row_work_free(work);
    return check_done("transform");
}
