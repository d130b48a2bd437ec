/* decode/conformal: the table's arithmetic on cases done by hand, coverage by simulation, and the way into chain text. */
#include "base/err.h"
#include "base/rng.h"
#include "decode/chain.h"
#include "decode/conformal.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void by_hand(void)
{
    struct conformal_table t;
    struct conformal_pair nine[9];
    for (int i = 0; i < 9; i++)
        nine[i] = (struct conformal_pair){ .entropy = 1, .mass = (9 - i) / 10. };
    check(conformal_fit(nine, 9, .2, 1, &t) == 0 && t.n == 1, "one bin");
    check_near(t.mass[0], .8, 1e-15, "rank ceil(10 * .8) = 8 of .1 .. .9");
    check(conformal_fit(nine, 9, .05, 1, &t) == 0 && t.mass[0] == 1, "rank 10 of 9 is all");
    check(conformal_fit(nine, 9, .2, 3, &t) == 0 && t.n == 1, "equal entropies share a bin");
    struct conformal_pair two[4] = { { 3, .9 }, { 1, .2 }, { 4, .7 }, { 2, .1 } };
    check(conformal_fit(two, 4, .5, 2, &t) == 0 && t.n == 2 && t.entropy[0] == 2,
          "the edge is the lower bin's last entropy");
    check_near(t.mass[0], .2, 1e-15, "rank ceil(3 * .5) = 2 of two");
    check_near(t.mass[1], .9, 1e-15, "likewise");
    check(conformal_mass(&t, -1) == t.mass[0] && conformal_mass(&t, 2) == t.mass[0] &&
              conformal_mass(&t, 2.01) == t.mass[1],
          "an entropy at the edge belongs below it");
}

static void refused(void)
{
    struct conformal_table t;
    struct conformal_pair p[2] = { { 1, .5 }, { NAN, .5 } };
    check(conformal_fit(p, 1, 0, 1, &t) == ERR_USAGE && strstr(err_text(), "alpha is 0, want a number in (0, 1)"), "%s",
          err_text());
    check(conformal_fit(p, 1, NAN, 1, &t) == ERR_USAGE, "alpha is no number");
    check(conformal_fit(p, 1, .1, 65, &t) == ERR_USAGE && strstr(err_text(), "65 bins, want 1 .. 64"), "%s",
          err_text());
    check(conformal_fit(p, 1, .1, 2, &t) == ERR_DATA && strstr(err_text(), "1 held-out positions for 2 bins"), "%s",
          err_text());
    check(conformal_fit(p, 2, .1, 1, &t) == ERR_DATA && strstr(err_text(), "position 1 has entropy nan"), "%s",
          err_text());
}

enum { V = 24, HELD_OUT = 4000, FRESH = 20000 };

/* A world in which the lm is wrong: the truth is drawn at another temperature than the row's, the more so the surer it is. */
struct world {
    struct rng_key key;
    uint32_t next;
    struct row_work *work;
};

static double uniform(struct world *w)
{
    return rng_uniform(&w->key, w->next++);
}

static sym_t scene(struct world *w, float score[V])
{
    double spread = 1 + 5 * uniform(w), p[V], sum = 0, u;
    for (int v = 0; v < V; v++)
        score[v] = (float)(spread * uniform(w));
    for (int v = 0; v < V; v++)
        sum += p[v] = exp((double)score[v] / (1 + .3 * spread));
    u = uniform(w) * sum;
    sym_t s = 0;
    for (; s + 1 < V && u > p[s]; s++)
        u -= p[s];
    return s;
}

static struct conformal_pair pair_of(struct world *w)
{
    float score[V];
    sym_t truth = scene(w, score), id[V];
    double logp[V], mass = 0;
    struct row r = row_over(score, V);
    check(row_measure(&r) == 0, "measured");
    row_top(&r, V, w->work, id, logp);
    for (int i = 0; i < V; i++) {
        mass += exp(logp[i]);
        if (id[i] == truth)
            break;
    }
    return (struct conformal_pair){ row_entropy(&r), mass };
}

/* The truth stays in the nucleus of the fitted step as often as asked, in every bin; at 5 standard deviations of both. */
static void coverage(double alpha)
{
    static struct conformal_pair pairs[HELD_OUT];
    struct world w = { .key = rng_key(&(struct rng_address){ .seed = 31, .purpose = RNG_TEST }),
                       .work = row_work_alloc(V) };
    struct conformal_table t;
    struct text text = { 0 };
    for (int i = 0; i < HELD_OUT; i++)
        pairs[i] = pair_of(&w);
    check(conformal_fit(pairs, HELD_OUT, alpha, 4, &t) == 0 && t.n == 4, "%s", err_text());
    text_addf(&text, "conformal(%.17g, entropy=[%.17g, %.17g, %.17g], mass=[%.17g, %.17g, %.17g, %.17g])", alpha,
              t.entropy[0], t.entropy[1], t.entropy[2], t.mass[0], t.mass[1], t.mass[2], t.mass[3]);
    struct chain *c = chain_parse(text_s(&text));
    struct rng_address address = { .seed = 1, .purpose = RNG_DRAW };
    struct transform_at at = { .address = &address, .work = w.work };
    double n[4] = { 0 }, hit[4] = { 0 };
    for (int i = 0; c && i < FRESH; i++) {
        float score[V];
        sym_t truth = scene(&w, score);
        struct row r = row_over(score, V);
        check(row_measure(&r) == 0, "measured");
        double entropy = row_entropy(&r);
        int bin = (entropy > t.entropy[0]) + (entropy > t.entropy[1]) + (entropy > t.entropy[2]);
        check(chain_apply(c, NULL, &r, &at, NULL) == 0, "applied");
        n[bin]++;
        hit[bin] += row_logp(&r, truth) > -INFINITY;
    }
    for (int b = 0; b < 4; b++) {
        double sigma = sqrt(alpha * (1 - alpha) * (1 / n[b] + 4. / HELD_OUT));
        check(hit[b] / n[b] > 1 - alpha - 5 * sigma, "alpha %g, bin %d: covered %g of %g", alpha, b, hit[b] / n[b],
              n[b]);
        check(hit[b] / n[b] < 1 - alpha + .08, "alpha %g, bin %d: not by keeping all: %g", alpha, b, hit[b] / n[b]);
    }
    chain_free(c);
    text_free(&text);
    row_work_free(w.work);
}

int main(void)
{
    by_hand();
    refused();
    coverage(.1);
    coverage(.3);
    return check_done("conformal");
}
