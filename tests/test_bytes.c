/* The byte adapter against enumeration: a table speaks a made vocabulary, and every string of tokens is added up.
 *
 * all: with a beam that nothing is pruned from, the mass of a string over all its tokenisations.  canonical: each row
 * against the masses of the covers that the tokenizer's own encoder gives back as they are. */
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
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

/* Each stands for a vocabulary and the kinds of pairs it has. */
static const struct made_vocab vocabularies[] = {
    { ab, 2, plain, COUNT(plain), NULL, 0, NULL, false },
    { abc, 3, deep, COUNT(deep), NULL, 0, NULL, false },
    { abc, 3, twice, COUNT(twice), loose, COUNT(loose), NULL, false },
    { abc, 3, late, COUNT(late), NULL, 0, NULL, false },
    { ab, 2, plain, 1, loose, COUNT(loose), NULL, true },
};

struct world {
    struct core *core;
    struct vocab *vocab;
    struct lm *tokens, *all, *canonical;
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
    struct world o = { .core = core_alloc(), .vocab = made_vocab_open(m) };
    o.tokens = table_open(&(struct table_options){ vocab_space(o.vocab)->n, TOKENS, seed, 1 });
    o.all = bytes_open(o.tokens, &(struct bytes_options){ .vocab = o.vocab, .kind = "all", .beam = 512 });
    o.canonical = bytes_open(o.tokens, &(struct bytes_options){ .vocab = o.vocab });
    check(o.all && o.canonical, "%s", err_text());
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
    static const char *const more[] = { "",   "a",   "b",   "c",   "ab",  "ba",  "bb",
                                        "aa", "abb", "bab", "aab", "baa", "bba", "aba" };
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
        for (char b = 'a'; b <= 'c'; b++) {
            longer[i] = b;
            mass[(unsigned char)b] = sums_of(o, longer, i + 1, canonical).mass;
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
    got = read_text(o, o->canonical, x, &weight);
    if (own.ended == 0)
        return;
    check(got >= log(own.ended) - 2e-6, "'%s': the token lm's canonical mass is at most the byte lm's", x);
    check_near(got + weight, log(own.ended), 3e-6, "'%s': weights make up for the leak", x);
}

static void enumerate(const struct world *o, size_t n_bytes)
{
    for (size_t n = 0; n <= LETTERS; n++) {
        size_t n_strings = 1;
        for (size_t i = 0; i < n; i++)
            n_strings *= n_bytes;
        for (size_t k = 0; k < n_strings; k++) {
            char x[LETTERS + 1] = { 0 };
            for (size_t i = 0, rest = k; i < n; i++, rest /= n_bytes)
                x[i] = (char)('a' + rest % n_bytes);
            check_text(o, x);
            if (n == LETTERS || n == 0) {
                check_rows(o, o->all, x, false);
                check_rows(o, o->canonical, x, true);
            }
        }
    }
}

int main(void)
{
    for (size_t i = 0; i < COUNT(vocabularies); i++) {
        struct world o = open_world(&vocabularies[i], 60 + i);
        enumerate(&o, vocabularies[i].n_bytes);
        close_world(&o);
    }
    printf("largest error of a probability: %.2g\n", best_row_error);
    return check_done("bytes");
}
