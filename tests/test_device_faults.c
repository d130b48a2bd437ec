/* The backend of cuda/ over the emulated card: when the card has no memory left, or breaks; and how its memory is shared out. */
#include "base/err.h"
#include "model/device_open.h"
#include "model/device_plan.h"
#include "tests/lib/check.h"
#include "tests/lib/device_bench.h"
#include "tests/lib/lm_bench.h"
#include "tests/lib/random_checkpoint.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

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

static void set_strip(const struct device *d, size_t bytes)
{
    void *symbol = dlsym(d->library, "emulate_set_strip");
    int (*set)(size_t);
    memcpy(&set, &symbol, sizeof set);
    check(set(bytes), "this machine has %zu bytes", bytes);
}

/* Without memory for graphs, steps are run as they are: no batch is halved for that. */
static void no_graphs(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&device_bench_small, DTYPE_BF16, 5);
    struct bench with = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 }),
                 without = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
    struct row a, b;
    struct device_counts first = device_bench_counts(d);
    check(device_bench_decode(&with, 6, &a) == 0, "%s", err_text());
    struct device_counts before = device_bench_counts(d);
    set_graphs(d, 0);
    check(device_bench_decode(&without, 6, &b) == 0, "%s", err_text());
    struct device_counts after = device_bench_counts(d);
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

/* A card that is full: batches are of the pages that there are, rows are those of a card with room. */
static void fills_up(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&device_bench_small, DTYPE_BF16, 9);
    struct bench ample = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .kv = "f32" }),
                 tight = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .kv = "f32" });
    struct row a, b;
    struct device_info info;
    struct device_error e;
    check(device_bench_decode(&ample, 0, &a) == 0, "%s", err_text());
    check(d->api->info(d->context, &info, &e) == DEVICE_OK, "%s", e.text);
    set_memory(d, (size_t)(info.total - info.free) +
                      (22 << 10)); /* three pages of 6 KB, and the tables of rotary positions */
    int slots[4] = { 0 };
    struct want w[4];
    for (int i = 0; i < 4; i++) {
        slots[i] = lm_fork(tight.lm, LM_EMPTY, 0);
        sym_t first = (sym_t)(20 + i);
        check(lm_push(tight.lm, slots[i], i == 0 ? &device_bench_text[0] : &first, 1, NULL) == 0 &&
                  lm_push(tight.lm, slots[i], device_bench_text + 1, DEVICE_BENCH_TEXT - 1, NULL) == 0,
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

/* bug: where one batch wanted more pages than there are, its length was halved for good. */
static void pages_are_short(struct device *d)
{
    enum { LONG = 4, ALL = 8 }; /* four prefixes have the eight pages of the first slab, and there is no second */
    struct checkpoint *c = random_checkpoint(&device_bench_small, DTYPE_BF16, 9);
    struct bench b = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16, .kv = "f32" });
    struct row row;
    struct device_info info;
    struct device_error e;
    struct want w[ALL];
    for (sym_t i = 0; i < ALL; i++) {
        w[i] = (struct want){ .lm = b.lm, .slot = lm_fork(b.lm, LM_EMPTY, 0), .n_rows = 1, .tap = LM_TAP_FINAL };
        check(lm_push(b.lm, w[i].slot, &i, 1, NULL) == 0, "%s", err_text());
        if (i < LONG)
            check(lm_push(b.lm, w[i].slot, device_bench_text, 17, NULL) == 0, "%s", err_text());
    }
    check(core_run(b.core, w, LONG) == 0 && d->api->info(d->context, &info, &e) == DEVICE_OK, "%s", err_text());
    set_memory(d, (size_t)(info.total - info.free));
    for (sym_t i = 0; i < LONG; i++)
        check(lm_push(b.lm, w[i].slot, &i, 1, NULL) == 0, "%s", err_text());
    check(core_run(b.core, w, ALL) == 0, "a page more for each of four: %s", err_text());
    set_memory(d, (size_t)1 << 30);
    uint64_t passes = device_bench_counts(d).passes;
    check(bench_rows(&b, device_bench_text + 4, 16, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row) == 0 &&
              device_bench_counts(d).passes == passes + 1,
          "a chunk is as long as before");
    bench_close(&b);
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
    for (size_t n = 0; n < 240; n += DEVICE_BENCH_TEXT)
        TRY(lm_push(b->lm, slots[0], device_bench_text, DEVICE_BENCH_TEXT, NULL));
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
    struct config longer = device_bench_small;
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

/* Prefixes that differ from the first symbol on, each in pages of its own; the last one's row. */
static int fill_pages(struct bench *b, sym_t n, size_t length, struct row *last)
{
    sym_t s[DEVICE_BENCH_TEXT];
    memcpy(s, device_bench_text, sizeof s);
    for (sym_t i = 0; i < n; i++) {
        s[0] = i;
        TRY(bench_rows(b, s, length, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, last));
    }
    return 0;
}

/* Lms that fail to open half way give back what was planned for them. */
static void half_opened(struct device *d, struct checkpoint *c, const struct bench *first)
{
    enum { NO_MEMORY = 2, CALLS = 60 };
    const uint64_t had = transformer_plan(first->lm)->kv;
    struct threads *threads = threads_alloc(1);
    int n_failed = 0;
    for (unsigned after = 1; after < CALLS; after += 3) {
        set_error(d, after, NO_MEMORY);
        struct lm *lm =
            transformer_open(c, &(struct transformer_options){ .device = d, .chunk = 32, .threads = threads });
        set_error(d, 0, 0);
        n_failed += lm == NULL;
        lm_free(lm);
        uint64_t has = transformer_plan(first->lm)->kv;
        check(has + (2 << 20) > had, "after %u calls: %llu of %llu bytes", after, (unsigned long long)has,
              (unsigned long long)had);
    }
    check(n_failed > 2, "%d fail", n_failed);
    threads_free(threads);
}

/* bug: pages of the first of two lms took all of a card, and there was no room for the second.  What the first has given
 * back it computes anew, and it gets its share back when the second is closed. */
static void gives_way(struct device *d)
{
    enum { PREFIXES = 30, LENGTH = 20 }; /* two pages of half a megabyte each */
    struct config wide = device_bench_small;
    wide.n_layers = 1;
    wide.n_heads = wide.n_kv_heads = 32;
    wide.head_dim = 128;
    struct checkpoint *c = random_checkpoint(&wide, DTYPE_BF16, 9);
    const struct transformer_options o = { .device = d, .chunk = 32, .kv = "f32", .row_bytes = 1 };
    struct bench ample = bench_open(c, o);
    struct row want, got;
    struct device_info info;
    struct device_error e;
    check(fill_pages(&ample, 3, LENGTH + 1, &want) == 0, "%s", err_text());
    float *was = malloc(want.n * sizeof *was);
    memcpy(was, want.score, want.n * sizeof *was);
    bench_close(&ample);
    check(d->api->info(d->context, &info, &e) == DEVICE_OK, "%s", e.text);
    set_memory(d, (size_t)(info.total - info.free) + ((size_t)31 << 20));
    struct bench a = bench_open(c, o);
    uint64_t alone = transformer_plan(a.lm)->kv;
    check(fill_pages(&a, PREFIXES, LENGTH, &got) == 0 && transformer_kv_bytes(a.lm) > (size_t)20 << 20, "%s",
          err_text());
    struct bench b = bench_open(c, o);
    check(b.lm && transformer_kv_bytes(a.lm) == 0, "beside one that has filled the card: %s", err_text());
    check(transformer_plan(a.lm)->kv == transformer_plan(b.lm)->kv && 2 * transformer_plan(b.lm)->kv < alone,
          "they share what there is");
    check(fill_pages(&b, 2, LENGTH, &got) == 0, "%s", err_text());
    half_opened(d, c, &a);
    uint64_t passes = device_bench_counts(d).passes;
    check(fill_pages(&a, 3, LENGTH + 1, &got) == 0, "%s", err_text());
    check(device_bench_counts(d).passes > passes && memcmp(was, got.score, want.n * sizeof *was) == 0,
          "rows are as they were, computed anew");
    bench_close(&b);
    check(transformer_plan(a.lm)->kv + ((uint64_t)1 << 20) > alone, "its share is the first's again");
    set_memory(d, (size_t)1 << 30);
    free(was);
    bench_close(&a);
    random_checkpoint_free(c);
}

/* No room for the least: one message that names what is missing. */
static void too_small(struct device *d)
{
    struct checkpoint *c = random_checkpoint(&device_bench_small, DTYPE_BF16, 9);
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
    struct checkpoint *c = random_checkpoint(&device_bench_small, DTYPE_BF16, 9);
    for (unsigned after = 0; after < 60; after += device_bench_whole() ? 7 : 29) {
        struct device *d = device_bench_open(DEVICE_FAST);
        struct bench b = bench_open(c, (struct transformer_options){ .device = d, .chunk = 16 });
        struct row row;
        set_error(d, after, ILLEGAL);
        int rc = device_bench_decode(&b, 6, &row);
        check(rc == ERR_MEMORY && strstr(err_text(), "cudaErrorIllegalAddress") && strstr(err_text(), "emulated:0"),
              "after %u calls: %d, %s", after, rc, err_text());
        set_error(d, 0, 0);
        rc = bench_rows(&b, device_bench_text, 5, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, &row);
        check(rc == ERR_MEMORY && strstr(err_text(), "context is lost"), "then: %d, %s", rc, err_text());
        bench_close(&b);
        device_close(d);
    }
    random_checkpoint_free(c);
}

static void plans(void)
{
    const uint64_t gb = (uint64_t)1 << 30;
    const struct device_need seven = { .weights = 14 * gb, .least = 2 * gb, .activations = gb, .swapped = 5 * gb };
    struct device_plan p;
    int rc = device_plan_make(&(struct device_ask){ .name = "it", .free = 40 * gb, .page = gb / 64 }, &seven, &p);
    check(rc == 0 && p.weights == 14 * gb && p.weight_most == 0 && p.swapped == 0 && p.kv == 38 * gb - 15 * gb,
          "it fits");
    rc = device_plan_make(&(struct device_ask){ .name = "it", .free = 40 * gb, .kv = 2 * gb, .page = gb / 64 }, &seven,
                          &p);
    check(rc == 0 && p.kv == 2 * gb, "as many keys and values as were asked for");
    rc = device_plan_make(&(struct device_ask){ .name = "it", .free = 12 * gb, .page = gb / 64 }, &seven, &p);
    check(rc == 0 && p.weight_most == p.weights && p.weights < 14 * gb && p.swapped == 5 * gb, "swapped");
    check(p.weights + p.activations + p.kv <= 12 * gb - 12 * gb / 20 + 1, "within what there is");
    rc = device_plan_make(&(struct device_ask){ .name = "it", .free = 3 * gb, .page = gb / 64 }, &seven, &p);
    check(rc == ERR_MEMORY && strstr(err_text(), "it does not fit the device: 2048 MB of weights at least"), "%s",
          err_text());
    rc = device_plan_make(&(struct device_ask){ .name = "it", .free = 40 * gb, .page = gb / 64 },
                          &(struct device_need){ .weights = UINT64_MAX, .least = UINT64_MAX }, &p);
    check(rc == ERR_MEMORY, "numbers of a file do not wrap");
    const struct device_ask third = { .name = "it", .free = 80 * gb, .page = gb / 64, .n_users = 2 };
    rc = device_plan_make(&third, &seven, &p);
    check(rc == 0 && p.weights == 14 * gb && p.kv == (76 - 15) * gb / 3 && p.others == p.kv,
          "a third of what is left: %llu", (unsigned long long)p.kv);
    struct device_ask asks = third;
    asks.kv = 30 * gb;
    rc = device_plan_make(&asks, &seven, &p);
    check(rc == 0 && p.kv == 30 * gb && p.others == (76 - 15 - 30) * gb / 2, "what is asked for, and the rest");
    asks.free = 40 * gb;
    rc = device_plan_make(&asks, &seven, &p);
    check(rc == 0 && p.kv == 30 * gb && p.weight_most > 0 && p.others >= asks.page, "a page for each of the others");
    asks.page = UINT64_MAX / 2;
    check(device_plan_make(&asks, &seven, &p) == ERR_MEMORY, "pages that do not wrap");
    rc = device_plan_make(&(struct device_ask){ .name = "it", .free = 2 * gb, .page = gb / 64, .n_users = 2 }, &seven,
                          &p);
    check(rc == ERR_MEMORY && p.others == (2 * gb - 2 * gb / 20) / 2,
          "one that is refused takes nothing from the others");
}

/* bug: one copy went over neighbouring rows of two slabs, as no card lets it. */
static void slabs_beside_each_other(struct device *d)
{
    enum { BYTES = 256, N = 100 };
    static const char from[2 * BYTES];
    struct device_error e = { 0 };
    struct device_pool *pool;
    char *block[N];
    set_strip(d, 1 << 20);
    check(d->api->pool_open(d->context, BYTES, &pool, &e) == DEVICE_OK, "%s", e.text);
    for (int i = 0; i < N; i++)
        block[i] = d->api->pool_take(pool);
    int n = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            if (block[k] == block[i] + BYTES) {
                check(d->api->write(d->context, block[i], sizeof from, from, &e) == DEVICE_OK, "%s", e.text);
                n++;
            }
    check(n > N / 2 && n < N - 3, "%d of %d blocks are in front of another, of several slabs", n, N);
    d->api->pool_close(pool);
    set_strip(d, 0);
}

int main(void)
{
    plans();
    if (!device_bench_emulated())
        return check_done("device_faults");
    struct device *fast = device_bench_open(DEVICE_FAST), *fixed = device_bench_open(DEVICE_DETERMINISTIC);
    if (fast && fixed) {
        no_graphs(fixed);
        fills_up(fixed);
        pages_are_short(fixed);
        too_small(fast);
        scratch_moves(fixed);
        gives_way(fixed);
        slabs_beside_each_other(fast);
        breaks();
    }
    device_close(fast);
    device_close(fixed);
    return check_done("device_faults");
}
