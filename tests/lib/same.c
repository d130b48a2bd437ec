#include "tests/lib/same.h"
#include "base/err.h"
#include "tests/lib/check.h"
#include <string.h>

static size_t n_values(const struct results *r, const struct results_metric *m)
{
    size_t n_arms, n_items;
    results_arms(r, &n_arms);
    results_items(r, &n_items);
    return m->level == METRIC_ARM    ? n_arms
           : m->level == METRIC_ITEM ? n_arms * n_items
                                     : n_arms * n_items * results_draws(r);
}

static void same_metrics(const struct results *a, const struct results *b, const char *what)
{
    size_t na, nb;
    const struct results_metric *ma = results_metrics(a, &na), *mb = results_metrics(b, &nb);
    check(na == nb && na > 0, "%s: %zu and %zu metrics", what, na, nb);
    for (size_t i = 0; i < na && na == nb; i++)
        check(strcmp(ma[i].name, mb[i].name) == 0 && n_values(a, &ma[i]) == n_values(b, &mb[i]) &&
                  memcmp(ma[i].value, mb[i].value, n_values(a, &ma[i]) * sizeof(double)) == 0,
              "%s: metric %s", what, ma[i].name);
}

static bool same_floats(const float *a, const float *b, size_t n)
{
    return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

static bool same_tokens(struct results *a, struct results *b, const struct results_record *x,
                        const struct results_record *y)
{
    struct results_tokens s, t;
    if (results_tokens(a, x, &s) < 0 || results_tokens(b, y, &t) < 0)
        return false;
    return s.n == t.n && s.n_voices == t.n_voices && (s.n == 0 || memcmp(s.id, t.id, s.n * sizeof *s.id) == 0) &&
           (s.n == 0 || memcmp(s.kept, t.kept, s.n * sizeof *s.kept) == 0) && same_floats(s.logp, t.logp, s.n) &&
           same_floats(s.logp_final, t.logp_final, s.n) && same_floats(s.entropy, t.entropy, s.n) &&
           same_floats(s.entropy_final, t.entropy_final, s.n) && same_floats(s.mass, t.mass, s.n) &&
           same_floats(s.data_entropy, t.data_entropy, s.n) && same_floats(s.disagreement, t.disagreement, s.n) &&
           same_floats(s.epkl, t.epkl, s.n) && same_floats(s.rmi, t.rmi, s.n) &&
           same_floats(s.agreement, t.agreement, s.n) &&
           same_floats(s.voice_weight, t.voice_weight, s.n * s.n_voices) &&
           same_floats(s.voice_logp, t.voice_logp, s.n * s.n_voices) &&
           same_floats(s.voice_share, t.voice_share, s.n * s.n_voices);
}

static void same_records(struct results *a, struct results *b, const char *what)
{
    size_t na, nb;
    const struct results_record *x = results_records(a, &na), *y = results_records(b, &nb);
    check(na == nb && na > 0, "%s: %zu and %zu records", what, na, nb);
    for (size_t i = 0; i < na && na == nb; i++) {
        bool same = x[i].arm == y[i].arm && x[i].item == y[i].item && x[i].draw == y[i].draw &&
                    x[i].n_text == y[i].n_text && memcmp(x[i].text, y[i].text, x[i].n_text) == 0 &&
                    memcmp(&x[i].nll, &y[i].nll, sizeof x[i].nll) == 0 &&
                    memcmp(&x[i].judge_nll, &y[i].judge_nll, sizeof x[i].judge_nll) == 0 &&
                    x[i].n_choices == y[i].n_choices && strcmp(x[i].end, y[i].end) == 0;
        for (size_t k = 0; k < x[i].n_choices && same; k++)
            same = x[i].choice_logp[k] == y[i].choice_logp[k];
        check(same && same_tokens(a, b, &x[i], &y[i]), "%s: record %zu", what, i);
    }
}

void same_results(const char *path_a, const char *path_b, const char *what)
{
    struct results *a = results_open(path_a), *b = results_open(path_b);
    check(a && b, "%s: both open: %s", what, a && b ? "" : err_text());
    if (a && b) {
        same_metrics(a, b, what);
        same_records(a, b, what);
    }
    results_close(a);
    results_close(b);
}
