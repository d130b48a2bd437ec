/* Cases that are more than a chain on one row, as lines of `dist` all the same: B18 (what is not finite), B21 (guidance: the
 * pool of two rows), B22 (an end that is likely enough: a transform of a script), B24's mean over keys, B25 and F's residual
 * (the rejection rule of speculative decoding).  B23 is in test_conformance_history.c; B24's means of g-values, which are the
 * detector's and no row's, are in test_green.c. */
#include "base/err.h"
#include "ensemble/pool_line.h"
#include "experiments/lua_transforms.h"
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* The answer, of an engine that pools and knows the transforms of a script; NULL: it is an error. */
static json_t *asked(const char *line, const struct lua_transforms *lua, struct text *out)
{
    struct dist *dist = dist_alloc();
    struct dist_options o = { .pool = pool_line_pooled };
    o.types = lua_transforms_types(lua, &o.n_types);
    dist_set(dist, &o);
    text_clear(out);
    int rc = dist_line(dist, line, strlen(line), out);
    dist_free(dist);
    return rc < 0 ? NULL : doc_read("answer", text_s(out), out->len);
}

static void refused(const char *line, const char *why)
{
    struct text out = { 0 };
    json_t *o = asked(line, NULL, &out);
    check(!o && strstr(text_s(&out), why), "%s: %s, want '%s'", line, text_s(&out), why);
    json_decref(o);
    text_free(&out);
}

static void gives(const char *line, const char *member, const double want[], size_t n)
{
    struct text out = { 0 };
    json_t *o = asked(line, NULL, &out);
    check(o && json_array_size(json_object_get(o, member)) == n, "%s: %s", line, text_s(&out));
    for (size_t v = 0; o && v < n; v++)
        check(want[v] == MASKED ? dist_case_number(o, member, v) == MASKED
                                : fabs(dist_case_number(o, member, v) - want[v]) <= 1e-6 * fmax(1, fabs(want[v])),
              "%s: %s[%zu] is %.9g, want %.9g", line, member, v, dist_case_number(o, member, v), want[v]);
    json_decref(o);
    text_free(&out);
}

/* Hugging Face's remove_invalid_values; without it what is no number is an error that names its place. */
static void b18(void)
{
    gives("{\"invalid\":\"replace\",\"logits\":[0,0.7,0.8,\"nan\"]}", "logits", (double[]){ 0, .7, .8, 0 }, 4);
    gives("{\"invalid\":\"replace\",\"logits\":[0.1,\"inf\",0.3,\"-inf\"]}", "logits",
          (double[]){ .1, (double)FLT_MAX, .3, -(double)FLT_MAX }, 4);
    gives("{\"invalid\":\"replace\",\"logits\":[0.1,\"inf\",0.3,null]}", "probs", (double[]){ 0, 1, 0, 0 }, 4);
    gives("{\"invalid\":\"error\",\"logits\":[0.1,null,0.3]}", "logits", (double[]){ .1, MASKED, .3 }, 3);
    refused("{\"logits\":[0,0.7,0.8,\"nan\"]}", "line 1: logits[3] is \\\"nan\\\", want a float32 or null (-inf)");
    refused("{\"invalid\":\"replace\",\"logits\":[0,\"NaN\"]}", "logits[1] is \\\"NaN\\\"");
    refused("{\"invalid\":\"replace\",\"logits\":[\"inf\",\"inf\"]}", "the largest of 'logits' is 3.40282e+38");
    refused("{\"invalid\":\"replace\",\"probs\":[\"nan\",1]}", "probs[0] is");
    refused("{\"invalid\":\"replac\",\"logits\":[1]}", "unknown value of 'invalid' 'replac'");
    gives("{\"invalid\":\"replace\",\"logits\":[0,\"inf\",1],\"chain\":\"top_p=0.9 | temperature=2\"}", "probs",
          (double[]){ 0, 1, 0 }, 3);
}

#define PAIR "\"logits\":[[1,1,1],[1,0,1.5]]"

/* Their guided scores are not normalised for Dia: its case is c + 1.5 (c - u) = [1, 2.5, .25]. */
static void b21(void)
{
    const double plain[] = { -1.095853, -.595853, -1.345853 }, dia[] = { 1, 2.5, .25 };
    double lz = log(exp(plain[0]) + exp(plain[1]) + exp(plain[2])), dz = log(exp(1) + exp(2.5) + exp(.25));
    gives("{\"rule\":\"cfg(1.5)\"," PAIR "}", "logits", (double[]){ plain[0] - lz, plain[1] - lz, plain[2] - lz }, 3);
    gives("{\"rule\":\"cfg(2.5)\"," PAIR "}", "logits", (double[]){ dia[0] - dz, dia[1] - dz, dia[2] - dz }, 3);
    gives("{\"rule\":\"cfg(2.5, top_k=1)\"," PAIR "}", "logits", (double[]){ MASKED, 0, MASKED }, 3);
    gives("{\"rule\":\"cfg(2.5, top_k=2)\",\"logits\":[[2,1,1],[1,0,1.5]]}", "probs",
          (double[]){ exp(1) / (1 + exp(1)), 1 / (1 + exp(1)), 0 }, 3); /* the conditional voice's own scores */
    gives("{\"rule\":\"cfg(2, top_k=9)\",\"logits\":[[0,0,null],[0,null,0]]}", "probs", (double[]){ .5, .5, 0 }, 3);
    gives("{\"rule\":\"cfg(2, top_k=2)\",\"logits\":[[1,1,1,1],[0,0,0,0]]}", "probs", (double[]){ .5, .5, 0, 0 }, 4);
    gives("{\"rule\":\"cfg(1.5)\"," PAIR ",\"chain\":\"top_k=1\"}", "probs", (double[]){ 0, 1, 0 }, 3);
    refused("{\"id\":\"x\",\"rule\":\"cgf(1.5)\"," PAIR "}", "{\"id\":\"x\",\"error\":\"line 1");
    refused("{\"rule\":\"cfg\",\"logits\":[1,2]}", "'logits' is not an array of arrays, one a voice");
}

/* The search's own engine has no pool: a rule is then a member that nobody knows. */
static void without_pool(void)
{
    struct dist *dist = dist_alloc();
    struct text out = { 0 };
    const char *line = "{\"rule\":\"cfg\"," PAIR "}";
    check(dist_line(dist, line, strlen(line), &out) < 0 && strstr(text_s(&out), "unknown member 'rule'"), "%s",
          text_s(&out));
    text_free(&out);
    dist_free(dist);
}

static const char script[] = "transform { name = 'end_when_likely', params = { 'p' }, function(row, p)\n"
                             "  local probs, kept = row:probs(), row:scores()\n"
                             "  if probs[2] < p.p then return end\n"
                             "  for v = 0, #row - 1 do kept[v] = v == 2 and 1 or 0 end\n"
                             "  row:keep(kept) end }\n";

static void ends(const struct lua_transforms *lua, const char *logits, const double want[4])
{
    struct text line = { 0 }, out = { 0 };
    text_addf(&line, "{\"logits\":%s,\"chain\":\"end_when_likely=0.1\"}", logits);
    json_t *o = asked(text_s(&line), lua, &out);
    check(o != NULL, "B22: %s", text_s(&out));
    for (size_t v = 0; o && v < 4; v++)
        check_near(dist_case_number(o, "logits", v), want[v], 1e-6, "B22 %s: symbol %zu", logits, v);
    json_decref(o);
    text_free(&line);
    text_free(&out);
}

static void b22(void)
{
    struct text source = { 0 };
    text_add(&source, script);
    struct lua_transforms *lua = lua_transforms_open("B22", &source, NULL, 0);
    check(lua != NULL, "B22: %s", err_text());
    if (lua) {
        ends(lua, "[0.25,0.25,-6,0.25]", (double[]){ .25, .25, -6, .25 });
        ends(lua, "[0.25,0.25,0.25,0.25]", (double[]){ MASKED, MASKED, .25, MASKED });
    }
    lua_transforms_close(lua);
    text_free(&source);
}

/* B24: over keys the mean watermarked distribution is the given one, within five deviations. */
static void b24(uint32_t n, const char *logits, const double given[])
{
    enum { KEYS = 600 };
    double mean[10] = { 0 };
    struct dist *dist = dist_alloc();
    struct text line = { 0 }, out = { 0 };
    for (int k = 0; k < KEYS; k++) {
        text_clear(&line);
        text_clear(&out);
        text_addf(&line, "{\"logits\":%s,\"history\":[1,0,1,1],\"chain\":\"synthid=[%d]\"}", logits, 1000 + 7 * k);
        json_t *o = dist_line(dist, text_s(&line), line.len, &out) == 0 ? doc_read("B24", text_s(&out), out.len) : NULL;
        check(o != NULL, "B24: %s", text_s(&out));
        for (uint32_t v = 0; v < n; v++)
            mean[v] += dist_case_number(o, "probs", v) / KEYS;
        json_decref(o);
    }
    for (uint32_t v = 0; v < n; v++) /* one layer moves p by at most p / 2 either way */
        check_near(mean[v], given[v], 5 * given[v] / (2 * sqrt(KEYS)), "B24: mean over keys of p(%u)", v);
    text_free(&line);
    text_free(&out);
    dist_free(dist);
}

/* A draft that is as sure of its proposals 1, 4 and 5 as the target is of 1, 4 and 8. */
#define SURE(v) "[" v "]"
#define ONE     "-10,10,-10,-10,-10,-10,-10,-10,-10,-10"
#define FOUR    "-10,-10,-10,-10,10,-10,-10,-10,-10,-10"
#define FIVE    "-10,-10,-10,-10,-10,10,-10,-10,-10,-10"
#define EIGHT   "null,null,null,null,null,null,null,null,10,null"

static void b25(void)
{
    static const struct {
        const char *line;
        double accept;
        sym_t token;
    } steps[] = {
        { "{\"logits\":" SURE(ONE) ",\"draft\":{\"logits\":" SURE(ONE) "},\"proposed\":1,\"draw\":20}", 1, 1 },
        { "{\"logits\":" SURE(FOUR) ",\"draft\":{\"logits\":" SURE(FOUR) "},\"proposed\":4,\"draw\":20}", 1, 4 },
        { "{\"logits\":" SURE(EIGHT) ",\"draft\":{\"logits\":" SURE(FIVE) "},\"proposed\":5,\"draw\":20}", 0, 8 },
    };
    size_t matches = 0;
    for (size_t i = 0; i < 3; i++) {
        struct text out = { 0 };
        json_t *o = asked(steps[i].line, NULL, &out);
        check(o != NULL, "B25: %s", text_s(&out));
        double accept = json_number_value(json_object_get(o, "accept"));
        check_near(accept, steps[i].accept, 1e-9, "B25: proposal %zu is taken", i);
        matches += accept == 1;
        for (size_t d = 0; d < 20; d++)
            check(dist_case_number(o, "drawn", d) == steps[i].token, "B25: token %zu is %u", i, steps[i].token);
        json_decref(o);
        text_free(&out);
    }
    check(matches == 2, "B25: %zu proposals match, want 2", matches);
}

/* F's residual, and that the rule's draws follow the target: 40,000 of them by chi-square, each proposal as often as q has
 * it. */
#define TARGET "\"probs\":[0,0,0.7,0,0,0.3]"
#define DRAFT  "\"draft\":{\"probs\":[0,0,0.2,0,0.8,0]}"

static void residual(void)
{
    static const sym_t proposal[] = { 2, 4 };
    static const double q[] = { .2, .8 };
    double count[6] = { 0 };
    gives("{" TARGET "," DRAFT ",\"proposed\":4}", "residual", (double[]){ 0, 0, .625, 0, 0, .375 }, 6);
    gives("{" TARGET ",\"proposed\":2}", "residual", (double[]){ 0, 0, 0, 0, 0, 1 }, 6);
    for (int i = 0; i < 2; i++) {
        struct text line = { 0 }, out = { 0 };
        text_addf(&line, "{\"id\":%d," TARGET "," DRAFT ",\"proposed\":%u,\"draw\":%d}", i, proposal[i],
                  (int)(40000 * q[i]));
        json_t *o = asked(text_s(&line), NULL, &out);
        for (size_t d = 0; d < json_array_size(json_object_get(o, "drawn")); d++)
            count[(int)dist_case_number(o, "drawn", d)]++;
        json_decref(o);
        text_free(&line);
        text_free(&out);
    }
    double x = (count[2] - 28000) * (count[2] - 28000) / 28000 + (count[5] - 12000) * (count[5] - 12000) / 12000;
    check(count[2] + count[5] == 40000 && x < 10.8, "F: %g and %g of 28000 and 12000: chi-square %g", count[2],
          count[5], x); /* p = .001 */
    refused("{" TARGET "," DRAFT "}", "'draft' without 'proposed'");
    refused("{" TARGET ",\"proposed\":6}", "'proposed' is 6, want a symbol in 0 .. 5");
    refused("{" TARGET "," DRAFT ",\"proposed\":5}", "'draft' gives what it proposes, symbol 5, no probability");
    refused("{" TARGET ",\"draft\":{\"probs\":[1]},\"proposed\":0}", "'draft' has 1 symbols, want 6");
    refused("{" TARGET ",\"draft\":{},\"proposed\":0}", "'draft' has neither 'logits' nor 'probs'");
    refused("{" TARGET ",\"draft\":[1],\"proposed\":0}", "'draft' is no object");
    refused("{" TARGET ",\"draft\":{\"probs\":[0,0,-1,0,0,0]},\"proposed\":0}", "draft's probs[2] is -1");
}

/* B16 and B23: what raises a ValueError there is refused here, with what is wanted. */
static void value_errors(void)
{
    refused("{\"logits\":[0,0],\"chain\":\"allow=[]\"}", "allow: the list is empty: nothing could be said");
    refused("{\"logits\":[0,0],\"chain\":\"green(scheme=hash)\"}", "unknown scheme 'hash'; known: left, self");
    refused("{\"logits\":[0,0],\"chain\":\"green(1.2)\"}", "gamma is 1.2, want a number in [1e-06, 0.999999]");
}

int main(void)
{
    value_errors();
    b18();
    b21();
    without_pool();
    b22();
    b24(2, "[0,0]", (double[]){ .5, .5 });
    b24(10, "[0,0,0,0,0,0,0,0,0,0]", (double[]){ .1, .1, .1, .1, .1, .1, .1, .1, .1, .1 });
    b25();
    residual();
    return check_done("conformance_rest");
}
