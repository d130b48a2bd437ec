/* Entropy matching: the value of one parameter of a chain for which the mean entropy of what the chain leaves, over the
 * labelled positions, is the target (Zhang, Duckworth, Ippolito, Neelakantan 2020: strategies are compared at equal
 * diversity).  Bisection between `from` and `to`: the same bits in every run. */
#include "base/err.h"
#include "decode/chain.h"
#include "experiments/fit_place.h"
#include "experiments/fit_rows.h"
#include <math.h>
#include <stdlib.h>

#define CLOSE_ENOUGH 1e-6 /* nats: far below what the choice of texts moves */
#define FAR_OFF      1e-2 /* nats: a mean that jumps over its target by more than this has no value */
#define MAX_STEPS    200

static int entropy_open(struct fit *f, size_t *most)
{
    f->kept = fit_rows_alloc(f, most);
    return 0;
}

static void entropy_close(struct fit *f)
{
    fit_rows_free(f->kept);
}

static int entropy_keep(struct fit *f, const struct row *r, const struct score_place *place)
{
    return fit_rows_add(f->kept, f, r, place);
}

static double number(const struct fit *f, const char *key)
{
    return json_number_value(json_object_get(f->doc, key));
}

/* The mean entropy at a value of the parameter. */
static int mean_entropy(struct fit *f, double value, double *mean)
{
    struct fit_rows *rows = f->kept;
    struct text real = { 0 }, text = { 0 };
    text_add_real(&real, value);
    fit_place_put(json_string_value(json_object_get(f->doc, "chain")), text_s(&real), &text);
    struct chain *c = fit_rows_chain(f, text_s(&text));
    int rc = c ? interrupt_check(f->signal, "fitting") : err_code();
    size_t n = fit_rows_count(rows);
    *mean = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct row r;
        rc = fit_rows_apply(rows, f, c, i, &r);
        if (rc == 0 && row_dead(&r))
            rc = err_set(ERR_DATA, "'%s' leaves nothing of position %zu", text_s(&text), i);
        *mean += rc == 0 ? row_entropy(&r) / (double)n : 0;
    }
    chain_free(c);
    text_free(&real);
    text_free(&text);
    return rc;
}

struct side {
    double value, entropy;
};

/* Halves the bracket, of which one side is below the target and the other above. */
static int bisect(struct fit *f, double target, struct side *a, struct side *b)
{
    for (int i = 0; i < MAX_STEPS; i++) {
        struct side middle = { .value = a->value / 2 + b->value / 2 };
        if (fabs(a->entropy - target) <= CLOSE_ENOUGH || fabs(b->entropy - target) <= CLOSE_ENOUGH ||
            middle.value == a->value || middle.value == b->value)
            break;
        TRY(mean_entropy(f, middle.value, &middle.entropy));
        *((a->entropy < target) == (middle.entropy < target) ? a : b) = middle;
    }
    return 0;
}

static int match(struct fit *f, double target, struct side *a, struct side *b)
{
    const double low = fmin(a->entropy, b->entropy), high = fmax(a->entropy, b->entropy);
    if (!(target >= low && target <= high))
        return err_set(
            ERR_DATA,
            "a mean entropy of %g nats cannot be reached: it is %.4f at %g and %.4f at %g, over %zu positions", target,
            a->entropy, a->value, b->entropy, b->value, fit_rows_count(f->kept));
    TRY(bisect(f, target, a, b));
    if (fabs(b->entropy - target) < fabs(a->entropy - target))
        *a = *b;
    if (fabs(a->entropy - target) > FAR_OFF)
        return err_set(ERR_DATA,
                       "no value gives a mean entropy of %g nats: it jumps to %.4f at %.9g, over %zu positions", target,
                       a->entropy, a->value, fit_rows_count(f->kept));
    return 0;
}

static int entropy_result(struct fit *f, json_t *out)
{
    const double target = number(f, "target");
    struct side a = { .value = number(f, "from") }, b = { .value = number(f, "to") };
    if (fit_rows_count(f->kept) == 0)
        return err_set(ERR_DATA, "no positions to match an entropy on");
    TRY(mean_entropy(f, a.value, &a.entropy));
    TRY(mean_entropy(f, b.value, &b.entropy));
    const struct side from = a, to = b;
    TRY(match(f, target, &a, &b));
    json_object_set(out, "chain", json_object_get(f->doc, "chain"));
    json_object_set_new(out, "value", json_real(a.value));
    json_object_set_new(out, "n", json_integer((json_int_t)fit_rows_count(f->kept)));
    json_object_set_new(out, "target", json_real(target));
    json_object_set_new(out, "entropy", json_real(a.entropy));
    json_object_set_new(out, "entropy_from", json_real(from.entropy));
    json_object_set_new(out, "entropy_to", json_real(to.entropy));
    return 0;
}

const struct fit_type fit_entropy = {
    .name = "entropy",
    .open = entropy_open,
    .close = entropy_close,
    .keep = entropy_keep,
    .result = entropy_result,
};
