/* decode/transform*: transforms with state.  The law over every transform of the table: a clone, and a state that was saved
 * and restored elsewhere, continue exactly as the original.  And the controllers against their formulas, written plainly. */
#include "base/err.h"
#include "base/mem.h"
#include "decode/chain.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { V = 23, STEPS = 30, MAX_STATE = 256 };

/* Beside what each row of the table shows of itself. */
static const char *const more[] = {
    "xtc(0.5, threshold=0.05) | xtc(0.5, threshold=0.1)",
    "repetition_penalty(1.4, last_n=5, decay=4)",
    "dry(1.5, base=1.3, allowed=1, breakers=[3])",
    "mirostat1(2, eta=0.4)",
    "mirostat2(2, eta=0.4)",
    "adaptive_p(0.3, decay=0.7)",
    "min_p=0.02 | adaptive_p(0.2) | mirostat2=3",
    "loop(8, period=4, count=2, ends=[0])",
    "budget(5, text=4+7+4)",
    "budget(4, text=9+9, start=5)",
    "bias=[3:1.5, 4:-inf]",
    "sequence_bias=[3+4:2, 5:-1]",
    "ban=[5, 3+4]",
    "suppress([3, 4], first=6)",
    "force([7, 8, 9], from=3)",
    "min_tokens(9, ends=[1, 2])",
    "length_decay(4, factor=1.2, ends=[1])",
    "green(0.5, delta=1)",
    "green(0.5, delta=1, scheme=self, width=2)",
    "synthid([654, 400, 836], ngram=3)",
};

struct walk {
    sym_t made[STEPS];
    float seen[STEPS][V]; /* log-probabilities of every step */
    _Alignas(16) unsigned char state[MAX_STATE];
};

/* Steps from w's own length on; rows are peaked on a few symbols, so that they come again. */
static void go_on(const struct chain *c, struct walk *w, size_t from, size_t to, struct row_work *work)
{
    static const sym_t prompt[] = { 3, 5, 3 };
    struct rng_address a = { .seed = 9, .purpose = RNG_DRAW };
    for (size_t step = from; step < to; step++) {
        float score[V];
        a.step = (uint32_t)step;
        struct transform_at at = {
            .prompt = prompt, .n_prompt = 3, .made = w->made, .n_made = step, .address = &a, .work = work
        };
        for (uint32_t v = 0; v < V; v++)
            score[v] = 3 * (float)sin(1.7 * v + .9 * (double)(step % 5)) - (float)v / 8;
        struct row r = row_over(score, V);
        struct rng_key key = rng_key(&a);
        check(row_measure(&r) == 0 && chain_apply(c, w->state, &r, &at, NULL) == 0, "%s: step %zu: %s", chain_text(c),
              step, err_text());
        for (uint32_t v = 0; v < V; v++)
            w->seen[step][v] = row_dead(&r) ? -INFINITY : (float)row_logp(&r, v);
        w->made[step] = row_dead(&r) ? 0 : row_draw(&r, &key);
        double logp = row_dead(&r) ? -INFINITY : row_logp(&r, w->made[step]);
        chain_accept(c, w->state, &(struct transform_choice){ .symbol = w->made[step], .logp = logp, .at = &at });
    }
}

static void clone_law(const char *text)
{
    struct chain *c = chain_parse(text), *again = chain_parse(text);
    check(c && again && chain_state_size(c) <= MAX_STATE, "%s: %s", text, err_text());
    struct row_work *work = row_work_alloc(V), *elsewhere = row_work_alloc(V);
    struct walk *whole = mem_aligned(1, sizeof *whole), *clone = mem_aligned(1, sizeof *clone);
    struct walk *restored = mem_aligned(1, sizeof *restored);
    chain_start(c, whole->state);
    go_on(c, whole, 0, STEPS, work);
    for (size_t at = 0; at <= STEPS; at += 3) {
        memset(clone, 0, sizeof *clone);
        chain_start(c, clone->state);
        go_on(c, clone, 0, at, work);
        /* saved: its bytes alone; restored: into another chain of the same text, another thread's work */
        unsigned char *saved = mem_copy(clone->state, MAX_STATE);
        *restored = *clone;
        memset(restored->state, 0xa5, MAX_STATE);
        memcpy(restored->state, saved, chain_state_size(c));
        free(saved);
        go_on(c, clone, at, STEPS, work);
        go_on(again, restored, at, STEPS, elsewhere);
        check(memcmp(clone->seen, whole->seen, sizeof whole->seen) == 0 &&
                  memcmp(clone->made, whole->made, sizeof whole->made) == 0 &&
                  memcmp(clone->state, whole->state, chain_state_size(c)) == 0,
              "%s: a clone after %zu symbols continues as the original", text, at);
        check(memcmp(restored->seen, whole->seen, sizeof whole->seen) == 0 &&
                  memcmp(restored->state, whole->state, chain_state_size(c)) == 0,
              "%s: so does what was saved and restored", text);
    }
    free(whole);
    free(clone);
    free(restored);
    row_work_free(work);
    row_work_free(elsewhere);
    chain_free(c);
    chain_free(again);
}

static void clones(void)
{
    size_t n;
    const struct transform_type *const *types = transform_types(&n);
    for (size_t i = 0; i < n; i++)
        clone_law(types[i]->shown[0]);
    for (size_t k = 0; k < sizeof more / sizeof *more; k++)
        clone_law(more[k]);
}

/* One step of a chain from a given state, on given scores; the row that is left in score. */
struct one {
    struct chain *c;
    struct row_work *work;
    sym_t made[STEPS];
    size_t n;
    _Alignas(16) unsigned char state[MAX_STATE];
    struct rng_address a;
    struct transform_at at;
};

static struct one *one_open(const char *text, uint32_t n)
{
    struct one *o = mem_aligned(1, sizeof *o);
    o->c = chain_parse(text);
    check(o->c != NULL, "%s", err_text());
    o->work = row_work_alloc(n);
    chain_start(o->c, o->state);
    return o;
}

static struct row one_apply(struct one *o, float score[], uint32_t n)
{
    struct row r = row_over(score, n);
    o->at = (struct transform_at){ .made = o->made, .n_made = o->n, .address = &o->a, .work = o->work };
    check(row_measure(&r) == 0 && chain_apply(o->c, o->state, &r, &o->at, NULL) == 0, "%s", err_text());
    return r;
}

static void one_accept(struct one *o, const struct row *r, sym_t v)
{
    chain_accept(o->c, o->state, &(struct transform_choice){ .symbol = v, .logp = row_logp(r, v), .at = &o->at });
    o->made[o->n++] = v;
}

static void one_close(struct one *o)
{
    chain_free(o->c);
    row_work_free(o->work);
    free(o);
}

enum { WIDE = 400 };

static void fill(float score[], double p[], size_t step)
{
    double sum = 0;
    for (uint32_t v = 0; v < WIDE; v++) {
        score[v] = (float)(4 * sin(2.3 * v + 1.1 * (double)step) - v / 70.);
        sum += exp((double)score[v]);
    }
    for (uint32_t v = 0; v < WIDE; v++)
        p[v] = exp((double)score[v]) / sum;
}

static int down(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* llama.cpp's formulas. */
static void mirostat1(void)
{
    struct one *o = one_open("mirostat1(3, eta=0.2)", WIDE);
    double mu = 6;
    for (size_t step = 0; step < 12; step++) {
        float score[WIDE];
        double p[WIDE], sorted[WIDE], tb = 0, tt = 0, kept = 0;
        fill(score, p, step);
        memcpy(sorted, p, sizeof p);
        qsort(sorted, WIDE, sizeof *sorted, down);
        for (int i = 0; i < 99; i++) {
            double t = log((i + 2.) / (i + 1)), b = log(sorted[i] / sorted[i + 1]);
            tb += t * b;
            tt += t * t;
        }
        double s = tb / tt, e = s - 1, k = pow(e * pow(2, mu) / (1 - pow(WIDE, -e)), 1 / s);
        uint32_t want = k < 1 ? 1 : k > WIDE ? WIDE : (uint32_t)k;
        struct row r = one_apply(o, score, WIDE);
        check(row_count(&r) == want, "mirostat1: step %zu keeps %u, want %u (k %g)", step, row_count(&r), want, k);
        sym_t v = row_argmax(&r);
        for (uint32_t i = 0; i < want; i++)
            kept += sorted[i];
        mu -= .2 * (-log2(p[v] / kept) - 3);
        one_accept(o, &r, v);
    }
    one_close(o);
}

static void mirostat2(void)
{
    struct one *o = one_open("mirostat2(2, eta=0.5)", WIDE);
    double mu = 4;
    for (size_t step = 0; step < 25; step++) {
        float score[WIDE];
        double p[WIDE], kept = 0;
        fill(score, p, step);
        uint32_t best = 0, want = 0;
        for (uint32_t v = 0; v < WIDE; v++) {
            best = p[v] > p[best] ? v : best;
            want += -log2(p[v]) <= mu;
            kept += -log2(p[v]) <= mu ? p[v] : 0;
        }
        kept = want > 0 ? kept : p[best];
        struct row r = one_apply(o, score, WIDE);
        check(row_count(&r) == (want > 0 ? want : 1) && row_argmax(&r) == best, "mirostat2: step %zu keeps %u, want %u",
              step, row_count(&r), want);
        mu -= .5 * (-log2(p[best] / kept) - 2);
        one_accept(o, &r, best);
    }
    one_close(o);
}

static void adaptive(void)
{
    struct one *o = one_open("adaptive_p(0.2, decay=0.8)", WIDE);
    double sum = .2 / (1 - .8), weight = 1 / (1 - .8);
    for (size_t step = 0; step < 12; step++) {
        float score[WIDE];
        double p[WIDE], aim = fmin(fmax(.4 - sum / weight, 0), 1);
        fill(score, p, step);
        struct row r = one_apply(o, score, WIDE);
        for (uint32_t v = 0; v < WIDE; v++) {
            double d = fabs(p[v] - aim) / .3;
            check_near((double)r.score[v], 5 - 10 * d * d / (1 + d), 1e-5, "adaptive_p: step %zu, symbol %u", step, v);
        }
        sym_t v = (sym_t)(step * 7 % WIDE);
        sum = p[v] + .8 * sum;
        weight = 1 + .8 * weight;
        one_accept(o, &r, v);
    }
    one_close(o);
    check(!chain_parse("adaptive_p=0.2 | top_k=3 | adaptive_p=0.3") &&
              strstr(err_text(), "adaptive_p behind adaptive_p: a chain has room for one of them"),
          "%s", err_text());
}

/* Rows that a formula could stumble over: flat, of one symbol, peaked to certainty, dead; V = 1. */
static void edges(void)
{
    static const char *const texts[] = { "mirostat1=3",    "mirostat2=3",  "mirostat1=0",    "mirostat2=0",
                                         "adaptive_p=0.5", "adaptive_p=0", "mirostat1=1000", "mirostat2=1000" };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        float flat[50] = { 0 }, single[1] = { -4 }, peaked[3] = { 800, 0, -INFINITY },
              dead[2] = { -INFINITY, -INFINITY };
        float zipf[50];
        for (int i = 0; i < 50; i++)
            zipf[i] = -(float)log(i + 1.); /* s = 1: Zipf's law itself */
        struct {
            float *score;
            uint32_t n;
        } rows[] = { { flat, 50 }, { single, 1 }, { peaked, 3 }, { zipf, 50 } };
        struct one *o = one_open(texts[k], 50);
        for (size_t i = 0; i < 4; i++) {
            struct row r = one_apply(o, rows[i].score, rows[i].n);
            check(!row_dead(&r) && isfinite(r.log_z), "%s: row %zu stays alive", texts[k], i);
            one_accept(o, &r, row_argmax(&r));
        }
        struct row r = one_apply(o, dead, 2);
        check(row_dead(&r), "%s: dead stays dead", texts[k]);
        one_close(o);
    }
}

int main(void)
{
    clones();
    mirostat1();
    mirostat2();
    adaptive();
    edges();
    return check_done("transform_state");
}
