/* Blocks A, B, D and F of other systems' own test cases (llama.cpp tests/test-sampling.cpp @07e4038, transformers
 * tests/generation/test_logits_process.py @019af3a, openvino.genai tests/cpp/logit_filtering.cpp @da1db86, ollama
 * x/mlxrunner/sample @fb30760) for the transforms of decode/, each as one line of `dist`.
 *
 * The numbers are theirs, in symbol order (they list llama.cpp's in resulting order).  Where a system has another rule
 * than ours, the case is given our documented outcome and says so:
 *   B5  Hugging Face's top_k keeps every tie of the last kept score; ours exactly k, lowest ids first
 *   B9  its typical keeps the ties of the crossing symbol; ours the shortest prefix
 *   D   OpenVINO's penalties push a negative score towards zero; ours, like all others', away from it
 *   B8  their first input sums to 1.0018; ours is normalised
 *   B3  `prompt_ignore_length=n` is last_n = what follows those n; `normalize=True` is the step `normalise` in front
 * Not here: cases of transforms that are not in the table yet (A5, A8-A10, B1, B7, B10-B11, B13-B19, B21-B25, D's end
 * ban), and F's residual, which is no transform. */
#include "base/doc.h"
#include "base/err.h"
#include "base/space.h"
#include "decode/dist.h"
#include "tests/lib/check.h"
#include <math.h>
#include <string.h>

static struct dist *dist;

/* The answer to a line, or NULL after a failed check. */
static json_t *ask(const char *label, const char *line)
{
    struct text out = { 0 };
    int code = dist_line(dist, line, strlen(line), &out);
    json_t *o = doc_read(label, text_s(&out), out.len);
    check(code == 0 && o, "%s: %s", label, text_s(&out));
    text_free(&out);
    if (code == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *ask_parts(const char *label, const char *values, const char *chain, const char *more)
{
    struct text line = { 0 };
    text_addf(&line, "{\"id\":\"%s\",%s,\"chain\":\"%s\"%s%s}", label, values, chain, *more ? "," : "", more);
    json_t *o = ask(label, text_s(&line));
    text_free(&line);
    return o;
}

#define MASKED (-INFINITY)

struct row_case {
    const char *label, *values, *chain, *more;
    double want[10];
};

/* Compares a member of the answer, "probs" or "logits", with want[]. */
static void compare(const struct row_case cases[], size_t n, const char *member, double tolerance)
{
    for (size_t i = 0; i < n; i++) {
        const struct row_case *c = &cases[i];
        json_t *o = ask_parts(c->label, c->values, c->chain, c->more), *m;
        size_t v;
        json_array_foreach(json_object_get(o, member), v, m)
        {
            double got = json_is_null(m) ? MASKED : json_number_value(m);
            check_near(got, c->want[v], tolerance, "%s: %s[%zu]", c->label, member, v);
        }
        json_decref(o);
    }
}

#define COMPARE(cases, member, tolerance) compare(cases, sizeof cases / sizeof cases[0], member, tolerance)

#define P4    "\"probs\":[0.1,0.2,0.3,0.4]"
#define EVEN5 "\"probs\":[0.2,0.2,0.2,0.2,0.2]"
#define RAW   "\"unnormalised\":true"

static void block_a(void)
{
    static const struct row_case cases[] = {
        { "A1 T=1", P4, "temperature=1", "", { .1, .2, .3, .4 } },
        { "A1 T=0", P4, "temperature=0", "", { 0, 0, 0, 1 } },
        { "A2 k=1", P4, "top_k=1", "", { 0, 0, 0, 1 } },
        { "A2 k=3", P4, "top_k=3", "", { 0, .22222, .33333, .44444 } },
        { "A2 k=4", P4, "top_k=4", "", { .1, .2, .3, .4 } },
        { "A2 k=0", P4, "top_k=0", "", { .1, .2, .3, .4 } },
        { "A3 p=0", P4, "top_p=0", "", { 0, 0, 0, 1 } },
        { "A3 p=.7", P4, "top_p=0.7", "", { 0, 0, .428571, .571429 } },
        { "A3 p=.8", P4, "top_p=0.8", "", { 0, .22222, .33333, .44444 } },
        { "A3 p=1", P4, "top_p=1", "", { .1, .2, .3, .4 } },
        { "A4 0", P4, "min_p=0", "", { .1, .2, .3, .4 } },
        { "A4 .24", P4, "min_p=0.24", "", { .1, .2, .3, .4 } },
        { "A4 .26", P4, "min_p=0.26", "", { 0, .2 / .9, .3 / .9, .4 / .9 } },
        { "A4 .49", P4, "min_p=0.49", "", { 0, .2 / .9, .3 / .9, .4 / .9 } },
        { "A4 .51", P4, "min_p=0.51", "", { 0, 0, .3 / .7, .4 / .7 } },
        { "A4 .74", P4, "min_p=0.74", "", { 0, 0, .3 / .7, .4 / .7 } },
        { "A4 .76", P4, "min_p=0.76", "", { 0, 0, 0, 1 } },
        { "A4 1.00", P4, "min_p=1.00", "", { 0, 0, 0, 1 } },
        { "A4 1.05", P4, "min_p=1.05", "", { 0, 0, 0, 1 } },
        { "A6 one", "\"probs\":[0.97,0.01,0.01,0.01]", "typical=0.5", RAW, { .97, 0, 0, 0 } },
        { "A6 three", "\"probs\":[0.4,0.2,0.2,0.2]", "typical=0.5", RAW, { 0, .2, .2, .2 } },
        { "A7 {0} repeat", EVEN5, "repetition_penalty(50, last_n=1)", "\"history\":[0]", { 0, .25, .25, .25, .25 } },
        { "A7 {0} both",
          EVEN5,
          "frequency_penalty(5, last_n=1) | presence_penalty(5, last_n=1)",
          "\"history\":[0]",
          { .000011, .249997, .249997, .249997, .249997 } },
        { "A7 {0,1,2} repeat", EVEN5, "repetition_penalty(50, last_n=3)", "\"history\":[0,1,2]", { 0, 0, 0, .5, .5 } },
        { "A7 {0,1,2} both",
          EVEN5,
          "frequency_penalty=5 | presence_penalty=5",
          "\"history\":[0,1,2]",
          { .000023, .000023, .000023, .499966, .499966 } },
        { "A7 {0,1,2,0,0} repeat", EVEN5, "repetition_penalty=50", "\"history\":[0,1,2,0,0]", { 0, 0, 0, .5, .5 } },
        { "A7 {0,1,2,0,0} both",
          EVEN5,
          "frequency_penalty=5 | presence_penalty=5",
          "\"history\":[0,1,2,0,0]",
          { 0, .000023, .000023, .499977, .499977 } },
    };
    COMPARE(cases, "probs", 1e-5);
}

/* A11: logit_i = ln i over 10000 symbols, so p_i ~ i; what is kept is always [least, n).  Symbol 0 is masked, and so
 * is never among what we count (theirs counts it as the last candidate). */
enum { A11_N = 10000 };

static long a11_step(char step, long least, double k, double p, double m)
{
    double sum = 0, total = .5 * (A11_N * (A11_N - 1.0) - (double)least * ((double)least - 1));
    long at = A11_N;
    if (step == 'k')
        return (long)fmax((double)least, A11_N - k);
    if (step == 'm') /* p_i >= m p_max */
        return (long)fmax((double)least, ceil(m * (A11_N - 1)));
    do
        sum += (double)--at;
    while (sum < p * total && at > least);
    return at;
}

static void a11_case(const char *order, double k, double p, double m)
{
    struct text line = { 0 };
    long least = 1;
    text_add(&line, "{\"chain\":\"");
    for (const char *s = order; *s; s++) {
        text_add(&line, s > order ? "|" : "");
        text_add(&line, *s == 'k' ? "top_k=" : *s == 'p' ? "top_p=" : "min_p=");
        text_add_real(&line, *s == 'k' ? k : *s == 'p' ? p : m);
        least = a11_step(*s, least, k, p, m);
    }
    text_add(&line, "\",\"logits\":[null");
    for (int i = 1; i < A11_N; i++) {
        text_add(&line, ",");
        text_add_real(&line, log(i));
    }
    text_add(&line, "]}");
    json_t *o = ask("A11", text_s(&line)), *logit;
    size_t i;
    long first = A11_N, kept = 0;
    json_array_foreach(json_object_get(o, "logits"), i, logit)
    {
        first = !json_is_null(logit) && (long)i < first ? (long)i : first;
        kept += !json_is_null(logit);
    }
    check(first == least && kept == A11_N - least, "A11 %s (%g, %g, %g): kept %ld from %ld, want %ld from %ld", order,
          k, p, m, kept, first, A11_N - least, least);
    check(json_integer_value(json_object_get(o, "kept")) == kept, "A11 %s: kept is the number kept", order);
    json_decref(o);
    text_free(&line);
}

static void block_a11(void)
{
    a11_case("k", A11_N, 1, 1);
    a11_case("k", 1, 1, 1);
    a11_case("k", 100, 1, 1);
    a11_case("p", 100, 1, 1);
    a11_case("p", 100, 0, 1);
    a11_case("p", 100, .0003, 1);
    a11_case("p", 100, .8, 1);
    a11_case("m", 100, 1, 1);
    a11_case("m", 100, 1, 1e-12);
    a11_case("m", 100, 1, 9997.9 / 9999);
    a11_case("m", 100, 1, .1);
    a11_case("mp", 100, .8, 9997.9 / 9999);
    static const char *const orders[] = {
        "kp", "km", "pk", "pm", "mk", "mp", "kpm", "kmp", "pkm", "pmk", "mkp", "mpk"
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        a11_case(orders[i], 100, .8, .1);
}

static double number(const json_t *o, const char *list, size_t i)
{
    const json_t *m = json_array_get(json_object_get(o, list), i);
    return json_is_null(m) ? MASKED : json_number_value(m);
}

static void kept(const char *label, const char *values, const char *chain, int want)
{
    json_t *o = ask_parts(label, values, chain, "");
    int got = (int)json_integer_value(json_object_get(o, "kept"));
    check(got == want, "%s: %s keeps %d, want %d", label, chain, got, want);
    json_decref(o);
}

/* B2: temperature on 20 equal scores of .05, and with a peak of +.1 at 5 and a valley of -.4 at 10. */
static void block_b2(void)
{
    struct text even = { 0 }, hilly = { 0 };
    text_add(&even, "\"logits\":[");
    text_add(&hilly, "\"logits\":[");
    for (int v = 0; v < 20; v++) {
        text_addf(&even, "%s0.05", v > 0 ? "," : "");
        text_addf(&hilly, "%s%s", v > 0 ? "," : "", v == 5 ? "0.15" : v == 10 ? "-0.35" : "0.05");
    }
    text_add(&even, "]");
    text_add(&hilly, "]");
    json_t *plain = ask_parts("B2", text_s(&hilly), "", "");
    json_t *sharp = ask_parts("B2 .5", text_s(&hilly), "temperature=0.5", "");
    json_t *soft = ask_parts("B2 1.3", text_s(&hilly), "temperature=1.3", "");
    check(number(sharp, "probs", 5) > number(plain, "probs", 5) &&
              number(sharp, "probs", 10) < number(plain, "probs", 10),
          "B2: T=.5 raises the peak and lowers the valley");
    check(number(soft, "probs", 5) < number(plain, "probs", 5) &&
              number(soft, "probs", 10) > number(plain, "probs", 10),
          "B2: T=1.3 the reverse");
    json_decref(plain);
    json_decref(sharp);
    json_decref(soft);
    static const char *const chains[] = { "temperature=0.5", "temperature=1.3" };
    for (int i = 0; i < 2; i++) {
        json_t *o = ask_parts("B2 even", text_s(&even), chains[i], "");
        for (size_t v = 0; v < 20; v++)
            check_near(number(o, "probs", v), .05, 1e-3, "B2: %s leaves the even row", chains[i]);
        json_decref(o);
    }
    text_free(&even);
    text_free(&hilly);
}

#define B3_ROW0 "\"logits\":[-0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]"
#define B3_ROW1 "\"logits\":[0.1,0.1,0.1,0.1,0.1,0.4,0.1,0.1,0.1,0.1]"

static void block_b3(void)
{
    static const struct row_case cases[] = {
        { "B3 row 0",
          B3_ROW0,
          "repetition_penalty=2",
          "\"prompt\":[0,1]",
          { -.2, .05, .1, .1, .1, .1, .1, .1, .1, .1 } },
        { "B3 row 1",
          B3_ROW1,
          "repetition_penalty=2",
          "\"prompt\":[5,0]",
          { .05, .1, .1, .1, .1, .2, .1, .1, .1, .1 } },
        { "B3 ignored",
          B3_ROW0,
          "repetition_penalty(2, last_n=0)",
          "\"prompt\":[0,1]",
          { -.1, .1, .1, .1, .1, .1, .1, .1, .1, .1 } },
        { "B3 half ignored",
          B3_ROW1,
          "repetition_penalty(2, last_n=2)",
          "\"prompt\":[3,4],\"history\":[5,0]",
          { .05, .1, .1, .1, .1, .2, .1, .1, .1, .1 } },
    };
    COMPARE(cases, "logits", 1e-6);
    json_t *logp = ask_parts("B3 log_softmax", B3_ROW0, "normalise", "");
    json_t *twice = ask_parts("B3 normalize", B3_ROW0, "normalise | repetition_penalty=2", "\"prompt\":[0,1]");
    json_t *half = ask_parts("B3 normalize .5", B3_ROW0, "normalise | repetition_penalty=0.5", "\"prompt\":[0,1]");
    for (size_t v = 0; v < 10; v++) {
        double lp = number(logp, "logits", v);
        check_near(number(twice, "logits", v), v < 2 ? 2 * lp : lp, 1e-6, "B3: seen is 2 log_softmax, %zu", v);
        check_near(number(half, "logits", v), v < 2 ? .5 * lp : lp, 1e-6, "B3: seen is .5 log_softmax, %zu", v);
    }
    check(number(half, "logits", 0) > number(logp, "logits", 0), "B3: a penalty of .5 rewards");
    json_decref(logp);
    json_decref(twice);
    json_decref(half);
}

#define RAMP    "\"logits\":[-5,-4,-3,-2,-1,0,1,2,3,4]"
#define RAMP100 "\"logits\":[-500,-400,-300,-200,-100,0,100,200,300,400]"

static void block_b_cuts(void)
{
    static const struct row_case probs[] = {
        { "B6 .8 first", "\"probs\":[0.3,0.1,0.1,0.5]", "top_p=0.8", RAW, { .3, 0, 0, .5 } },
        { "B6 .8 second", "\"probs\":[0.15,0.3,0.3,0.25]", "top_p=0.8", RAW, { 0, .3, .3, .25 } },
        { "B8 .05", "\"probs\":[0.9,0.0274,0.047,0.0274]", "min_p=0.05", RAW, { .9 / 1.0018, 0, .047 / 1.0018, 0 } },
        { "B8 all", "\"probs\":[0.15,0.3,0.3,0.25]", "min_p=0.05", RAW, { .15, .3, .3, .25 } },
        { "B8 one", "\"probs\":[0.97,0.01,0.01,0.01]", "min_p=0.05", RAW, { .97, 0, 0, 0 } },
        { "B9 one", "\"probs\":[0.97,0.01,0.01,0.01]", "typical=0.5", RAW, { .97, 0, 0, 0 } },
        { "B9 three", "\"probs\":[0.4,0.2,0.2,0.2]", "typical=0.5", RAW, { 0, .2, .2, .2 } },
    };
    COMPARE(probs, "probs", 1e-3);
    static const struct row_case logits[] = {
        { "B5 ramp",
          "\"logits\":[0,1,2,3,4,5,6,7,8,9]",
          "top_k=3",
          "",
          { MASKED, MASKED, MASKED, MASKED, MASKED, MASKED, MASKED, 7, 8, 9 } },
        { "B5 row 2",
          "\"logits\":[10,11,12,13,14,5,6,7,8,9]",
          "top_k=3",
          "",
          { MASKED, MASKED, 12, 13, 14, MASKED, MASKED, MASKED, MASKED, MASKED } },
        { "B5 ramp, min_keep", "\"logits\":[0,1,2,3,4]", "top_k(1, min_keep=3)", "", { MASKED, MASKED, 2, 3, 4 } },
        { "B5 ties (ours: the first three)",
          EVEN5,
          "top_k(1, min_keep=3) | normalise",
          "",
          { -1.0986123, -1.0986123, -1.0986123, MASKED, MASKED } },
    };
    COMPARE(logits, "logits", 1e-6);
    kept("B6 min_keep", RAMP, "top_p(0.9, min_keep=2)", 3);
    kept("B6 min_keep", RAMP100, "top_p(0.9, min_keep=2)", 2);
    kept("B8 min_keep", RAMP, "min_p(0.9, min_keep=2)", 2);
    kept("B8 min_keep", RAMP100, "min_p(0.9, min_keep=2)", 2);
    kept("B9 ties (ours: three of five reach .5)", EVEN5, "typical(0.5, min_keep=3)", 3);
    kept("B9 min_keep", RAMP, "typical(0.7, min_keep=2)", 2);
    kept("B9 min_keep", RAMP100, "typical(0.7, min_keep=2)", 2);
}

#define EVEN3  "\"logits\":[0,0,0]"
#define EVEN10 "\"logits\":[0,0,0,0,0,0,0,0,0,0]"

static void block_b12(void)
{
    static const struct row_case cases[] = {
        { "B12 n=2", EVEN3, "no_repeat_ngram=2", "\"history\":[1,1,2,1]", { 0, MASKED, MASKED } },
        { "B12 n=2", EVEN3, "no_repeat_ngram=2", "\"prompt\":[0,1],\"history\":[0,1]", { MASKED, 0, 0 } },
        { "B12 n=3", EVEN3, "no_repeat_ngram=3", "\"history\":[1,1,2,1]", { 0, 0, 0 } },
        { "B12 n=3", EVEN3, "no_repeat_ngram=3", "\"history\":[0,1,0,1]", { MASKED, 0, 0 } },
        { "B12 exactly {5}",
          EVEN10,
          "no_repeat_ngram=3",
          "\"history\":[1,2,5,7,8,5,1,2]",
          { 0, 0, 0, 0, 0, MASKED, 0, 0, 0, 0 } },
        { "B12 short", EVEN3, "no_repeat_ngram=3", "\"history\":[1,2]", { 0, 0, 0 } },
        { "B12 short", EVEN3, "no_repeat_ngram=3", "\"history\":[0,1]", { 0, 0, 0 } },
    };
    COMPARE(cases, "logits", 1e-6);
}

static void block_b20(void)
{
    static const char *const rows[] = { "\"logits\":[-23.18,-29.96,-43.54,47.77]",
                                        "\"logits\":[-33.58,-26.87,-32.96,22.51]" };
    for (int i = 0; i < 2; i++) {
        json_t *plain = ask_parts("B20", rows[i], "", ""), *o = ask_parts("B20", rows[i], "normalise", "");
        double sum = 0;
        for (size_t v = 0; v < 4; v++) {
            sum += exp(number(o, "logits", v));
            check_near(exp(number(o, "logits", v)), number(plain, "probs", v), 1e-6, "B20: exp is the softmax, %zu", v);
        }
        check_near(sum, 1, 1e-6, "B20: sums to one");
        json_decref(plain);
        json_decref(o);
    }
}

#define D3 "\"probs\":[0.090031,0.244728,0.665241]"
#define D4 "\"probs\":[0.032058,0.087144,0.643952,0.236846]"

static void block_d(void)
{
    static const struct row_case probs[] = {
        { "D T=1", "\"logits\":[1,2,3]", "temperature=1", "", { .090031, .244728, .665241 } },
        { "D T=2", "\"logits\":[3,2,1]", "temperature=2", "", { .506480, .307195, .186323 } },
        { "D T=1", "\"logits\":[3,1,2]", "temperature=1", "", { .665241, .090031, .244728 } },
        { "D top_p .2", D3, "top_p=0.2", RAW, { 0, 0, .665241 } },
        { "D top_p .9", D3, "top_p=0.9", RAW, { 0, .244728, .665241 } },
        { "D min_p 0", D4, "min_p=0", RAW, { .032058, .087144, .643952, .236846 } },
        { "D min_p .1", D4, "min_p=0.1", RAW, { 0, .087144, .643952, .236846 } },
        { "D min_p .4", D4, "min_p=0.4", RAW, { 0, 0, .643952, 0 } },
        { "D min_p .99 even", "\"probs\":[0.25,0.25,0.25,0.25]", "min_p=0.99", RAW, { .25, .25, .25, .25 } },
        { "D min_p .99 one", "\"probs\":[0.9988,0.0004,0.0004,0.0004]", "min_p=0.99", RAW, { .9988, 0, 0, 0 } },
        { "D top_k 2, T 2", "\"logits\":[1,2,3]", "top_k=2 | temperature=2", "", { 0, .377541, .622459 } },
    };
    COMPARE(probs, "probs", 1e-6);
    static const struct row_case logits[] = {
        { "D top_k 1", "\"logits\":[1,2,3]", "top_k=1", "", { MASKED, MASKED, 3 } },
        { "D top_k 2", "\"logits\":[1,2,3]", "top_k=2", "", { MASKED, 2, 3 } },
        { "D top_k 5", "\"logits\":[1,2,3]", "top_k=5", "", { 1, 2, 3 } },
        { "D top_k 2, T 2", "\"logits\":[1,2,3]", "top_k=2 | temperature=2", "", { MASKED, 1, 1.5 } },
        { "D rep 1.2", "\"logits\":[1,2,3]", "repetition_penalty=1.2", "\"history\":[2,0]", { .8333333, 2, 2.5 } },
        { "D rep 2", "\"logits\":[-1,2,3]", "repetition_penalty=2", "\"history\":[0,1]", { -2, 1, 3 } },
        { "D rep .5 once", "\"logits\":[-1,2,3]", "repetition_penalty=0.5", "\"history\":[1,1]", { -1, 4, 3 } },
        { "D freq .5 (ours: -1.5)",
          "\"logits\":[-1,2,3]",
          "frequency_penalty=0.5",
          "\"history\":[1,0]",
          { -1.5, 1.5, 3 } },
        { "D freq -.6 (ours: -.4)",
          "\"logits\":[-1,2,3]",
          "frequency_penalty=-0.6",
          "\"history\":[0,1,1]",
          { -.4, 3.2, 3 } },
        { "D freq .2", "\"logits\":[1,2,3]", "frequency_penalty=0.2", "\"history\":[2,0,2]", { .8, 2, 2.6 } },
        { "D pres .5 (ours: -1.5)",
          "\"logits\":[-1,2,3]",
          "presence_penalty=0.5",
          "\"history\":[1,0]",
          { -1.5, 1.5, 3 } },
        { "D pres -.6 (ours: -.4)",
          "\"logits\":[-1,2,3]",
          "presence_penalty=-0.6",
          "\"history\":[0,1,1]",
          { -.4, 2.6, 3 } },
        { "D pres .2", "\"logits\":[1,2,3]", "presence_penalty=0.2", "\"history\":[2,0,2]", { .8, 2, 2.8 } },
    };
    COMPARE(logits, "logits", 1e-6);
    json_t *p = ask_parts("D", D4, "top_p=0.95", ""), *mp = ask_parts("D", D4, "min_p=0.1 | top_p=0.95", "");
    for (size_t v = 0; v < 4; v++)
        check(number(p, "probs", v) > 0 || number(mp, "probs", v) == 0, "D: min_p then top_p is part of top_p, %zu", v);
    json_decref(p);
    json_decref(mp);
}

/* D: ids out of range are errors for all three penalties. */
static void block_d_errors(void)
{
    static const char *const chains[] = { "repetition_penalty=2", "frequency_penalty=1", "presence_penalty=1" };
    static const char *const ids[] = { "3", "-1", "1.5" };
    for (int i = 0; i < 9; i++) {
        struct text line = { 0 }, out = { 0 };
        text_addf(&line, "{\"id\":\"d\",\"logits\":[1,2,3],\"history\":[0,%s],\"chain\":\"%s\"}", ids[i % 3],
                  chains[i / 3]);
        int code = dist_line(dist, text_s(&line), line.len, &out);
        check(code < 0 && strstr(text_s(&out), "history[1] is") && strstr(text_s(&out), "want a symbol in 0 .. 2"),
              "D: %s is refused: %s", text_s(&line), text_s(&out));
        text_free(&line);
        text_free(&out);
    }
}

static void answer(const char *label, const char *values, const char *chain, const char *history, sym_t want)
{
    struct text greedy = { 0 }, more = { 0 };
    text_addf(&greedy, "%s%stemperature=0", chain, *chain ? " | " : "");
    text_addf(&more, "\"history\":%s,\"draw\":1", history);
    json_t *o = ask_parts(label, values, text_s(&greedy), text_s(&more));
    check(number(o, "drawn", 0) == want, "%s: %s gives %g, want %u", label, chain, number(o, "drawn", 0), want);
    json_decref(o);
    text_free(&greedy);
    text_free(&more);
}

static void block_f(void)
{
    answer("F presence", "\"logits\":[0,5,4]", "presence_penalty(6, last_n=1)", "[1]", 2);
    answer("F repeat 2", "\"logits\":[0,5,4]", "repetition_penalty=2", "[1]", 2);
    answer("F repeat 4 negative", "\"logits\":[-5,-1,-3]", "repetition_penalty=4", "[1]", 2);
    answer("F frequency", "\"logits\":[0,5,4]", "frequency_penalty(2, last_n=4)", "[1,1]", 2);
    answer("F top_k 1", "\"logits\":[1,5,4]", "top_k=1", "[]", 1);
    answer("F top_p .4", "\"probs\":[0.5,0.3,0.2]", "top_p=0.4", "[]", 0);
    answer("F min_p .7", "\"probs\":[0.5,0.3,0.2]", "min_p=0.7", "[]", 0);
    kept("F top_p .4", "\"probs\":[0.5,0.3,0.2]", "top_p=0.4", 1);
    kept("F min_p .7", "\"probs\":[0.5,0.3,0.2]", "min_p=0.7", 1);
    answer("F last_n 0", "\"logits\":[0,5,4]", "repetition_penalty(2, last_n=0) | presence_penalty(10, last_n=0)",
           "[1]", 1);
    answer("F last_n -1", "\"logits\":[0,5,4]", "presence_penalty(6, last_n=-1)", "[1]", 2);
    kept("F top_k 2 then top_p .7", "\"probs\":[0.6,0.2,0.2]", "top_k=2 | top_p=0.7", 1);
    answer("F window", "\"logits\":[0,5,0,0,0]", "presence_penalty(10, last_n=2)", "[1,2,3]", 1);
    answer("F window goes on", "\"logits\":[0,0,5,0,0]", "presence_penalty(10, last_n=2)", "[1,2,3,1]", 2);
    answer("F speculative row 0", "\"logits\":[0,9,9,8,0]", "repetition_penalty(10, last_n=2)", "[1,2]", 3);
    answer("F speculative row 1", "\"logits\":[0,0,9,9,8]", "repetition_penalty(10, last_n=2)", "[1,2,3]", 4);
    answer("F speculative row 2", "\"logits\":[0,0,9,9,8]", "repetition_penalty(10, last_n=2)", "[1,2,3,4]", 2);
}

int main(void)
{
    dist = dist_alloc();
    block_a();
    block_a11();
    block_b2();
    block_b3();
    block_b_cuts();
    block_b12();
    block_b20();
    block_d();
    block_d_errors();
    block_f();
    dist_free(dist);
    return check_done("conformance");
}
