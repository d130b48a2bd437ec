/* Law 3 of the kernels' users: a row has the same bits whatever else is in the batch, in whatever chunks its prefix came, on
 * however many threads: for every weight type, kernel path and compute mode that this machine has. */
#include "base/err.h"
#include "model/core.h"
#include "model/kernel.h"
#include "model/transformer.h"
#include "tests/lib/check.h"
#include "tests/lib/random_checkpoint.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct kernels *const paths[] = { &kernel_reference,  &kernel_avx2,       &kernel_avxvnni, &kernel_avx512,
                                               &kernel_avx512vnni, &kernel_avx512bf16, &kernel_amx };
static const enum dtype types[] = { DTYPE_F32,  DTYPE_F16,  DTYPE_BF16, DTYPE_Q8_0,
                                    DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K };
static const char *const modes[] = { "f32", "native" };

enum { VOCAB = 70, SHARED = 9, SLOTS = 64, LONG = 523 };

/* Bits do not depend on the sanitizers, which are here for the memory: each path and type once, not each way to batch. */
#ifdef CHORALE_SANITIZED
enum { SETTINGS = 1, LONG_HERE = 41 };
#else
enum { SETTINGS = 5, LONG_HERE = LONG };
#endif

static const struct config shape = { .architecture = "llama",
                                     .n_vocab = VOCAB,
                                     .dim = 256,
                                     .n_layers = 2,
                                     .n_heads = 4,
                                     .n_kv_heads = 2,
                                     .head_dim = 64,
                                     .ffn = 256,
                                     .max_positions = LONG,
                                     .norm_eps = 1e-5f,
                                     .rope_theta = 10000 };

struct setting {
    const char *kernels, *mode, *kv;
    size_t n_threads, chunk, batch;
};

struct open {
    struct threads *threads;
    struct lm *lm;
    struct core *core;
};

static struct open open_lm(struct checkpoint *c, const struct setting *s)
{
    struct open o = { .threads = threads_alloc(s->n_threads), .core = core_alloc() };
    o.lm = transformer_open(
        c, &(struct transformer_options){
               .kernels = s->kernels, .mode = s->mode, .kv = s->kv, .threads = o.threads, .chunk = s->chunk });
    check(o.lm != NULL, "%s", err_text());
    return o;
}

static void close_lm(struct open *o)
{
    lm_free(o->lm);
    core_free(o->core);
    threads_free(o->threads);
}

static int slot_of(struct lm *lm, size_t n, sym_t last)
{
    sym_t s[LONG];
    int slot = lm_fork(lm, LM_EMPTY, 0);
    for (size_t i = 0; i < n; i++)
        s[i] = (sym_t)(i * i * 7 + i) % VOCAB;
    s[n - 1] = last;
    check(slot >= 0 && lm_push(lm, slot, s, n, NULL) == 0, "%s", err_text());
    return slot;
}

/* The rows after SLOTS prefixes that part at their last symbol, batch of them at a time. */
static void rows_of(struct checkpoint *c, const struct setting *s, float *rows)
{
    struct open o = open_lm(c, s);
    struct want w[SLOTS];
    for (size_t i = 0; i < SLOTS; i++)
        w[i] = (struct want){ o.lm, slot_of(o.lm, SHARED + i % 3, (sym_t)i), 1, LM_TAP_FINAL };
    for (size_t i = 0; i < SLOTS; i += s->batch) {
        size_t n = SLOTS - i < s->batch ? SLOTS - i : s->batch;
        check(core_run(o.core, w + i, n) == 0, "%s", err_text());
        for (size_t k = i; k < i + n; k++) {
            struct row row;
            check(lm_rows(&w[k], &row) == 0 && row.n == VOCAB, "%s", err_text());
            memcpy(rows + k * VOCAB, row.score, VOCAB * sizeof *rows);
        }
    }
    close_lm(&o);
}

static void batches(struct checkpoint *c, const char *type, struct setting s)
{
    static const struct setting others[] = {
        { .n_threads = 2, .chunk = 256, .batch = 7 },  { .n_threads = 1, .chunk = 8, .batch = 64 },
        { .n_threads = 1, .chunk = 256, .batch = 64 }, { .n_threads = 2, .chunk = 256, .batch = 2 },
        { .n_threads = 2, .chunk = 1, .batch = 64 },
    };
    static float want[SLOTS * VOCAB], got[SLOTS * VOCAB];
    s.n_threads = s.batch = 1;
    s.chunk = 256;
    rows_of(c, &s, want);
    check(memcmp(want, want + VOCAB, VOCAB * sizeof *want) != 0, "two prefixes have two rows");
    for (size_t i = 0; i < SETTINGS; i++) {
        struct setting t = others[i];
        t.kernels = s.kernels;
        t.mode = s.mode;
        t.kv = s.kv;
        rows_of(c, &t, got);
        check(memcmp(want, got, sizeof got) == 0, "%s on %s in mode %s: %zu slots, %zu threads, chunks of %zu", type,
              s.kernels, s.mode, t.batch, t.n_threads, t.chunk);
    }
}

static void chunks(struct checkpoint *c, const char *type, struct setting s, size_t n)
{
    static const size_t sizes[] = { 512, 8, 1 };
    static float want[2 * VOCAB], got[2 * VOCAB];
    for (size_t i = 0; i < 3; i++) {
        s.chunk = sizes[i];
        s.n_threads = 1 + i % 2;
        struct open o = open_lm(c, &s);
        struct want w = { o.lm, slot_of(o.lm, n, 5), 2, LM_TAP_FINAL };
        struct row row[2];
        check(core_run(o.core, &w, 1) == 0 && lm_rows(&w, row) == 0, "%s", err_text());
        for (size_t k = 0; k < 2; k++)
            memcpy((i == 0 ? want : got) + k * VOCAB, row[k].score, VOCAB * sizeof *got);
        check(i == 0 || memcmp(want, got, sizeof got) == 0, "%s on %s in mode %s: %zu positions in chunks of %zu", type,
              s.kernels, s.mode, n, sizes[i]);
        close_lm(&o);
    }
}

/* All paths in native mode multiply integers alike; the avx tables agree in everything else. */
static void paths_agree(struct checkpoint *c, const char *type)
{
    static float want[SLOTS * VOCAB], got[SLOTS * VOCAB];
    const struct kernels *const same[] = { &kernel_avx2, &kernel_avxvnni, &kernel_avx512, &kernel_avx512vnni };
    for (size_t i = 0; i < 4; i++) {
        struct setting s = { same[i]->name, "native", NULL, 2, 256, SLOTS };
        if (!same[i]->available() || !same[0]->available())
            continue;
        rows_of(c, &s, i == 0 ? want : got);
        check(i == 0 || memcmp(want, got, sizeof got) == 0, "%s: avx2 and %s agree bit for bit", type, s.kernels);
    }
}

/* Keys and values of fewer bits: as invariant, on all paths alike, and near float32. */
static void kv_types(void)
{
    static const char *const kinds[] = { "bf16", "q8" };
    static float want[SLOTS * VOCAB], got[SLOTS * VOCAB];
    struct checkpoint *c = random_checkpoint(&shape, DTYPE_F32, 5);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (size_t k = 0; k < 2; k++) {
            struct setting s = { paths[i]->name, "f32", NULL, 2, 256, SLOTS };
            double most = 0, off = 0;
            if (!paths[i]->available())
                continue;
            rows_of(c, &s, want);
            s.kv = kinds[k];
            rows_of(c, &s, got);
            for (size_t v = 0; v < SLOTS * VOCAB; v++) {
                most = fmax(most, fabs((double)want[v]));
                off = fmax(off, fabs((double)want[v] - (double)got[v]));
            }
            check(off > 0 && off < 0.03 * most, "%s with keys and values of %s: differs by %g of %g", s.kernels, s.kv,
                  off, most);
            batches(c, s.kv, s); /* chunks among them */
        }
    struct open o = open_lm(c, &(struct setting){ NULL, "f32", "q8", 1, 8, 1 }),
                p = open_lm(c, &(struct setting){ NULL, "f32", NULL, 1, 8, 1 });
    check(strcmp(o.lm->hash, p.lm->hash) != 0, "the type of keys and values is part of the identity");
    close_lm(&o);
    close_lm(&p);
    struct threads *threads = threads_alloc(1);
    check(!transformer_open(c, &(struct transformer_options){ .kv = "q9", .threads = threads }) &&
              strstr(err_text(), "did you mean 'q8'"),
          "%s", err_text());
    threads_free(threads);
    random_checkpoint_free(c);
}

int main(void)
{
    const bool whole = getenv("CHORALE_LONG") != NULL;
    struct text refused = { 0 };
    const struct kernels *best = kernel_choose(NULL, KERNEL_NATIVE, KERNEL_ALL_TYPES, &refused);
    check(best && refused.len == 0, "%s", text_s(&refused));
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        struct checkpoint *c = random_checkpoint(&shape, types[t], 5);
        const char *type = dtype_name(types[t]);
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            for (size_t m = 0; m < 2; m++) {
                struct setting s = { .kernels = paths[i]->name, .mode = modes[m] };
                if (!paths[i]->available() || (paths[i] == &kernel_reference && t % 3 != 0 && !whole))
                    continue;
                if ((t + i + m) % CHECK_TIMES(1, 2) != 0 && !whole)
                    continue; /* each path in each mode, for every other type */
                batches(c, type, s);
                if (paths[i] != &kernel_reference)
                    chunks(c, type, s, whole ? LONG : best == paths[i] ? LONG_HERE : 41);
            }
        paths_agree(c, type);
        random_checkpoint_free(c);
    }
    kv_types();
    text_free(&refused);
    return check_done("invariance");
}
