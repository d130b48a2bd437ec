#include "tests/lib/device_bench.h"
#include "base/err.h"
#include "tests/lib/check.h"
#include <stdlib.h>
#include <string.h>

const sym_t device_bench_text[DEVICE_BENCH_TEXT] = { 3,  1,  41, 59, 26, 5,  35, 8, 9,  7,  9, 32,
                                                     38, 46, 26, 43, 38, 32, 7,  9, 50, 28, 8, 41 };

const struct config device_bench_small = { .architecture = "llama",
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

static const char *device_name(void)
{
    const char *name = getenv("CHORALE_DEVICE");
    return name ? name : "emulated";
}

bool device_bench_emulated(void)
{
    return strncmp(device_name(), "emulated", 8) == 0;
}

bool device_bench_whole(void)
{
    return !device_bench_emulated() || getenv("CHORALE_LONG");
}

struct device *device_bench_open(enum device_order order)
{
    struct device *d = device_open(device_name(), order);
    if (!d && !device_bench_emulated())
        check_skip("device", err_text());
    check(d != NULL, "device_open: %s", err_text());
    return d;
}

struct device_counts device_bench_counts(const struct device *d)
{
    struct device_counts c;
    d->api->counts(d->context, &c);
    return c;
}

int device_bench_decode(struct bench *b, size_t n_steps, struct row *last)
{
    for (size_t n = DEVICE_BENCH_TEXT - n_steps; n <= DEVICE_BENCH_TEXT; n++)
        TRY(bench_rows(b, device_bench_text, n, (struct want){ .n_rows = 1, .tap = LM_TAP_FINAL }, last));
    return 0;
}
