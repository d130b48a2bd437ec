/* decode/transform*: what counts repetitions of what has been said (dry, penalties, which may fade, no_repeat_ngram, loop), against
 * plain references, quadratic in the history. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include "tests/lib/scene.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
                match = scene_said(s, all - 1 - i + k) == breaker[b][k];
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
    size_t best[SCENE_V] = { 0 };
    bool any[SCENE_V] = { false };
    for (size_t k = 1; k < n && n > allowed; k++) {
        size_t len = 0;
        while (len < limit && k + len < n && scene_said(s, all - 1 - len) == scene_said(s, all - 1 - len - k))
            len++;
        sym_t v = scene_said(s, all - k);
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
        struct scene s = scene_random(6, 2 + scene_below(4), NULL);
        size_t all = s.n_prompt + s.n_made, n_b = scene_below(4), allowed = scene_below(4);
        long last_n = (long)scene_below(40) - 1;
        size_t n = last_n < 0 || (size_t)last_n > all ? all : (size_t)last_n;
        double want[SCENE_V], base = 1 + scene_below(8) / 8.;
        char text[120];
        snprintf(text, sizeof text, "dry(0.75, base=%g, allowed=%zu, last_n=%ld, breakers=%s)", base, allowed, last_n,
                 lists[n_b]);
        dry_plain(&s, n, ids_limit(&s, n, breaker, length, n_b), .75, base, allowed, want);
        for (uint32_t v = 0; v < s.n; v++)
            want[v] = (double)s.score[v] - (n_b > 0 && v == 1 ? 0 : want[v]);
        scene_compare(text, &s, want);
    }
}

/* Symbols behind the one that holds the last byte of the last occurrence of a breaker. */
static size_t text_limit(const struct scene *s, const char *const breaker[], size_t n_b)
{
    char text[SCENE_SAID * 8];
    size_t ends[2 * SCENE_SAID], n = scene_text(s, text, ends), all = s->n_prompt + s->n_made, last = 0;
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
    char bytes[SCENE_V * 4];
    uint64_t offsets[SCENE_V + 1];
    struct space *space = scene_space(9, bytes, offsets);
    for (int round = 0; round < 3000; round++) {
        struct scene s = scene_random(9, 3 + scene_below(6), space);
        size_t n_b = scene_below(3);
        double want[SCENE_V];
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
        scene_compare(text, &s, want);
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
    float score[SCENE_V];
    struct row r;
    check(scene_apply("dry(1, base=2)", &s, score, &r) == 0, "%s", err_text());
    check_near((double)score['b'], -2, 1e-6, "xax was said before b: 2^(3-2)");
    check(scene_apply("dry(1, base=2, breakers=[])", &s, score, &r) == 0 && score['b'] < -32,
          "without breakers 2^(8-2)");
    for (s.n_made = 0; s.n_made < SCENE_SAID; s.n_made++)
        s.made[s.n_made] = 'y';
    check(scene_apply("dry(1000000, base=1000000, allowed=1)", &s, score, &r) == 0 && isfinite(score['y']),
          "a huge penalty is finite");
    s.made[3] = 300;
    check(scene_apply("dry=1", &s, score, &r) == ERR_DATA && strstr(err_text(), "symbol 300 of the history is outside"),
          "%s", err_text());
    space_free(space);
}

/* ExLlama's loop over the history, backwards. */
static void fading(void)
{
    for (int round = 0; round < 1000; round++) {
        struct scene s = scene_random(7, 7, NULL);
        uint32_t sustain = scene_below(12), decay = scene_below(15);
        double p = .5 + scene_below(20) / 10., rep = p, add = p, rep_step = 0, add_step = 0;
        double repeated[SCENE_V], once[SCENE_V], each[SCENE_V];
        bool seen[SCENE_V] = { false };
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
        scene_compare(text, &s, repeated);
        snprintf(text, sizeof text, "presence_penalty(%g, last_n=%u, decay=%u)", p, sustain, decay);
        scene_compare(text, &s, once);
        snprintf(text, sizeof text, "frequency_penalty(%g, last_n=%u, decay=%u)", p, sustain, decay);
        scene_compare(text, &s, each);
    }
}

/* Of the last `last_n` symbols said (-1: all), of the prompt too or the text alone. */
static uint32_t count_last(const struct scene *s, size_t begin, long last_n, sym_t v)
{
    uint32_t count = 0;
    size_t all = s->n_prompt + s->n_made;
    for (size_t i = all; i-- > begin && (last_n < 0 || (long)(all - i) <= last_n);)
        count += scene_said(s, i) == v;
    return count;
}

static void penalties(void)
{
    for (int round = 0; round < 1000; round++) {
        struct scene s = scene_random(60, 2 + scene_below(58), NULL);
        long last_n = (long)scene_below(30) - 1;
        double x = .25 + scene_below(16) / 8., repeated[SCENE_V], each[SCENE_V], once[SCENE_V];
        char text[80];
        for (uint32_t v = 0; v < s.n; v++) {
            double score = (double)s.score[v];
            bool said = count_last(&s, 0, last_n, v) > 0;
            uint32_t made = count_last(&s, s.n_prompt, last_n, v);
            repeated[v] = !said ? score : score > 0 ? score / x : score * x;
            each[v] = score - x * made;
            once[v] = score - x * (made > 0);
        }
        snprintf(text, sizeof text, "repetition_penalty(%g, last_n=%ld)", x, last_n);
        scene_compare(text, &s, repeated);
        snprintf(text, sizeof text, "frequency_penalty(%g, last_n=%ld)", x, last_n);
        scene_compare(text, &s, each);
        snprintf(text, sizeof text, "presence_penalty(%g, last_n=%ld)", x, last_n);
        scene_compare(text, &s, once);
    }
}

/* The definition, quadratic: every symbol that stood behind the same n - 1 symbols as stand at the end. */
static void ngrams(void)
{
    for (int round = 0; round < 3000; round++) {
        struct scene s = scene_random(6, 1 + scene_below(4), NULL);
        size_t n = 1 + scene_below(7), all = s.n_prompt + s.n_made;
        bool prompt = scene_below(2) == 0;
        size_t within = prompt ? s.n_prompt : all;
        double want[SCENE_V];
        char text[60];
        for (uint32_t v = 0; v < s.n; v++)
            want[v] = (double)s.score[v];
        for (size_t i = 0; i + n <= within && n - 1 <= (prompt ? s.n_made : all); i++) {
            bool same = true;
            for (size_t k = 0; same && k + 1 < n; k++)
                same = scene_said(&s, i + k) == scene_said(&s, all - n + 1 + k);
            if (same)
                want[scene_said(&s, i + n - 1)] = -INFINITY;
        }
        snprintf(text, sizeof text, "no_repeat_ngram(%zu, of=%s)", n, prompt ? "prompt" : "all");
        scene_compare(text, &s, want);
    }
}

/* bug: what was said was compared with each of its parts symbol by symbol: 300,000 equal symbols took hours */
static void long_ngrams(void)
{
    enum { SAID = 300000 };
    sym_t *made = mem_alloc(SAID, sizeof *made); /* zeros */
    struct scene s = { .n = 3 };
    struct transform_at at = scene_at(&s);
    _Alignas(16) unsigned char state[256];
    float score[3] = { 1, 2, 3 };
    struct row r = row_over(score, 3);
    struct chain *c = chain_parse("no_repeat_ngram=60000");
    at.made = made;
    at.n_made = SAID;
    check(c && row_measure(&r) == 0, "%s", err_text());
    double from = (double)clock() / CLOCKS_PER_SEC;
    chain_start(c, state);
    check(chain_apply(c, state, &r, &at, NULL) == 0 && isinf(score[0]) && score[1] == 2, "the one said is masked");
    double took = (double)clock() / CLOCKS_PER_SEC - from;
    check(took < 2, "%g s", took);
    chain_free(c);
    free(made);
    check(!chain_parse("no_repeat_ngram=65537") && strstr(err_text(), "65536"), "%s", err_text());
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
        struct scene s = scene_random(5, 1 + scene_below(3), NULL);
        size_t window = 2 + scene_below(12), period = scene_below(6),
               count = scene_below(2) == 0 ? 0 : 1 + scene_below(4);
        float score[SCENE_V];
        char text[80];
        struct row r;
        bool loop = loop_plain(&s, window, period > 0 ? period : window / 3, count);
        snprintf(text, sizeof text, "loop(%zu, period=%zu, count=%zu, ends=[2])", window, period, count);
        s.score[2] = -1;
        s.score[1] = 3;
        check(scene_apply(text, &s, score, &r) == 0, "%s", err_text());
        check((row_count(&r) == 1 && row_argmax(&r) == 2) == loop && (loop || score[1] == 3),
              "%s: %zu symbols: %s a loop", text, s.n_made, loop ? "is" : "is not");
        found += loop;
    }
    check(found > 300 && found < 2700, "both come: %d loops", found);
}

int main(void)
{
    scene_open(32);
    dry_ids();
    dry_texts();
    dry_usual();
    fading();
    penalties();
    ngrams();
    long_ngrams();
    loops();
    scene_close();
    return check_done("transform_repeats");
}
