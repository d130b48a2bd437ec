/* decode/dist: the members of an answer, errors that name what they saw, and draws as a search makes them. */
#include "base/doc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/row.h"
#include "decode/dist.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *ask(struct dist *d, const char *line, int want)
{
    struct text out = { 0 };
    int code = dist_line(d, line, strlen(line), &out);
    check(code == want, "%s: code %d, want %d: %s", line, code, want, text_s(&out));
    json_t *o = doc_read("answer", text_s(&out), out.len);
    check(o != NULL, "%s: the answer is JSON: %s", line, text_s(&out));
    check(memchr(text_s(&out), '\n', out.len) == NULL, "the answer is one line");
    text_free(&out);
    return o;
}

static double real(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static double at(const json_t *o, const char *key, size_t i)
{
    return json_number_value(json_array_get(json_object_get(o, key), i));
}

/* {.4, .3, .2, .1}, top_k=3 then top_p=.7: by hand. */
static void members(struct dist *d)
{
    json_t *o = ask(d, "{\"id\":\"a\",\"probs\":[0.1,0.2,0.3,0.4],\"chain\":\"top_k=3|top_p=0.7\"}", 0), *step;
    check(strcmp(json_string_value(json_object_get(o, "id")), "a") == 0, "the id comes back");
    check(json_array_size(json_object_get(o, "probs")) == 4 && json_array_size(json_object_get(o, "logits")) == 4,
          "every symbol is there");
    check_near(at(o, "probs", 3), 4. / 7, 1e-6, "p(3)");
    check_near(at(o, "probs", 2), 3. / 7, 1e-6, "p(2)");
    check(at(o, "probs", 1) == 0 && json_is_null(json_array_get(json_object_get(o, "logits"), 1)), "1 is masked");
    check_near(at(o, "logits", 3), log(.4), 1e-6, "the scores are those of ln p");
    check(real(o, "kept") == 2, "kept");
    check_near(real(o, "mass"), .7, 1e-6, "mass of the distribution given");
    double entropy = -(4. / 7 * log(4. / 7) + 3. / 7 * log(3. / 7));
    check_near(real(o, "entropy"), entropy, 1e-6, "entropy");
    check(json_array_size(json_object_get(o, "steps")) == 2, "two steps");
    step = json_array_get(json_object_get(o, "steps"), 0);
    check(strcmp(json_string_value(json_object_get(step, "name")), "top_k") == 0 && real(step, "kept") == 3, "top_k");
    check_near(real(step, "mass"), .9, 1e-6, "top_k's mass");
    step = json_array_get(json_object_get(o, "steps"), 1);
    check_near(real(step, "mass"), 7. / 9, 1e-6, "top_p's mass, of what top_k left");
    check_near(real(step, "entropy"), entropy, 1e-6, "top_p's entropy");
    check(json_object_get(o, "drawn") == NULL, "nothing is drawn unasked");
    json_decref(o);
}

static void other_forms(struct dist *d)
{
    json_t *o =
        ask(d, "{\"id\":7,\"logits\":[null,1,0],\"chain\":\"temperature=2|min_p=0.7\",\"unnormalised\":true}", 0);
    check(json_integer_value(json_object_get(o, "id")) == 7, "an integer is an id too");
    double top = 1 / (1 + exp(-.5)); /* of two symbols .5 apart after T = 2 */
    check_near(at(o, "probs", 1), top, 1e-6, "unnormalised: the mass of the last step");
    check(at(o, "probs", 2) == 0 && at(o, "probs", 0) == 0, "what is masked has none");
    check_near(real(o, "mass"), 1 / (1 + exp(-1)), 1e-6, "mass is of the distribution given, before temperature");
    json_decref(o);

    o = ask(d, "{\"logits\":[3,1,2]}", 0);
    check(json_is_null(json_object_get(o, "id")) && real(o, "mass") == 1 && real(o, "kept") == 3, "no chain, no id");
    check(json_array_size(json_object_get(o, "steps")) == 0, "no step");
    json_decref(o);

    o = ask(d, "{\"probs\":[0,2,6],\"chain\":\"\"}", 0);
    check_near(at(o, "probs", 2), .75, 1e-6, "weights of any sum");
    json_decref(o);

    o = ask(d, "{\"logits\":[5],\"chain\":\"top_p=0|typical=0.2|min_p=1|top_k=9|temperature=0\",\"draw\":2}", 0);
    check(at(o, "probs", 0) == 1 && real(o, "entropy") == 0 && at(o, "drawn", 1) == 0, "one symbol stays");
    json_decref(o);
}

static void dead(struct dist *d)
{
    json_t *o = ask(d, "{\"logits\":[null,null],\"chain\":\"temperature=0|top_p=0.5\",\"draw\":3}", 0);
    check(at(o, "probs", 0) == 0 && real(o, "kept") == 0 && real(o, "mass") == 0 && real(o, "entropy") == 0,
          "dead stays dead");
    check(json_array_size(json_object_get(o, "drawn")) == 0, "nothing can be drawn");
    json_decref(o);
    o = ask(d, "{\"logits\":[1,2],\"history\":[0,1],\"chain\":\"no_repeat_ngram=1|temperature=0\"}", 0);
    check(real(o, "kept") == 0 && real(o, "mass") == 0, "a chain may kill");
    const json_t *step = json_array_get(json_object_get(o, "steps"), 1);
    check(real(step, "kept") == 0 && real(step, "mass") == 0, "and the steps after it say so");
    json_decref(o);
}

static void refused(struct dist *d, const char *line, int code, const char *message)
{
    json_t *o = ask(d, line, code);
    const char *error = json_string_value(json_object_get(o, "error"));
    check(error && strstr(error, message), "%s says '%s', want '%s'", line, error ? error : "(nothing)", message);
    json_decref(o);
}

static void errors(void)
{
    struct dist *d = dist_alloc();
    refused(d, "{\"id\":", ERR_DATA, "line 1:1:");
    refused(d, "[1]", ERR_DATA, "line 2: not a JSON object");
    refused(d, "{\"id\":\"a\"}", ERR_DATA, "line 3: neither 'logits' nor 'probs'");
    refused(d, "{\"logits\":[1],\"probs\":[1]}", ERR_DATA, "both 'logits' and 'probs'");
    refused(d, "{\"logits\":[]}", ERR_DATA, "a distribution of 0 symbols");
    refused(d, "{\"logits\":[1,\"x\"]}", ERR_DATA, "logits[1] is \"x\", want a float32 or null");
    refused(d, "{\"logits\":[1,1e300]}", ERR_DATA, "logits[1] is 1e+300, want a float32");
    refused(d, "{\"probs\":[1,-0.5]}", ERR_DATA, "probs[1] is -0.5, want a number >= 0");
    refused(d, "{\"logits\":3}", ERR_DATA, "'logits' is an integer, want an array");
    refused(d, "{\"logits\":[1],\"chian\":\"\"}", ERR_DATA, "unknown member 'chian'; did you mean 'chain'?");
    refused(d, "{\"logits\":[1],\"chain\":\"top_q=1\"}", ERR_USAGE, "unknown transform 'top_q'");
    refused(d, "{\"logits\":[1],\"chain\":7}", ERR_DATA, "'chain' is an integer, want a string");
    refused(d, "{\"logits\":[1],\"history\":[1]}", ERR_DATA, "history[0] is 1, want a symbol in 0 .. 0");
    refused(d, "{\"logits\":[1],\"prompt\":{}}", ERR_DATA, "'prompt' is an object");
    refused(d, "{\"logits\":[1],\"draw\":-1}", ERR_DATA, "'draw' is -1");
    refused(d, "{\"logits\":[1],\"draw\":10000000}", ERR_DATA, "want 0 .. 1000000");
    refused(d, "{\"logits\":[1],\"seed\":-1}", ERR_DATA, "'seed' is -1");
    refused(d, "{\"logits\":[1],\"space\":\"12\"}", ERR_DATA, "want 16 lower-case hex digits");
    refused(d, "{\"id\":[1],\"logits\":[1]}", ERR_DATA, "'id' is neither");
    refused(d, "{\"logits\":[1],\"logits\":[2]}", ERR_DATA, "duplicate");
    json_t *o = ask(d, "{\"id\":\"\xe4\xb8\xad \\\"q\\\"\",\"logits\":[1],\"chain\":\"nope\"}", ERR_USAGE);
    check(strcmp(json_string_value(json_object_get(o, "id")), "\xe4\xb8\xad \"q\"") == 0, "an error keeps its id");
    json_decref(o);
    o = ask(d, "{\"id\":\"b\",\"logits\":[1,2]}", 0);
    check(json_object_get(o, "error") == NULL, "the next line is fine");
    json_decref(o);
    dist_free(d);
    dist_free(NULL);
}

/* A draw is the one of the address: seed, item or id, space, draw, step; the same the next time and frequent as p. */
static void draws(struct dist *d)
{
    const char *line =
        "{\"id\":\"x\",\"item\":\"opening-7\",\"space\":\"00000000deadbeef\",\"seed\":9,\"history\":[1,1],"
        "\"logits\":[0.5,1.5,-1,null,0],\"chain\":\"temperature=0.7\",\"draw\":4000}";
    double count[5] = { 0 }, chi2 = 0;
    json_t *o = ask(d, line, 0), *again = ask(d, line, 0);
    check(json_equal(o, again), "the same line has the same answer");
    float score[5];
    for (size_t v = 0; v < 5; v++)
        score[v] = v == 3 ? -INFINITY : (float)at(o, "logits", v);
    struct row r = row_over(score, 5);
    check(row_measure(&r) == 0, "measured");
    struct rng_address a = {
        .seed = 9, .item = hash_string("opening-7"), .space = 0xdeadbeef, .step = 2, .purpose = RNG_DRAW
    };
    for (a.draw = 0; a.draw < 4000; a.draw++) {
        struct rng_key k = rng_key(&a);
        size_t drawn = (size_t)at(o, "drawn", a.draw);
        check(row_draw(&r, &k) == drawn, "draw %u is the one of its address", a.draw);
        count[drawn < 5 ? drawn : 3]++;
    }
    for (size_t v = 0; v < 5; v++)
        if (v != 3)
            chi2 += pow(count[v] - 4000 * at(o, "probs", v), 2) / (4000 * at(o, "probs", v));
    check(count[3] == 0 && chi2 < 30.7, "chi-square of 3 degrees is %g, 1e-6 is at 30.7", chi2);
    json_decref(o);
    json_decref(again);
}

/* KL of {.5, .5} (renormalised) from {.4, .4, .2} and of T = 2, by hand; a profile by its name, with or without @. */
static void steps_and_profiles(struct dist *d)
{
    json_t *o = ask(d, "{\"probs\":[0.4,0.4,0.2],\"chain\":\"top_k=2 | temperature=2\"}", 0), *step;
    step = json_array_get(json_object_get(o, "steps"), 0);
    check(strcmp(json_string_value(json_object_get(step, "step")), "top_k=2") == 0, "a step's text");
    check_near(real(step, "divergence"), log(.5 / .4), 1e-6, "KL from the model");
    step = json_array_get(json_object_get(o, "steps"), 1);
    check_near(real(step, "divergence"), log(.5 / .4), 1e-6, "KL is from the row given, not from the step before");
    json_decref(o);
    o = ask(d, "{\"logits\":[2,0,null],\"chain\":\"temperature=2\"}", 0);
    double p = 1 / (1 + exp(-2)), q = 1 / (1 + exp(-1));
    step = json_array_get(json_object_get(o, "steps"), 0);
    check_near(real(step, "divergence"), q * log(q / p) + (1 - q) * log((1 - q) / (1 - p)), 1e-6,
               "KL of a temperature");
    json_decref(o);
    static const char *const names[] = { "sglang", "@sglang" };
    for (int i = 0; i < 2; i++) {
        char line[200];
        snprintf(line, sizeof line, "{\"probs\":[0.5,0.3,0.2],\"profile\":\"%s\",\"chain\":\"top_p=0.8\"}", names[i]);
        o = ask(d, line, 0);
        step = json_array_get(json_object_get(o, "steps"), 0);
        check(strcmp(json_string_value(json_object_get(step, "step")), "top_p(0.8, bound=over, of=given)") == 0 &&
                  real(step, "kept") == 3,
              "%s keeps one more where the mass is met", names[i]);
        json_decref(o);
    }
    o = ask(d, "{\"logits\":[1,2],\"profile\":\"hf\"}", 0);
    check(json_array_size(json_object_get(o, "steps")) == 0, "a profile alone has no step");
    json_decref(o);
    refused(d, "{\"logits\":[1],\"profile\":\"hff\",\"chain\":\"top_k=1\"}", ERR_USAGE, "did you mean '@hf'?");
    refused(d, "{\"logits\":[1],\"profile\":\"hf\",\"chain\":\"@vllm | top_k=1\"}", ERR_USAGE,
            "@vllm is not at the head of the chain");
    refused(d, "{\"logits\":[1],\"profile\":3}", ERR_DATA, "'profile' is an integer, want a string");
    refused(d, "{\"logits\":[1],\"chain\":\"conformal(0.1, mass=[2])\"}", ERR_USAGE, "mass[0] is 2");
}

static void explains(struct dist *d)
{
    struct text out = { 0 };
    const char *line = "{\"id\":\"a\",\"probs\":[0.1,0.2,0.3,0.4],\"chain\":\"top_p=0.6\"}";
    check(dist_explain(d, line, strlen(line), &out) == 0, "%s", err_text());
    static const char *const want[] = {
        "\"a\": 4 symbols, chain: top_p=0.6\n",
        "(given) ",
        " 1.2799 ",
        "top_p=0.6 ",
        " 0.700000 ",
        " 0.3567\n",
        "           3   0.400000   0.571429   ############################++++++++++++\n",
        "           0   0.100000   0.000000   .......\n"
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        check(strstr(text_s(&out), want[i]) != NULL, "the table holds '%s':\n%s", want[i], text_s(&out));
    text_clear(&out);
    check(dist_explain(d, "{\"id\":1}", 8, &out) == ERR_DATA && strstr(text_s(&out), "1: error: line "), "%s",
          text_s(&out));
    text_clear(&out); /* bug: an id could steer the terminal */
    line = "{\"id\":\"\xc2\x9b"
           "2J\xe2\x80\xae\",\"probs\":[1,1]}";
    check(dist_explain(d, line, strlen(line), &out) == 0 && strstr(text_s(&out), "\"\\x9b2J\\u202e\": 2 symbols"), "%s",
          text_s(&out));
    text_clear(&out);
    line = "{\"logits\":[null,null],\"chain\":\"top_k=1\"}";
    check(dist_explain(d, line, strlen(line), &out) == 0 && strstr(text_s(&out), "no support"), "%s", text_s(&out));
    text_free(&out);
}

int main(void)
{
    struct dist *d = dist_alloc();
    members(d);
    other_forms(d);
    dead(d);
    draws(d);
    steps_and_profiles(d);
    explains(d);
    dist_free(d);
    errors();
    return check_done("dist");
}
