/* Rows decided by the kernels of cuda/rows_*.cu, under the emulator, against row_cpu, the chains and the draws of the
 * host: the same symbols for the same keys, the same kept sets, the same numbers within what the order of sums of
 * doubles leaves. */
#include "base/err.h"
#include "base/mem.h"
#include "cuda/rows_launch.h"
#include "decode/hyp.h"
#include "decode/program.h"
#include "tests/emulate/device.h"
#include "tests/lib/check.h"
#include "tests/lib/device_rows.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST      128256
#define TOLERANCE 1e-12 /* of log Z and entropies of the same floats */
#define MEASURED  2e-7  /* of rows measured in one pass: each exp() of a float is right to 2^-23 */
#define N_SAID    7

static float score[MOST], copy[MOST];
static struct row_work *work;

static void check_measure(enum rows_kind kind, uint32_t n)
{
    struct row r = rows_make(kind, 17, score, n);
    float *on = device_rows_put(score, n);
    struct device_measured *m = device_rows_measured(on, n);
    check(device_rows_relative(m->log_z, r.log_z) < MEASURED, "%s %u: log Z %.17g for %.17g", rows_name(kind), n,
          m->log_z, r.log_z);
    check(device_rows_relative(m->entropy, row_entropy(&r)) < 4 * MEASURED, "%s %u: entropy %.17g for %.17g",
          rows_name(kind), n, m->entropy, row_entropy(&r));
    check(m->top == row_max(&r) && m->argmax == row_argmax(&r) && m->count == row_count(&r), "%s %u: top, first, count",
          rows_name(kind), n);
    check(m->bad == DEVICE_NONE && m->slide == 0 && m->log_weight == 0, "%s %u: the rest", rows_name(kind), n);
    device_free(on);
}

static void check_bad(void)
{
    struct row r = rows_make(ROWS_NORMAL, 3, score, 200);
    (void)r;
    score[150] = NAN;
    score[131] = INFINITY;
    float *on = device_rows_put(score, 200);
    check(device_rows_measured(on, 200)->bad == 131, "the first bad score is %u, want 131",
          device_rows_measured(on, 200)->bad);
    device_free(on);
    for (int i = 0; i < 200; i++)
        score[i] = -INFINITY;
    on = device_rows_put(score, 200);
    check(device_rows_measured(on, 200)->log_z == -INFINITY && device_rows_measured(on, 200)->entropy == 0 &&
              device_rows_measured(on, 200)->count == 0,
          "a dead row");
    device_free(on);
}

/* What is decided, by both. */
struct decision {
    const char *chain;
    const struct draw_type *draw;
    uint32_t step;
};

struct ran {
    struct program program;
    struct device_decision item;
    struct device_decided out;
    float *on, *spare, *kept;
    uint32_t n;
};

static struct transform_at place(const struct rng_address *a, uint32_t n, sym_t said[N_SAID])
{
    for (uint32_t i = 0; i < N_SAID; i++)
        said[i] = (i * i * 31) % n;
    return (struct transform_at){
        .prompt = said, .n_prompt = 3, .made = said + 3, .n_made = N_SAID - 3, .address = a, .work = work
    };
}

struct listed {
    sym_t *symbol;
    double *value;
    size_t n, cap_symbol, cap_value;
};

static void run(void *ctx)
{
    struct ran *r = ctx;
    const struct listed *l = (const struct listed *)(const void *)r->program.listed;
    struct rows_decide_args a = { .item = &r->item,
                                  .step = r->program.steps,
                                  .symbol = l->symbol,
                                  .value = l->value,
                                  .kept = r->kept,
                                  .spare = (void *[]){ r->spare },
                                  .decided = &r->out,
                                  .n = r->n };
    check(rows_launch_decide(&a, 1, NULL) == cudaSuccess, "a launch");
}

static void reset(void *ctx)
{
    struct ran *r = ctx;
    memset(&r->out, 0, sizeof r->out);
}

static void compare(const struct device_decided *got, const struct hyp_step *want, const struct row *final,
                    const char *name)
{
    check(got->symbol == want->symbol, "%s: symbol %u for %u", name, got->symbol, want->symbol);
    check(got->kept == want->kept, "%s: kept %u for %u", name, got->kept, want->kept);
    check(device_rows_relative(got->log_z_final, final->log_z) < TOLERANCE, "%s: log Z %.17g for %.17g", name,
          got->log_z_final, final->log_z);
    check((float)got->logp == want->logp && got->score == want->score, "%s: logp %g for %g, score %g for %g", name,
          got->logp, (double)want->logp, (double)got->score, (double)want->score);
    check_near(got->logp_final, (double)want->logp_final, 1e-6 * (1 + fabs((double)want->logp_final)), "%s: final logp",
               name);
    check_near(got->entropy, (double)want->entropy, 1e-6 * (1 + (double)want->entropy), "%s: entropy", name);
    check_near(got->entropy_final, (double)want->entropy_final, 1e-6 * (1 + (double)want->entropy_final),
               "%s: final entropy", name);
    check_near(got->mass, (double)want->mass, 1e-6, "%s: mass", name);
}

static struct chain *parsed(const char *text)
{
    struct chain *c = chain_parse(text);
    if (!c || chain_bind(c, NULL) < 0) {
        check(false, "chain %s: %s", text, err_text());
        exit(1);
    }
    return c;
}

/* Of the row in r, on the device at on. */
static void check_decision(struct row *r, float *on, const struct decision *d, bool orders)
{
    char name[200];
    sym_t said[N_SAID];
    struct chain *c = parsed(d->chain);
    struct rng_address a = { .seed = 5, .item = 9, .step = d->step, .purpose = RNG_DRAW };
    struct transform_at at = place(&a, r->n, said);
    struct ran ran = {
        .on = on, .n = r->n, .spare = device_new(rows_bytes(r->n)), .kept = device_new(64 * sizeof(float))
    };
    snprintf(name, sizeof name, "%s | %s of %u", d->chain, d->draw->name, r->n);
    program_init(&ran.program);
    check(program_refusal(c, d->draw) == NULL, "%s: a program", name);
    struct program_at where = { c, d->draw, &at, &a, r->n };
    ran.item = (struct device_decision){ .row = on, .pool = DEVICE_NONE };
    int rc = program_add(&ran.program, &where, &ran.item);
    check(rc == 0, "%s: written", name);
    struct row final = row_over(copy, r->n);
    row_copy(&final, r);
    void *state = mem_aligned(chain_state_size(c) + 1, 1);
    chain_start(c, state);
    rc = chain_apply(c, state, &final, &at, NULL);
    check(rc == 0, "%s: the host's chain: %s", name, err_text());
    if (orders)
        check(device_same_in_orders(reset, run, &ran, &ran.out, sizeof ran.out), "%s: the same in all orders", name);
    else
        run(&ran);
    if (row_dead(&final)) {
        check(ran.out.symbol == DEVICE_NONE && ran.out.kept == 0, "%s: dead", name);
    } else {
        struct draw draw = { .type = d->draw };
        sym_t v = draw_symbol(&draw, &final, &a, work);
        struct hyp_step want = hyp_decide(r, &final, v, work);
        compare(&ran.out, &want, &final, name);
    }
    program_fini(&ran.program);
    device_free(ran.spare);
    device_free(ran.kept);
    free(state);
    chain_free(c);
}

static const char *const chains[] = {
    "",
    "temperature=0.7",
    "temperature=0",
    "temperature=inf | top_k=7",
    "top_k=1",
    "top_k=5",
    "top_k(3, ties=all)",
    "top_k=300",
    "top_p=0",
    "top_p=0.5",
    "top_p=0.95",
    "top_p=0.9999",
    "top_p(0.3, min_keep=9)",
    "top_p(0.7, bound=over)",
    "top_p(0.7, bound=below)",
    "top_p(0.4, bound=below, ties=all)",
    "min_p=0.1",
    "min_p(0.9, min_keep=20)",
    "min_p=2",
    "typical=0.9",
    "typical=0.2",
    "typical(0.5, bound=over, ties=all)",
    "temperature=0.8 | top_k=40 | top_p=0.95 | min_p=0.05",
    "top_k=50 | top_p(0.6, of=given)",
    "temperature=3 | top_p=0.9 | temperature=0.3",
    "typical=0.8 | temperature=0.5 | top_k=30",
    "normalise | temperature=2000",
    "repetition_penalty=1.3 | top_p=0.9",
    "temperature=1.5 | repetition_penalty_norm=1.2 | top_k=20",
    "frequency_penalty(0.7, decay=2) | presence_penalty=0.4",
    "prompt_reward=1.5 | min_p=0.02",
    "bias([0:2.5]) | top_k=3",
};
static const char *const gone[] = { "suppress([0]) | top_p=0.9", "allow([0]) | temperature=0.5" };

/* One chain of `every`, another for each row. */
static void check_row(struct row *r, uint32_t every)
{
    static uint32_t turn;
    float *on = device_rows_put(r->score, r->n);
    device_rows_known(on, r);
    for (uint32_t i = turn % every; i < sizeof chains / sizeof *chains; i += every) {
        struct decision d = { chains[i], draw_find(i % 7 == 3 ? "greedy" : "gumbel"), i };
        check_decision(r, on, &d, r->n == 65 && i % 2 == 0);
    }
    turn++;
    device_free(on);
}

/* Half of the symbols at one height, half at another, each with ties. */
static struct row two_peaked(uint32_t n)
{
    struct row r = rows_make(ROWS_NORMAL, 8, score, n);
    for (uint32_t v = 0; v < n; v++)
        score[v] =
            (float)(v % 2 == 0 ? 6 + (int)(v % 3) : -2 - (int)(v % 5)) + (v % 16 == 0 ? 0.01f * (float)(v % 64) : 0);
    row_measure(&r);
    return r;
}

static void check_rows(void)
{
    static const uint32_t sizes[] = { 1, 63, 64, 65, 7296 };
    bool all = getenv("CHORALE_LONG") != NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (enum rows_kind kind = 0; kind < ROWS_KINDS; kind++) {
            check_measure(kind, sizes[i]);
            struct row r = rows_make(kind, 40 + i, score, sizes[i]);
            check_row(&r, all ? 1 : CHECK_TIMES(12, 16));
        }
        struct row r = two_peaked(sizes[i]);
        check_row(&r, all ? 1 : CHECK_TIMES(8, 16));
    }
}

/* Nothing is left: of a row whose only symbol is 0. */
static void check_gone(void)
{
    struct row r = rows_make(ROWS_NORMAL, 3, score, 130);
    for (int v = 1; v < 130; v++)
        score[v] = -INFINITY;
    row_measure(&r);
    float *on = device_rows_put(score, 130);
    device_rows_known(on, &r);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        check_decision(&r, on, &(struct decision){ gone[i], draw_find("gumbel"), 0 }, true);
    device_free(on);
}

/* A step that makes a score infinite is told. */
static void check_infinite(void)
{
    struct row r = rows_make(ROWS_NORMAL, 3, score, 130);
    float *on = device_rows_put(score, 130);
    struct device_step step = { .kind = DEVICE_ADD, .n = 2 };
    struct device_decision item = { .row = on, .n_steps = 1, .pool = DEVICE_NONE, .draw = DEVICE_GREEDY };
    struct device_decided out;
    float *spare = device_new(rows_bytes(130)), kept[2];
    struct rows_decide_args a = { .item = &item,
                                  .step = &step,
                                  .symbol = (uint32_t[]){ 5, 77 },
                                  .value = (double[]){ 1, 1e300 },
                                  .kept = kept,
                                  .spare = (void *[]){ spare },
                                  .decided = &out,
                                  .n = r.n };
    rows_launch_decide(&a, 1, NULL);
    check(out.bad == 77, "an infinite score is told: %u", out.bad);
    device_free(spare);
    device_free(on);
}

/* Rows of a large vocabulary: more symbols than a list holds, so that where a cut falls is guessed first; more equals
 * than one holds, so that the guess does not help. */
static void check_large(void)
{
    static const struct {
        enum rows_kind kind;
        const char *chain;
    } rows[] = {
        { ROWS_NORMAL, "temperature=0.8 | top_p=0.95" },
        { ROWS_TIES, "top_k=5000" },
        { ROWS_FLAT, "typical=0.95" },
        { ROWS_NORMAL, "typical=0.9 | top_p=0.9" },
        { ROWS_FLAT, "top_p=0.5" },
        { ROWS_PEAKED, "top_p=0.999" },
        { ROWS_PEAKED, "typical=0.3" },
        { ROWS_TIES, "top_p=0.7" },
        { ROWS_MASKED, "top_p=0.9999" },
        { ROWS_WIDE, "top_p=0.9" },
    };
    size_t n = getenv("CHORALE_LONG") ? sizeof rows / sizeof *rows : CHECK_TIMES(3, 1);
    for (size_t i = 0; i < n; i++) {
        struct row r = rows_make(rows[i].kind, 90, score, MOST);
        float *on = device_rows_put(score, MOST);
        device_rows_known(on, &r);
        check_decision(&r, on, &(struct decision){ rows[i].chain, draw_find("gumbel"), 3 }, false);
        device_free(on);
    }
}

int main(void)
{
    work = row_work_alloc(MOST);
    check(rows_launch_prepare() == cudaSuccess, "shared memory is to be had");
    check_bad();
    check_gone();
    check_infinite();
    check_rows();
    check_large();
    row_work_free(work);
    return check_done("cuda_rows");
}
