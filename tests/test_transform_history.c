/* decode/transform*: what reads the history, masks and biases: against Hugging Face's processors (tests/fixtures/decode), and
 * against plain references where formulas are llama.cpp's or ExLlama's, or where text counts in bytes. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include "tests/lib/dist_case.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_V = 300, MAX_SAID = 60 };

static struct rng_key key;
static uint32_t drawn;
static struct row_work *work;

static uint32_t below(uint32_t n)
{
    uint32_t words[4];
    rng_words(&key, drawn++, words);
    return words[0] % n;
}

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

/* What was said, and a row. */
struct scene {
    const struct space *space;
    uint32_t n;
    float score[MAX_V];
    sym_t prompt[MAX_SAID], made[MAX_SAID];
    size_t n_prompt, n_made;
};

static sym_t said(const struct scene *s, size_t i)
{
    return i < s->n_prompt ? s->prompt[i] : s->made[i - s->n_prompt];
}

static struct scene scene_random(uint32_t n, uint32_t alphabet, const struct space *space)
{
    struct scene s = { .space = space, .n = n, .n_prompt = below(MAX_SAID / 2), .n_made = below(MAX_SAID) };
    for (uint32_t v = 0; v < n; v++)
        s.score[v] = below(8) == 0 ? -INFINITY : (float)((int)below(512) - 256) / 64;
    for (size_t i = 0; i < MAX_SAID; i++) {
        s.prompt[i] = below(alphabet);
        s.made[i] = below(alphabet);
    }
    return s;
}

static struct transform_at at_of(const struct scene *s)
{
    static struct rng_address address = { .seed = 1, .purpose = RNG_DRAW };
    return (struct transform_at){ .space = s->space,
                                  .prompt = s->prompt,
                                  .n_prompt = s->n_prompt,
                                  .made = s->made,
                                  .n_made = s->n_made,
                                  .address = &address,
                                  .work = work };
}

/* 0 or the code of what failed. */
static int apply(const char *text, const struct scene *s, float score[], struct row *r)
{
    _Alignas(16) unsigned char state[256];
    struct chain *c = chain_parse(text);
    check(c && chain_state_size(c) <= sizeof state, "%s: %s", text, err_text());
    if (!c)
        return ERR_USAGE;
    int rc = s->space ? chain_bind(c, s->space) : 0;
    struct transform_at at = at_of(s);
    memcpy(score, s->score, s->n * sizeof *score);
    *r = row_over(score, s->n);
    check(row_measure(r) == 0, "measured");
    chain_start(c, state);
    if (rc == 0)
        rc = chain_apply(c, state, r, &at, NULL);
    chain_free(c);
    return rc;
}

static void compare(const char *text, const struct scene *s, const double want[])
{
    float score[MAX_V];
    struct row r;
    check(apply(text, s, score, &r) == 0, "%s: %s", text, err_text());
    for (uint32_t v = 0; v < s->n; v++)
        check_near((double)score[v], s->score[v] > -INFINITY ? want[v] : MASKED, 1e-4 * (1 + fabs(want[v])),
                   "%s: symbol %u of %u, %zu said", text, v, s->n, s->n_prompt + s->n_made);
}

/* llama.cpp's breakers: the nearest symbol that begins one which stands whole, the longest of those. */
static size_t ids_limit(const struct scene *s, size_t n, const sym_t *const breaker[], const size_t length[],
                        size_t n_b)
{
    size_t all = s->n_prompt + s->n_made;
    for (size_t i = 0; i < n; i++) {
        size_t longest = 0;
        for (size_t b = 0; b < n_b; b++) {
            bool match = length[b] <= i + 1;
            for (size_t k = 0; match && k < length[b]; k++)
                match = said(s, all - 1 - i + k) == breaker[b][k];
            longest = match && length[b] > longest ? length[b] : longest;
        }
        if (longest > 0)
            return i + 1 - longest;
    }
    return n;
}

/* The definition, quadratic: the longest common end of what was said and of what stood before each earlier symbol. */
static void dry_plain(const struct scene *s, size_t n, size_t limit, double multiplier, double base, size_t allowed,
                      double change[])
{
    size_t all = s->n_prompt + s->n_made;
    size_t best[MAX_V] = { 0 };
    bool any[MAX_V] = { false };
    for (size_t k = 1; k < n && n > allowed; k++) {
        size_t len = 0;
        while (len < limit && k + len < n && said(s, all - 1 - len) == said(s, all - 1 - len - k))
            len++;
        sym_t v = said(s, all - k);
        if (len >= allowed && limit >= allowed) {
            any[v] = true;
            best[v] = len > best[v] ? len : best[v];
        }
    }
    for (uint32_t v = 0; v < s->n; v++)
        change[v] = any[v] ? multiplier * pow(base, (double)(best[v] - allowed)) : 0;
}

static void dry_ids(void)
{
    static const sym_t one[] = { 1 }, two[] = { 0, 2 }, three[] = { 2, 1, 2 };
    static const sym_t *const breaker[] = { one, two, three };
    static const size_t length[] = { 1, 2, 3 };
    static const char *const lists[] = { "[]", "[1]", "[1, 0+2]", "[1, 0+2, 2+1+2]" };
    for (int round = 0; round < 3000; round++) {
        struct scene s = scene_random(6, 2 + below(4), NULL);
        size_t all = s.n_prompt + s.n_made, n_b = below(4), allowed = below(4);
        long last_n = (long)below(40) - 1;
        size_t n = last_n < 0 || (size_t)last_n > all ? all : (size_t)last_n;
        double want[MAX_V], base = 1 + below(8) / 8.;
        char text[120];
        snprintf(text, sizeof text, "dry(0.75, base=%g, allowed=%zu, last_n=%ld, breakers=%s)", base, allowed, last_n,
                 lists[n_b]);
        dry_plain(&s, n, ids_limit(&s, n, breaker, length, n_b), .75, base, allowed, want);
        for (uint32_t v = 0; v < s.n; v++)
            want[v] = (double)s.score[v] - (n_b > 0 && v == 1 ? 0 : want[v]);
        compare(text, &s, want);
    }
}

/* A space of short strings over a, b and c, some equal, one special, one end. */
static struct space *strings(uint32_t n, char bytes[], uint64_t offsets[])
{
    uint8_t special[MAX_V] = { 0 };
    sym_t end = n - 1;
    offsets[0] = 0;
    for (uint32_t v = 0; v < n; v++) {
        uint32_t len = v == end ? 0 : v < 3 ? 1 : 1 + below(4);
        for (uint32_t k = 0; k < len; k++)
            bytes[offsets[v] + k] = (char)('a' + (v < 3 ? v : below(3)));
        offsets[v + 1] = offsets[v] + len;
    }
    special[end] = 1;
    return space_alloc(SPACE_TOKEN, n, (const uint8_t *)bytes, offsets, special, &end, 1);
}

/* The text said, and where the bytes of symbol i end. */
static size_t write_out(const struct scene *s, char text[], size_t ends[])
{
    size_t n = 0, all = s->n_prompt + s->n_made;
    for (size_t i = 0; i < all; i++) {
        size_t len;
        const uint8_t *bytes = space_text(s->space, said(s, i), &len);
        memcpy(text + n, bytes, len);
        n += len;
        ends[i] = n;
    }
    text[n] = '\0';
    return n;
}

/* Symbols behind the one that holds the last byte of the last occurrence of a breaker. */
static size_t text_limit(const struct scene *s, const char *const breaker[], size_t n_b)
{
    char text[MAX_SAID * 8];
    size_t ends[2 * MAX_SAID], n = write_out(s, text, ends), all = s->n_prompt + s->n_made, last = 0;
    for (size_t b = 0; b < n_b; b++)
        for (size_t len = strlen(breaker[b]), i = 0; i + len <= n; i++)
            if (memcmp(text + i, breaker[b], len) == 0 && i + len > last)
                last = i + len;
    size_t i = 0;
    while (i < all && ends[i] < last)
        i++;
    return last == 0 ? all : all - 1 - i;
}

static void dry_texts(void)
{
    static const char *const breaker[] = { "cb", "aca" };
    static const char *const lists[] = { "[]", "[cb]", "[cb, aca]" };
    char bytes[MAX_V * 4];
    uint64_t offsets[MAX_V + 1];
    struct space *space = strings(9, bytes, offsets);
    for (int round = 0; round < 3000; round++) {
        struct scene s = scene_random(9, 3 + below(6), space);
        size_t n_b = below(3);
        double want[MAX_V];
        char text[100];
        snprintf(text, sizeof text, "dry(1.5, base=1.5, allowed=1, breakers=%s)", lists[n_b]);
        dry_plain(&s, s.n_prompt + s.n_made, text_limit(&s, breaker, n_b), 1.5, 1.5, 1, want);
        for (uint32_t v = 0; v < s.n; v++) {
            char own[8] = { 0 };
            memcpy(own, bytes + offsets[v], offsets[v + 1] - offsets[v]);
            for (size_t b = 0; b < n_b; b++)
                want[v] = strstr(own, breaker[b]) ? 0 : want[v];
            want[v] = (double)s.score[v] - want[v];
        }
        compare(text, &s, want);
    }
    space_free(space);
}

/* The usual breakers, on bytes; and the clamp of the exponent. */
static void dry_usual(void)
{
    struct space *space = space_bytes();
    struct scene s = { .space = space, .n = 257 };
    const char *text = "xaxb\nxaxb\nxax";
    for (s.n_made = 0; text[s.n_made]; s.n_made++)
        s.made[s.n_made] = (sym_t)text[s.n_made];
    float score[MAX_V];
    struct row r;
    check(apply("dry(1, base=2)", &s, score, &r) == 0, "%s", err_text());
    check_near((double)score['b'], -2, 1e-6, "xax was said before b: 2^(3-2)");
    check(apply("dry(1, base=2, breakers=[])", &s, score, &r) == 0 && score['b'] < -32, "without breakers 2^(8-2)");
    for (s.n_made = 0; s.n_made < MAX_SAID; s.n_made++)
        s.made[s.n_made] = 'y';
    check(apply("dry(1000000, base=1000000, allowed=1)", &s, score, &r) == 0 && isfinite(score['y']),
          "a huge penalty is finite");
    s.made[3] = 300;
    check(apply("dry=1", &s, score, &r) == ERR_DATA && strstr(err_text(), "symbol 300 of the history is outside"), "%s",
          err_text());
    space_free(space);
}

/* ExLlama's loop over the history, backwards. */
static void fading(void)
{
    for (int round = 0; round < 1000; round++) {
        struct scene s = scene_random(7, 7, NULL);
        uint32_t sustain = below(12), decay = below(15);
        double p = .5 + below(20) / 10., rep = p, add = p, rep_step = 0, add_step = 0;
        double repeated[MAX_V], once[MAX_V], each[MAX_V];
        bool seen[MAX_V] = { false };
        char text[100];
        s.n_prompt = 0; /* frequency and presence count the text alone */
        if (decay > 0) {
            rep_step = (1 - p) / decay;
            add_step = -p / decay;
        }
        for (uint32_t v = 0; v < s.n; v++)
            repeated[v] = once[v] = each[v] = (double)s.score[v];
        size_t begin = s.n_made > sustain + decay ? s.n_made - sustain - decay : 0;
        long left = sustain;
        for (size_t i = s.n_made; i-- > begin;) {
            sym_t v = s.made[i];
            if (!seen[v]) {
                repeated[v] = repeated[v] > 0 ? repeated[v] / rep : repeated[v] * rep;
                once[v] -= add;
                seen[v] = true;
            }
            each[v] -= add;
            if (--left < 0) {
                rep += rep_step;
                add += add_step;
            }
        }
        snprintf(text, sizeof text, "repetition_penalty(%g, last_n=%u, decay=%u)", p, sustain, decay);
        compare(text, &s, repeated);
        snprintf(text, sizeof text, "presence_penalty(%g, last_n=%u, decay=%u)", p, sustain, decay);
        compare(text, &s, once);
        snprintf(text, sizeof text, "frequency_penalty(%g, last_n=%u, decay=%u)", p, sustain, decay);
        compare(text, &s, each);
    }
}

/* A banned text never comes about, and nothing else is masked. */
static void bans(void)
{
    static const char *const banned[] = { "ab", "cac", "bbbb" };
    char bytes[MAX_V * 4], text[MAX_SAID * 8 + 8];
    uint64_t offsets[MAX_V + 1];
    struct space *space = strings(40, bytes, offsets);
    for (int round = 0; round < 400; round++) {
        struct scene s = scene_random(40, 40, space);
        size_t ends[2 * MAX_SAID], n = write_out(&s, text, ends);
        double want[MAX_V], biased[MAX_V];
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
        compare("ban=[ab, cac, bbbb]", &s, want);
        compare("sequence_bias=[ab:0.5, cac:1.5, bbbb:2.5]", &s, biased);
    }
    space_free(space);
}

/* By definition: the last `window` symbols of the text, or the block said `count` times. */
static bool loop_plain(const struct scene *s, size_t window, size_t period, size_t count)
{
    size_t n = s->n_made < window ? s->n_made : window;
    const sym_t *tail = s->made + s->n_made - n;
    if (count == 0 && s->n_made < window)
        return false;
    for (size_t p = 1; p <= period && p < n; p++) {
        size_t stretch = count == 0 ? n : p * count;
        bool same = stretch <= n;
        for (size_t i = 0; same && i + p < stretch; i++)
            same = tail[n - 1 - i] == tail[n - 1 - i - p];
        if (same)
            return true;
    }
    return false;
}

static void loops(void)
{
    int found = 0;
    for (int round = 0; round < 3000; round++) {
        struct scene s = scene_random(5, 1 + below(3), NULL);
        size_t window = 2 + below(12), period = below(6), count = below(2) == 0 ? 0 : 1 + below(4);
        float score[MAX_V];
        char text[80];
        struct row r;
        bool loop = loop_plain(&s, window, period > 0 ? period : window / 3, count);
        snprintf(text, sizeof text, "loop(%zu, period=%zu, count=%zu, ends=[2])", window, period, count);
        s.score[2] = -1;
        s.score[1] = 3;
        check(apply(text, &s, score, &r) == 0, "%s", err_text());
        check((row_count(&r) == 1 && row_argmax(&r) == 2) == loop && (loop || score[1] == 3),
              "%s: %zu symbols: %s a loop", text, s.n_made, loop ? "is" : "is not");
        found += loop;
    }
    check(found > 300 && found < 2700, "both come: %d loops", found);
}

/* Goes on under a chain, always with the symbol of the highest score among those left; rows prefer 'a'. */
static size_t say(const char *text, const struct space *space, sym_t made[], size_t n)
{
    struct chain *c = chain_parse(text);
    check(c && chain_bind(c, space) == 0, "%s: %s", text, err_text());
    _Alignas(16) unsigned char state[256];
    float score[MAX_V];
    size_t i = 0;
    chain_start(c, state);
    for (; i < n; i++) {
        struct scene s = { .space = space, .n_made = i };
        struct transform_at at = at_of(&s);
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
    float score[MAX_V];
    struct row r;
    s.score[256] = -2;
    check(apply("min_tokens(5, ends=[a])", &s, score, &r) == 0 && score[256] == -INFINITY && score['a'] == -INFINITY &&
              row_count(&r) == 255,
          "the space's end and the one given are masked");
    check(apply("min_tokens(4, ends=[a])", &s, score, &r) == 0 && row_count(&r) == 257, "the prompt does not count");
    check(apply("length_decay(2, factor=3)", &s, score, &r) == 0, "%s", err_text());
    check_near((double)score[256], -2 + 2 * 8, 1e-5, "the end rises by |s| (3^2 - 1)");
    check(apply("length_decay(2, factor=3, ends=[256, 256])", &s, score, &r) == 0 && score[256] == 14, "once");
    check(apply("length_decay(0, factor=1e6)", &s, score, &r) == 0 && isfinite(score[256]), "no overflow");
    check(apply("allow=[256] | min_tokens=5", &s, score, &r) == 0 && row_dead(&r), "ends alone: dead");
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
    float score[MAX_V];
    struct row r;
    check(apply("ban=[' x']", &s, score, &r) == ERR_USAGE && strstr(err_text(), "not bound to a symbol space"), "%s",
          err_text());
    check(apply("force=[' x']", &s, score, &r) == ERR_USAGE && strstr(err_text(), "not bound"), "%s", err_text());
    check(apply("budget(3, text=' x')", &s, score, &r) == ERR_USAGE && strstr(err_text(), "not bound"), "%s",
          err_text());
    check(apply("bias=[7:1]", &s, score, &r) == ERR_DATA && strstr(err_text(), "symbol 7 is outside"), "%s",
          err_text());
    check(apply("force=[7]", &s, score, &r) == ERR_DATA && strstr(err_text(), "symbol 7 is outside"), "%s", err_text());
    check(apply("min_tokens(3, ends=[7])", &s, score, &r) == ERR_DATA && strstr(err_text(), "ends: symbol 7"), "%s",
          err_text());
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
    struct rng_address a = { .seed = 31, .purpose = RNG_TEST };
    key = rng_key(&a);
    work = row_work_alloc(MAX_V);
    hugging_face();
    dry_ids();
    dry_texts();
    dry_usual();
    fading();
    bans();
    loops();
    sequences();
    ends();
    messages();
    texts();
    row_work_free(work);
    return check_done("transform_history");
}
