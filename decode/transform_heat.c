/* dynatemp and edt: a temperature that follows the entropy H (nats) of the row.
 *
 *   dynatemp(range, exponent, temperature)   T = lo + (hi - lo) (H / ln n)^exponent over the n symbols not masked,
 *                                            lo = max(0, temperature - range), hi = temperature + range: sure rows are
 *                                            made surer, unsure ones flatter.  n = 1 stays as it is
 *   edt(theta, base, temperature)            T = temperature * base^(theta / H); H = 0 is the limit, T = 0
 * T = 0 keeps the first maximum.
 *
 * Other systems: llama.cpp and ExLlama 2 count the candidates that are left, text-generation-webui and Aphrodite the
 * finite logits, which is the same wherever a truncation removes what it masks; the order matters, as n does. */
#include "base/row_math.h"
#include "decode/transforms.h"
#include <math.h>

static double power(double x, double y)
{
    return x > 0 ? math_exp64(y * math_log64(x)) : y == 0;
}

static int dynatemp_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double range = t->value[0].number, exponent = t->value[1].number, middle = t->value[2].number;
    uint32_t n = row_count(r);
    (void)state;
    (void)at;
    if (n < 2)
        return 0;
    double share = fmin(row_entropy(r) / math_log64(n), 1);
    double low = fmax(middle - range, 0);
    transform_temper(r, low + (middle + range - low) * power(share, exponent));
    return 0;
}

static int edt_apply(const struct transform *t, void *state, struct row *r, const struct transform_at *at)
{
    double theta = t->value[0].number, base = t->value[1].number, entropy = row_entropy(r);
    (void)state;
    (void)at;
    if (theta == 0 || base == 1)
        transform_temper(r, t->value[2].number);
    else
        transform_temper(r, entropy > 0 ? t->value[2].number * power(base, theta / entropy) : 0);
    return 0;
}

static bool fixed_at_zero(const struct transform *t)
{
    return t->value[2].number == 0 && t->value[0].number == 0;
}

#define MOST 1e6

static const struct param dynatemp_params[] = {
    { .name = "range",
      .kind = PARAM_REAL,
      .max = MOST,
      .required = true,
      .meaning = "how far the temperature may move; 0 leaves it fixed" },
    { .name = "exponent",
      .kind = PARAM_REAL,
      .max = 100,
      .value = 1,
      .meaning = "of the share of the largest entropy that the row has" },
    { .name = "temperature", .kind = PARAM_REAL, .max = MOST, .value = 1, .meaning = "the middle of the range" },
};
static const struct param edt_params[] = {
    { .name = "theta", .kind = PARAM_REAL, .max = MOST, .required = true, .meaning = "nats; 0 leaves it fixed" },
    { .name = "base",
      .kind = PARAM_REAL,
      .max = 1,
      .min_open = true,
      .value = .8,
      .meaning = "raised to theta over the entropy" },
    { .name = "temperature", .kind = PARAM_REAL, .max = MOST, .value = 1, .meaning = "for rows of endless entropy" },
};

const struct transform_type transform_dynatemp = {
    .name = "dynatemp",
    .params = dynatemp_params,
    .n_params = 3,
    .meaning = "a temperature that rises with the entropy of the row, within a range",
    .domain = "logits",
    .source = "kalomaze 2023 (koboldcpp), llama.cpp temp_ext",
    .shown = { "dynatemp=0.8" },
    .start = transform_start_none,
    .apply = dynatemp_apply,
    .accept = transform_accept_none,
    .single = fixed_at_zero,
    .blind = true,
};

const struct transform_type transform_edt = {
    .name = "edt",
    .params = edt_params,
    .n_params = 3,
    .meaning = "a temperature that falls as the entropy of the row does",
    .domain = "logits",
    .source = "Zhang et al. 2024 (arXiv 2403.14541)",
    .shown = { "edt=1" },
    .start = transform_start_none,
    .apply = edt_apply,
    .accept = transform_accept_none,
    .single = fixed_at_zero,
    .blind = true,
};
