/* Regret: the best weights in hindsight against a grid; curves of real runs against the tables' own likelihoods, by hand; the
 * bound of Bayes; figures. */
#include "base/err.h"
#include "experiments/h5.h"
#include "experiments/regret.h"
#include "experiments/run.h"
#include "model/table.h"
#include "plots/figure.h"
#include "tests/lib/check.h"
#include "tests/lib/letters.h"
#include "tests/lib/results_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VOICES = 3, LONG = 11 /* letters of the shortest of the longer half of the held texts */, N_LONG = 5 };

static const char script[] =
    "local v = {}\n"
    "for i = 1, 3 do v[i] = model { string.format('table:n=4,length=16,seed=%d,sharpness=1.5', i), name = 'v' .. i } "
    "end\n"
    "local function trio(name, rule, weighting)\n"
    "  return ensemble { voice { v[1] }, voice { v[2] }, voice { v[3] }, rule = rule, weighting = weighting, name = "
    "name }\n"
    "end\n"
    "experiment { name = 'regret', seed = 7, draws = 2, limit = { bytes = 10 }, evalsets = { 'DIR/' .. (arg.on or "
    "'held') },\n"
    "  arms = grid { lm = { v[1], trio('fixed', 'linear'), trio('bayes', 'linear', 'bayes'), trio('share', 'linear',\n"
    "    'share(0.1)'), trio('logistic', 'product', 'logistic') }, chain = { '', 'top_k=2' } } }\n";

/* ln of the likelihood of weights (w, u, 1 - w - u). */
static double likelihood(double p[][VOICES], size_t n, uint32_t n_voices, double w, double u)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(n_voices == 2 ? w * p[i][0] + (1 - w) * p[i][1] : w * p[i][0] + u * p[i][1] + (1 - w - u) * p[i][2]);
    return sum;
}

static void best_weights(uint64_t seed, uint32_t n_voices, size_t n)
{
    double p[64][VOICES], flat[64 * VOICES], weight[VOICES] = { 1, 0, 0 }, best = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < n_voices; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            p[i][k] = flat[i * n_voices + k] = k == 0 && i == 0 ? 0 : (double)(seed >> 40) * 0x1p-24;
        }
    double got = regret_best_weights(flat, n, n_voices, weight);
    for (double w = 0; w <= 1; w += .01)
        for (double u = 0; u <= (n_voices == 2 ? 0 : 1 - w); u += .01)
            best = fmax(best, likelihood(p, n, n_voices, w, u));
    check(got >= best - .011 && got <= best + .1, "best of %u voices on %zu symbols: %.5f, on a grid %.5f", n_voices, n,
          got, best);
    for (uint32_t k = 0; k < n_voices; k++)
        sum += weight[k];
    check_near(sum, 1, 1e-9, "weights sum to one");
    check_near(got, likelihood(p, n, n_voices, weight[0], weight[1]), 1e-9, "and have this likelihood");
}

/* ln p of the first n letters under voice k. */
static double said(struct lm *const v[], size_t k, const char *text, size_t n)
{
    sym_t prefix[32];
    double sum = 0, logp[4];
    for (size_t i = 0; i < n; i++) {
        table_logp(v[k], prefix, i, logp);
        prefix[i] = (sym_t)(text[i] - 'a');
        sum += logp[prefix[i]];
    }
    return sum;
}

/* Bayes' loss is that of the mixture of strings; the best voice is the likeliest. */
static void bayes_by_hand(const struct regret *x)
{
    struct lm *v[VOICES];
    for (uint64_t k = 0; k < VOICES; k++)
        v[k] = table_open(&(struct table_options){ .n = 4, .max_length = 16, .seed = k + 1, .sharpness = 1.5 });
    check(x->n_texts == N_LONG && x->n_points == LONG + 1 && x->at[LONG] == LONG, "%zu texts, %zu points", x->n_texts,
          x->n_points);
    for (size_t n = 0; n <= LONG && x->n_points == LONG + 1; n++) {
        double want = 0;
        for (size_t i = 0; i < LETTERS_HELD; i++) {
            double mixture = 0, best = -INFINITY;
            if (strlen(letters_held(i)) < LONG)
                continue;
            for (size_t k = 0; k < VOICES; k++) {
                double one = said(v, k, letters_held(i), n);
                mixture += exp(one) / VOICES;
                best = fmax(best, one);
            }
            want += (best - log(mixture)) / N_LONG;
        }
        check_near(x->over_voice[n], want, 1e-5, "regret of Bayes after %zu letters", n);
    }
    for (size_t k = 0; k < VOICES; k++)
        lm_free(v[k]);
}

static const struct regret *named(const struct results *r, const struct regret list[], size_t n, const char *lm)
{
    size_t n_arms;
    for (size_t i = 0; i < n; i++)
        if (strcmp(results_arms(r, &n_arms)[list[i].arm].lm, lm) == 0)
            return &list[i];
    check(false, "no curve of '%s'", lm);
    return NULL;
}

static void curves(struct results *r, bool scored)
{
    struct regret list[REGRET_LMS];
    size_t n = 0;
    check(regret_of(r, list, &n) == 0 && n == 4, "%zu curves: one of each ensemble, none of a leaf: %s", n, err_text());
    for (size_t i = 0; i < n; i++) {
        const struct regret *x = &list[i];
        check(x->scored == scored && x->n_voices == VOICES && x->n_texts > 0, "curve %zu", i);
        check(x->over_voice[0] == 0 && x->over_weights[0] == 0 && isnan(x->data[0]), "begins at 0");
        for (size_t k = 1; k < x->n_points; k++) {
            check(x->over_weights[k] >= x->over_voice[k] - .011, "weights can do what a voice does");
            check(!x->bounded || x->over_voice[k] <= x->most + 1e-5, "Bayes: %g after %zu symbols", x->over_voice[k],
                  x->at[k]);
            check(x->data[k] > 0 && x->mutual[k] >= 0 && x->mutual[k] < log(VOICES), "uncertainty");
            check(x->at[k] > x->at[k - 1], "points rise");
        }
    }
    const struct regret *fixed = named(r, list, n, "fixed"), *bayes = named(r, list, n, "bayes");
    const struct regret *share = named(r, list, n, "share"), *logistic = named(r, list, n, "logistic");
    if (!fixed || !bayes || !share || !logistic)
        return;
    check(!fixed->learns && bayes->learns && share->learns && logistic->learns, "which learn");
    check(!fixed->bounded && bayes->bounded && !share->bounded && !logistic->bounded, "Bayes alone is bounded");
    check_near(bayes->most, log(VOICES), 1e-6, "by ln K");
    if (scored)
        bayes_by_hand(bayes);
}

/* Whether figure `name` is drawn, and holds `want`. */
static void figure(const struct figure_data *d, const char *name, int want_rc, const char *want)
{
    size_t n;
    const struct figure_type *const *types = figure_types(&n);
    struct text script_text = { 0 };
    bool found = false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(types[i]->name, name) == 0) {
            found = true;
            check(types[i]->draw(d, &script_text) == want_rc, "%s is drawn or not", name);
            check(want_rc != 0 || strstr(text_s(&script_text), want), "%s holds %s", name, want);
        }
    check(found, "a figure '%s'", name);
    text_free(&script_text);
}

static void figures(struct results *r)
{
    struct summary of;
    struct figure_data d;
    summary_of(r, &of);
    figure_data_init(&d, r, &of);
    figure(&d, "regret", 1, "");
    figure(&d, "uncertainty", 1, "");
    check(regret_of(r, d.regrets, &d.n_regrets) == 0, "%s", err_text());
    figure(&d, "regret", 0, "bound of Bayes: 1.099");
    figure(&d, "uncertainty", 0, "$mutual3 << EOD");
    for (size_t i = 0; i < d.n_regrets; i++)
        d.regrets[i].learns = false;
    figure(&d, "regret", 1, "");
    for (size_t i = 0; i < d.n_regrets; i++)
        for (size_t k = 0; k < REGRET_POINTS; k++)
            d.regrets[i].data[k] = NAN;
    figure(&d, "uncertainty", 0, "$mutual3 << EOD");
    for (size_t i = 0; i < d.n_regrets; i++)
        for (size_t k = 0; k < REGRET_POINTS; k++)
            d.regrets[i].mutual[k] = NAN;
    figure(&d, "uncertainty", 1, "");
    figure_data_fini(&d);
    summary_fini(&of);
}

static void runs(void)
{
    const struct plan_options gen = { .sets = (const char *const[]){ "on=gen" }, .n_sets = 1 };
    for (int scored = 1; scored >= 0; scored--) {
        struct plan *p = letters_plan(script, scored ? NULL : &gen);
        struct run_outcome outcome;
        const char *folder = letters_path(scored ? "scored" : "generated");
        check(p && run_execute(p, folder, &(struct run_options){ .threads = 1 }, &outcome) == 0, "%s", err_text());
        struct results *r = results_open(folder);
        check(r != NULL, "%s", err_text());
        if (r)
            curves(r, scored);
        if (r && scored)
            figures(r);
        results_close(r);
        plan_free(p);
    }
}

/* A made file of more lms than have a place: what is measured of it is known by hand. */

enum { LMS = 10, TEXTS = 100, SYMBOLS = 50, APART = 5 /* every fifth symbol voice 0 was not asked */ };

static void put(hid_t file, const char *path, const float x[])
{
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    check(set >= 0 && H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0, "%s is written", path);
    H5Dclose(set);
}

/* Item i loses 1 + i / 100 nats a symbol; voice 0 takes ln 2, or is not asked, voice 1 takes ln 16. */
static void make(const char *path, const char *weighting)
{
    static float pool[LMS * TEXTS * SYMBOLS], voice[2 * LMS * TEXTS * SYMBOLS], weight[2 * LMS * TEXTS * SYMBOLS];
    const struct results_file f = { .n_arms = LMS,
                                    .n_items = TEXTS,
                                    .n_draws = 1,
                                    .n_lms = LMS,
                                    .symbols = SYMBOLS,
                                    .voices = 2,
                                    .weighting = weighting };
    check(results_file_write(path, &f) == 0, "%s", err_text());
    for (size_t k = 0; k < LMS * TEXTS * SYMBOLS; k++) {
        pool[k] = (float)(-1 - (double)(k / SYMBOLS % TEXTS) / 100);
        voice[2 * k] = k % APART == 0 ? NAN : (float)-log(2);
        voice[2 * k + 1] = (float)-log(16);
        weight[2 * k] = .7f;
        weight[2 * k + 1] = .3f;
    }
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    put(file, "/tokens/logp", pool);
    put(file, "/tokens/voice_logp", voice);
    put(file, "/tokens/voice_weight", weight);
    H5Fclose(file);
}

static void by_hand(const struct regret *x)
{
    double lost = 0; /* by the texts that are chosen evenly of all, a symbol */
    for (size_t i = 0; i < REGRET_TEXTS; i++)
        lost += (1 + (double)(i * TEXTS / REGRET_TEXTS) / 100) / REGRET_TEXTS;
    size_t last = x->n_points - 1, asked = SYMBOLS - SYMBOLS / APART;
    check(x->n_texts == REGRET_TEXTS && !x->scored && x->n_voices == 2, "%zu texts", x->n_texts);
    check(x->n_points == REGRET_POINTS && x->at[last] == SYMBOLS && x->at[1] == 1, "%zu points, to %zu", x->n_points,
          x->at[last]);
    double want = (double)asked * (lost - log(2)); /* where voice 0 was not asked it is given what the pool gave */
    check_near(x->over_voice[last], want, 1e-4, "over the best voice");
    check_near(x->over_weights[last], want, .011, "no weights are better than all on it");
    check_near(x->over_voice[1], 0, 1e-6, "the first symbol: voice 0 lost what the pool lost");
    check_near(x->most, -log(.3), 1e-6, "ln 1/w of the lighter voice");
}

static void more_than_have_a_place(void)
{
    static const struct {
        const char *weighting;
        bool learns;
    } cases[] = { { NULL, false },   { "fixed", false },          { "prompt", false }, { "prompt=0.5", false },
                  { "bayes", true }, { "share(alpha=.1)", true }, { "logistic", true } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *weighting = cases[i].weighting ? cases[i].weighting : "none", *path = letters_path("made.h5");
        struct regret list[REGRET_LMS];
        size_t n = 0;
        make(path, cases[i].weighting);
        struct results *r = results_open(path);
        check(r && regret_of(r, list, &n) == 0 && n == REGRET_LMS, "%s: %zu curves: %s", weighting, n, err_text());
        for (size_t k = 0; k < n; k++) {
            bool last = k + 1 == n && cases[i].learns; /* which comes in before others, and has its place by its arm */
            check(list[k].arm == (last ? LMS - 1 : k) && list[k].learns == last, "%s: place %zu is of arm %u",
                  weighting, k, list[k].arm);
        }
        if (n == REGRET_LMS && i == 0)
            by_hand(&list[3]);
        results_close(r);
    }
}

int main(void)
{
    for (uint64_t i = 0; i < 12; i++)
        best_weights(i + 1, i % 2 ? 3 : 2, i < 2 ? 1 : 5 * i);
    check(regret_best_weights(NULL, 0, 2, (double[]){ .5, .5 }) == 0, "nothing has no loss");
    letters_open();
    runs();
    more_than_have_a_place();
    letters_close();
    return check_done("regret");
}
