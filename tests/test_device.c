/* The backend of cuda/ over the emulated card (tests/emulate), behind --device's seam: the logits of every architecture
 * against the processor's, the laws of an lm, and what happens when the card refuses, fills up, breaks or computes
 * something else. */
#include "base/err.h"
#include "model/device_open.h"
#include "model/device_plan.h"
#include "tests/lib/check.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/lm_contract.h"
#include "tests/lib/random_checkpoint.h"
#include <dirent.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sym_t text[] = { 3, 1, 41, 59, 26, 5, 35, 8, 9, 7, 9, 32, 38, 46, 26, 43, 38, 32, 7, 9, 50, 28, 8, 41 };
#define N_TEXT (sizeof text / sizeof *text)

static const struct config small = { .architecture = "llama",
                                     .n_vocab = 61,
                                     .dim = 32,
                                     .n_layers = 3,
                                     .n_heads = 2,
                                     .n_kv_heads = 1,
                                     .head_dim = 16,
                                     .ffn = 32,
                                     .max_positions = 48,
                                     .norm_eps = 1e-5f,
                                     .rope_theta = 10000,
                                     .tied_head = true };

/* CHORALE_DEVICE names a card; else it is the emulated one. */
static const char *device_name(void)
{
    const char *name = getenv("CHORALE_DEVICE");
    return name ? name : "emulated";
}

static bool is_emulated(void)
{
    return strncmp(device_name(), "emulated", 8) == 0;
}

/* On a card and in campaigns everything; the emulator takes its time, so that each check has every architecture once.
 * */
static bool is_whole(void)
{
    return !is_emulated() || getenv("CHORALE_LONG");
}

/* What the emulator can be told (tests/emulate/include/cuda_runtime_api.h). */
static void set_memory(const struct device *d, size_t bytes)
{
    void *symbol = dlsym(d->library, "emulate_set_memory");
    void (*set)(size_t);
    memcpy(&set, &symbol, sizeof set);
    set(bytes);
}

static void set_error(const struct device *d, unsigned after, int error)
{
    void *symbol = dlsym(d->library, "emulate_set_error");
    void (*set)(unsigned, int);
    memcpy(&set, &symbol, sizeof set);
    set(after, error);
}

static void set_graphs(const struct device *d, int may)
{
    void *symbol = dlsym(d->library, "emulate_set_graphs");
    void (*set)(int);
    memcpy(&set, &symbol, sizeof set);
    set(may);
}

static struct device *emulated(enum device_order order)
{
    struct device *d = device_open(device_name(), order);
    if (!d && !is_emulated())
        check_skip("device", err_text());
    check(d != NULL, "device_open: %s", err_text());
    return d;
}

static struct device_counts counts(const struct device *d)
{
    struct device_counts c;
    d->api->counts(d->context, &c);
    return c;
}

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
        struct row want[N_TEXT], got[N_TEXT];
        struct want w = { .n_rows = i == 0 ? (uint32_t)ends[0] : 1, .tap = LM_TAP_FINAL };
        check(bench_rows(&here, text, ends[i], w, want) == 0, "%s: %s", name, err_text());
        if (bench_rows(&there, text, ends[i], w, got) < 0) {
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
        if (!is_whole() && dot)                           /* a GGUF file has the weights of its folder */
            continue;
        if (only && strcmp(only, e->d_name) != 0)
            continue;
        struct checkpoint *c = checkpoint_open_weights(path);
        if (!c)
            continue;
        if (is_whole())
            compare(e->d_name, c, d, "f32");
        compare(e->d_name, c, d, n % 4 == 3 && !is_whole() ? "f32" : "native");
        checkpoint_close(c);
        n++;
    }
    if (folder)
        closedir(folder);
    check(n >= (is_whole() ? 30u : 20u) || getenv("CHORALE_DEVICE_ONLY"), "%zu fixtures seen", n);
}

/* Each type of weights, whose rows are blocks of 32 or 256. */
static void types(struct device *d)
{
    struct config wide = small;
    wide.dim = 256;
    wide.ffn = 512;
    wide.head_dim = 128;
    wide.n_layers = 1;
    for (int t = 0; t < DTYPE_COUNT; t++) {
        if (!is_whole() && t != DTYPE_F16 && t != DTYPE_Q4_K)
            continue;
        struct checkpoint *c = random_checkpoint(&wide, (enum dtype)t, 3);
        compare(dtype_name((enum dtype)t), c, d, "native");
        random_checkpoint_free(c);
    }
}

/* Gate and up of two types are two products; what the second gives starts behind the first's, at any float. */
static void odd(struct device *d)
{
    struct config uneven = small;
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
                                      .length = is_whole() ? 18 : 4 });
    threads_free(s.threads[0]);
    threads_free(s.threads[1]);
    random_checkpoint_free(s.c);
}

/* The last rows of `text` in a few slots, a symbol at a time; sums their bits. */
static int decode(struct bench *b, size_t n_steps, struct row *last)
{
    for (size_t n = N_TEXT - n_steps; n <= N_TEXT; n++)
        TRY(bench_rows(b, text, n, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, last));
    return 0;
}

/* Decode steps are replayed, and give what was given without. */
static void replays(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 5);
    struct bench steps = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 }),
                 whole = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
    struct device_counts before = counts(d);
    struct row a, b;
    check(decode(&steps, 12, &a) == 0, "%s", err_text());
    struct device_counts after = counts(d);
    check(after.graphs > before.graphs && after.replays >= before.replays + 8,
          "%llu graphs, %llu replays of %llu passes", (unsigned long long)(after.graphs - before.graphs),
          (unsigned long long)(after.replays - before.replays), (unsigned long long)(after.passes - before.passes));
    check(decode(&whole, 0, &b) == 0, "%s", err_text());
    check(memcmp(a.score, b.score, a.n * sizeof *a.score) == 0, "a replayed step is the pass over the whole");
    bench_close(&steps);
    bench_close(&whole);
    random_checkpoint_free(c);
}

/* Without memory for graphs, steps are run as they are: no batch is halved for that. */
static void no_graphs(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 5);
    struct bench with = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 }),
                 without = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
    struct row a, b;
    struct device_counts first = counts(d);
    check(decode(&with, 6, &a) == 0, "%s", err_text());
    struct device_counts before = counts(d);
    set_graphs(d, 0);
    check(decode(&without, 6, &b) == 0, "%s", err_text());
    struct device_counts after = counts(d);
    set_graphs(d, 1);
    check(after.graphs == before.graphs && after.replays == before.replays && before.replays > first.replays &&
              after.passes - before.passes == before.passes - first.passes,
          "%llu replays of %llu passes", (unsigned long long)(after.replays - before.replays),
          (unsigned long long)(after.passes - before.passes));
    check(memcmp(a.score, b.score, a.n * sizeof *a.score) == 0, "a step without a graph is the replayed one");
    bench_close(&with);
    bench_close(&without);
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
    struct config deep = small;
    deep.n_layers = 5;
    struct checkpoint *c = random_checkpoint(&deep, DTYPE_BF16, 7);
    struct bench whole = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
    const struct device_plan *plan = transformer_plan(whole.lm);
    check(plan->swapped == 0 && plan->weights > 0, "all resident");
    struct bench swapped =
        bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .weight_bytes = plan->weights * 3 / 4 });
    struct device_counts before = counts(d);
    struct row a, b;
    check(decode(&whole, 3, &a) == 0 && swapped.lm && decode(&swapped, 3, &b) == 0, "%s", err_text());
    struct device_counts after = counts(d);
    plan = transformer_plan(swapped.lm);
    check(plan->swapped > 0 && after.swapped - before.swapped >= 4 * plan->swapped,
          "%llu bytes swapped, planned %llu a pass", (unsigned long long)(after.swapped - before.swapped),
          (unsigned long long)plan->swapped);
    check(memcmp(a.score, b.score, a.n * sizeof *a.score) == 0, "swapped layers give the same rows");
    bench_close(&whole);
    bench_close(&swapped);
    random_checkpoint_free(c);
}

/* A card that is full: batches are halved, rows are those of a card with room. */
static void fills_up(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 9);
    struct bench ample = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .kv = "f32" }),
                 tight = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .kv = "f32" });
    struct row a, b;
    struct device_info info;
    struct device_error e;
    check(decode(&ample, 0, &a) == 0, "%s", err_text());
    check(d->api->info(d->context, &info, &e) == DEVICE_OK, "%s", e.text);
    set_memory(d, (size_t)(info.total - info.free) +
                      (22 << 10)); /* three pages of 6 KB, and the tables of rotary positions */
    int slots[4] = { 0 };
    struct want w[4];
    for (int i = 0; i < 4; i++) {
        slots[i] = lm_fork(tight.lm, LM_EMPTY, 0);
        sym_t first = (sym_t)(20 + i);
        check(lm_push(tight.lm, slots[i], i == 0 ? &text[0] : &first, 1, NULL) == 0 &&
                  lm_push(tight.lm, slots[i], text + 1, N_TEXT - 1, NULL) == 0,
              "%s", err_text());
        w[i] = (struct want){ .lm = tight.lm, .slot = slots[i], .n_rows = 1, .tap = LM_TAP_FINAL };
    }
    int rc = core_run(tight.core, w, 4);
    check(rc == 0, "a full card: %s", err_text());
    check(rc == 0 && lm_rows(&w[0], &b) == 0 && memcmp(a.score, b.score, a.n * sizeof *a.score) == 0,
          "rows of a full card are those of one with room");
    set_memory(d, (size_t)1 << 30);
    bench_close(&ample);
    bench_close(&tight);
    random_checkpoint_free(c);
}

/* Rows of one prefix in each slot, pushed a symbol further. */
static int step(struct bench *b, const int slots[], size_t n, sym_t first, struct row rows[])
{
    struct want w[2] = { 0 };
    for (size_t i = 0; i < n; i++) {
        sym_t next = (sym_t)(first + i);
        TRY(lm_push(b->lm, slots[i], &next, 1, NULL));
        w[i] = (struct want){ .lm = b->lm, .slot = slots[i], .n_rows = 1, .tap = LM_TAP_FINAL };
    }
    TRY(core_run(b->core, w, n));
    for (size_t i = 0; i < n; i++)
        TRY(lm_rows(&w[i], &rows[i]));
    return 0;
}

/* A prefix whose attention is split, a few steps of one slot, which are recorded, then one of two slots. */
static int two_after_one(struct device *d, struct bench *b, int is_tight, struct row rows[2])
{
    struct device_info info;
    struct device_error e = { 0 };
    int slots[2] = { lm_fork(b->lm, LM_EMPTY, 0), 0 };
    for (size_t n = 0; n < 240; n += N_TEXT)
        TRY(lm_push(b->lm, slots[0], text, N_TEXT, NULL));
    TRY(core_run(b->core, &(struct want){ .lm = b->lm, .slot = slots[0], .n_rows = 1, .tap = LM_TAP_FINAL }, 1));
    for (sym_t i = 0; i < 20; i++)
        TRY(step(b, slots, 1, i, rows));
    slots[1] = lm_fork(b->lm, slots[0], 260);
    check(d->api->info(d->context, &info, &e) == DEVICE_OK, "%s", e.text);
    if (is_tight)
        set_memory(d, (size_t)(info.total - info.free) + 64);
    int rc = step(b, slots, 2, 30, rows);
    set_memory(d, (size_t)1 << 30);
    return rc;
}

/* Attention's scratch for two tokens is not to be had, and the old is gone: rows are those of a card with room. */
static void scratch_moves(struct device *d)
{
    struct config longer = small;
    longer.max_positions = 320;
    longer.n_layers = 1;
    struct checkpoint *c = random_checkpoint(&longer, DTYPE_BF16, 9);
    struct bench ample = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .kv = "f32" }),
                 tight = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .kv = "f32" });
    struct row want[2], got[2];
    check(two_after_one(d, &ample, 0, want) == 0, "%s", err_text());
    check(two_after_one(d, &tight, 1, got) == 0, "%s", err_text());
    for (int i = 0; i < 2; i++)
        check(memcmp(want[i].score, got[i].score, want[i].n * sizeof *want[i].score) == 0, "rows of slot %d", i);
    bench_close(&ample);
    bench_close(&tight);
    random_checkpoint_free(c);
}

/* No room for the least: one message that names what is missing. */
static void too_small(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 9);
    set_memory(d, 40 << 20);
    struct threads *threads = threads_alloc(1);
    struct lm *lm = transformer_open(c, &(struct transformer_options){ .device = d, .threads = threads });
    check(!lm && err_code() == ERR_MEMORY && strstr(err_text(), "does not fit the device"), "%s", err_text());
    lm_free(lm);
    set_memory(d, (size_t)1 << 30);
    threads_free(threads);
    random_checkpoint_free(c);
}

/* A lost context: this call and all that follow fail with the same message, none hangs or crashes. */
static void breaks(void)
{
    enum { ILLEGAL = 700 };
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 9);
    for (unsigned after = 0; after < 60; after += is_whole() ? 7 : 29) {
        struct device *d = emulated(DEVICE_FAST);
        struct bench b = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
        struct row row;
        set_error(d, after, ILLEGAL);
        int rc = decode(&b, 6, &row);
        check(rc == ERR_MEMORY && strstr(err_text(), "cudaErrorIllegalAddress") && strstr(err_text(), "emulated:0"),
              "after %u calls: %d, %s", after, rc, err_text());
        set_error(d, 0, 0);
        rc = bench_rows(&b, text, 5, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row);
        check(rc == ERR_MEMORY && strstr(err_text(), "context is lost"), "then: %d, %s", rc, err_text());
        bench_close(&b);
        device_close(d);
    }
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
    struct checkpoint *c = random_checkpoint(&small, DTYPE_BF16, 11);
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
        struct config own = small;
        struct checkpoint *c = random_checkpoint(&own, DTYPE_BF16, 13);
        uint16_t *data = random_checkpoint_data(c, tensors[i]);
        data[1] = 0x7fc0;
        struct threads *threads = threads_alloc(1);
        struct lm *lm =
            transformer_open(c, &(struct transformer_options){ .device = d, .threads = threads, .chunk = 16 });
        struct core *core = core_alloc();
        int slot = lm ? lm_fork(lm, LM_EMPTY, 0) : -1, rc = ERR_DATA;
        if (lm && lm_push(lm, slot, text, N_TEXT, NULL) == 0)
            rc = core_run(core, &(struct want){ .lm = lm, .slot = slot, .n_rows = 1, .tap = LM_TAP_FINAL }, 1);
        check(rc == ERR_DATA && strstr(err_text(), tensors[i]), "%s: %s", tensors[i], err_text());
        lm_free(lm);
        core_free(core);
        threads_free(threads);
        random_checkpoint_free(c);
    }
}

static void plans(void)
{
    const uint64_t gb = (uint64_t)1 << 30;
    const struct device_need seven = { .weights = 14 * gb, .least = 2 * gb, .activations = gb, .swapped = 5 * gb };
    struct device_plan p;
    int rc = device_plan_make(&(struct device_ask){ "it", 40 * gb, 0, 0, gb / 64 }, &seven, &p);
    check(rc == 0 && p.weights == 14 * gb && p.weight_most == 0 && p.swapped == 0 && p.kv == 38 * gb - 15 * gb,
          "it fits");
    rc = device_plan_make(&(struct device_ask){ "it", 40 * gb, 0, 2 * gb, gb / 64 }, &seven, &p);
    check(rc == 0 && p.kv == 2 * gb, "as many keys and values as were asked for");
    rc = device_plan_make(&(struct device_ask){ "it", 12 * gb, 0, 0, gb / 64 }, &seven, &p);
    check(rc == 0 && p.weight_most == p.weights && p.weights < 14 * gb && p.swapped == 5 * gb, "swapped");
    check(p.weights + p.activations + p.kv <= 12 * gb - 12 * gb / 20 + 1, "within what there is");
    rc = device_plan_make(&(struct device_ask){ "it", 3 * gb, 0, 0, gb / 64 }, &seven, &p);
    check(rc == ERR_MEMORY && strstr(err_text(), "it does not fit the device: 2048 MB of weights at least"), "%s",
          err_text());
    rc = device_plan_make(&(struct device_ask){ "it", 40 * gb, 0, 0, gb / 64 },
                          &(struct device_need){ .weights = UINT64_MAX, .least = UINT64_MAX }, &p);
    check(rc == ERR_MEMORY, "numbers of a file do not wrap");
}

/* Parts by name: CHORALE_DEVICE_PART=laws runs that one. */
static bool wanted(const char *part)
{
    const char *only = getenv("CHORALE_DEVICE_PART");
    return !only || strcmp(only, part) == 0;
}

int main(void)
{
    plans();
    struct device *fast = emulated(DEVICE_FAST), *fixed = emulated(DEVICE_DETERMINISTIC);
    if (!fast || !fixed)
        return check_done("device");
    if (wanted("architectures"))
        architectures(fast);
    if (wanted("types")) {
        types(fast);
        odd(fast);
    }
    if (wanted("laws")) {
        if (is_whole())
            laws(fixed, "f32", 0);
        laws(fixed, "q8", 1);
    }
    if (wanted("replays"))
        replays(fixed);
    if (wanted("replays") && is_emulated())
        no_graphs(fixed);
    if (wanted("tried"))
        mixed_experts(fast);
    if (wanted("swaps"))
        swaps(fixed);
    if (wanted("full") && is_emulated()) {
        fills_up(fixed);
        too_small(fast);
        scratch_moves(fixed);
    }
    if (wanted("tried")) {
        is_tried(fast);
        not_finite(fast);
    }
    if (wanted("breaks") && is_emulated())
        breaks();
    device_close(fast);
    device_close(fixed);
    return check_done("device");
}
