#include "tests/lib/lm_bench.h"
#include "base/err.h"
#include "tests/lib/check.h"

struct bench bench_open(struct checkpoint *c, struct transformer_options o)
{
    struct bench b = { threads_alloc(2), core_alloc(), NULL };
    o.threads = b.threads;
    b.lm = transformer_open(c, &o);
    check(b.lm != NULL, "%s: %s", c->name, err_text());
    return b;
}

void bench_close(struct bench *b)
{
    lm_free(b->lm);
    core_free(b->core);
    threads_free(b->threads);
}

int bench_rows(struct bench *b, const sym_t ids[], size_t n, struct want w, struct row out[])
{
    w.lm = b->lm;
    w.slot = lm_fork(b->lm, LM_EMPTY, 0);
    TRY(lm_push(b->lm, w.slot, ids, n, NULL));
    TRY(core_run(b->core, &w, 1));
    return lm_rows(&w, out);
}
