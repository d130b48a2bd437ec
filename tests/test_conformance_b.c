/* Block B of other systems' own test cases (transformers tests/generation/test_logits_process.py @019af3a) for the
 * transforms of decode/, each as one line of `dist`; blocks A, D and F are in test_conformance.c.
 *
 * The numbers are theirs.  Where Hugging Face has another rule than ours, the case is given our documented outcome:
 *   B3  `prompt_ignore_length=n` is last_n = what follows those n; `normalize=True` is the step `normalise` in front
 *   B5  its top_k keeps every tie of the last kept score; ours exactly k, lowest ids first
 *   B8  their first input sums to 1.0018; ours is normalised
 *   B9  its typical keeps the ties of the crossing symbol; ours the shortest prefix
 * B5 to B11 under their own rules are in test_conformance_profiles.c, B13 to B17 in test_conformance_history.c. */
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"

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
    json_t *plain = dist_case_parts("B2", text_s(&hilly), "", "");
    json_t *sharp = dist_case_parts("B2 .5", text_s(&hilly), "temperature=0.5", "");
    json_t *soft = dist_case_parts("B2 1.3", text_s(&hilly), "temperature=1.3", "");
    check(dist_case_number(sharp, "probs", 5) > dist_case_number(plain, "probs", 5) &&
              dist_case_number(sharp, "probs", 10) < dist_case_number(plain, "probs", 10),
          "B2: T=.5 raises the peak and lowers the valley");
    check(dist_case_number(soft, "probs", 5) < dist_case_number(plain, "probs", 5) &&
              dist_case_number(soft, "probs", 10) > dist_case_number(plain, "probs", 10),
          "B2: T=1.3 the reverse");
    json_decref(plain);
    json_decref(sharp);
    json_decref(soft);
    static const char *const chains[] = { "temperature=0.5", "temperature=1.3" };
    for (int i = 0; i < 2; i++) {
        json_t *o = dist_case_parts("B2 even", text_s(&even), chains[i], "");
        for (size_t v = 0; v < 20; v++)
            check_near(dist_case_number(o, "probs", v), .05, 1e-3, "B2: %s leaves the even row", chains[i]);
        json_decref(o);
    }
    text_free(&even);
    text_free(&hilly);
}

#define B3_ROW0 "\"logits\":[-0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]"
#define B3_ROW1 "\"logits\":[0.1,0.1,0.1,0.1,0.1,0.4,0.1,0.1,0.1,0.1]"

static void block_b3(void)
{
    static const struct dist_case cases[] = {
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
    json_t *logp = dist_case_parts("B3 log_softmax", B3_ROW0, "normalise", "");
    json_t *twice = dist_case_parts("B3 normalize", B3_ROW0, "normalise | repetition_penalty=2", "\"prompt\":[0,1]");
    json_t *half =
        dist_case_parts("B3 normalize .5", B3_ROW0, "normalise | repetition_penalty=0.5", "\"prompt\":[0,1]");
    for (size_t v = 0; v < 10; v++) {
        double lp = dist_case_number(logp, "logits", v);
        check_near(dist_case_number(twice, "logits", v), v < 2 ? 2 * lp : lp, 1e-6, "B3: seen is 2 log_softmax, %zu",
                   v);
        check_near(dist_case_number(half, "logits", v), v < 2 ? .5 * lp : lp, 1e-6, "B3: seen is .5 log_softmax, %zu",
                   v);
    }
    check(dist_case_number(half, "logits", 0) > dist_case_number(logp, "logits", 0), "B3: a penalty of .5 rewards");
    json_decref(logp);
    json_decref(twice);
    json_decref(half);
}

#define RAMP    "\"logits\":[-5,-4,-3,-2,-1,0,1,2,3,4]"
#define RAMP100 "\"logits\":[-500,-400,-300,-200,-100,0,100,200,300,400]"

static void block_b_cuts(void)
{
    static const struct dist_case probs[] = {
        { "B6 .8 first", "\"probs\":[0.3,0.1,0.1,0.5]", "top_p=0.8", RAW, { .3, 0, 0, .5 } },
        { "B6 .8 second", "\"probs\":[0.15,0.3,0.3,0.25]", "top_p=0.8", RAW, { 0, .3, .3, .25 } },
        { "B8 .05", "\"probs\":[0.9,0.0274,0.047,0.0274]", "min_p=0.05", RAW, { .9 / 1.0018, 0, .047 / 1.0018, 0 } },
        { "B8 all", "\"probs\":[0.15,0.3,0.3,0.25]", "min_p=0.05", RAW, { .15, .3, .3, .25 } },
        { "B8 one", "\"probs\":[0.97,0.01,0.01,0.01]", "min_p=0.05", RAW, { .97, 0, 0, 0 } },
        { "B9 one", "\"probs\":[0.97,0.01,0.01,0.01]", "typical=0.5", RAW, { .97, 0, 0, 0 } },
        { "B9 three", "\"probs\":[0.4,0.2,0.2,0.2]", "typical=0.5", RAW, { 0, .2, .2, .2 } },
    };
    COMPARE(probs, "probs", 1e-3);
    static const struct dist_case logits[] = {
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
    dist_case_kept("B6 min_keep", RAMP, "top_p(0.9, min_keep=2)", 3);
    dist_case_kept("B6 min_keep", RAMP100, "top_p(0.9, min_keep=2)", 2);
    dist_case_kept("B8 min_keep", RAMP, "min_p(0.9, min_keep=2)", 2);
    dist_case_kept("B8 min_keep", RAMP100, "min_p(0.9, min_keep=2)", 2);
    dist_case_kept("B9 ties (ours: three of five reach .5)", EVEN5, "typical(0.5, min_keep=3)", 3);
    dist_case_kept("B9 min_keep", RAMP, "typical(0.7, min_keep=2)", 2);
    dist_case_kept("B9 min_keep", RAMP100, "typical(0.7, min_keep=2)", 2);
}

#define EVEN3  "\"logits\":[0,0,0]"
#define EVEN10 "\"logits\":[0,0,0,0,0,0,0,0,0,0]"

static void block_b12(void)
{
    static const struct dist_case cases[] = {
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
        json_t *plain = dist_case_parts("B20", rows[i], "", ""), *o = dist_case_parts("B20", rows[i], "normalise", "");
        double sum = 0;
        for (size_t v = 0; v < 4; v++) {
            sum += exp(dist_case_number(o, "logits", v));
            check_near(exp(dist_case_number(o, "logits", v)), dist_case_number(plain, "probs", v), 1e-6,
                       "B20: exp is the softmax, %zu", v);
        }
        check_near(sum, 1, 1e-6, "B20: sums to one");
        json_decref(plain);
        json_decref(o);
    }
}

int main(void)
{
    block_b2();
    block_b3();
    block_b_cuts();
    block_b12();
    block_b20();
    return check_done("conformance_b");
}
