/* decode/green, decode/detect and the transform green: Hugging Face's lists and detector (tests/fixtures/decode), and that
 * plain texts have uniform p-values while watermarked ones are found. */
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "decode/detect.h"
#include "decode/synthid.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static struct green *open_green(const json_t *o)
{
    enum green_scheme scheme = GREEN_LEFT;
    check(green_scheme(json_string_value(json_object_get(o, "scheme")), &scheme) == 0, "%s", err_text());
    return green_alloc(scheme, (uint64_t)number(o, "key"), number(o, "gamma"), (uint32_t)number(o, "width"));
}

static sym_t *read_ids(const json_t *list, size_t *n)
{
    *n = json_array_size(list);
    sym_t *ids = mem_alloc(*n, sizeof *ids);
    for (size_t i = 0; i < *n; i++)
        ids[i] = (sym_t)json_integer_value(json_array_get(list, i));
    return ids;
}

/* The list, and that following one symbol agrees with it. */
static void one_list(const json_t *o)
{
    uint32_t n = (uint32_t)number(o, "n"), sum_step = n / 17 + 1;
    size_t n_context;
    struct green *g = open_green(o);
    sym_t *context = read_ids(json_object_get(o, "context"), &n_context), *id = mem_alloc(n, sizeof *id);
    uint8_t *in = mem_alloc(n, 1);
    uint32_t seed = green_seed(g, context), count = green_count(g, n);
    double sum = 0, squares = 0;
    green_list(g, seed, n, id);
    for (uint32_t i = 0; i < count; i++) {
        sum += id[i];
        squares += (double)id[i] * id[i];
        in[id[i]] = 1;
    }
    check(count == (uint32_t)number(o, "count") && sum == number(o, "sum") && squares == number(o, "squares"),
          "n %u, scheme %d, key %g: the list is Hugging Face's: %u symbols, sum %.0f", n, (int)g->scheme,
          number(o, "key"), count, sum);
    for (size_t i = 0; i < json_array_size(json_object_get(o, "first")); i++)
        check(id[i] == (sym_t)json_integer_value(json_array_get(json_object_get(o, "first"), i)), "place %zu", i);
    for (sym_t v = 0; v < n; v += sum_step)
        check(green_has(g, seed, n, v) == (in[v] == 1), "n %u: symbol %u followed alone", n, v);
    free(in);
    free(id);
    free(context);
    green_free(g);
}

static void one_detection(const json_t *o)
{
    size_t n;
    struct green *g = open_green(o);
    sym_t *ids = read_ids(json_object_get(o, "ids"), &n);
    for (int every = 0; every < 2; every++) {
        const json_t *want = json_object_get(o, every ? "every" : "once");
        struct detect_args a = { g, (uint32_t)number(o, "n"), every ? DETECT_EVERY : DETECT_ONCE };
        struct detect_result r;
        check(detect_ids(&a, ids, n, &r) == 0, "%s", err_text());
        check(r.scored == (size_t)number(want, "scored") && r.green == (size_t)number(want, "green"),
              "width %u: %zu of %zu green, want %g of %g", g->width, r.green, r.scored, number(want, "green"),
              number(want, "scored"));
        check_near(r.z, number(want, "z"), 1e-9, "z");
        check_near(r.p, number(want, "p"), 1e-9 + 1e-6 * number(want, "p"), "p");
    }
    free(ids);
    green_free(g);
}

static void one_synthid(const json_t *o)
{
    const char *keys[SYNTHID_MAX_LAYERS];
    size_t n, n_keys = json_array_size(json_object_get(o, "keys"));
    for (size_t i = 0; i < n_keys; i++)
        keys[i] = json_string_value(json_array_get(json_object_get(o, "keys"), i));
    sym_t *ids = read_ids(json_object_get(o, "ids"), &n);
    struct synthid *y = synthid_alloc(keys, n_keys, (uint32_t)number(o, "ngram"), 1024);
    struct synthid_score score;
    check(y && synthid_detect(y, ids, n, &score) == 0, "%s", err_text());
    check(score.scored == (size_t)number(o, "scored") && score.ones == (size_t)number(o, "ones"),
          "synthid: %zu ones of %zu symbols, want %g of %g", score.ones, score.scored, number(o, "ones"),
          number(o, "scored"));
    free(y);
    free(ids);
}

static void published(void)
{
    json_t *o = doc_read_file(CHORALE_HOME "/tests/fixtures/decode/green.json", 1 << 20), *m;
    size_t i;
    check(o != NULL, "%s", err_text());
    json_array_foreach(json_object_get(o, "lists"), i, m) one_list(m);
    check(i == 30, "all lists");
    json_array_foreach(json_object_get(o, "detections"), i, m) one_detection(m);
    check(i == 6, "all detections");
    json_array_foreach(json_object_get(o, "synthid"), i, m) one_synthid(m);
    check(i == 2, "all of synthid");
    json_decref(o);
}

enum { V = 300, LENGTH = 150, TEXTS = CHECK_TIMES(250, 60) };

/* A text drawn from a fixed skewed distribution under a chain; prompt of two symbols. */
static void write_text(const struct chain *c, uint32_t draw, struct row_work *work, sym_t made[])
{
    static const sym_t prompt[2] = { 3, 1 };
    struct rng_address a = { .seed = 7, .draw = draw, .purpose = RNG_DRAW };
    float score[V];
    for (uint32_t step = 0; step < LENGTH; step++) {
        a.step = step;
        struct transform_at at = {
            .prompt = prompt, .n_prompt = 2, .made = made, .n_made = step, .address = &a, .work = work
        };
        for (uint32_t v = 0; v < V; v++)
            score[v] = -(float)v / 60;
        struct row r = row_over(score, V);
        struct rng_key key = rng_key(&a);
        check(row_measure(&r) == 0 && chain_apply(c, NULL, &r, &at, NULL) == 0, "%s", err_text());
        made[step] = row_draw(&r, &key);
    }
}

/* Plain texts under many keys: p-values uniform (Kolmogorov-Smirnov), since each key is another test
 * (self: the exact ones); watermarked texts:
 * found under their key, not under another. */
static void statistics(const char *scheme, uint32_t width)
{
    char text[100];
    snprintf(text, sizeof text, "green(0.5, delta=3, key=77, scheme=%s, width=%u)", scheme, width);
    struct chain *marked = chain_parse(text), *plain = chain_parse("");
    struct row_work *work = row_work_alloc(V);
    enum green_scheme s = GREEN_LEFT;
    sym_t made[LENGTH];
    double mean = 0, below[10] = { 0 };
    check(marked && plain && green_scheme(scheme, &s) == 0, "%s", err_text());
    int n = s == GREEN_LEFT ? TEXTS : 20; /* a key of self costs a permutation of a million */
    for (int i = 0; i < n; i++) {
        struct detect_result r;
        struct green *g = green_alloc(s, 1000 + (uint64_t)i, .5, width);
        struct detect_args a = { g, V, DETECT_ONCE };
        write_text(plain, (uint32_t)i, work, made);
        check(detect_ids(&a, made, LENGTH, &r) == 0, "%s", err_text());
        mean += r.z / n;
        for (int k = 0; k < 10; k++)
            below[k] += (s == GREEN_LEFT ? r.p : r.p_exact) <= (k + 1) / 10. ? 1. / n : 0;
        green_free(g);
    }
    check(s == GREEN_SELF || fabs(mean) < 4 / sqrt(n), "%s: mean z of plain texts is %g", text, mean);
    for (int k = 0; k < 10; k++) /* 1.95 / sqrt(n): 0.1 % of Kolmogorov's distribution; the count is discrete: 0.05 */
        check_near(below[k], (k + 1) / 10., 1.95 / sqrt(n) + .05, "%s: share of p-values up to %g", text,
                   (k + 1) / 10.);
    struct green *own = green_alloc(s, 77, .5, width), *other = green_alloc(s, 78, .5, width);
    for (uint32_t i = 0; i < 10; i++) {
        struct detect_result r, q;
        write_text(marked, i, work, made);
        check(detect_ids(&(struct detect_args){ own, V, DETECT_ONCE }, made, LENGTH, &r) == 0 && r.z > 4 &&
                  r.p < 1e-4 && r.p_exact < 1e-4,
              "%s: found, z %g", text, r.z);
        check(detect_ids(&(struct detect_args){ other, V, DETECT_ONCE }, made, LENGTH, &q) == 0 && q.z < 4,
              "%s: another key finds nothing, z %g", text, q.z);
    }
    green_free(own);
    green_free(other);
    row_work_free(work);
    chain_free(marked);
    chain_free(plain);
}

/* SynthID: unbiased over keys, the published mean g-value of a uniform distribution, found in texts. */
static void synthid_statistics(void)
{
    enum { N = 10, KEYS = 3000 };
    double mean[N] = { 0 }, given[N], ones = 0;
    struct row_work *work = row_work_alloc(V);
    const sym_t made[4] = { 1, 2, 3, 4 };
    struct transform_at at = { .made = made, .n_made = 4, .work = work };
    for (int k = 0; k < KEYS; k++) {
        float score[N], flat[N] = { 0 };
        char text[60], own[20];
        const char *keys[1] = { own };
        snprintf(own, sizeof own, "%d", 1000 + 7 * k);
        snprintf(text, sizeof text, "synthid=[%s]", own);
        struct chain *c = chain_parse(text);
        struct synthid *y = synthid_alloc(keys, 1, 5, 1024);
        for (uint32_t v = 0; v < N; v++)
            score[v] = -(float)v / 3;
        struct row r = row_over(score, N), u = row_over(flat, N);
        int ok = row_measure(&r) + row_measure(&u);
        for (uint32_t v = 0; v < N; v++)
            given[v] = exp(row_logp(&r, v));
        ok += chain_apply(c, NULL, &r, &at, NULL) + chain_apply(c, NULL, &u, &at, NULL);
        check(ok == 0, "%s", err_text());
        uint64_t context = synthid_context(y, made, 4);
        for (uint32_t v = 0; v < N; v++) {
            mean[v] += exp(row_logp(&r, v)) / KEYS;
            ones += synthid_bit(y, context, v, 0) * exp(row_logp(&u, v)) / KEYS;
        }
        free(y);
        chain_free(c);
    }
    for (uint32_t v = 0; v < N; v++)
        check_near(mean[v], given[v], 5 * given[v] / (2 * sqrt(KEYS)), "synthid: mean over keys of p(%u)", v);
    check_near(ones, .5 + .25 * (1 - 1. / N), .01, "synthid: the mean g-value");
    row_work_free(work);
}

static void synthid_texts(void)
{
    static const char *const own[] = { "654", "400", "836", "123", "340", "443", "597", "160", "57" };
    static const char *const other[] = { "655", "401", "837", "124", "341", "444", "598", "161", "58" };
    struct chain *marked = chain_parse("synthid([654, 400, 836, 123, 340, 443, 597, 160, 57])");
    struct synthid *y = synthid_alloc(own, 9, 5, 1024), *z = synthid_alloc(other, 9, 5, 1024);
    struct row_work *work = row_work_alloc(V);
    for (uint32_t i = 0; i < 5; i++) {
        struct synthid_score found, none;
        sym_t made[LENGTH];
        write_text(marked, i, work, made);
        int ok = synthid_detect(y, made, LENGTH, &found) + synthid_detect(z, made, LENGTH, &none);
        check(ok == 0 && found.z > 5 && fabs(none.z) < 4.5, "synthid: found, z %g, by another key %g", found.z, none.z);
    }
    struct synthid_score r;
    check(synthid_detect(y, (const sym_t[]){ 1, 2, 3, 4 }, 4, &r) == ERR_DATA && strstr(err_text(), "4 symbols, want"),
          "%s", err_text());
    check(!chain_parse("synthid=[]") && strstr(err_text(), "0 keys, want 1 to 64"), "%s", err_text());
    check(!chain_parse("synthid=[1, x]") && strstr(err_text(), "key 'x' is no whole number"), "%s", err_text());
    free(y);
    free(z);
    row_work_free(work);
    chain_free(marked);
}

static void edges(void)
{
    struct green *g = green_alloc(GREEN_LEFT, 5, .5, 2);
    struct detect_args a = { g, 10, DETECT_ONCE };
    struct detect_result r;
    const sym_t ids[] = { 1, 2, 3, 11 };
    check(detect_ids(&a, ids, 2, &r) == ERR_DATA && strstr(err_text(), "2 symbols, want at least 3"), "%s", err_text());
    check(detect_ids(&a, ids, 4, &r) == ERR_DATA && strstr(err_text(), "ids[3] is 11, want a symbol in 0 .. 9"), "%s",
          err_text());
    check(detect_ids(&a, ids, 3, &r) == 0 && r.scored == 1, "one window");
    const sym_t same[] = { 4, 4, 4, 4, 4, 4 };
    check(detect_ids(&a, same, 6, &r) == 0 && r.scored == 1, "a window that comes again is counted once");
    a.windows = DETECT_EVERY;
    check(detect_ids(&a, same, 6, &r) == 0 && r.scored == 4, "or every time");
    green_free(g);
    g = green_alloc(GREEN_LEFT, 5, .5, 1);
    check(green_count(g, 1) == 0 && !green_has(g, 1, 1, 0), "V = 1: half a symbol is none");
    green_free(g);
}

int main(void)
{
    published();
    edges();
    synthid_statistics();
    synthid_texts();
    statistics("left", 1);
    statistics("left", 3);
    statistics("self", 3);
    return check_done("green");
}
