/* Every parameter of every registered transform, pool rule and search with every odd value: taken where the table says so,
 * else refused in a message that names step, parameter, what was seen and what is wanted.  What is taken is applied to
 * odd rows: the answer is a distribution or dead, its text canonical.  New rows of the tables are covered by themselves. */
#include "base/doc.h"
#include "base/err.h"
#include "decode/chain.h"
#include "decode/dist.h"
#include "decode/search.h"
#include "ensemble/pool.h"
#include "ensemble/pool_line.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct odd {
    const char *text;
    bool is_number; /* what base/spec.h takes as one */
    double x;
};

static const struct odd odds[] = {
    { "nan", false, 0 },
    { "NaN", false, 0 },
    { "inf", true, INFINITY },
    { "-inf", true, -INFINITY },
    { "infinity", false, 0 },
    { "1e400", false, 0 },
    { "-1e400", false, 0 },
    { "0x10", false, 0 },
    { "+1", false, 0 },
    { "''", false, 0 },
    { "'1'", false, 0 },
    { "word", false, 0 },
    { "\xff\xfe", false, 0 },
    { "-1", true, -1 },
    { "-0", true, 0 },
    { "0", true, 0 },
    { "1e-320", true, 1e-320 },
    { "1e-9", true, 1e-9 },
    { "0.3", true, 0.3 },
    { "1", true, 1 },
    { "2", true, 2 },
    { "2.5", true, 2.5 },
    { "100", true, 100 },
    { "1e6", true, 1e6 },
    { "1e38", true, 1e38 },
    { "4294967295", true, 4294967295. },
    { "4294967296", true, 4294967296. },
    { "18446744073709551616", true, 18446744073709551616. },
    { "1e308", true, 1e308 },
    { "-1e308", true, -1e308 },
};
enum { N_ODDS = sizeof odds / sizeof *odds };

/* A value in the middle of what the table allows. */
static void add_usual(struct text *t, const struct param *p)
{
    double x = p->value;
    if (p->kind == PARAM_LIST)
        text_add(t, "[1]");
    else if (p->kind == PARAM_TEXT)
        text_add(t, "x");
    else if (p->kind == PARAM_WORD)
        text_add(t, p->words[(size_t)p->value]);
    else {
        if (p->required)
            x = isinf(p->max) ? fmax(p->min, 0) + 1 : (p->min + p->max) / 2;
        text_add_real(t, p->kind == PARAM_INT ? floor(x) : x);
    }
}

/* name(key=value, ...): parameter k as given, the other required ones as usual. */
static void step_text(struct text *t, const char *name, const struct param params[], size_t n, size_t k,
                      const char *value)
{
    text_clear(t);
    text_addf(t, "%s(%s=%s", name, params[k].name, value);
    for (size_t i = 0; i < n; i++)
        if (i != k && params[i].required) {
            text_addf(t, ", %s=", params[i].name);
            add_usual(t, &params[i]);
        }
    text_add(t, ")");
}

static bool allowed(const struct param *p, const struct odd *o)
{
    if (!o->is_number)
        return false;
    return o->x >= p->min && o->x <= p->max && !(p->min_open && o->x == p->min) &&
           (p->kind != PARAM_INT || o->x == floor(o->x));
}

/* What a refusal must say. */
static void explained(const char *text, const char *name, const struct param *p, const struct odd *o)
{
    const char *said = err_text();
    check(err_code() == ERR_USAGE, "%s: code %d", text, err_code());
    check(strstr(said, name) && strstr(said, p->name), "%s: names step and parameter: %s", text, said);
    if (!o->is_number) {
        const char *seen = *o->text == '\'' ? "''" : o->text;
        check(strstr(said, strcmp(o->text, "'1'") == 0 ? "'1'" : seen) != NULL, "%s: shows the value: %s", text, said);
        check(strstr(said, "want a number") != NULL, "%s: says what is wanted: %s", text, said);
        return;
    }
    struct text value = { 0 };
    text_add_real(&value, o->x);
    check(strstr(said, text_s(&value)) != NULL, "%s: shows the value %s: %s", text, text_s(&value), said);
    check(strstr(said, "want a number in ") || strstr(said, "want an integer in "), "%s: shows the range: %s", text,
          said);
    text_free(&value);
}

/* The answer to one line: one JSON object; an error, or probabilities that sum to 1 or to 0. */
static void answered(const struct text *out, int rc, const char *line)
{
    json_t *a = doc_read("answer", text_s(out), out->len), *p;
    size_t i;
    double sum = 0;
    check(a != NULL, "%s: an answer in JSON: %s", line, a ? "" : err_text());
    check((rc < 0) == (json_object_get(a, "error") != NULL), "%s: %s", line, text_s(out));
    json_array_foreach(json_object_get(a, "probs"), i, p)
    {
        check(json_number_value(p) >= 0, "%s: probability %zu is %g", line, i, json_number_value(p));
        sum += json_number_value(p);
    }
    if (rc == 0)
        check(sum == 0 || fabs(sum - 1) < 1e-4, "%s: probabilities sum to %g", line, sum);
    json_decref(a);
}

static const char *const rows[] = {
    "\"probs\":[1]",
    "\"probs\":[0]",
    "\"logits\":[null,null,null]",
    "\"probs\":[0.5,0.5]",
    "\"probs\":[0.7,0,0.1,0.1,0.1]",
    "\"logits\":[1e9,-3e38,0]",
    "\"logits\":[-3.4e38,-3.4e38,-3.4e38,1e-38]",
    "\"logits\":[3e38,3e38]",
    "\"logits\":[-1e9,-1e9]",
    "\"probs\":[1e308,1e-308,1e300]",
    "\"logits\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
};

static void apply_chain(struct dist *d, const char *chain)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text line = { 0 }, out = { 0 };
        text_addf(&line, "{\"id\":1,%s,\"history\":[0,0,0],\"prompt\":[0],\"draw\":2,\"chain\":", rows[i]);
        text_add_json(&line, chain, strlen(chain));
        text_add(&line, "}");
        answered(&out, dist_line(d, text_s(&line), line.len, &out), text_s(&line));
        text_free(&line);
        text_free(&out);
    }
}

static size_t n_tried, n_taken;

static void try_transform(struct dist *d, const struct transform_type *t, size_t k, const struct odd *o)
{
    struct text text = { 0 };
    const struct param *p = &t->params[k];
    bool numeric = p->kind == PARAM_REAL || p->kind == PARAM_INT;
    step_text(&text, t->name, t->params, t->n_params, k, o->text);
    struct chain *c = chain_parse(text_s(&text));
    n_tried++;
    n_taken += c != NULL;
    if (numeric)
        check((c != NULL) == allowed(p, o), "%s is %s: %s", text_s(&text), c ? "taken" : "refused",
              c ? "" : err_text());
    if (!c && numeric)
        explained(text_s(&text), t->name, p, o);
    if (c) {
        struct chain *again = chain_parse(chain_text(c));
        check(again && strcmp(chain_text(again), chain_text(c)) == 0, "%s: '%s' is canonical", text_s(&text),
              chain_text(c));
        chain_free(again);
        apply_chain(d, text_s(&text));
    }
    chain_free(c);
    text_free(&text);
}

static void test_transforms(void)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    struct dist *d = dist_alloc();
    check(n >= 10, "%zu transforms", n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < types[i]->n_params; k++)
            for (size_t v = 0; v < N_ODDS; v++)
                try_transform(d, types[i], k, &odds[v]);
    dist_free(d);
}

/* Texts of a pool rule's parameters: what it knows, from its own messages, is not in the table; any word is tried. */
static void apply_pool(const char *rule, size_t n_voices)
{
    static const char *const voices[] = { "[0.5,0.5,0]", "[0,0,0]", "[1,0,0]", "[0,0,1]", "[0.1,0.2,0.7]" };
    static const char *const scores[] = { "[1e9,-1e9,0]", "[null,null,null]", "[-1e9,1e9,null]", "[0,0,1e-30]" };
    static const char *const weights[] = { "1", "0", "1e-308", "1e6", "0.5" };
    for (size_t i = 0; i < 20; i++) {
        struct text line = { 0 }, out = { 0 };
        text_addf(&line, "{\"id\":1,\"%s\":[", i % 2 ? "probs" : "logits");
        for (size_t k = 0; k < n_voices; k++)
            text_addf(&line, "%s%s", k ? "," : "", i % 2 ? voices[(i + k) % 5] : scores[(i / 2 + k) % 4]);
        text_add(&line, "],\"weights\":[");
        for (size_t k = 0; k < n_voices; k++)
            text_addf(&line, "%s%s", k ? "," : "", weights[(i / 3 + k) % 5]);
        text_add(&line, "],\"rule\":");
        text_add_json(&line, rule, strlen(rule));
        text_add(&line, "}");
        answered(&out, pool_line(text_s(&line), line.len, NULL, &out), text_s(&line));
        text_free(&line);
        text_free(&out);
    }
}

static void try_pool(const struct pool_type *t, size_t k, const struct odd *o)
{
    struct text text = { 0 };
    struct pool pool;
    const struct param *p = &t->params[k];
    bool numeric = p->kind == PARAM_REAL || p->kind == PARAM_INT;
    step_text(&text, t->name, t->params, t->n_params, k, o->text);
    int rc = pool_parse(text_s(&text), &pool);
    n_tried++;
    n_taken += rc == 0;
    if (numeric && !allowed(p, o)) {
        check(rc < 0, "%s is refused", text_s(&text));
        if (rc < 0)
            explained(text_s(&text), t->name, p, o);
    } else if (rc < 0) { /* a rule may want more than a range: a power that is not nearly 0, a word that it knows */
        check(err_code() == ERR_USAGE && strstr(err_text(), t->name) && strstr(err_text(), p->name),
              "%s: the message names rule and parameter: %s", text_s(&text), err_text());
        check(strstr(err_text(), "want") || strstr(err_text(), "known"), "%s: and what is wanted: %s", text_s(&text),
              err_text());
    }
    if (rc == 0) {
        apply_pool(text_s(&text), t->min_voices);
        apply_pool(text_s(&text), t->max_voices < 3 ? t->max_voices : 3);
        pool_fini(&pool);
    }
    text_free(&text);
}

static void test_pools(void)
{
    size_t n;
    const struct pool_type *const *types = pool_types(&n);
    check(n >= 8, "%zu pool rules", n);
    for (size_t i = 0; i < n; i++) {
        struct pool pool;
        for (size_t k = 0; k < types[i]->n_params; k++)
            for (size_t v = 0; v < N_ODDS; v++)
                try_pool(types[i], k, &odds[v]);
        if (pool_parse(types[i]->name, &pool) == 0) {
            pool_fini(&pool);
            apply_pool(types[i]->name, types[i]->min_voices);
        }
    }
}

static void test_searches(void)
{
    size_t n;
    const struct search_type *const *types = search_types(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < types[i]->n_params; k++)
            for (size_t v = 0; v < N_ODDS; v++) {
                struct text text = { 0 }, canonical = { 0 };
                const struct param *p = &types[i]->params[k];
                bool numeric = p->kind == PARAM_REAL || p->kind == PARAM_INT;
                step_text(&text, types[i]->name, types[i]->params, types[i]->n_params, k, odds[v].text);
                int rc = search_canonical(text_s(&text), &canonical);
                n_tried++;
                n_taken += rc == 0;
                if (numeric && !allowed(p, &odds[v])) {
                    check(rc < 0, "%s is refused", text_s(&text));
                    if (rc < 0)
                        explained(text_s(&text), types[i]->name, p, &odds[v]);
                }
                text_free(&text);
                text_free(&canonical);
            }
}

static void parse_all(const char *text, const char *want)
{
    struct pool pool;
    struct text out = { 0 };
    struct chain *c = chain_parse(text);
    check(!c && err_code() == ERR_USAGE && strstr(err_text(), want), "chain '%.40s': %.200s", text, err_text());
    check(pool_parse(text, &pool) < 0 && err_code() == ERR_USAGE, "pool '%.40s'", text);
    check(search_canonical(text, &out) < 0 && err_code() == ERR_USAGE, "search '%.40s'", text);
    chain_free(c);
    text_free(&out);
}

static void repeated(const char *before, const char *part, size_t n, const char *want)
{
    struct text t = { 0 };
    text_add(&t, before);
    for (size_t i = 0; i < n; i++)
        text_add(&t, part);
    parse_all(text_s(&t), want);
    text_free(&t);
}

static void test_texts(void)
{
    static const char *const broken[] = { "|",        "=",        "(",          ")",         "[",         "'",
                                          "top_p=[",  "top_p=(",  "top_p='",    "top_p((1)", "top_p=1=1", "top_p(=1)",
                                          "top_p(,)", "top_p(1,", "top_p(p=,)", "\x01=1",    "\xff",      "top_p=[1" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        parse_all(broken[i], "");
    repeated("", "temperature=1|", 65, "more than 64 steps");
    repeated("top_p(", "1,", 17, "more than 16 arguments");
    repeated("top_p=[", "1,", 4097, "more than 4096 values");
    repeated("", "(", 1000000, "a name is missing");
    repeated("top_p=", "[", 1000000, "a value is missing");
    repeated("top_p='", "''", 1000000, "the quote is not closed");
    repeated("", "x", 10000000, "unknown transform"); /* bug: its distance to each known name was measured to the end */
}

int main(void)
{
    test_transforms();
    test_pools();
    test_searches();
    test_texts();
    check(n_tried > 400 && n_taken > 100, "%zu tried, %zu taken", n_tried, n_taken);
    return check_done("hostile_spec");
}
