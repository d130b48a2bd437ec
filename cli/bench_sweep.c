#include "cli/bench_sweep.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/bench_subject.h"
#include "cli/console.h"
#include "decode/chain.h"
#include "decode/draw.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARMS = 12, DRAWS = 8, PROMPTS = 32, LENGTH = 64, LIVE = 64, LIVE_APART = 32, WORDS = 8, MAX_WORKERS = 64 };

/* One text on its way; arms of one prompt and draw follow each other. */
struct text_made {
    size_t number;
    int slot;
    sym_t made[LENGTH];
    size_t n_made;
    struct row row;
    int rc;
};

struct sweep {
    struct bench_subject *subject;
    struct lm *lm;
    struct symbols prompt[PROMPTS];
    size_t n_prompts, n_live;
    struct chain *chain[ARMS];
    struct text_made *live; /* (n_live,) */
    struct row_work *work[MAX_WORKERS];
    float *scores[MAX_WORKERS]; /* (n,) a worker's row */
};

/* What one way to compute it took. */
struct sweep_cost {
    double seconds;
    uint64_t asked, made; /* positions: if every text were computed by itself; really passed */
};

static size_t n_texts(const struct sweep *s)
{
    return s->n_prompts * DRAWS * ARMS;
}

static const struct symbols *prompt_of(const struct sweep *s, size_t number)
{
    return &s->prompt[number / (DRAWS * ARMS)];
}

/* At most WORDS symbols: of a checkpoint with a tokenizer, the beginning of a story. */
static int make_prompt(struct sweep *s, uint32_t i)
{
    static const char *const who[] = { "The old king",   "A young girl", "My brother",    "The captain of the ship",
                                       "Nobody in town", "The grey cat", "Every teacher", "A man with a lamp" };
    static const char *const did[] = { "looked at the door and", "said that", "went to the river because",
                                       "had never seen a" };
    struct vocab *v = s->subject->opened.checkpoint->vocab;
    struct text t = { 0 };
    uint32_t n = s->lm->space->n;
    if (v && vocab_bos(v) >= 0 && vocab_adds_bos(v))
        symbols_add(&s->prompt[i], &(sym_t){ (sym_t)vocab_bos(v) }, 1);
    text_addf(&t, "%s %s", who[i % 8], did[i / 8]);
    for (uint32_t k = 0; !v && k < WORDS; k++) {
        uint32_t x[2] = { i, k };
        symbols_add(&s->prompt[i], &(sym_t){ 4 + (sym_t)(hash_bytes(x, sizeof x, 0) % (n - 4)) }, 1);
    }
    int rc = v ? vocab_encode(v, text_s(&t), t.len, &s->prompt[i]) : 0;
    s->prompt[i].n = s->prompt[i].n < WORDS ? s->prompt[i].n : WORDS;
    text_free(&t);
    return rc;
}

static int sweep_open(struct sweep *s, struct bench_subject *subject, const struct args *a)
{
    int64_t n_prompts = PROMPTS;
    size_t n_workers = threads_count(subject->opened.threads);
    *s = (struct sweep){ .subject = subject, .lm = subject->opened.lm };
    TRY(options_int(a, "prompts", 1, PROMPTS, &n_prompts));
    if (n_workers > MAX_WORKERS || s->lm->space->n < 8)
        return err_set(ERR_USAGE, "bench --sweep: %zu threads and %u symbols, want at most %d and at least 8",
                       n_workers, s->lm->space->n, MAX_WORKERS);
    s->n_prompts = (size_t)n_prompts;
    for (uint32_t i = 0; i < s->n_prompts; i++)
        TRY(make_prompt(s, i));
    for (size_t i = 0; i < ARMS; i++) {
        char text[32];
        snprintf(text, sizeof text, "temperature=%g", 0.1 + 0.1 * (double)i);
        s->chain[i] = chain_parse(text);
        TRY(s->chain[i] ? chain_bind(s->chain[i], s->lm->space) : err_code());
    }
    for (size_t i = 0; i < n_workers; i++) {
        s->work[i] = row_work_alloc(s->lm->space->n);
        s->scores[i] = mem_aligned(s->lm->space->n, sizeof *s->scores[i]);
    }
    s->live = mem_alloc(LIVE, sizeof *s->live);
    return 0;
}

static void sweep_close(struct sweep *s)
{
    for (size_t i = 0; i < PROMPTS; i++)
        free(s->prompt[i].s);
    for (size_t i = 0; i < ARMS; i++)
        chain_free(s->chain[i]);
    for (size_t i = 0; i < MAX_WORKERS && s->work[i]; i++) {
        row_work_free(s->work[i]);
        free(s->scores[i]);
    }
    free(s->live);
}

/* The arm's chain on a copy of the row, and a draw whose noise the other arms share. */
static void draw_next(void *ctx, size_t i, size_t worker)
{
    struct sweep *s = ctx;
    struct text_made *t = &s->live[i];
    struct draw draw = { .type = draw_find("gumbel") };
    const struct symbols *prompt = prompt_of(s, t->number);
    struct row row = t->row;
    struct rng_address address = { .seed = 1,
                                   .item = t->number / (DRAWS * ARMS),
                                   .draw = (uint32_t)(t->number / ARMS % DRAWS),
                                   .step = (uint32_t)t->n_made,
                                   .purpose = RNG_DRAW };
    struct transform_at at = { .space = s->lm->space,
                               .prompt = prompt->s,
                               .n_prompt = prompt->n,
                               .made = t->made,
                               .n_made = t->n_made,
                               .address = &address,
                               .work = s->work[worker] };
    row.score = s->scores[worker];
    memcpy(row.score, t->row.score, row.n * sizeof *row.score);
    t->rc = chain_apply(s->chain[t->number % ARMS], NULL, &row, &at, NULL);
    if (t->rc == 0)
        t->made[t->n_made++] = draw_symbol(&draw, &row, &address, s->work[worker]);
}

/* Texts [*next, ..) take the places of those that are done. */
static int fill(struct sweep *s, size_t most, size_t *next)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_live; i++) {
        if (s->live[i].n_made < LENGTH)
            s->live[kept++] = s->live[i];
        else
            lm_drop(s->lm, s->live[i].slot);
    }
    for (s->n_live = kept; s->n_live < most && *next < n_texts(s); (*next)++) {
        const struct symbols *prompt = prompt_of(s, *next);
        int slot = lm_fork(s->lm, LM_EMPTY, 0);
        TRY(slot);
        s->live[s->n_live++] = (struct text_made){ .number = *next, .slot = slot };
        TRY(lm_push(s->lm, slot, prompt->s, prompt->n, NULL));
    }
    return 0;
}

static int step(struct sweep *s)
{
    struct want w[LIVE] = { { 0 } };
    for (size_t i = 0; i < s->n_live; i++)
        w[i] = (struct want){ .lm = s->lm, .slot = s->live[i].slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    TRY(core_run(s->subject->opened.core, w, s->n_live));
    for (size_t i = 0; i < s->n_live; i++)
        TRY(lm_rows(&w[i], &s->live[i].row));
    threads_run(s->subject->opened.threads, s->n_live, draw_next, s);
    for (size_t i = 0; i < s->n_live; i++) {
        struct text_made *t = &s->live[i];
        TRY(t->rc);
        if (t->n_made < LENGTH)
            TRY(lm_push(s->lm, t->slot, &t->made[t->n_made - 1], 1, NULL));
    }
    return 0;
}

static int sweep_run(struct sweep *s, struct lm *lm, size_t most, struct sweep_cost *cost)
{
    struct core *core = s->subject->opened.core;
    uint64_t before = core_counts(core).computed;
    double from = clock_seconds();
    size_t next = 0;
    int rc = 0;
    s->lm = lm;
    s->n_live = 0;
    *cost = (struct sweep_cost){ 0 };
    for (size_t i = 0; i < n_texts(s); i++)
        cost->asked += prompt_of(s, i)->n + LENGTH - 1;
    while (rc == 0 && (rc = fill(s, most, &next)) == 0 && s->n_live > 0)
        rc = step(s);
    for (size_t i = 0; i < s->n_live; i++)
        lm_drop(lm, s->live[i].slot);
    cost->seconds = clock_seconds() - from;
    cost->made = core_counts(core).computed - before;
    return rc;
}

/* The prompts' symbols, a line each, for the peer. */
static int ask_peer(const struct sweep *s, const char *program, double *seconds)
{
    char path[] = "/tmp/chorale-sweep-XXXXXX";
    struct text what = { 0 };
    int fd = mkstemp(path), rc = 0;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f)
        return err_set(ERR_IO, "%s: cannot be written", path);
    for (size_t i = 0; i < s->n_prompts; i++)
        for (size_t k = 0; k < s->prompt[i].n; k++)
            fprintf(f, "%u%s", s->prompt[i].s[k], k + 1 < s->prompt[i].n ? " " : "\n");
    rc = fclose(f) == 0 ? 0 : err_set(ERR_IO, "%s: cannot be written", path);
    text_addf(&what, "sweep %s", path);
    if (rc == 0)
        rc = bench_subject_ask(s->subject, program, text_s(&what), seconds);
    unlink(path);
    text_free(&what);
    return rc;
}

static void tell(const struct args *a, const struct sweep *s, const struct sweep_cost cost[2], double peer)
{
    static const char *const ways[] = { "shared", "apart" };
    double n = (double)n_texts(s) * LENGTH;
    struct text shown = { 0 };
    for (size_t i = 0; i < 2; i++) {
        double passes = (double)cost[i].asked / (double)cost[i].made;
        printf(a->json ? "{\"what\":\"sweep\",\"lm\":%s,\"way\":\"%s\",\"texts\":%zu,\"asked\":%llu,\"made\":%llu,"
                         "\"asked_over_made\":%.3f,\"seconds\":%.3f,\"tokens_per_s\":%.1f"
                       : "%-24s %-7s %5zu texts  passes %llu asked, %llu made, %.2f  %8.2f s, %8.0f tokens/s",
               console_name(a, s->subject->name, &shown), ways[i], n_texts(s), (unsigned long long)cost[i].asked,
               (unsigned long long)cost[i].made, passes, cost[i].seconds, n / cost[i].seconds);
        if (peer > 0)
            printf(a->json ? ",\"peer_seconds\":%.3f,\"over_peer\":%.3f" : "  peer %8.2f s, ours %.2f times as fast",
                   peer, peer / cost[i].seconds);
        printf(a->json ? "}\n" : "\n");
    }
    text_free(&shown);
}

static int measure(struct sweep *s, const struct args *a)
{
    const char *program = options_text(a, "peer");
    struct sweep_cost cost[2];
    double peer = 0;
    TRY(sweep_run(s, s->subject->opened.lm, LIVE, &cost[0]));
    struct lm *apart = bench_subject_apart(s->subject, a);
    int rc = apart ? sweep_run(s, apart, LIVE_APART, &cost[1]) : err_code();
    s->lm = s->subject->opened.lm;
    lm_free(apart);
    TRY(rc);
    if (program && !s->subject->opened.random)
        TRY(ask_peer(s, program, &peer));
    tell(a, s, cost, peer);
    return 0;
}

int bench_sweep(const struct args *a)
{
    int rc = a->n_operands > 0 ? 0 : err_set(ERR_USAGE, "bench --sweep: no checkpoint, want one or 'random:110M'");
    for (size_t i = 0; i < a->n_operands && rc == 0; i++) {
        struct bench_subject subject;
        struct sweep s;
        TRY(bench_subject_open(&subject, a, a->operand[i]));
        rc = sweep_open(&s, &subject, a);
        if (rc == 0)
            rc = measure(&s, a);
        sweep_close(&s);
        bench_subject_close(&subject);
    }
    return rc;
}
