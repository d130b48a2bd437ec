/* Seam probe: two taps of one prefix in one round, as strategies that contrast an early exit with the last layer ask. */
#include "base/err.h"
#include "model/core.h"
#include "model/table.h"
#include "model/transformer.h"
#include "tests/lib/check.h"
#include "tests/lib/random_checkpoint.h"
#include <math.h>
#include <string.h>

static const sym_t text[] = { 1, 3, 0, 2, 2, 0, 1 };
#define N (sizeof text / sizeof *text)

struct taps {
    struct row last[2], early[2]; /* at the last two positions */
};

/* Both taps at the last two positions, in one run; the early exit first when swapped. */
static struct taps ask(struct lm *lm, struct core *core, size_t first)
{
    struct taps t;
    int slot = lm_fork(lm, LM_EMPTY, 0);
    check(lm_push(lm, slot, text, N, NULL) == 0, "%s", err_text());
    struct want w[2];
    w[first] = (struct want){ lm, slot, 2, LM_TAP_FINAL };
    w[1 - first] = (struct want){ lm, slot, 2, 1 };
    check(core_run(core, w, 2) == 0, "%s", err_text());
    check(lm_rows(&w[first], t.last) == 0 && lm_rows(&w[1 - first], t.early) == 0, "%s", err_text());
    lm_drop(lm, slot);
    return t;
}

static bool same(const struct row *a, const struct row *b)
{
    return a->n == b->n && memcmp(a->score, b->score, a->n * sizeof *a->score) == 0;
}

/* The contrast log p_last - log p_early, normalised: what the rows are for; its symbols sum to one. */
static void contrast(const struct taps *t)
{
    double z = 0, sum = 0;
    for (sym_t v = 0; v < t->last[1].n; v++)
        z += exp(row_logp(&t->last[1], v) - row_logp(&t->early[1], v));
    for (sym_t v = 0; v < t->last[1].n; v++)
        sum += exp(row_logp(&t->last[1], v) - row_logp(&t->early[1], v) - log(z));
    check(isfinite(z) && z > 0, "the contrast has a normaliser");
    check_near(sum, 1, 1e-12, "and sums to one");
}

/* One pass a position gives both taps, whichever is asked for first; asked alone they are the same rows. */
static void probe(struct lm *lm, struct lm *twin, uint64_t positions)
{
    struct core *core = core_alloc(), *other = core_alloc();
    struct taps t = ask(lm, core, 0);
    check(core_counts(core).rounds == 1 && core_counts(core).wanted == 2, "%s: one round for both taps", lm->name);
    check(core_counts(core).computed == positions, "%s: %llu positions, want %llu", lm->name,
          (unsigned long long)core_counts(core).computed, (unsigned long long)positions);
    struct taps swapped = ask(twin, other, 1);
    for (size_t i = 0; i < 2; i++) {
        check(same(&t.last[i], &swapped.last[i]) && same(&t.early[i], &swapped.early[i]), "%s: the order of taps",
              lm->name);
        check(!same(&t.last[i], &t.early[i]), "%s: an early exit is another row", lm->name);
        check(isfinite(t.early[i].log_z) && t.early[i].log_z != t.last[i].log_z, "%s: with its own log Z", lm->name);
    }
    contrast(&t);
    core_free(core);
    core_free(other);
}

int main(void)
{
    struct table_options o = { .n = 5, .max_length = 12, .seed = 4, .sharpness = 1 };
    struct lm *a = table_open(&o), *b = table_open(&o);
    probe(a, b, 4); /* a table computes rows: two positions, two taps */
    struct core *core = core_alloc();
    double exact[5];
    struct taps t = ask(a, core, 0);
    table_logp(a, text, N, exact);
    for (sym_t v = 0; v < 5; v++)
        check_near(row_logp(&t.last[1], v), exact[v], 1e-6, "the last layer's row is the table's");
    core_free(core);
    lm_free(a);
    lm_free(b);

    const struct config config = { .n_vocab = 9,
                                   .dim = 32,
                                   .n_layers = 2,
                                   .n_heads = 2,
                                   .n_kv_heads = 1,
                                   .head_dim = 16,
                                   .ffn = 32,
                                   .max_positions = 16,
                                   .norm_eps = 1e-5f,
                                   .rope_theta = 100 };
    struct checkpoint *c = random_checkpoint(&config, DTYPE_F32, 1);
    struct threads *threads = threads_alloc(1);
    struct transformer_options options = { .threads = threads };
    a = transformer_open(c, &options);
    b = transformer_open(c, &options);
    probe(a, b, N); /* a transformer passes positions: each once, whatever is tapped */
    lm_free(a);
    lm_free(b);
    threads_free(threads);
    random_checkpoint_free(c);
    return check_done("probe_taps");
}
