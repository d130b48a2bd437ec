#include "cli/bench_step.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/console.h"
#include "decode/round.h"
#include "decode/search.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_SEARCHES = 64, MAX_WORKERS = 64, STEPS = 24, LEAST_STEPS = 4 };

#define LONG 0.4 /* seconds that steps may take together before they are fewer */

struct stepper {
    const struct bench_step *b;
    struct chain *chain;
    struct stop stop;
    char text[MAX_SEARCHES][64];
    struct prompt_field field[MAX_SEARCHES];
    struct prompt prompt[MAX_SEARCHES];
    struct search *search[MAX_SEARCHES];
    struct search *live[MAX_SEARCHES]; /* those that want a row in this step */
    struct row_work *work[MAX_WORKERS];
    struct round *round; /* of decisions where the rows are */
    int rc[MAX_SEARCHES];
};

static int open_searches(struct stepper *s)
{
    for (size_t i = 0; i < s->b->n; i++) {
        snprintf(s->text[i], sizeof s->text[i], "%u and %zu were the numbers of the house", s->b->salt, i);
        s->field[i] = (struct prompt_field){ "text", s->text[i] };
        s->prompt[i] = (struct prompt){ .fields = &s->field[i], .n_fields = 1, .template_name = "plain" };
        struct search_args args = { .lm = s->b->lm,
                                    .chain = s->chain,
                                    .stop = &s->stop,
                                    .prompt = &s->prompt[i],
                                    .rounds = true,
                                    .address = { .seed = s->b->salt, .draw = (uint32_t)i } };
        s->search[i] = search_open("sample", &args);
        if (!s->search[i])
            return err_code();
    }
    return 0;
}

static void feed(void *ctx, size_t i, size_t worker)
{
    struct stepper *s = ctx;
    s->rc[i] = search_feed(s->live[i], s->work[worker]);
}

/* Decisions over rows that stay on a device. */
static int decide_there(struct stepper *s, size_t n)
{
    round_begin(s->round);
    for (size_t i = 0; i < n; i++) {
        int rc = search_offer(s->live[i], s->round, s->work[0]);
        if (rc < 0)
            return rc;
    }
    return round_run(s->round);
}

/* One step; *n_live: how many searches took part. */
static int step(struct stepper *s, size_t *n_live)
{
    struct want w[MAX_SEARCHES];
    size_t n = 0;
    for (size_t i = 0; i < s->b->n; i++)
        if (search_want(s->search[i], &w[n], 1) == 1)
            s->live[n++] = s->search[i];
    *n_live = n;
    if (n == 0)
        return 0;
    TRY(core_run(s->b->core, w, n));
    TRY(decide_there(s, n));
    threads_run(s->b->threads, n, feed, s);
    for (size_t i = 0; i < n; i++) {
        TRY(s->rc[i]);
        TRY(search_move(s->live[i]));
    }
    return 0;
}

/* Other work on the machine lengthens a step, not its processor time. */
static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int time_steps(struct stepper *s, double *seconds)
{
    size_t n_live = 0;
    double (*now)(void) = s->b->processor ? processor_seconds : clock_seconds;
    TRY(open_searches(s));
    TRY(step(s, &n_live)); /* the prompts */
    *seconds = 1e30;
    double begun = clock_seconds();
    for (int i = 0; i < STEPS && n_live > 0; i++) {
        if (i >= LEAST_STEPS && clock_seconds() - begun > LONG)
            break;
        double from = now();
        TRY(step(s, &n_live));
        if (n_live == 0)
            break;
        double one = (now() - from) * (double)s->b->n / (double)n_live;
        *seconds = one < *seconds ? one : *seconds;
    }
    return 0;
}

int bench_step(const struct bench_step *b, double *seconds)
{
    struct stepper *s = mem_alloc(1, sizeof *s);
    size_t n_workers = threads_count(b->threads);
    s->b = b;
    s->chain = chain_parse("");
    s->round = round_alloc();
    int rc = b->n > MAX_SEARCHES || n_workers > MAX_WORKERS
                 ? err_set(ERR_USAGE, "bench times at most %d searches on %d threads", MAX_SEARCHES, MAX_WORKERS)
                 : 0;
    for (size_t i = 0; i < n_workers && rc == 0; i++)
        s->work[i] = row_work_alloc(b->lm->space->n);
    if (rc == 0)
        rc = time_steps(s, seconds);
    for (size_t i = 0; i < MAX_SEARCHES; i++)
        if (s->search[i])
            search_close(s->search[i]);
    for (size_t i = 0; i < MAX_WORKERS; i++)
        if (s->work[i])
            row_work_free(s->work[i]);
    round_free(s->round);
    chain_free(s->chain);
    free(s);
    return rc;
}
