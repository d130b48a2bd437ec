/* The backend of cuda/ over the emulated card (tests/emulate), behind --device's seam: the logits of every architecture
 * against the processor's, the laws of an lm, and what is refused because it computes something else.  A card that is full or
 * breaks: test_device_faults. */
#include "base/err.h"
#include "model/device_open.h"
#include "model/device_plan.h"
#include "tests/lib/check.h"
#include "tests/lib/device_bench.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/lm_contract.h"
#include "tests/lib/random_checkpoint.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest difference over the largest magnitude of the row. */
static double apart(const struct row *want, const struct row *got)
{
    double most = 0, difference = 0;
    for (uint32_t i = 0; i < want->n; i++) {
        double d = fabs((double)want->score[i] - (double)got->score[i]);
        most = fmax(most, fabs((double)want->score[i]));
        difference = d >= 0 ? fmax(difference, d) : INFINITY;
    }
    return difference / most;
}

/* A prefix of ten symbols, nine and one at a time, then a symbol more: few rows and many, spans of many tokens and of
 * one. */
static void compare(const char *name, struct checkpoint *c, struct device *d, const char *mode)
{
    double bar = strcmp(mode, "f32") == 0 ? 1e-3 : 2e-2, worst = 0;
    struct bench here = bench_open(c, (struct transformer_options){ .mode = "f32" });
    struct bench there =
        bench_open(c, (struct transformer_options){ .mode = mode, .device = d, .kv = "f32", .chunk = 9 });
    static const size_t ends[] = { 10, 11 };
    if (!there.lm || !here.lm) {
        bench_close(&here);
        bench_close(&there);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct row want[DEVICE_BENCH_TEXT], got[DEVICE_BENCH_TEXT];
        struct want w = { .n_rows = i == 0 ? (uint32_t)ends[0] : 1, .tap = LM_TAP_FINAL };
        check(bench_rows(&here, device_bench_text, ends[i], w, want) == 0, "%s: %s", name, err_text());
        if (bench_rows(&there, device_bench_text, ends[i], w, got) < 0) {
            check(false, "%s %s: %s", name, mode, err_text());
            break;
        }
        for (uint32_t r = 0; r < w.n_rows; r++)
            worst = fmax(worst, apart(&want[r], &got[r]));
    }
    check(worst <= bar, "%s %s: logits differ by %.3g of the largest, want at most %g", name, mode, worst, bar);
    bench_close(&here);
    bench_close(&there);
}

/* Every folder and GGUF file of the fixtures. */
static void architectures(struct device *d)
{
    const char *home = getenv("CHORALE_HOME");
    char fixtures[512];
    snprintf(fixtures, sizeof fixtures, "%s/tests/fixtures/transformer", home ? home : CHORALE_HOME);
    DIR *folder = opendir(fixtures);
    size_t n = 0;
    check(folder != NULL, "%s", fixtures);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        char path[800];
        const char *dot = strrchr(e->d_name, '.');
        if (e->d_name[0] == '.' || (dot && strcmp(dot, ".gguf") != 0))
            continue;
        snprintf(path, sizeof path, "%s/%s", fixtures, e->d_name);
        const char *only = getenv("CHORALE_DEVICE_ONLY"); /* a fixture, for what looks at few */
        if (!device_bench_whole() && dot)                 /* a GGUF file has the weights of its folder */
            continue;
        if (only && strcmp(only, e->d_name) != 0)
            continue;
        struct checkpoint *c = checkpoint_open_weights(path);
        if (!c)
            continue;
        if (device_bench_whole())
            compare(e->d_name, c, d, "f32");
        compare(e->d_name, c, d, n % 4 == 3 && !device_bench_whole() ? "f32" : "native");
        checkpoint_close(c);
        n++;
    }
    if (folder)
        closedir(folder);
    check(n >= (device_bench_whole() ? 30u : 20u) || getenv("CHORALE_DEVICE_ONLY"), "%zu fixtures seen", n);
}

/* Each type of weights, whose rows are blocks of 32 or 256. */
static void types(struct device *d)
{
    struct config wide = device_bench_small;
    wide.dim = 256;
    wide.ffn = 512;
    wide.head_dim = 128;
    wide.n_layers = 1;
    for (int t = 0; t < DTYPE_COUNT; t++) {
        if (!device_bench_whole() && t != DTYPE_F16 && t != DTYPE_Q4_K)
            continue;
        struct checkpoint *c = random_checkpoint(&wide, (enum dtype)t, 3);
        compare(dtype_name((enum dtype)t), c, d, "native");
        random_checkpoint_free(c);
    }
}

/* Gate and up of two types are two products; what the second gives starts behind the first's, at any float. */
static void odd(struct device *d)
{
    struct config uneven = device_bench_small;
    uneven.ffn = 33;
    struct checkpoint *c = random_checkpoint(&uneven, DTYPE_BF16, 3);
    for (size_t i = 0; i < c->n_tensors; i++)
        if (strstr(c->tensors[i].name, "up_proj")) /* the same bits mean other weights */
            ((struct tensor *)(uintptr_t)&c->tensors[i])->type = DTYPE_F16;
    compare("an odd width", c, d, "native");
    random_checkpoint_free(c);
}

/* A transformer on the card, and the threads it has been opened with. */
struct subject {
    struct checkpoint *c;
    struct transformer_options options;
    struct threads *threads[2];
};

static struct lm *open_subject(void *ctx, size_t n_threads, size_t chunk)
{
    struct subject *s = ctx;
    struct transformer_options o = s->options;
    o.threads = s->threads[n_threads - 1];
    o.chunk = chunk > 0 ? chunk : 64;
    struct lm *lm = transformer_open(s->c, &o);
    check(lm != NULL, "transformer_open: %s", err_text());
    return lm;
}

static void close_subject(void *ctx, struct lm *lm)
{
    (void)ctx;
    lm_free(lm);
}

/* Rows do not depend on batch, chunks, order, forks or what was evicted: bit for bit, of a deterministic device. */
static void laws(struct device *d, const char *kv, size_t kv_bytes)
{
    const struct config tiny = { .architecture = "llama",
                                 .n_vocab = 20,
                                 .dim = 32,
                                 .n_layers = 1,
                                 .n_heads = 2,
                                 .n_kv_heads = 1,
                                 .head_dim = 8,
                                 .ffn = 32,
                                 .max_positions = 20,
                                 .norm_eps = 1e-5f,
                                 .rope_theta = 10000,
                                 .tied_head = true };
    struct subject s = { .c = random_checkpoint(&tiny, DTYPE_BF16, 1),
                         .options = { .device = d, .kv = kv, .kv_bytes = kv_bytes },
                         .threads = { threads_alloc(1), threads_alloc(2) } };
    lm_contract(&(struct lm_subject){ .name = kv,
                                      .open = open_subject,
                                      .close = close_subject,
                                      .ctx = &s,
                                      .n_symbols = 16,
                                      .length = device_bench_whole() ? 18 : 4 });
    threads_free(s.threads[0]);
    threads_free(s.threads[1]);
    random_checkpoint_free(s.c);
}

/* Decode steps are replayed, and give what was given without. */
static void replays(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&device_bench_small, DTYPE_BF16, 5);
    struct bench steps = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 }),
                 whole = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
    struct device_counts before = device_bench_counts(d);
    struct row a, b;
    check(device_bench_decode(&steps, 12, &a) == 0, "%s", err_text());
    struct device_counts after = device_bench_counts(d);
    check(after.graphs > before.graphs && after.replays >= before.replays + 8,
          "%llu graphs, %llu replays of %llu passes", (unsigned long long)(after.graphs - before.graphs),
          (unsigned long long)(after.replays - before.replays), (unsigned long long)(after.passes - before.passes));
    check(device_bench_decode(&whole, 0, &b) == 0, "%s", err_text());
    check(memcmp(a.score, b.score, a.n * sizeof *a.score) == 0, "a replayed step is the pass over the whole");
    bench_close(&steps);
    bench_close(&whole);
    random_checkpoint_free(c);
}

/* Experts whose gate and up differ in type would be packed in one of two: they are refused. */
static void mixed_experts(struct device *d)
{
    const struct device_expert expert = { .gate = { .type = DEVICE_F32 },
                                          .up = { .type = DEVICE_BF16 },
                                          .down = { .type = DEVICE_BF16 } };
    const struct device_layer layer = { .experts = &expert };
    const struct device_spec s = { .layers = &layer, .n_layers = 1, .n_experts = 1, .n_chosen = 1 };
    struct device_model *m = NULL;
    struct device_error e = { 0 };
    int rc = d->api->model_open(d->context, &s, &m, &e);
    check(rc == DEVICE_CANNOT && !m && strstr(e.text, "gate and up"), "%d, %s", rc, e.text);
}

/* Layers that come over in each pass change nothing. */
static void swaps(struct device *d)
{
    struct config deep = device_bench_small;
    deep.n_layers = 5;
    struct checkpoint *c = random_checkpoint(&deep, DTYPE_BF16, 7);
    struct bench whole = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
    const struct device_plan *plan = transformer_plan(whole.lm);
    check(plan->swapped == 0 && plan->weights > 0, "all resident");
    struct bench swapped =
        bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .weight_bytes = plan->weights * 3 / 4 });
    struct device_counts before = device_bench_counts(d);
    struct row a, b;
    check(device_bench_decode(&whole, 3, &a) == 0 && swapped.lm && device_bench_decode(&swapped, 3, &b) == 0, "%s",
          err_text());
    struct device_counts after = device_bench_counts(d);
    plan = transformer_plan(swapped.lm);
    check(plan->swapped > 0 && after.swapped - before.swapped >= 4 * plan->swapped,
          "%llu bytes swapped, planned %llu a pass", (unsigned long long)(after.swapped - before.swapped),
          (unsigned long long)plan->swapped);
    check(memcmp(a.score, b.score, a.n * sizeof *a.score) == 0, "swapped layers give the same rows");
    bench_close(&whole);
    bench_close(&swapped);
    random_checkpoint_free(c);
}

static const struct device_api *honest;

static int dishonest_run(struct device_model *m, const struct device_batch *b, struct device_error *e)
{
    int rc = honest->model_run(m, b, e);
    b->rows[1].host[2] += 1.0f;
    return rc;
}

/* What does not compute the reference's first layer is refused by name. */
static void is_tried(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&device_bench_small, DTYPE_BF16, 11);
    struct device_api wrong = *d->api;
    struct threads *threads = threads_alloc(1);
    honest = d->api;
    wrong.model_run = dishonest_run;
    d->api = &wrong;
    struct lm *lm = transformer_open(c, &(struct transformer_options){ .device = d, .threads = threads });
    check(!lm && err_code() == ERR_MEMORY && strstr(err_text(), "does not compute what the reference does") &&
              strstr(err_text(), d->info.name) && strstr(err_text(), "position 1, dimension 2"),
          "%s", err_text());
    lm_free(lm);
    d->api = honest;
    threads_free(threads);
    random_checkpoint_free(c);
}

/* A NaN is named by its tensor: in the first layer when the device is tried, elsewhere when it is met. */
static void not_finite(struct device *d)
{
    static const char *const tensors[] = { "model.layers.0.mlp.down_proj.weight",
                                           "model.layers.1.self_attn.k_proj.weight",
                                           "model.layers.2.mlp.up_proj.weight", "model.norm.weight" };
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        struct config own = device_bench_small;
        struct checkpoint *c = random_checkpoint(&own, DTYPE_BF16, 13);
        uint16_t *data = random_checkpoint_data(c, tensors[i]);
        data[1] = 0x7fc0;
        struct threads *threads = threads_alloc(1);
        struct lm *lm =
            transformer_open(c, &(struct transformer_options){ .device = d, .threads = threads, .chunk = 16 });
        struct core *core = core_alloc();
        int slot = lm ? lm_fork(lm, LM_EMPTY, 0) : -1, rc = ERR_DATA;
        if (lm && lm_push(lm, slot, device_bench_text, DEVICE_BENCH_TEXT, NULL) == 0)
            rc = core_run(core, &(struct want){ .lm = lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL }, 1);
        check(rc == ERR_DATA && strstr(err_text(), tensors[i]), "%s: %s", tensors[i], err_text());
        lm_free(lm);
        core_free(core);
        threads_free(threads);
        random_checkpoint_free(c);
    }
}

/* Parts by name: CHORALE_DEVICE_PART=laws runs that one. */
static bool wanted(const char *part)
{
    const char *only = getenv("CHORALE_DEVICE_PART");
    return !only || strcmp(only, part) == 0;
}

int main(void)
{
    struct device *fast = device_bench_open(DEVICE_FAST), *fixed = device_bench_open(DEVICE_DETERMINISTIC);
    if (!fast || !fixed)
        return check_done("device");
    if (wanted("architectures"))
        architectures(fast);
    if (wanted("types")) {
        types(fast);
        odd(fast);
    }
    if (wanted("laws")) {
        if (device_bench_whole())
            laws(fixed, "f32", 0);
        laws(fixed, "q8", 1);
    }
    if (wanted("replays"))
        replays(fixed);
    if (wanted("tried"))
        mixed_experts(fast);
    if (wanted("swaps"))
        swaps(fixed);
    if (wanted("tried")) {
        is_tried(fast);
        not_finite(fast);
    }
    device_close(fast);
    device_close(fixed);
    return check_done("device");
}
