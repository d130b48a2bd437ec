#include "ensemble/pool_line.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/row_math.h"
#include "ensemble/pool.h"
#include "ensemble/uncertainty.h"
#include "model/lm.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHERE    "request"
#define ROUNDING 1e-4 /* probabilities are often written with few digits: a sum up to 1 + this is taken as it is */

#define MAX_TOP 1e9 /* of a voice's largest score: log Z, a double, has to tell it from its neighbours */

#define MAX_PREFIX 1e9 /* nats: far beyond any text, and a double still has digits behind the point */

struct request {
    struct pool pool;
    double weight[LM_MAX_VOICES], prefix[LM_MAX_VOICES];
    size_t n_voices;
    uint32_t n_symbols;
    float *score;                   /* (n_voices + 1, n_symbols): the voices', the pool's */
    struct row rows[LM_MAX_VOICES]; /* as given: a sub-normalised voice keeps log_z = 0 */
};

/* Reads an array of exactly n numbers, of which null is -inf. */
static int read_numbers(const json_t *a, const char *name, size_t n, double out[])
{
    if (!json_is_array(a))
        return err_set(ERR_DATA, WHERE ": '%s' is not an array", name);
    if (json_array_size(a) != n)
        return err_set(ERR_DATA, WHERE ": '%s' has %zu entries, want %zu", name, json_array_size(a), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(a, i);
        if (!json_is_number(x) && !json_is_null(x))
            return err_set(ERR_DATA, WHERE ": '%s' entry %zu is no number", name, i);
        out[i] = json_is_null(x) ? -INFINITY : json_number_value(x);
    }
    return 0;
}

static int check_probs(const double p[], size_t n, size_t voice)
{
    double sum = 0;
    for (size_t v = 0; v < n; v++) {
        if (!(p[v] >= 0))
            return err_set(ERR_DATA, WHERE ": 'probs' of voice %zu: entry %zu is %g, want a probability", voice + 1, v,
                           p[v]);
        sum += p[v];
    }
    if (sum > 1 + ROUNDING)
        return err_set(ERR_DATA, WHERE ": 'probs' of voice %zu sum to %.9g, want at most 1", voice + 1, sum);
    return 0;
}

/* Other systems mask with -1e30.  So far below the best a probability is 0 in any arithmetic, and a pool of voices that mask
 * different symbols would have scores whose log Z rounding loses. */
static void mask_far(struct row *r)
{
    double least = (double)row_max(r) - MAX_TOP;
    for (uint32_t v = 0; v < r->n; v++)
        if ((double)r->score[v] < least)
            r->score[v] = -INFINITY;
}

/* The voice's row.  Probabilities keep log_z = 0, so that what is missing to one is seen by the pool. */
static int fill_row(struct request *q, size_t k, const double x[], bool probs)
{
    struct row *r = &q->rows[k];
    *r = row_over(q->score + k * q->n_symbols, q->n_symbols);
    if (probs)
        TRY(check_probs(x, q->n_symbols, k));
    for (uint32_t v = 0; v < q->n_symbols; v++) {
        if (isfinite(x[v]) && fabs(x[v]) > (double)FLT_MAX)
            return err_set(ERR_DATA, WHERE ": 'logits' of voice %zu: entry %u is %g, want a float32 or null (-inf)",
                           k + 1, (unsigned)v, x[v]);
        r->score[v] = (float)(probs ? num_log(x[v]) : x[v]);
    }
    int rc = row_measure(r);
    if (rc < 0)
        return err_add(rc, "voice %zu", k + 1);
    if (!row_dead(r) && fabs(r->log_z) > MAX_TOP)
        return err_set(ERR_DATA, WHERE ": 'logits' of voice %zu: the largest is %g, want a magnitude of at most %g",
                       k + 1, (double)row_max(r), MAX_TOP);
    mask_far(r);
    if (probs && !row_dead(r))
        r->log_z = 0;
    return 0;
}

static int read_rows(struct request *q, const json_t *doc)
{
    const json_t *probs = json_object_get(doc, "probs"), *logits = json_object_get(doc, "logits");
    const json_t *all = probs ? probs : logits;
    const char *name = probs ? "probs" : "logits";
    if (!probs == !logits)
        return err_set(ERR_DATA, WHERE ": want either 'probs' or 'logits', one array a voice");
    if (!json_is_array(all) || !json_is_array(json_array_get(all, 0)))
        return err_set(ERR_DATA, WHERE ": '%s' is not an array of arrays, one a voice", name);
    q->n_voices = json_array_size(all);
    size_t n = json_array_size(json_array_get(all, 0));
    if (q->n_voices > LM_MAX_VOICES || n == 0 || n > UINT32_MAX)
        return err_set(ERR_DATA, WHERE ": '%s' has %zu voices of %zu symbols, want 1 to %d of at least 1", name,
                       q->n_voices, n, LM_MAX_VOICES);
    q->n_symbols = (uint32_t)n;
    q->score = mem_alloc((q->n_voices + 1) * n, sizeof *q->score);
    double *x = mem_alloc(n, sizeof *x);
    int rc = 0;
    for (size_t k = 0; k < q->n_voices && rc == 0; k++) {
        rc = read_numbers(json_array_get(all, k), name, n, x);
        if (rc == 0)
            rc = fill_row(q, k, x, probs != NULL);
    }
    free(x);
    return rc;
}

static int read_request(struct request *q, const json_t *doc, const char *rule)
{
    const json_t *weights = json_object_get(doc, "weights"), *prefix = json_object_get(doc, "prefix");
    TRY(doc_maybe_string(doc, WHERE, "rule", &rule));
    if (!rule)
        return err_set(ERR_DATA, WHERE ": 'rule' is missing");
    TRY(pool_parse(rule, &q->pool));
    TRY(read_rows(q, doc));
    for (size_t k = 0; k < q->n_voices; k++)
        q->weight[k] = 1;
    if (weights && !json_is_null(weights))
        TRY(read_numbers(weights, "weights", q->n_voices, q->weight));
    TRY(pool_weights(&q->pool, q->weight, q->n_voices));
    if (!prefix || json_is_null(prefix))
        return 0;
    if (!q->pool.global)
        return err_set(ERR_USAGE, WHERE ": 'prefix' is for rules with mode=global, the rule is '%s'", rule);
    TRY(read_numbers(prefix, "prefix", q->n_voices, q->prefix));
    for (size_t k = 0; k < q->n_voices; k++)
        if (isfinite(q->prefix[k]) && fabs(q->prefix[k]) > MAX_PREFIX)
            return err_set(ERR_DATA, WHERE ": 'prefix' entry %zu is %g, want a magnitude of at most %g", k,
                           q->prefix[k], MAX_PREFIX);
    return 0;
}

static void add_uncertainty(struct text *out, struct uncertainty u)
{
    const struct {
        const char *name;
        double value;
    } all[] = { { "data_entropy", u.data },
                { "disagreement", u.mutual },
                { "epkl", u.epkl },
                { "rmi", u.rmi },
                { "agreement", u.agreement } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        text_addf(out, ",\"%s\":", all[i].name);
        text_add_json_real(out, all[i].value);
    }
}

static double apply(struct request *q, struct row *pooled)
{
    *pooled = row_over(q->score + q->n_voices * q->n_symbols, q->n_symbols);
    return q->pool.global ? pool_apply_prefix(&q->pool, pooled, q->rows, q->weight, q->n_voices, q->prefix)
                          : pool_apply(&q->pool, pooled, q->rows, q->weight, q->n_voices);
}

static void answer(struct request *q, struct text *out)
{
    struct row pooled;
    double log_z = apply(q, &pooled);
    text_add(out, ",\"probs\":[");
    for (sym_t v = 0; v < q->n_symbols; v++) {
        text_add(out, v > 0 ? "," : "");
        text_add_real(out, math_exp64(row_logp(&pooled, v)));
    }
    text_add(out, "],\"log_z\":");
    text_add_json_real(out, log_z);
    text_add(out, ",\"entropy\":");
    text_add_real(out, row_entropy(&pooled));
    for (size_t k = 0; k < q->n_voices; k++)
        (void)row_measure(&q->rows[k]); /* measured before: cannot fail; disagreement is between whole distributions */
    add_uncertainty(out, uncertainty_of(q->rows, q->weight, q->n_voices));
    text_addf(out, ",\"dead\":%s}", row_dead(&pooled) ? "true" : "false");
}

static int known_members(const json_t *doc)
{
    static const char *const names[] = { "id", "rule", "weights", "probs", "logits", "prefix" };
    return doc_known(doc, WHERE, "member", names, sizeof names / sizeof *names);
}

static void add_id(struct text *out, const json_t *doc)
{
    const json_t *id = json_object_get(doc, "id");
    text_add(out, "{\"id\":");
    if (json_is_string(id))
        text_add_json(out, json_string_value(id), json_string_length(id));
    else if (json_is_integer(id))
        text_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    else
        text_add(out, "null");
}

static void request_fini(struct request *q)
{
    pool_fini(&q->pool);
    free(q->score);
}

int pool_line(const char *line, size_t n, const char *rule, struct text *out)
{
    struct request q = { 0 };
    int rc = ERR_DATA;
    json_t *doc = doc_read(WHERE, line, n);
    if (doc && !json_is_object(doc))
        err_set(ERR_DATA, WHERE ": the line is no JSON object");
    else if (doc && (rc = known_members(doc)) == 0)
        rc = read_request(&q, doc, rule);
    add_id(out, doc);
    if (rc == 0) {
        answer(&q, out);
    } else {
        text_add(out, ",\"error\":");
        text_add_json(out, err_text(), strlen(err_text()));
        text_add(out, "}");
    }
    request_fini(&q);
    json_decref(doc);
    return rc;
}

int pool_line_pooled(json_t *line)
{
    static const char *const pooled_away[] = { "rule", "weights", "prefix", "probs" };
    struct request q = { 0 };
    int rc = read_request(&q, line, NULL);
    if (rc == 0) {
        struct row pooled;
        json_t *scores = json_array();
        apply(&q, &pooled);
        for (sym_t v = 0; v < q.n_symbols; v++)
            json_array_append_new(scores, isfinite(pooled.score[v]) ? json_real((double)pooled.score[v]) : json_null());
        for (size_t i = 0; i < sizeof pooled_away / sizeof *pooled_away; i++)
            json_object_del(line, pooled_away[i]);
        json_object_set_new(line, "logits", scores);
    }
    request_fini(&q);
    return rc;
}
