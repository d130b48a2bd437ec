/* Routing, packing and combining of experts: against the definition, and against each other. */
#include "cuda/launch.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include <stdlib.h>

static const struct launch_on plainly = { .stream = NULL };

struct shape {
    uint32_t tokens, experts, chosen, share;
};

static const struct shape shapes[] = { { 1, 8, 2, 1 }, { 17, 5, 5, 0 }, { 9, 70, 8, 1 }, { 3, 300, 1, 0 } };

struct one {
    struct cuda_route_args route;
    struct cuda_pack_args pack;
};

static void run(void *ctx)
{
    struct one *o = ctx;
    check(launch_route(&o->route, plainly) == cudaSuccess && launch_pack(&o->pack, plainly) == cudaSuccess, "launches");
}

/* How many scores come before that of expert e. */
static uint32_t rank(const float *score, uint32_t n, uint32_t e)
{
    uint32_t r = 0;
    for (uint32_t i = 0; i < n; i++)
        r += score[i] > score[e] || (score[i] == score[e] && i < e);
    return r;
}

static void check_routes(const struct one *o, const struct shape *s)
{
    for (uint32_t t = 0; t < s->tokens; t++) {
        const float *score = o->route.scores + t * o->route.stride;
        const struct cuda_choice *c = o->route.choices + t * s->chosen;
        double sum = 0, all = 0;
        for (uint32_t e = 0; e < s->experts; e++) {
            all += exp((double)score[e]);
            sum += rank(score, s->experts, e) < s->chosen ? exp((double)score[e]) : 0;
        }
        for (uint32_t i = 0; i < s->chosen; i++) {
            check(i == 0 || c[i].expert > c[i - 1].expert, "token %u: experts in order", t);
            check(rank(score, s->experts, c[i].expert) < s->chosen, "token %u: expert %u is among the best", t,
                  c[i].expert);
            check_near((double)c[i].weight, exp((double)score[c[i].expert]) / (s->share ? sum : all), 1e-6,
                       "token %u: weight of expert %u", t, c[i].expert);
        }
    }
}

static void check_rows(const struct one *o, const struct shape *s)
{
    uint32_t n = s->tokens * s->chosen, *seen = calloc(n, sizeof *seen), last = 0;
    check(o->pack.first[0] == 0 && o->pack.first[s->experts] == n, "rows of all experts");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t e = o->pack.choices[i].expert, row = o->pack.row[i];
        check(row >= o->pack.first[e] && row < o->pack.first[e + 1], "choice %u lies with its expert", i);
        seen[row % n]++;
    }
    for (uint32_t i = 0; i < n; i++)
        check(seen[i] == 1, "row %u is one choice's", i);
    for (uint32_t i = 0; i < n; i++) /* tokens of one expert in order */
        if (o->pack.choices[i].expert == o->pack.choices[0].expert) {
            check(i == 0 || o->pack.row[i] > last, "tokens of an expert are in order");
            last = o->pack.row[i];
        }
    free(seen);
}

/* Through gather and combine with experts that give back what they get. */
static void check_way(const struct one *o, const struct shape *s)
{
    enum { DIM = 20 };
    uint32_t n = s->tokens * s->chosen;
    float *x = device_new(s->tokens * DIM * 4), *packed = device_new(n * DIM * 4),
          *out = device_new(s->tokens * DIM * 4);
    struct cuda_gather_args g = { x, o->pack.row, packed, DIM * 4, s->chosen };
    struct cuda_combine_args c = { packed, o->route.choices, o->pack.row, out, DIM, DIM, s->chosen };
    device_fill(x, s->tokens * DIM, 3);
    check(launch_gather(&g, s->tokens, plainly) == cudaSuccess && launch_combine(&c, s->tokens, plainly) == cudaSuccess,
          "launches");
    double worst = 0;
    for (uint32_t t = 0; t < s->tokens; t++)
        for (uint32_t d = 0; d < DIM; d++) {
            double weight = 0;
            for (uint32_t i = 0; i < s->chosen; i++)
                weight += (double)o->route.choices[t * s->chosen + i].weight;
            worst = fmax(worst, fabs(weight * (double)x[t * DIM + d] - (double)out[t * DIM + d]));
        }
    check_near(worst, 0, 1e-5, "there and back");
    device_free(x);
    device_free(packed);
    device_free(out);
}

int main(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        uint32_t n = s->tokens * s->chosen, stride = s->experts + 3, *flag = device_put(&(uint32_t){ 0 }, 4);
        float *score = device_new(s->tokens * stride * 4);
        struct cuda_choice *choices = device_new(n * sizeof *choices);
        uint32_t *first = device_new((s->experts + 1) * 4), *row = device_new(n * 4);
        struct one o = { { score, choices, flag, s->tokens, s->experts, stride, s->chosen, s->share },
                         { choices, first, row, s->tokens, s->chosen, s->experts } };
        device_fill(score, s->tokens * stride, i);
        score[1] = score[s->experts - 1]; /* equal ones */
        check(device_same_in_orders(NULL, run, &o, choices, n * sizeof *choices) &&
                  device_same_in_orders(NULL, run, &o, row, n * 4),
              "the same in all orders");
        check(*flag == 0, "all is finite");
        check_routes(&o, s);
        check_rows(&o, s);
        check_way(&o, s);
        score[s->experts - 1] = NAN;
        run(&o);
        check(*flag == 1, "a NaN is seen");
        void *all[] = { flag, score, choices, first, row };
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            device_free(all[k]);
    }
    return check_done("cuda_experts");
}
