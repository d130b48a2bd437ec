/* Blocks A, D and F of other systems' own test cases (llama.cpp tests/test-sampling.cpp @07e4038, openvino.genai
 * tests/cpp/logit_filtering.cpp @da1db86, ollama x/mlxrunner/sample @fb30760) for the transforms of decode/, each as one
 * line of `dist`.  Block B is in test_conformance_b.c.
 *
 * The numbers are theirs, in symbol order (they list llama.cpp's in resulting order).  Where a system has another rule
 * than ours, the case is given our documented outcome and says so:
 *   D   OpenVINO's penalties push a negative score towards zero; ours, like all others', away from it
 * A5, A8, A9 are in test_conformance_profiles.c, A10 and D's end ban in test_conformance_history.c; F's residual is no
 * transform. */
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"
#include <string.h>

#define P4 "\"probs\":[0.1,0.2,0.3,0.4]"

static const struct dist_case block_a_probs[] = {
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

static void block_a(void)
{
    COMPARE(block_a_probs, "probs", 1e-5);
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
    json_t *o = dist_case_ask("A11", text_s(&line)), *logit;
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

#define D3 "\"probs\":[0.090031,0.244728,0.665241]"
#define D4 "\"probs\":[0.032058,0.087144,0.643952,0.236846]"

static const struct dist_case block_d_probs[] = {
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

static const struct dist_case block_d_logits[] = {
    { "D top_k 1", "\"logits\":[1,2,3]", "top_k=1", "", { MASKED, MASKED, 3 } },
    { "D top_k 2", "\"logits\":[1,2,3]", "top_k=2", "", { MASKED, 2, 3 } },
    { "D top_k 5", "\"logits\":[1,2,3]", "top_k=5", "", { 1, 2, 3 } },
    { "D top_k 2, T 2", "\"logits\":[1,2,3]", "top_k=2 | temperature=2", "", { MASKED, 1, 1.5 } },
    { "D rep 1.2", "\"logits\":[1,2,3]", "repetition_penalty=1.2", "\"history\":[2,0]", { .8333333, 2, 2.5 } },
    { "D rep 2", "\"logits\":[-1,2,3]", "repetition_penalty=2", "\"history\":[0,1]", { -2, 1, 3 } },
    { "D rep .5 once", "\"logits\":[-1,2,3]", "repetition_penalty=0.5", "\"history\":[1,1]", { -1, 4, 3 } },
    { "D freq .5 (ours: -1.5)", "\"logits\":[-1,2,3]", "frequency_penalty=0.5", "\"history\":[1,0]", { -1.5, 1.5, 3 } },
    { "D freq -.6 (ours: -.4)",
      "\"logits\":[-1,2,3]",
      "frequency_penalty=-0.6",
      "\"history\":[0,1,1]",
      { -.4, 3.2, 3 } },
    { "D freq .2", "\"logits\":[1,2,3]", "frequency_penalty=0.2", "\"history\":[2,0,2]", { .8, 2, 2.6 } },
    { "D pres .5 (ours: -1.5)", "\"logits\":[-1,2,3]", "presence_penalty=0.5", "\"history\":[1,0]", { -1.5, 1.5, 3 } },
    { "D pres -.6 (ours: -.4)",
      "\"logits\":[-1,2,3]",
      "presence_penalty=-0.6",
      "\"history\":[0,1,1]",
      { -.4, 2.6, 3 } },
    { "D pres .2", "\"logits\":[1,2,3]", "presence_penalty=0.2", "\"history\":[2,0,2]", { .8, 2, 2.8 } },
};

static void block_d(void)
{
    COMPARE(block_d_probs, "probs", 1e-6);
    COMPARE(block_d_logits, "logits", 1e-6);
    json_t *p = dist_case_parts("D", D4, "top_p=0.95", ""),
           *mp = dist_case_parts("D", D4, "min_p=0.1 | top_p=0.95", "");
    for (size_t v = 0; v < 4; v++)
        check(dist_case_number(p, "probs", v) > 0 || dist_case_number(mp, "probs", v) == 0,
              "D: min_p then top_p is part of top_p, %zu", v);
    json_decref(p);
    json_decref(mp);
}

/* D: ids out of range are errors for all three penalties. */
static void block_d_errors(void)
{
    static const char *const chains[] = { "repetition_penalty=2", "frequency_penalty=1", "presence_penalty=1" };
    static const char *const ids[] = { "3", "-1", "1.5" };
    struct dist *dist = dist_alloc();
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
    dist_free(dist);
}

static void block_f(void)
{
    dist_case_greedy("F presence", "\"logits\":[0,5,4]", "presence_penalty(6, last_n=1)", "[1]", 2);
    dist_case_greedy("F repeat 2", "\"logits\":[0,5,4]", "repetition_penalty=2", "[1]", 2);
    dist_case_greedy("F repeat 4 negative", "\"logits\":[-5,-1,-3]", "repetition_penalty=4", "[1]", 2);
    dist_case_greedy("F frequency", "\"logits\":[0,5,4]", "frequency_penalty(2, last_n=4)", "[1,1]", 2);
    dist_case_greedy("F top_k 1", "\"logits\":[1,5,4]", "top_k=1", "[]", 1);
    dist_case_greedy("F top_p .4", "\"probs\":[0.5,0.3,0.2]", "top_p=0.4", "[]", 0);
    dist_case_greedy("F min_p .7", "\"probs\":[0.5,0.3,0.2]", "min_p=0.7", "[]", 0);
    dist_case_kept("F top_p .4", "\"probs\":[0.5,0.3,0.2]", "top_p=0.4", 1);
    dist_case_kept("F min_p .7", "\"probs\":[0.5,0.3,0.2]", "min_p=0.7", 1);
    dist_case_greedy("F last_n 0", "\"logits\":[0,5,4]",
                     "repetition_penalty(2, last_n=0) | presence_penalty(10, last_n=0)", "[1]", 1);
    dist_case_greedy("F last_n -1", "\"logits\":[0,5,4]", "presence_penalty(6, last_n=-1)", "[1]", 2);
    dist_case_kept("F top_k 2 then top_p .7", "\"probs\":[0.6,0.2,0.2]", "top_k=2 | top_p=0.7", 1);
    dist_case_greedy("F window", "\"logits\":[0,5,0,0,0]", "presence_penalty(10, last_n=2)", "[1,2,3]", 1);
    dist_case_greedy("F window goes on", "\"logits\":[0,0,5,0,0]", "presence_penalty(10, last_n=2)", "[1,2,3,1]", 2);
    dist_case_greedy("F speculative row 0", "\"logits\":[0,9,9,8,0]", "repetition_penalty(10, last_n=2)", "[1,2]", 3);
    dist_case_greedy("F speculative row 1", "\"logits\":[0,0,9,9,8]", "repetition_penalty(10, last_n=2)", "[1,2,3]", 4);
    dist_case_greedy("F speculative row 2", "\"logits\":[0,0,9,9,8]", "repetition_penalty(10, last_n=2)", "[1,2,3,4]",
                     2);
}

int main(void)
{
    block_a();
    block_a11();
    block_d();
    block_d_errors();
    block_f();
    return check_done("conformance");
}
