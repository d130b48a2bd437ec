/* Lines of dist and pool from anywhere: each gives one line of JSON, an answer or {"id","error"} that names the place; none
 * crashes, hangs or takes memory beyond its size.  Vocabularies of 1 and of 256,000 symbols. */
#include "base/doc.h"
#include "decode/dist.h"
#include "ensemble/pool_line.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int (*answerer)(const char *line, size_t n, struct text *out);

static int by_dist(const char *line, size_t n, struct text *out)
{
    struct dist *d = dist_alloc();
    int rc = dist_line(d, line, n, out);
    dist_free(d);
    return rc;
}

static int by_pool(const char *line, size_t n, struct text *out)
{
    return pool_line(line, n, "linear", out);
}

static json_t *ask(answerer f, const char *line, size_t n)
{
    struct text out = { 0 };
    int rc = f(line, n, &out);
    json_t *a = doc_read("answer", text_s(&out), out.len);
    check(a && !memchr(text_s(&out), '\n', out.len), "'%.60s': one line of JSON: %.100s", line, text_s(&out));
    check((rc < 0) == (json_object_get(a, "error") != NULL), "'%.60s': code %d", line, rc);
    check(json_object_get(a, "id") != NULL, "'%.60s': an id", line);
    text_free(&out);
    return a;
}

static void says(answerer f, const char *line, size_t n, const char *what)
{
    json_t *a = ask(f, line, n);
    const char *error = json_string_value(json_object_get(a, "error"));
    check(error && strstr(error, what), "'%.80s': want '%s', got '%.200s'", line, what, error ? error : "an answer");
    json_decref(a);
}

static void test_both(void)
{
    static const char *const broken[][2] = {
        { "", "1:0: unexpected token near end of file" },
        { "{", "string or '}' expected" },
        { "[1,2]", "JSON object" },
        { "7", "JSON object" },
        { "\"x\"", "JSON object" },
        { "null", "JSON object" },
        { "{\"id\":1,\"id\":2}", "duplicate object key" },
        { "{\"id\":NaN}", "invalid token near 'NaN'" },
        { "{\"id\":1e400}", "real number overflow" },
        { "{\"id\":-1e400}", "real number overflow" },
        { "{\"id\":99999999999999999999}", "too big integer" },
        { "{\"id\":\"\xff\"}", "unable to decode byte 0xff" },
        { "{\"id\":\"\xed\xa0\x80\"}", "unable to decode byte" },
        { "{\"id\":\"a\\u0000\"}", "\\u0000 is not allowed" },
        { "{\"id\":\"\\ud800\"}", "invalid Unicode" },
        { "{\"id\":'a'}", "invalid token" },
        { "{\"id\":01}", "" },
        { "{\"id\":+1}", "invalid token" },
        { "{\"id\":1,}", "string or '}' expected" },
        { "{\"id\":1}}", "end of file expected" },
        { "\xef\xbb\xbf{\"id\":1}", "begins with a byte order mark" },
        { "\x1b[2J", "invalid token" },
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        says(by_dist, broken[i][0], strlen(broken[i][0]), broken[i][1]);
        says(by_pool, broken[i][0], strlen(broken[i][0]), broken[i][1]);
    }
    says(by_dist, "{\"id\":1}\0{\"id\":2}", 17, "");
    says(by_pool, "\0\0\0\0", 4, "");
}

static void test_dist(void)
{
    static const char *const lines[][2] = {
        { "{\"probs\":[]}", "a distribution of 0 symbols" },
        { "{\"probs\":{}}", "'probs' is an object, want an array" },
        { "{\"probs\":null}", "'probs' is missing" },
        { "{\"probs\":[[1]]}", "line 1: probs[0] is [1], want a number >= 0 or null" },
        { "{\"probs\":[0.5,-0.5]}", "probs[1] is -0.5, want a number >= 0" },
        { "{\"probs\":[true]}", "probs[0] is true" },
        { "{\"probs\":[\"nan\"]}", "probs[0] is \"nan\"" },
        { "{\"logits\":[1e39]}", "logits[0] is 1e+39, want a float32" },
        { "{\"logits\":[3e38]}", "the largest of 'logits' is 3e+38, want a magnitude of at most 1e+09" },
        { "{\"logits\":[1],\"probs\":[1]}", "both 'logits' and 'probs'" },
        { "{\"probs\":[1],\"history\":[1]}", "history[0] is 1, want a symbol in 0 .. 0" },
        { "{\"probs\":[1],\"history\":[-1]}", "history[0] is -1" },
        { "{\"probs\":[1],\"prompt\":[4294967296]}", "prompt[0] is 4294967296" },
        { "{\"probs\":[1],\"prompt\":[0.0]}", "prompt[0] is 0 (no integer), want a symbol" },
        { "{\"probs\":[1],\"prompt\":\"a\"}", "'prompt' is a string, want an array" },
        { "{\"probs\":[1],\"draw\":1000001}", "'draw' is 1000001, want 0 .. 1000000" },
        { "{\"probs\":[1],\"draw\":-1}", "'draw' is -1" },
        { "{\"probs\":[1],\"draw\":1e3}", "'draw' is a number, want an integer" },
        { "{\"probs\":[1],\"proposed\":-1}", "'proposed' is -1, want a symbol in 0 .. 0" },
        { "{\"probs\":[1],\"proposed\":1e3}", "'proposed' is a number, want an integer" },
        { "{\"probs\":[1],\"proposed\":0,\"draft\":{\"probs\":[1],\"logits\":[1]}}", "both 'logits' and 'probs'" },
        { "{\"probs\":[1],\"proposed\":0,\"draft\":{\"probs\":{}}}", "'probs' is an object, want an array" },
        { "{\"probs\":[1],\"proposed\":0,\"draft\":{\"logits\":[null]}}", "symbol 0, no probability" },
        { "{\"probs\":[1],\"proposed\":0,\"draft\":{\"logits\":[1e300]}}", "draft's logits[0] is 1e+300" },
        { "{\"probs\":[1],\"proposed\":0,\"draft\":{\"logits\":[1e30]}}",
          "the largest of the draft's 'logits' is 1e+30" },
        { "{\"logits\":[3e38,1],\"invalid\":\"replace\",\"chain\":\"repetition_penalty=0.001\",\"history\":[0]}",
          "repetition_penalty: score of symbol 0 is inf" },
        { "{\"logits\":[1e300],\"invalid\":3}", "'invalid' is an integer, want a string" },
        { "{\"logits\":[[1]],\"rule\":\"cfg\"}", "unknown member 'rule'" },
        { "{\"probs\":[1],\"seed\":-1}", "'seed' is -1" },
        { "{\"probs\":[1],\"seed\":1.5}", "'seed' is a number, want an integer" },
        { "{\"probs\":[1],\"space\":\"xyz\"}", "want 16 lower-case hex digits" },
        { "{\"probs\":[1],\"chain\":7}", "'chain' is an integer, want a string" },
        { "{\"probs\":[1],\"chain\":\"top_p=7\"}", "chain 'top_p=7': top_p: p is 7, want a number in [0, 1]" },
        { "{\"probs\":[1],\"prob\":[1]}", "unknown member 'prob'; did you mean 'probs'?" },
        { "{\"id\":[1],\"probs\":[1]}", "'id' is neither a string nor an integer" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        says(by_dist, lines[i][0], strlen(lines[i][0]), lines[i][1]);
}

static void test_pool(void)
{
    static const char *const lines[][2] = {
        { "{\"probs\":[]}", "not an array of arrays" },
        { "{\"probs\":[[]]}", "1 voices of 0 symbols" },
        { "{\"probs\":[[1],[]]}", "has 0 entries, want 1" },
        { "{\"probs\":[[1],[1,0]]}", "has 2 entries, want 1" },
        { "{\"probs\":[[1],7]}", "is not an array" },
        { "{\"probs\":[[\"1\"]]}", "entry 0 is no number" },
        { "{\"probs\":[[-1]]}", "voice 1: entry 0 is -1, want a probability" },
        { "{\"probs\":[[1e308,1e308]]}", "sum to inf, want at most 1" },
        { "{\"logits\":[[1e39]]}", "voice 1: entry 0 is 1e+39" },
        { "{\"logits\":[[0],[3e38]]}", "voice 2: the largest is 3e+38, want a magnitude of at most 1e+09" },
        { "{\"probs\":[[1]],\"weights\":[]}", "'weights' has 0 entries, want 1" },
        { "{\"probs\":[[1]],\"weights\":[null]}", "weight 1 is -inf" },
        { "{\"probs\":[[1]],\"weights\":[0]}", "all 1 weights are 0" },
        { "{\"probs\":[[1],[1]],\"weights\":[1e308,1e308]}", "the sum of the weights is not finite" },
        { "{\"probs\":[[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]]}", "17 voices" },
        { "{\"probs\":[[1]],\"rule\":\"power=nan\"}", "power: r is 'nan', want a number" },
        { "{\"probs\":[[1]],\"rule\":\"\"}", "has 0 steps, want one" },
        { "{\"probs\":[[1]],\"prefix\":[0]}", "is for rules with mode=global" },
        /* bug: what was misspelt was lost, and equal weights were taken */
        { "{\"probs\":[[1]],\"wieghts\":[1]}", "unknown member 'wieghts'; did you mean 'weights'?" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        says(by_pool, lines[i][0], strlen(lines[i][0]), lines[i][1]);
}

/* before, part n times, after */
static void says_repeated(const char *before, const char *part, size_t n, const char *after, const char *what)
{
    struct text t = { 0 };
    text_add(&t, before);
    for (size_t i = 0; i < n; i++)
        text_add(&t, part);
    text_add(&t, after);
    clock_t from = clock();
    says(by_dist, text_s(&t), t.len, what);
    says(by_pool, text_s(&t), t.len, what);
    double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
    check(seconds < 30, "%zu times '%s' took %.1f s", n, part, seconds);
    text_free(&t);
}

static void test_large(void)
{
    size_t k = getenv("CHORALE_LONG") ? 100000000 : 4000000;
    says_repeated("", "[", k / 20, "", "maximum parsing depth reached");
    says_repeated("{\"id\":", "[", 100, "", "");
    says_repeated("{\"id\":1,\"probs\":", "{\"a\":", 1000, "1}}", "");
    says_repeated("{\"id\":\"", "x", k, "", "premature end of input");
    says_repeated("{\"", "x", k, "\":1}", ""); /* bug: the distance of the name to every known one was measured */
    says_repeated("", "1", k, "", "");         /* one number of k digits */
    says_repeated("{\"probs\":[", "0.", k, "]}", "");
    says_repeated("{\"probs\":[", "0,", (size_t)9000000, "0]}", "more than 8388608 values");
    says_repeated("{\"id\":1,\"probs\":[", "[],", k / 10, "[]]}", "");
    says_repeated("{\"chain\":\"", "x", k, "\",\"probs\":[1]}", "");
    says_repeated("", "\xff", k, "", "");
}

static void test_junk(void)
{
    uint64_t x = 88172645463325252u;
    char s[64];
    for (int i = 0; i < 20000; i++) {
        size_t n = (size_t)(i % 64);
        for (size_t k = 0; k < n; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift64 (Marsaglia 2003) */
            s[k] = i % 2 ? (char)x : "{}[]\",:0123456789eE+-.\\idprobslgtnu"[x % 36];
        }
        json_decref(ask(i % 3 ? by_dist : by_pool, s, n));
    }
}

static void sums_to_one(const json_t *a, const char *what)
{
    double sum = 0;
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(a, "probs"), i, p)
    {
        sum += json_number_value(p);
    }
    check_near(sum, 1, 1e-4, "%s: sum", what);
}

static void test_sizes(void)
{
    static const uint32_t sizes[] = { 1, 256000 };
    for (size_t i = 0; i < 2; i++) {
        struct text row = { 0 }, line = { 0 };
        for (uint32_t v = 0; v < sizes[i]; v++)
            text_addf(&row, "%s%u.%u", v ? "," : "", v * 2654435761u % 10, v % 97);
        text_addf(&line,
                  "{\"id\":1,\"logits\":[%s],\"chain\":\"temperature=0.8|top_k=1000|top_p=0.95|min_p=0.01\","
                  "\"draw\":10}",
                  text_s(&row));
        json_t *a = ask(by_dist, text_s(&line), line.len);
        sums_to_one(a, "dist");
        check(json_array_size(json_object_get(a, "drawn")) == 10, "%u symbols: 10 draws", sizes[i]);
        check(json_array_size(json_object_get(a, "probs")) == sizes[i], "%u symbols", sizes[i]);
        json_decref(a);
        text_clear(&line);
        text_addf(&line, "{\"id\":1,\"rule\":\"log\",\"logits\":[[%s],[%s],[%s]]}", row.s, row.s, row.s);
        a = ask(by_pool, text_s(&line), line.len);
        sums_to_one(a, "pool");
        check(json_array_size(json_object_get(a, "probs")) == sizes[i], "%u symbols pooled", sizes[i]);
        json_decref(a);
        text_free(&row);
        text_free(&line);
    }
    static const char many[] = "{\"probs\":[1,1],\"draw\":1000000}", none[] = "{\"probs\":[0,0],\"draw\":5}";
    json_t *a = ask(by_dist, many, strlen(many));
    check(json_array_size(json_object_get(a, "drawn")) == 1000000, "a million draws");
    json_decref(a);
    a = ask(by_dist, none, strlen(none));
    check(json_array_size(json_object_get(a, "drawn")) == 0, "nothing is drawn from nothing");
    json_decref(a);
}

int main(void)
{
    test_both();
    test_dist();
    test_pool();
    test_large();
    test_junk();
    test_sizes();
    return check_done("hostile_line");
}
