/* The byte adapter against enumeration: a table speaks a made vocabulary, and every string of tokens is added up.
 *
 * all: with a beam that nothing is pruned from, the mass of a string over all its tokenisations.  canonical: each row
 * against the masses of the covers that the tokenizer's own encoder gives back as they are. */
#include "base/err.h"
#include "ensemble/bytes.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include "tests/lib/made_vocab.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES   257
#define END     256u
#define TOKENS  5 /* a string at most */
#define LETTERS 5 /* bytes of the strings that are looked at */

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const ab[] = { "a", "b" };
static const char *const abc[] = { "a", "b", "c" };
static const char *const plain[] = { "a b", "b a", "ab a" };
static const char *const deep[] = { "b b", "a b", "ab ab", "bb a", "abab b", "c a" };
static const char *const twice[] = { "b c", "a b", "a bc", "ab c" }; /* abc is made in two manners */
static const char *const late[] = { "ab c", "a b", "abc c" };        /* a merge before that which it needs */
static const char *const loose[] = { "ba", "abb" };
static const char *const accents[] = { "a", "b", "\xc3\xa9" };
static const char *const join[] = { "a b", "b \xc3\xa9", "ab \xc3\xa9" };
static const char *const fallback[] = { "<0x61>", "<0xC3>", "<0xA9>", "<0xAA>" };
static const char *const scored[] = { "ab", "bb", "abb", "ca" };

static const struct made_vocab vocabularies[] = {
    { ab, 2, plain, COUNT(plain), .alphabet = "ab" },
    { abc, 3, deep, COUNT(deep), .alphabet = "abc" },
    { abc, 3, twice, COUNT(twice), loose, COUNT(loose), .alphabet = "abc" },
    { abc, 3, late, COUNT(late), .alphabet = "abc" },
    { ab, 2, plain, 1, loose, COUNT(loose), .ignore_merges = true, .alphabet = "ab" },
    { accents, 3, join, COUNT(join), fallback, COUNT(fallback), .is_chars = true, .alphabet = "ab\xc3\xa9\xaa" },
    { abc, 3, NULL, 0, scored, COUNT(scored), .is_unigram = true, .alphabet = "abc" },
};

struct world {
    struct core *core;
    struct vocab *vocab;
    struct lm *tokens, *all, *canonical; /* canonical: NULL of Unigram */
    const char *alphabet;
    size_t n_bytes, n_letters; /* of the alphabet; of the longest strings */
};

static void fail_on(int rc)
{
    if (rc < 0)
        check(false, "%s", err_text());
    if (rc < 0)
        exit(1);
}

static struct world open_world(const struct made_vocab *m, uint64_t seed)
{
    struct world o = { .core = core_alloc(), .vocab = made_vocab_open(m), .alphabet = m->alphabet };
    o.n_bytes = strlen(m->alphabet);
    o.n_letters = o.n_bytes > 3 ? LETTERS - 1 : LETTERS;
    o.tokens = table_open(&(struct table_options){ vocab_space(o.vocab)->n, TOKENS, seed, 1 });
    o.all = bytes_open(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "all", .beam = 512 });
    o.canonical = m->is_unigram ? NULL : bytes_open(o.tokens, &(struct bytes_options){ .vocab = o.vocab });
    check(o.all != NULL, "%s", err_text());
    check(o.canonical || m->is_unigram, "%s", err_text());
    return o;
}

static void close_world(struct world *o)
{
    lm_free(o->all);
    lm_free(o->canonical);
    lm_free(o->tokens);
    vocab_free(o->vocab);
    core_free(o->core);
}

/* Masses by brute force.  Every cover of x is found at its last token: `sum` over tokens t1 .. tk with x within them. */
struct sums {
    const struct world *o;
    const char *x;
    size_t n;
    bool canonical;
    double mass;  /* of covers of x */
    double ended; /* of x and then the end */
};

/* The tokens s[n] are the first that the encoder gives for their own text and `more`. */
static bool begins_code(struct vocab *v, const sym_t s[], size_t n, const char *more)
{
    struct text t = { 0 };
    struct symbols ids = { 0 };
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const uint8_t *text = space_text(vocab_space(v), s[i], &length);
        text_addn(&t, text, length);
    }
    text_add(&t, more);
    int rc = vocab_encode(v, text_s(&t), t.len, &ids); /* some have no c */
    bool same = rc == 0 && ids.n >= n && (*more || ids.n == n) && (n == 0 || memcmp(ids.s, s, n * sizeof *s) == 0);
    free(ids.s);
    text_free(&t);
    return same;
}

/* The encoder gives them for the beginning of some text: as they are, or with what follows. */
static bool is_canonical(struct vocab *v, const sym_t s[], size_t n)
{
    static const char *const more[] = { "",    "a",   "b",   "c",   "ab",  "ba",   "bb",   "aa",       "abb",
                                        "bab", "aab", "baa", "bba", "aba", "\xa9", "\xaa", "\xc3\xa9", "\xc3\xaa" };
    for (size_t i = 0; i < COUNT(more); i++)
        if (begins_code(v, s, n, more[i]))
            return true;
    return false;
}

static void add_up(struct sums *f, sym_t path[], size_t n_path, size_t covered, double logp)
{
    const struct space *space = vocab_space(f->o->vocab);
    double row[27];
    if (n_path > TOKENS)
        return;
    table_logp(f->o->tokens, path, n_path, row);
    if (covered == f->n && (!f->canonical || begins_code(f->o->vocab, path, n_path, "")))
        f->ended += exp(logp + row[space->n - 1]);
    if (covered == f->n && f->n > 0)
        return;
    for (sym_t v = 0; v + 1 < space->n; v++) {
        size_t length, left = f->n - covered;
        const uint8_t *text = space_text(space, v, &length);
        path[n_path] = v;
        if (memcmp(text, f->x + covered, length < left ? length : left) != 0 ||
            (f->canonical && !is_canonical(f->o->vocab, path, n_path + 1)))
            continue;
        if (length >= left)
            f->mass += exp(logp + row[v]);
        if (length <= left && left > 0)
            add_up(f, path, n_path + 1, covered + length, logp + row[v]);
    }
}

static struct sums sums_of(const struct world *o, const char *x, size_t n, bool canonical)
{
    struct sums f = { .o = o, .x = x, .n = n, .canonical = canonical };
    sym_t path[TOKENS + 2];
    add_up(&f, path, 0, 0, 0);
    return f;
}

static double best_row_error;

/* Every row on the way along x, and its log-weight, against the masses. */
static void check_rows(const struct world *o, struct lm *lm, const char *x, bool canonical)
{
    size_t n = strlen(x);
    struct row rows[LETTERS + 1];
    sym_t s[LETTERS];
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), (uint32_t)n + 1, LM_TAP_FINAL };
    for (size_t i = 0; i < n; i++)
        s[i] = (uint8_t)x[i];
    fail_on(lm_push(lm, w.slot, s, n, NULL));
    fail_on(core_run(o->core, &w, 1));
    fail_on(lm_rows(&w, rows));
    for (size_t i = 0; i <= n; i++) {
        char longer[LETTERS + 2] = { 0 };
        memcpy(longer, x, i);
        double mass[BYTES] = { 0 }, total = 0, sum = 0;
        mass[END] = sums_of(o, x, i, canonical).ended;
        for (size_t k = 0; k < o->n_bytes; k++) {
            longer[i] = o->alphabet[k];
            mass[(unsigned char)longer[i]] = sums_of(o, longer, i + 1, canonical).mass;
        }
        for (size_t b = 0; b < BYTES; b++)
            total += mass[b];
        double before = i == 0 ? 1 : sums_of(o, x, i, canonical).mass;
        if (before == 0)
            continue;
        for (sym_t b = 0; b < BYTES; b++) {
            double p = exp(row_logp(&rows[i], b)), want = total > 0 ? mass[b] / total : 0;
            sum += p;
            best_row_error = fmax(best_row_error, fabs(p - want));
            check_near(p, want, 2e-7, "'%s' at %zu, byte %u, %s", x, i, (unsigned)b, lm->name);
        }
        if (total > 0) {
            check_near(sum, 1, 1e-6, "'%s' at %zu: 256 bytes and the end sum to one", x, i);
            check_near(rows[i].log_weight, log(total / before), 3e-7, "'%s' at %zu: what is kept, %s", x, i, lm->name);
        }
    }
    lm_drop(lm, w.slot);
}

/* ln p(x, end) as rows say. */
static double read_text(const struct world *o, struct lm *lm, const char *x, double *log_weight)
{
    size_t n = strlen(x);
    struct row rows[LETTERS + 1];
    sym_t s[LETTERS + 1];
    double sum = 0;
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
    *log_weight = 0;
    for (size_t i = 0; i <= n; i++) {
        s[i] = i < n ? (uint8_t)x[i] : END;
        fail_on(core_run(o->core, &w, 1));
        fail_on(lm_rows(&w, rows));
        sum += row_logp(rows, s[i]);
        *log_weight += rows->log_weight;
        fail_on(lm_push(lm, w.slot, &s[i], 1, NULL));
    }
    fail_on(core_run(o->core, &w, 1));
    fail_on(lm_rows(&w, rows));
    check(row_logp(rows, END) == 0, "behind the end, the end");
    lm_drop(lm, w.slot);
    return sum;
}

/* Invariant 10: the chain rule; the token lm's canonical mass is at most the byte lm's, and the log-weights are the
 * difference. */
static void check_text(const struct world *o, const char *x)
{
    double weight, got = read_text(o, o->all, x, &weight);
    struct sums every = sums_of(o, x, strlen(x), false), own = sums_of(o, x, strlen(x), true);
    if (every.ended > 0)
        check_near(got, log(every.ended), 2e-6, "'%s': chain rule over all its tokenisations", x);
    if (every.ended > 0)
        check_near(weight, 0, 3e-7, "'%s': nothing is lost", x);
    check(own.ended <= every.ended * (1 + 1e-12), "'%s': canonical mass is at most all mass", x);
    if (own.ended == 0 || !o->canonical)
        return;
    got = read_text(o, o->canonical, x, &weight);
    check(got >= log(own.ended) - 2e-6, "'%s': the token lm's canonical mass is at most the byte lm's", x);
    check_near(got + weight, log(own.ended), 3e-6, "'%s': weights make up for the leak", x);
}

static void enumerate(const struct world *o)
{
    for (size_t n = 0; n <= o->n_letters; n++) {
        size_t n_strings = 1;
        for (size_t i = 0; i < n; i++)
            n_strings *= o->n_bytes;
        for (size_t k = 0; k < n_strings; k++) {
            char x[LETTERS + 1] = { 0 };
            for (size_t i = 0, rest = k; i < n; i++, rest /= o->n_bytes)
                x[i] = o->alphabet[rest % o->n_bytes];
            check_text(o, x);
            if (n == o->n_letters || n == 0)
                check_rows(o, o->all, x, false);
            if ((n == o->n_letters || n == 0) && o->canonical)
                check_rows(o, o->canonical, x, true);
        }
    }
}

/* The row behind x. */
static void row_after(const struct world *o, struct lm *lm, const char *x, double p[BYTES])
{
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
    struct row row;
    for (; *x; x++)
        fail_on(lm_push(lm, w.slot, &(sym_t){ (unsigned char)*x }, 1, NULL));
    fail_on(core_run(o->core, &w, 1));
    fail_on(lm_rows(&w, &row));
    for (sym_t b = 0; b < BYTES; b++)
        p[b] = exp(row_logp(&row, b));
    lm_drop(lm, w.slot);
}

/* Jensen-Shannon divergence, bits. */
static double jsd(const double p[BYTES], const double q[BYTES])
{
    double sum = 0;
    for (size_t b = 0; b < BYTES; b++) {
        double m = (p[b] + q[b]) / 2;
        sum += p[b] > 0 ? p[b] / 2 * log2(p[b] / m) : 0;
        sum += q[b] > 0 ? q[b] / 2 * log2(q[b] / m) : 0;
    }
    return fmax(sum, 0);
}

/* The wider the beam, the closer to exact; what it prunes is what the log-weights say. */
static void beams(void)
{
    static const uint32_t beam[] = { 1, 2, 4, 8, 32 };
    struct world o = open_world(&vocabularies[1], 77);
    double last = INFINITY;
    for (size_t i = 0; i < COUNT(beam); i++) {
        struct lm *lm =
            bytes_open(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "all", .beam = beam[i] });
        double sum = 0;
        size_t n = 0;
        for (size_t k = 0; k < 243; k++) {
            char x[LETTERS + 1] = { 0 };
            double p[BYTES], q[BYTES];
            for (size_t j = 0, rest = k; j < LETTERS - 1; j++, rest /= 3)
                x[j] = (char)('a' + rest % 3);
            row_after(&o, lm, x, p);
            row_after(&o, o.all, x, q);
            sum += jsd(p, q);
            n++;
        }
        struct bytes_counts c = bytes_counts(lm);
        printf("beam %2u: %.2e bits from exact, %.2f states a byte\n", beam[i], sum / (double)n,
               (double)c.states / (double)(c.rows * LETTERS));
        check(sum < last || sum < 1e-12, "beam %u is closer to exact than the narrower one", beam[i]);
        last = sum;
        lm_free(lm);
    }
    check(last < 1e-9, "a wide beam is exact");
    close_world(&o);
}

/* Invariant 11: an ensemble of a model with itself is its byte-level lm. */
static void with_itself(void)
{
    static const char *const rules[] = { "linear", "log", "power(2)", "min", "max" };
    struct world o = open_world(&vocabularies[0], 78);
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct voice v[2] = { { .lm = o.canonical, .name = "a" }, { .lm = o.canonical, .name = "b" } };
        struct lm *lm = ensemble_open(v, (double[]){ 0.4, 0.6 }, 2, rules[i]);
        double p[BYTES], q[BYTES];
        row_after(&o, lm, "abba", p);
        row_after(&o, o.canonical, "abba", q);
        for (size_t b = 0; b < BYTES; b++)
            check_near(p[b], q[b], 2e-7, "%s with itself, byte %zu", rules[i], b);
        lm_free(lm);
    }
    close_world(&o);
}

static void refused(struct lm *tokens, const struct bytes_options *o, const char *want)
{
    struct lm *lm = bytes_open(tokens, o);
    check(!lm && strstr(err_text(), want), "'%s', want '%s'", lm ? "opened" : err_text(), want);
    lm_free(lm);
}

static void refusals(void)
{
    struct world o = open_world(&vocabularies[0], 79), u = open_world(&vocabularies[6], 79);
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "canonic" },
            "unknown kind of byte adapter 'canonic'; did you mean 'canonical'");
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "all", .beam = 1025 },
            "beam 1025, want 1 to 1024");
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "all", .lazy = 1e-4 }, "cannot be lazy");
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .lazy = 0.5 }, "lazy 0.5, want 0 to 0.1");
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .lazy = NAN }, "lazy nan, want");
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "canonical", .beam = 4 }, "has no beam");
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .ahead = 65 }, "ahead 65, want 0 to 64");
    refused(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "all", .ahead = 1 }, "all cannot look ahead");
    refused(o.tokens, &(struct bytes_options){ .vocab = u.vocab, .kind = "all" }, "tokens, 'table");
    refused(o.canonical, &(struct bytes_options){ .vocab = o.vocab }, "over bytes already");
    refused(u.tokens, &(struct bytes_options){ .vocab = u.vocab, .kind = "canonical" }, "the tokenizer is unigram");
    close_world(&o);
    close_world(&u);
}

/* Behind a byte that no token has nothing is possible, and stays so; an end whose token has a text is not found in one. */
static void lost(void)
{
    static const sym_t a_ends[] = { 0 };
    static const char json[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"bb\":3},\"merges\":"
                               "[\"a b\",\"b b\"]},\"decoder\":{\"type\":\"ByteLevel\"}}";
    struct world o = open_world(&vocabularies[0], 80);
    double p[BYTES];
    row_after(&o, o.canonical, "acbab", p);
    check(p['a'] + p['b'] + p[END] == 0, "behind an impossible byte");
    row_after(&o, o.all, "acbab", p);
    check(p['a'] + p['b'] + p[END] == 0, "behind an impossible byte");
    struct world e = { .core = core_alloc(), .vocab = vocab_read_json("ends", json, sizeof json - 1, a_ends, 1) };
    check(e.vocab != NULL, "%s", err_text());
    e.tokens = table_open(&(struct table_options){ 4, TOKENS, 81, 1 });
    e.canonical = bytes_open(e.tokens, &(struct bytes_options){ .vocab = e.vocab });
    e.all = bytes_open(e.tokens, &(struct bytes_options){ .vocab = e.vocab, .kind = "all" });
    row_after(&e, e.canonical, "ba", p);
    check(p['b'] == 1, "what begins with 'a' is 'ab': %g", p['b']);
    row_after(&e, e.all, "ba", p);
    check(p['b'] == 1, "what begins with 'a' is 'ab': %g", p['b']);
    close_world(&e);
    close_world(&o);
}

int main(void)
{
    for (size_t i = 0; i < COUNT(vocabularies); i++) {
        struct world o = open_world(&vocabularies[i], 60 + i);
        enumerate(&o);
        close_world(&o);
    }
    printf("largest error of a probability: %.2g\n", best_row_error);
    beams();
    with_itself();
    refusals();
    lost();
    return check_done("bytes");
}
