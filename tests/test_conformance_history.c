/* Blocks A, B and D of other systems' own test cases (llama.cpp tests/test-sampling.cpp @07e4038, transformers
 * tests/generation/test_logits_process.py @019af3a, openvino.genai tests/cpp/logit_filtering.cpp @da1db86) for the
 * transforms that read the history, mask, bias or watermark, each as lines of `dist`.  The others are in
 * test_conformance.c and test_conformance_b.c; A7, D's penalties and F there too.
 *
 * Where a system has another rule than ours, the case is given our documented outcome and says so:
 *   B14  Hugging Face never bans eos alone; ours bans what it is asked to, so the list leaves [4] out
 *   B17  Hugging Face gives a forced symbol the score 0; ours leaves its own: compared as probabilities */
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"

#define EVEN4  "\"probs\":[0.25,0.25,0.25,0.25]"
#define ZEROS5 "\"logits\":[0,0,0,0,0]"
#define UP3    "\"logits\":[1,2,3]"
#define EVEN10 "\"logits\":[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]"

static const struct dist_case block_a[] = {
    { "A10 {0,1}",
      EVEN4,
      "dry(1, base=1.1, allowed=2, last_n=4, breakers=[])",
      "\"history\":[0,1]",
      { .25, .25, .25, .25 } },
    { "A10 {0,1,2,0,1}",
      EVEN4,
      "dry(1, base=1.1, allowed=2, last_n=5, breakers=[])",
      "\"history\":[0,1,2,0,1]",
      { .296923, .296923, .109232, .296923 } },
    { "A10 breaker",
      EVEN5,
      "dry(1, base=1.1, allowed=2, last_n=6, breakers=[3])",
      "\"history\":[0,1,3,4,0,1]",
      { .2, .2, .2, .2, .2 } },
    { "A10 multiplier 2",
      EVEN5,
      "dry(2, base=1.1, allowed=2, last_n=5, breakers=[])",
      "\"history\":[0,1,2,0,1]",
      { .241818, .241818, .032727, .241818, .241818 } },
    { "A10 allowed 4",
      EVEN5,
      "dry(1, base=1.1, allowed=4, last_n=7, breakers=[])",
      "\"history\":[0,1,2,3,4,0,1]",
      { .2, .2, .2, .2, .2 } },
};

static const struct dist_case block_b_scores[] = {
    { "B3", "\"logits\":[-0.1,0.1,0.1]", "repetition_penalty=2", "\"history\":[0,1]", { -.2, .05, .1 } },
    { "B3 normalised",
      "\"probs\":[0.5,0.25,0.25]",
      "repetition_penalty_norm=2",
      "\"history\":[0,1]",
      { -1.386294, -2.772589, -1.386294 } },
    { "B4 0", "\"logits\":[-0.1,0.1,0.1]", "prompt_reward=2", "\"prompt\":[0,1]", { -.05, .2, .1 } },
    { "B4 1",
      "\"logits\":[0.1,0.1,0.1,0.1,0.1,0.4]",
      "prompt_reward=2",
      "\"prompt\":[5,0]",
      { .2, .1, .1, .1, .1, .8 } },
    { "B4 normalised",
      "\"probs\":[0.5,0.25,0.25]",
      "normalise | prompt_reward=2",
      "\"prompt\":[0,1]",
      { -.346574, -.693147, -1.386294 } },
    { "B13 n=2",
      ZEROS5,
      "no_repeat_ngram(2, of=prompt)",
      "\"prompt\":[1,2,1,1],\"history\":[1,2,1]",
      { 0, MASKED, MASKED, 0, 0 } },
    { "B13 n=2, 2",
      ZEROS5,
      "no_repeat_ngram(2, of=prompt)",
      "\"prompt\":[1,2,1,1],\"history\":[4,0,2]",
      { 0, MASKED, 0, 0, 0 } },
    { "B13 n=3",
      ZEROS5,
      "no_repeat_ngram(3, of=prompt)",
      "\"prompt\":[1,2,1,1],\"history\":[1,2,1]",
      { 0, MASKED, 0, 0, 0 } },
    { "B13 n=3, 2",
      ZEROS5,
      "no_repeat_ngram(3, of=prompt)",
      "\"prompt\":[1,2,1,1],\"history\":[4,0,2]",
      { 0, 0, 0, 0, 0 } },
    { "B13 batch 1",
      ZEROS5,
      "no_repeat_ngram(2, of=prompt)",
      "\"prompt\":[1,2,1,1],\"history\":[1,0,2]",
      { 0, MASKED, 0, 0, 0 } },
    { "B13 batch 2",
      ZEROS5,
      "no_repeat_ngram(2, of=prompt)",
      "\"prompt\":[0,0,2,1],\"history\":[0,0,0]",
      { MASKED, 0, MASKED, 0, 0 } },
    { "B13 batch 3",
      ZEROS5,
      "no_repeat_ngram(2, of=prompt)",
      "\"prompt\":[0,0,2,1],\"history\":[0,2,2]",
      { 0, MASKED, 0, 0, 0 } },
    { "B13 batch 2, n=3",
      ZEROS5,
      "no_repeat_ngram(3, of=prompt)",
      "\"prompt\":[0,0,2,1],\"history\":[0,0,0]",
      { 0, 0, MASKED, 0, 0 } },
    { "B14 3", ZEROS5, "ban=[1, 1+0, 0+1+2, 1+3+1+3]", "\"history\":[0,1,3,1]", { MASKED, MASKED, 0, MASKED, 0 } },
    { "B14 4", ZEROS5, "ban=[1, 1+0, 0+1+2, 1+3+1+3]", "\"history\":[0,1,0,1]", { MASKED, MASKED, MASKED, 0, 0 } },
    { "B15 3",
      ZEROS5,
      "sequence_bias=[1:100, 4:100, 1+0:-100, 0+1+2:-100, 1+3+1+3:-100, 1+3+1+3+1+3:-100]",
      "\"history\":[0,1,3,1]",
      { -100, 100, 0, -100, 100 } },
    { "B15 4",
      ZEROS5,
      "sequence_bias=[1:100, 4:100, 1+0:-100, 0+1+2:-100, 1+3+1+3:-100, 1+3+1+3+1+3:-100]",
      "\"history\":[0,1,0,1]",
      { -100, 100, -100, 0, 100 } },
    { "B16", ZEROS5, "allow=[2, 3]", "\"history\":[0]", { MASKED, MASKED, 0, 0, MASKED } },
    { "D end", UP3, "min_tokens(1, ends=[1])", "", { 1, MASKED, 3 } },
    { "D ends", UP3, "min_tokens(1, ends=[0, 1])", "", { MASKED, MASKED, 3 } },
    { "D suppress", UP3, "suppress=[0, 1]", "", { MASKED, MASKED, 3 } },
};

static const struct dist_case block_b_probs[] = {
    { "B17 bos", ZEROS5, "force=[0]", "\"prompt\":[2]", { 1, 0, 0, 0, 0 } },
    { "B17 bos later", ZEROS5, "force=[0]", "\"prompt\":[2],\"history\":[1,1,1]", { .2, .2, .2, .2, .2 } },
    { "B17 eos", ZEROS5, "force([0], from=4)", "\"history\":[1,2,3,4]", { 1, 0, 0, 0, 0 } },
    { "B17 eos earlier", ZEROS5, "force([0], from=4)", "\"history\":[1,2,3]", { .2, .2, .2, .2, .2 } },
};

/* B1, both processors: the history is all of it for MinLength, what is behind the prompt for MinNewTokens. */
static void block_b1(void)
{
    static const struct {
        const char *chain, *more;
        int kept;
    } rows[] = {
        { "min_tokens(10, ends=[0])", "\"history\":[1,1,1,1,1]", 4 },
        { "min_tokens(10, ends=[0])", "\"history\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 5 },
        { "min_tokens(3, ends=[0])", "\"prompt\":[1,1,1,1,1],\"history\":[]", 4 },
        { "min_tokens(3, ends=[0, 4])", "\"prompt\":[1,1,1,1,1],\"history\":[1,1]", 3 },
        { "min_tokens(3, ends=[0, 4])", "\"prompt\":[1,1,1,1,1],\"history\":[1,1,1]", 5 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *o = dist_case_parts("B1", ZEROS5, rows[i].chain, rows[i].more);
        int kept = (int)json_integer_value(json_object_get(o, "kept"));
        check(kept == rows[i].kept, "B1 %s, %s: %d kept, want %d", rows[i].chain, rows[i].more, kept, rows[i].kept);
        json_decref(o);
    }
}

/* B19: start 5, factor 1.1, prompt of 2; at length 2 nothing, at length 20 the end rises, whatever its sign. */
static void block_b19(void)
{
    const char *more = "\"prompt\":[1,1],\"history\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]";
    json_t *now = dist_case_parts("B19", EVEN10, "length_decay(5, factor=1.1, ends=[0])", "\"prompt\":[1,1]");
    check(dist_case_number(now, "logits", 0) == dist_case_number(now, "logits", 1), "B19 length 2");
    json_decref(now);
    now = dist_case_parts("B19", EVEN10, "length_decay(5, factor=1.1, ends=[0])", more);
    check_near(dist_case_number(now, "logits", 0), .1 * pow(1.1, 13), 1e-6, "B19 length 20");
    json_decref(now);
    now = dist_case_parts("B19", "\"logits\":[-0.05,-0.05]", "length_decay(5, factor=1.1, ends=[0])", more);
    check_near(dist_case_number(now, "logits", 0), -.05 + .05 * (pow(1.1, 13) - 1), 1e-6, "B19 negative scores");
    json_decref(now);
}

/* B23: 20 symbols, the last is 10: symbol 1 is green. */
static void block_b23(void)
{
    json_t *o =
        dist_case_parts("B23", "\"logits\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", "green", "\"history\":[0,5,10]");
    int green = 0;
    for (size_t v = 0; v < 20; v++)
        green += dist_case_number(o, "logits", v) == 2;
    check(dist_case_number(o, "logits", 1) == 2 && green == 5, "B23: symbol 1 is green, %d are", green);
    json_decref(o);
}

int main(void)
{
    COMPARE(block_a, "probs", 1e-5);
    COMPARE(block_b_scores, "logits", 1e-5);
    COMPARE(block_b_probs, "probs", 1e-6);
    block_b1();
    block_b19();
    block_b23();
    return check_done("conformance_history");
}
