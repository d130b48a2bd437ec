/* Blocks A, B and D of other systems' own test cases for the transforms of one row that are not in test_conformance.c and
 * test_conformance_b.c, each under its system's profile, so that their outcome is reproduced where it differs from ours:
 *   A1b, A5, A6, A8, A9   llama.cpp tests/test-sampling.cpp @07e4038
 *   B5-B11                transformers tests/generation/test_logits_process.py @019af3a
 *   D                     openvino.genai tests/cpp/logit_filtering.cpp @da1db86: the ban of end symbols
 *   1C                    where one mass is met exactly, system by system (by reading of their code) */
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"

#define P4        "\"probs\":[0.1,0.2,0.3,0.4]"
#define LLAMA     "\"profile\":\"llamacpp\""
#define LLAMA_RAW LLAMA "," RAW
#define HF        "\"profile\":\"@hf\""
#define HF_RAW    HF "," RAW

static const struct dist_case block_a[] = {
    { "A1b (1,0,1)", P4, "dynatemp(0, temperature=1)", LLAMA, { .1, .2, .3, .4 } },
    { "A1b (0,0,1)", P4, "dynatemp(0, temperature=0)", LLAMA, { 0, 0, 0, 1 } },
    { "A5 .09", "\"probs\":[0.4,0.3,0.2,0.1]", "xtc(0.99, threshold=0.09)", LLAMA_RAW, { 0, 0, 0, .1 } },
    { "A5 .19", "\"probs\":[0.4,0.3,0.2,0.1]", "xtc(0.99, threshold=0.19)", LLAMA_RAW, { 0, 0, .2, .1 } },
    { "A5 .29", "\"probs\":[0.4,0.3,0.2,0.1]", "xtc(0.99, threshold=0.29)", LLAMA_RAW, { 0, .3, .2, .1 } },
    { "A5 .39", "\"probs\":[0.4,0.3,0.2,0.1]", "xtc(0.99, threshold=0.39)", LLAMA_RAW, { .4, .3, .2, .1 } },
    { "A6 one", "\"probs\":[0.97,0.01,0.01,0.01]", "typical=0.5", LLAMA_RAW, { .97, 0, 0, 0 } },
    { "A6 three", "\"probs\":[0.4,0.2,0.2,0.2]", "typical=0.5", LLAMA_RAW, { 0, .2, .2, .2 } },
    { "A8 n=1", P4, "top_n_sigma=1.00", LLAMA, { 0, 0, .428571, .571429 } },
    { "A8 n=0", P4, "top_n_sigma=0", LLAMA, { .1, .2, .3, .4 } },
    { "A8 n=3", P4, "top_n_sigma=3", LLAMA, { .1, .2, .3, .4 } },
    { "A9 .225", "\"probs\":[0.1,0.15,0.2,0.25,0.3]", "p_less", LLAMA, { 0, 0, 0, .45454545, .54545455 } },
    { "A9 even", EVEN5, "p_less", LLAMA, { .2, .2, .2, .2, .2 } },
};

static const struct dist_case block_b[] = {
    { "B6 a", "\"probs\":[0.3,0.1,0.1,0.5]", "top_p=0.8", HF_RAW, { .3, 0, 0, .5 } },
    { "B6 b", "\"probs\":[0.15,0.3,0.3,0.25]", "top_p=0.8", HF_RAW, { 0, .3, .3, .25 } },
    { "B7 .3", "\"probs\":[0.97,0.01,0.01,0.01]", "top_h=0.3", HF_RAW, { .97, 0, 0, 0 } },
    { "B7 .7", "\"probs\":[0.4,0.3,0.2,0.1]", "top_h=0.7", HF_RAW, { .4, .3, 0, 0 } },
    { "B7 even 1", "\"probs\":[0.25,0.25,0.25,0.25]", "top_h=1", HF_RAW, { .25, .25, .25, .25 } },
    { "B7 .4", "\"probs\":[0.75,0.25,0,0]", "top_h=0.4", HF_RAW, { .75, 0, 0, 0 } },
    { "B8 b", "\"probs\":[0.15,0.3,0.3,0.25]", "min_p=0.05", HF_RAW, { .15, .3, .3, .25 } },
    { "B8 c", "\"probs\":[0.97,0.01,0.01,0.01]", "min_p=0.05", HF_RAW, { .97, 0, 0, 0 } },
    { "B9 a", "\"probs\":[0.97,0.01,0.01,0.01]", "typical=0.5", HF_RAW, { .97, 0, 0, 0 } },
    { "B9 b", "\"probs\":[0.4,0.2,0.2,0.2]", "typical=0.5", HF_RAW, { 0, .2, .2, .2 } },
    { "B10 a", "\"probs\":[0.87,0.099,0.001,0.03]", "epsilon=0.1", HF_RAW, { .87, 0, 0, 0 } },
    { "B10 b", "\"probs\":[0.4,0.299,0.101,0.2]", "epsilon=0.1", HF_RAW, { .4, .299, .101, .2 } },
    { "B11 a", "\"probs\":[0,0.1,0.8,0.1]", "eta=0.0625", HF_RAW, { 0, .1, .8, .1 } },
    { "B11 b", "\"probs\":[0.01,0.04,0.9,0.05]", "eta=0.0625", HF_RAW, { 0, 0, .9, 0 } },
};

static const struct dist_case block_d[] = {
    { "D ban {1}", "\"logits\":[1,2,3]", "suppress=[1]", "", { 1, MASKED, 3 } },
    { "D ban {0,1}", "\"logits\":[1,2,3]", "suppress=[0, 1]", "", { MASKED, MASKED, 3 } },
};

#define RAMP    "\"logits\":[-5,-4,-3,-2,-1,0,1,2,3,4]"
#define RAMP100 "\"logits\":[-500,-400,-300,-200,-100,0,100,200,300,400]"

/* How many their processors keep of 10 scores one apart, of those times 100, and of 5 equal ones. */
static void block_b_kept(void)
{
    dist_case_kept("B5 ramp", "\"logits\":[0,1,2,3,4,5,6,7,8,9]", "@hf | top_k=3", 3);
    dist_case_kept("B5 equal", EVEN5, "@hf | top_k(1, min_keep=3)", 5);
    dist_case_kept("B5 ramp of 5", "\"logits\":[0,1,2,3,4]", "@hf | top_k(1, min_keep=3)", 3);
    dist_case_kept("B6 ramp", RAMP, "@hf | top_p(0.9, min_keep=2)", 3);
    dist_case_kept("B6 ramp x 100", RAMP100, "@hf | top_p(0.9, min_keep=2)", 2);
    dist_case_kept("B8 ramp", RAMP, "@hf | min_p(0.9, min_keep=2)", 2);
    dist_case_kept("B8 ramp x 100", RAMP100, "@hf | min_p(0.9, min_keep=2)", 2);
    dist_case_kept("B9 equal", EVEN5, "@hf | typical(0.5, min_keep=3)", 5);
    dist_case_kept("B9 ramp", RAMP, "@hf | typical(0.7, min_keep=2)", 2);
    dist_case_kept("B9 ramp x 100", RAMP100, "@hf | typical(0.7, min_keep=2)", 2);
    dist_case_kept("B10 ramp", RAMP, "@hf | epsilon(0.05, min_keep=2)", 3);
    dist_case_kept("B10 ramp x 100", RAMP100, "@hf | epsilon(0.05, min_keep=2)", 2);
    dist_case_kept("B11 ramp", RAMP, "@hf | eta(0.1, min_keep=2)", 2);
    dist_case_kept("B11 ramp x 100", RAMP100, "@hf | eta(0.1, min_keep=2)", 2);
    json_t *o = dist_case_parts("B7 even .5", "\"probs\":[0.25,0.25,0.25,0.25]", "@hf | top_h=0.5", "");
    check(json_integer_value(json_object_get(o, "kept")) < 4, "B7: an even row at .5 is cut");
    json_decref(o);
}

static void boundaries(void)
{
    static const struct {
        const char *profile;
        int met, crossed, zero; /* kept of {.5,.3,.2} at p = .8, .79, 0 */
    } rows[] = { { "", 2, 2, 1 },         { "@hf | ", 2, 2, 1 },     { "@llamacpp | ", 2, 2, 1 },
                 { "@vllm | ", 2, 2, 1 }, { "@sglang | ", 3, 2, 1 }, { "@exllama3 | ", 2, 1, 1 },
                 { "@mlx | ", 2, 2, 3 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static const char *const ps[] = { "0.8", "0.79", "0" };
        int want[] = { rows[i].met, rows[i].crossed, rows[i].zero };
        for (int k = 0; k < 3; k++) {
            struct text chain = { 0 };
            text_addf(&chain, "%stop_p=%s", rows[i].profile, ps[k]);
            dist_case_kept("1C", "\"probs\":[0.5,0.3,0.2]", text_s(&chain), want[k]);
            text_free(&chain);
        }
    }
    /* top_k_first renormalises: .6 and .2 are .75 and .25; joint filters see .6 and .2 */
    dist_case_kept("1C first", "\"probs\":[0.6,0.2,0.2]", "@hf | top_k=1 | top_p=0.7", 1);
    dist_case_kept("1C first", "\"probs\":[0.6,0.21,0.19]", "@vllm | top_k=2 | top_p=0.7", 1);
    dist_case_kept("1C joint", "\"probs\":[0.6,0.21,0.19]", "@sglang | top_k=2 | top_p=0.7", 2);
}

int main(void)
{
    COMPARE(block_a, "probs", 1e-5);
    COMPARE(block_b, "probs", 1e-3);
    COMPARE(block_d, "logits", 1e-6);
    block_b_kept();
    boundaries();
    return check_done("conformance_profiles");
}
