/* decode/transform*: what reads the history, masks and biases: against Hugging Face's processors (tests/fixtures/decode), and
 * against plain references where text counts in bytes.  Repetitions: test_transform_repeats. */
#include "base/err.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"
#include "tests/lib/scene.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hugging Face's cases, each a line of dist. */
static void hugging_face(void)
{
    FILE *f = fopen(CHORALE_HOME "/tests/fixtures/decode/history.jsonl", "r");
    char *line = NULL;
    size_t cap = 0, n = 0, cases = 0;
    check(f != NULL, "the fixture is there");
    for (ssize_t len; f && (len = getline(&line, &cap, f)) > 0; cases++) {
        json_t *o = doc_read("history.jsonl", line, (size_t)len), *m;
        char *ask = json_dumps(json_object_get(o, "line"), JSON_COMPACT);
        const char *chain = json_string_value(json_object_get(json_object_get(o, "line"), "chain"));
        json_t *got = dist_case_ask(chain, ask);
        size_t v;
        json_array_foreach(json_object_get(o, "logits"), v, m)
        {
            double want = json_is_null(m) ? MASKED : json_number_value(m), is = dist_case_number(got, "logits", v);
            if (strncmp(chain, "force", 5) ==
                0) /* theirs gives the forced symbol the score 0; the distribution is one */
                check((is == MASKED) == (want == MASKED), "%s: symbol %zu", chain, v);
            else
                check_near(is, want, 2e-5 * (1 + fabs(want)), "%s: symbol %zu", chain, v);
            n++;
        }
        free(ask);
        json_decref(o);
        json_decref(got);
    }
    check(cases > 90 && n > 900, "%zu cases of %zu scores", cases, n);
    free(line);
    if (f)
        fclose(f);
}

/* A banned text never comes about, and nothing else is masked. */
static void bans(void)
{
    static const char *const banned[] = { "ab", "cac", "bbbb" };
    char bytes[SCENE_V * 4], text[SCENE_SAID * 8 + 8];
    uint64_t offsets[SCENE_V + 1];
    struct space *space = scene_space(40, bytes, offsets);
    for (int round = 0; round < 400; round++) {
        struct scene s = scene_random(40, 40, space);
        size_t ends[2 * SCENE_SAID], n = scene_text(&s, text, ends);
        double want[SCENE_V], biased[SCENE_V];
        for (uint32_t v = 0; v < s.n; v++) {
            size_t len = offsets[v + 1] - offsets[v];
            memcpy(text + n, bytes + offsets[v], len);
            biased[v] = want[v] = (double)s.score[v];
            for (size_t b = 0; b < 3; b++) {
                size_t m = strlen(banned[b]);
                bool completes = false;
                for (size_t i = 0; i + m <= n + len; i++)
                    completes |= i + m > n && memcmp(text + i, banned[b], m) == 0;
                want[v] = completes ? -INFINITY : want[v];
                biased[v] += completes ? .5 + (double)b : 0;
            }
        }
        scene_compare("ban=[ab, cac, bbbb]", &s, want);
        scene_compare("sequence_bias=[ab:0.5, cac:1.5, bbbb:2.5]", &s, biased);
    }
    space_free(space);
}

/* Goes on under a chain, always with the symbol of the highest score among those left; rows prefer 'a'. */
static size_t say(const char *text, const struct space *space, sym_t made[], size_t n)
{
    struct chain *c = chain_parse(text);
    check(c && chain_bind(c, space) == 0, "%s: %s", text, err_text());
    _Alignas(16) unsigned char state[256];
    float score[SCENE_V];
    size_t i = 0;
    chain_start(c, state);
    for (; i < n; i++) {
        struct scene s = { .space = space, .n_made = i };
        struct transform_at at = scene_at(&s);
        at.made = made;
        for (uint32_t v = 0; v < space->n; v++)
            score[v] = v == 'a' + i % 2 ? 1 : 0;
        struct row r = row_over(score, space->n);
        check(row_measure(&r) == 0 && chain_apply(c, state, &r, &at, NULL) == 0, "%s: %s", text, err_text());
        if (row_dead(&r))
            break;
        made[i] = row_argmax(&r);
        chain_accept(c, state, &(struct transform_choice){ made[i], row_logp(&r, made[i]), &at });
    }
    chain_free(c);
    return i;
}

static void said_is(const char *chain, const char *want)
{
    struct space *space = space_bytes();
    sym_t made[40];
    char text[41] = { 0 };
    size_t n = say(chain, space, made, strlen(want));
    for (size_t i = 0; i < n; i++)
        text[i] = (char)made[i];
    check(strcmp(text, want) == 0, "%s: said '%s', want '%s'", chain, text, want);
    space_free(space);
}

static void sequences(void)
{
    said_is("", "abababab");
    said_is("force=[xyz]", "xyzbab");
    said_is("force([120, xy], from=2)", "abxxybab");
    said_is("budget(3, text='. So')", "aba. Soba");
    said_is("budget(0, text=33+33)", "!!abab");
    said_is("budget(9, text=aba, start=x)", "ababababab");
    said_is("force([x], from=1) | budget(2, text='.', start=x)", "axab.bab");
    said_is("budget(3, text=ab)", "ababab"); /* it came by itself: nothing is forced */
    said_is("ban=[bab]", "ab");              /* then 0 has the lowest id */
    said_is("allow=[a] | ban=[aaaa]", "aaa");
    said_is("allow=[c, d]", "ccc");
    said_is("bias=[z:3]", "zzz");
    said_is("suppress([a], first=3)", "");
    said_is("no_repeat_ngram=1 | allow=[a, b]", "ab");
}

/* min_tokens and length_decay know the space's own ends. */
static void ends(void)
{
    struct space *space = space_bytes();
    struct scene s = { .space = space, .n = 257, .n_prompt = 9, .n_made = 4 };
    float score[SCENE_V];
    struct row r;
    s.score[256] = -2;
    check(scene_apply("min_tokens(5, ends=[a])", &s, score, &r) == 0 && score[256] == -INFINITY &&
              score['a'] == -INFINITY && row_count(&r) == 255,
          "the space's end and the one given are masked");
    check(scene_apply("min_tokens(4, ends=[a])", &s, score, &r) == 0 && row_count(&r) == 257,
          "the prompt does not count");
    check(scene_apply("length_decay(2, factor=3)", &s, score, &r) == 0, "%s", err_text());
    check_near((double)score[256], -2 + 2 * 8, 1e-5, "the end rises by |s| (3^2 - 1)");
    check(scene_apply("length_decay(2, factor=3, ends=[256, 256])", &s, score, &r) == 0 && score[256] == 14, "once");
    check(scene_apply("length_decay(0, factor=1e6)", &s, score, &r) == 0 && isfinite(score[256]), "no overflow");
    check(scene_apply("allow=[256] | min_tokens=5", &s, score, &r) == 0 && row_dead(&r), "ends alone: dead");
    space_free(space);
}

static void refused(const char *text, const char *message)
{
    struct space *space = space_bytes();
    struct chain *c = chain_parse(text);
    int rc = c ? chain_bind(c, space) : ERR_USAGE;
    check(rc == ERR_USAGE && strstr(err_text(), message), "%s: says '%s', want '%s'", text, err_text(), message);
    chain_free(c);
    space_free(space);
}

static void messages(void)
{
    refused("bias=[300:1]", "symbol 300 is outside of the space's 0 .. 256");
    refused("ban=[1+2+300]", "symbol 300 is outside");
    refused("bias=[17]", "'17' has no weight, want 17:2.5");
    refused("bias=[17:inf]", "the weight of '17:inf' is above 1e6");
    refused("bias=[ab:1]", "no symbol of the space is 'ab'; give ids");
    refused("allow=['']", "a text of 0 bytes, want 1 to 255");
    refused("allow=[]", "allow: the list is empty");
    refused("no_repeat_ngram(2, of=text)", "unknown place 'text'; known: all, prompt");
    refused("suppress=[99999999999]", "holds an id beyond 4294967295");
    refused("budget(3)", "budget: text is missing");
    refused("green(scheme=both)", "unknown scheme 'both'; known: left, self");
    refused("green(1)", "gamma is 1, want a number in [1e-06, 0.999999]");
    refused("dry(1, base=0.5)", "base is 0.5");
    refused("loop(1)", "window is 1");
    refused("force=[]| force=3", "list is 3, want a list");
    struct scene s = { .n = 5 };
    float score[SCENE_V];
    struct row r;
    check(scene_apply("ban=[' x']", &s, score, &r) == ERR_USAGE && strstr(err_text(), "not bound to a symbol space"),
          "%s", err_text());
    check(scene_apply("force=[' x']", &s, score, &r) == ERR_USAGE && strstr(err_text(), "not bound"), "%s", err_text());
    check(scene_apply("budget(3, text=' x')", &s, score, &r) == ERR_USAGE && strstr(err_text(), "not bound"), "%s",
          err_text());
    check(scene_apply("bias=[7:1]", &s, score, &r) == ERR_DATA && strstr(err_text(), "symbol 7 is outside"), "%s",
          err_text());
    check(scene_apply("force=[7]", &s, score, &r) == ERR_DATA && strstr(err_text(), "symbol 7 is outside"), "%s",
          err_text());
    check(scene_apply("min_tokens(3, ends=[7])", &s, score, &r) == ERR_DATA && strstr(err_text(), "ends: symbol 7"),
          "%s", err_text());
}

static void canonical(const char *text, const char *want)
{
    struct chain *c = chain_parse(text), *again = c ? chain_parse(chain_text(c)) : NULL;
    check(c && again && strcmp(chain_text(c), want) == 0 && strcmp(chain_text(again), want) == 0, "%s: %s, want %s",
          text, c ? chain_text(c) : err_text(), want);
    chain_free(c);
    chain_free(again);
}

static void texts(void)
{
    canonical("bias([17:2.50,  ' the:-1', 4:-inf])", "bias=[17:2.50, ' the:-1', 4:-inf]");
    canonical("ban=['17+4', 'text:17', 'a b']", "ban=[17+4, text:17, 'a b']");
    canonical("dry(0.8, breakers=[])", "dry(0.8, breakers=[])");
    canonical("dry(0.8, 1.75, 2)", "dry=0.8");
    canonical("budget(100, '</think>', start=5)", "budget(100, text=</think>, start='5')");
    canonical("green", "green");
    canonical("green(0.5, key=15485863, scheme=self)", "green(0.5, scheme=self)");
    canonical("loop", "loop");
    canonical("mirostat2(5, 0.1)", "mirostat2");
    canonical("repetition_penalty(1.2, 64, 32)", "repetition_penalty(1.2, last_n=64, decay=32)");
}

int main(void)
{
    scene_open(31);
    hugging_face();
    bans();
    sequences();
    ends();
    messages();
    texts();
    scene_close();
    return check_done("transform_history");
}
