/* What chance alone does to a measured distribution: the null of an audit, by simulation from a fixed seed. */
#ifndef DECODE_AUDIT_NOISE_H
#define DECODE_AUDIT_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Weighted strings of independent draws. */
struct audit_sample {
    size_t n_strings;
    uint32_t draws;
    bool weighted; /* draws may give several strings, or weights other than 1 */
    struct audit_point {
        uint32_t draw;
        uint32_t string;
        double weight;
    } * points; /* (n,) in the order of draws */
    size_t n, cap;
    double *sum; /* (n_strings,) of the weights */
};
void audit_sample_init(struct audit_sample *s, size_t n_strings);
void audit_sample_add(struct audit_sample *s, uint32_t draw, size_t string, double weight);
void audit_sample_fini(struct audit_sample *s);

/* Half the sum of |mean weight - p| over p[n_strings]. */
double audit_distance(const struct audit_sample *s, const double p[]);

struct audit_noise_args {
    double tv; /* seen */
    double confidence;
};

struct audit_noise {
    double mean;   /* distance that repetitions of the claim p show on average */
    double p;      /* (1 + repetitions at least tv away) / (1 + repetitions) */
    double radius; /* the quantile `confidence` of the distance of a sample from its own truth */
    double low;    /* what the true distance is at least, with that confidence; below 0: nothing is known */
};
/* Unweighted: multinomial repetitions, of p for mean and p, of both p and the measured distribution for the radius.
 * Weighted: the multiplier bootstrap of the measured weights (van der Vaart and Wellner 1996, 2.9), which is right for many
 * draws of each string: p and low are of the strings that are expected 20 times, and of the others together, whose distance
 * is no larger. */
void audit_noise(const struct audit_sample *s, const double p[], const struct audit_noise_args *args,
                 struct audit_noise *out);

#endif
