#include "decode/audit_noise.h"
#include "base/mem.h"
#include "base/rng.h"
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPETITIONS = 999 };

#define EXPECTED 20   /* draws of a string for which the multiplier bootstrap is right */
#define ROUNDING 1e-9 /* of sums over a million draws: a search that gives every string differs by no more */

void audit_sample_init(struct audit_sample *s, size_t n_strings)
{
    *s = (struct audit_sample){ .n_strings = n_strings, .sum = mem_alloc(n_strings, sizeof *s->sum) };
}

void audit_sample_add(struct audit_sample *s, uint32_t draw, size_t string, double weight)
{
    mem_grow(&s->points, &s->cap, s->n + 1, sizeof *s->points);
    s->points[s->n++] = (struct audit_point){ draw, (uint32_t)string, weight };
    s->sum[string] += weight;
}

void audit_sample_fini(struct audit_sample *s)
{
    free(s->points);
    free(s->sum);
}

double audit_distance(const struct audit_sample *s, const double p[])
{
    double sum = 0;
    for (size_t i = 0; i < s->n_strings; i++)
        sum += fabs(s->sum[i] / s->draws - p[i]);
    return sum / 2;
}

/* Scratch of the simulations. */
struct simulation {
    const struct audit_sample *s;
    gsl_rng *rng;
    unsigned *count; /* (n_strings,) */
    double *mean;    /* (n_strings,) measured */
    double *shift;   /* (n_strings,) */
};

static double distance_of_multinomial(const struct simulation *m, const double p[])
{
    const struct audit_sample *s = m->s;
    double sum = 0;
    gsl_ran_multinomial(m->rng, s->n_strings, s->draws, p, m->count);
    for (size_t i = 0; i < s->n_strings; i++)
        sum += fabs(m->count[i] / (double)s->draws - p[i]);
    return sum / 2;
}

/* Half the sum over strings of |1/N sum over draws of g (weight - mean)|, g standard normal, one a draw. */
static double distance_of_multipliers(const struct simulation *m)
{
    const struct audit_sample *s = m->s;
    double all = 0, g = 0, sum = 0;
    memset(m->shift, 0, s->n_strings * sizeof *m->shift);
    size_t at = 0;
    for (uint32_t d = 0; d < s->draws; d++) {
        g = gsl_ran_gaussian_ziggurat(m->rng, 1);
        all += g;
        for (; at < s->n && s->points[at].draw == d; at++)
            m->shift[s->points[at].string] += g * s->points[at].weight;
    }
    for (size_t i = 0; i < s->n_strings; i++)
        sum += fabs(m->shift[i] - all * m->mean[i]);
    return sum / 2 / s->draws;
}

/* REPETITIONS distances of q from its own samples, sorted. */
static void simulate(const struct simulation *m, const double q[], double out[REPETITIONS])
{
    for (int i = 0; i < REPETITIONS; i++)
        out[i] = m->s->weighted ? distance_of_multipliers(m) : distance_of_multinomial(m, q);
    gsl_sort(out, 1, REPETITIONS);
}

static double quantile(const double sorted[REPETITIONS], double confidence)
{
    size_t i = (size_t)ceil(confidence * (REPETITIONS + 1));
    return i > REPETITIONS ? 1 : sorted[i > 0 ? i - 1 : 0];
}

/* Of one partition; its own repetitions are those of the claim where weights are measured. */
static void noise_of(const struct audit_sample *s, const double p[], const struct audit_noise_args *args,
                     struct audit_noise *out)
{
    double claim[REPETITIONS], own[REPETITIONS];
    struct simulation m = { .s = s,
                            .rng = gsl_rng_alloc(rng_gsl_philox),
                            .count = mem_alloc(s->n_strings, sizeof *m.count),
                            .mean = mem_alloc(s->n_strings, sizeof *m.mean),
                            .shift = mem_alloc(s->n_strings, sizeof *m.shift) };
    if (!m.rng)
        mem_exhausted();
    rng_gsl_seek(m.rng, &(struct rng_address){ .purpose = RNG_BOOTSTRAP });
    for (size_t i = 0; i < s->n_strings; i++)
        m.mean[i] = s->sum[i] / s->draws;
    simulate(&m, p, claim);
    if (s->weighted)
        memcpy(own, claim, sizeof own);
    else
        simulate(&m, m.mean, own);
    size_t beyond = 0;
    for (int i = 0; i < REPETITIONS; i++)
        beyond += claim[i] >= args->tv * (1 - 1e-12) - ROUNDING;
    out->mean = gsl_stats_mean(claim, 1, REPETITIONS);
    out->p = (1 + (double)beyond) / (1 + REPETITIONS);
    out->radius = fmax(quantile(claim, args->confidence), quantile(own, args->confidence));
    out->low = args->tv - out->radius;
    gsl_rng_free(m.rng);
    free(m.count);
    free(m.mean);
    free(m.shift);
}

/* The sample with all strings that are expected less than EXPECTED times as one, the first; q: their claim. */
static void coarsen(const struct audit_sample *s, const double p[], struct audit_sample *out, double q[])
{
    size_t *place = mem_alloc(s->n_strings, sizeof *place), n = 1;
    for (size_t i = 0; i < s->n_strings; i++) {
        place[i] = p[i] * s->draws < EXPECTED ? 0 : n++;
        q[place[i]] += p[i];
    }
    audit_sample_init(out, n);
    out->draws = s->draws;
    out->weighted = true;
    for (size_t i = 0; i < s->n; i++)
        audit_sample_add(out, s->points[i].draw, place[s->points[i].string], s->points[i].weight);
    free(place);
}

void audit_noise(const struct audit_sample *s, const double p[], const struct audit_noise_args *args,
                 struct audit_noise *out)
{
    noise_of(s, p, args, out);
    if (!s->weighted)
        return;
    struct audit_sample coarse;
    struct audit_noise tested;
    double *q = mem_alloc(s->n_strings + 1, sizeof *q);
    coarsen(s, p, &coarse, q);
    const double outside = args->tv - audit_distance(s, p);
    noise_of(&coarse, q, &(struct audit_noise_args){ audit_distance(&coarse, q) + outside, args->confidence }, &tested);
    out->p = tested.p;
    out->low = tested.low;
    audit_sample_fini(&coarse);
    free(q);
}
