/* Rounds of decisions over rows that stay on a device: searches that offer theirs say the same text, with the same
 * numbers, as searches that read rows.  The lms give rows made from their prefix; the card is the emulator. */
#include "base/err.h"
#include "base/mem.h"
#include "cuda/rows_batch.h"
#include "cuda/slabs.h"
#include "decode/round.h"
#include "decode/search.h"
#include "ensemble/ensemble.h"
#include "tests/lib/check.h"
#include "tests/lib/rows.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N     200
#define SLOTS 8
#define STEPS 4

/* An lm whose row is a function of its prefix, computed when it is wanted, here or on the device. */
struct slate {
    struct lm lm;
    uint64_t seed;
    struct symbols said[SLOTS];
    bool used[SLOTS];
    float score[SLOTS][N];
    struct row row[SLOTS];
    void *block[SLOTS];
    struct device_measured measured[SLOTS];
    size_t n_read, n_lent;
};

static int slate_push(void *self, int slot, const sym_t s[], size_t n, struct lm_trace *t)
{
    struct slate *l = self;
    symbols_add(&l->said[slot], s, n);
    if (t)
        *t = (struct lm_trace){ 0 };
    return 0;
}

static int slate_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    static const sym_t begin[] = { 5, 7, 5 };
    (void)p;
    if (seen)
        symbols_add(seen, begin, 3);
    return slate_push(self, slot, begin, 3, NULL);
}

static int slate_fork(void *self, int src, size_t len)
{
    struct slate *l = self;
    int slot = 0;
    while (l->used[slot])
        slot++;
    l->used[slot] = true;
    l->said[slot].n = 0;
    if (len > 0)
        symbols_add(&l->said[slot], l->said[src].s, len);
    return slot;
}

static void slate_drop(void *self, int slot)
{
    struct slate *l = self;
    l->used[slot] = false;
}

static size_t slate_length(void *self, int slot)
{
    const struct slate *l = self;
    return l->said[slot].n;
}

static size_t slate_room(void *self, int slot)
{
    return 1000 - slate_length(self, slot);
}

static int slate_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct slate *l = self;
    (void)q;
    for (size_t i = 0; i < n; i++) {
        int slot = w[i].slot;
        uint64_t seed = l->seed;
        for (size_t k = 0; k < l->said[slot].n; k++)
            seed = seed * 31 + l->said[slot].s[k];
        l->row[slot] = rows_make(seed % 3 == 0 ? ROWS_PEAKED : ROWS_NORMAL, seed, l->score[slot], N);
        if (w[i].tap != LM_TAP_THERE)
            continue;
        memcpy(l->block[slot], l->score[slot], sizeof l->score[slot]); /* the emulator's memory is this machine's */
        TRY(remote_measure(l->lm.remote, &l->block[slot], 1, &l->measured[slot]));
        l->row[slot].score = NULL; /* nobody may read it */
    }
    return 0;
}

static int slate_rows(void *self, const struct want *w, struct row out[])
{
    struct slate *l = self;
    check(l->row[w->slot].score != NULL && w->n_rows == 1, "a row that is here");
    out[0] = l->row[w->slot];
    l->n_read++;
    return 0;
}

static int slate_remote(void *self, const struct want *w, struct remote_row *out)
{
    struct slate *l = self;
    *out = (struct remote_row){ .remote = l->lm.remote, .n = 1 };
    out->block[0] = l->block[w->slot];
    out->measured[0] = &l->measured[w->slot];
    l->n_lent++;
    return 1;
}

static void slate_free(void *self)
{
    struct slate *l = self;
    for (int i = 0; i < SLOTS; i++) {
        remote_give(l->lm.remote, l->block[i]);
        free(l->said[i].s);
    }
    free(l);
}

static const struct lm_type slate_type = { .name = "slate",
                                           .prompt = slate_prompt,
                                           .push = slate_push,
                                           .fork = slate_fork,
                                           .drop = slate_drop,
                                           .length = slate_length,
                                           .room = slate_room,
                                           .need = slate_need,
                                           .rows = slate_rows,
                                           .remote = slate_remote,
                                           .free = slate_free };

static struct lm *slate_open(const struct space *space, struct remote *remote, uint64_t seed, const char *name)
{
    static char hash[2][65];
    struct slate *l = mem_alloc(1, sizeof *l);
    char *own = hash[seed % 2];
    snprintf(own, 65, "%064llx", (unsigned long long)seed);
    l->seed = seed;
    for (int i = 0; i < SLOTS; i++)
        l->block[i] = remote_take(remote);
    l->lm = (struct lm){ .type = &slate_type,
                         .self = l,
                         .space = space,
                         .name = name,
                         .hash = own,
                         .max_length = 1000,
                         .pure = true,
                         .remote = remote };
    return &l->lm;
}

/* What a run of a few draws at once is made of. */
struct running {
    struct lm *lm;
    const char *chain, *search;
    bool rounds;
};

#define DRAWS 2

static size_t offered;

static int one_round(struct search *s[DRAWS], struct core *core, struct round *round, struct row_work *work)
{
    struct want wants[DRAWS];
    bool live[DRAWS] = { false };
    size_t n = 0;
    for (int i = 0; i < DRAWS; i++) {
        live[i] = search_want(s[i], wants + n, 1) > 0;
        n += live[i];
    }
    if (n == 0)
        return 0;
    TRY(core_run(core, wants, n));
    round_begin(round);
    for (int i = 0; i < DRAWS; i++)
        if (live[i]) {
            int rc = search_offer(s[i], round, work);
            TRY(rc);
            offered += (size_t)rc;
        }
    TRY(round_run(round));
    for (int i = 0; i < DRAWS; i++)
        if (live[i]) {
            TRY(search_feed(s[i], work));
            TRY(search_move(s[i]));
        }
    return 1;
}

static void run(const struct running *r, struct search *s[DRAWS], struct chain *c)
{
    static const struct stop stop = { .max_symbols = STEPS };
    static const struct prompt prompt = { 0 };
    struct core *core = core_alloc();
    struct round *round = round_alloc();
    struct row_work *work = row_work_alloc(N);
    for (int i = 0; i < DRAWS; i++) {
        struct search_args args = { .lm = r->lm, .chain = c, .stop = &stop, .prompt = &prompt, .rounds = r->rounds };
        args.address = (struct rng_address){ .seed = 4, .draw = (uint32_t)i };
        s[i] = search_open(r->search, &args);
    }
    int rc;
    while ((rc = one_round(s, core, round, work)) > 0)
        ;
    check(rc == 0, "%s | %s: %s", r->chain, r->search, err_text());
    row_work_free(work);
    round_free(round);
    core_free(core);
}

static bool near(float got, float want)
{
    return got == want || fabs((double)got - (double)want) <= 2e-6 * (1 + fabs((double)want)) ||
           (isnan(got) && isnan(want));
}

static void compare_traces(const struct lm_trace *got, const struct lm_trace *want, const char *name)
{
    check(got->n_voices == want->n_voices, "%s: %u voices for %u", name, got->n_voices, want->n_voices);
    for (uint32_t k = 0; k < want->n_voices; k++)
        check(near(got->logp[k], want->logp[k]) && near(got->weight[k], want->weight[k]) &&
                  near(got->share[k], want->share[k]),
              "%s: voice %u", name, k);
    if (want->n_voices == 0)
        return;
    check(near(got->data_entropy, want->data_entropy) && near(got->disagreement, want->disagreement),
          "%s: entropy, disagreement", name);
    check(near(got->epkl, want->epkl) && near(got->rmi, want->rmi), "%s: epkl %g for %g", name, (double)got->epkl,
          (double)want->epkl);
    check(near(got->agreement, want->agreement), "%s: agreement %g for %g", name, (double)got->agreement,
          (double)want->agreement);
}

static void compare(const struct hyp *got, const struct hyp *want, const char *name)
{
    check(got->n_steps == want->n_steps && got->end == want->end, "%s: %zu steps for %zu", name, got->n_steps,
          want->n_steps);
    for (size_t i = 0; i < want->n_steps && i < got->n_steps; i++) {
        const struct hyp_step *a = &got->steps[i], *b = &want->steps[i];
        check(a->symbol == b->symbol && a->kept == b->kept, "%s: step %zu: symbol %u for %u, kept %u for %u", name, i,
              a->symbol, b->symbol, a->kept, b->kept);
        check(near(a->logp, b->logp) && near(a->logp_final, b->logp_final) && near(a->score, b->score),
              "%s: step %zu: logp", name, i);
        check(near(a->entropy, b->entropy) && near(a->entropy_final, b->entropy_final) && near(a->mass, b->mass),
              "%s: step %zu: entropies, mass", name, i);
        compare_traces(&a->trace, &b->trace, name);
    }
}

static void check_search(struct lm *lm, const char *chain, const char *search, bool there)
{
    char name[200];
    struct search *a[DRAWS], *b[DRAWS];
    struct chain *c = chain_parse(chain);
    size_t n;
    check(c && chain_bind(c, lm->space) == 0, "%s", err_text());
    snprintf(name, sizeof name, "%s: %s | %s", lm->name, chain, search);
    offered = 0;
    run(&(struct running){ lm, chain, search, true }, a, c);
    check(there == (offered > 0), "%s: %zu decisions were offered", name, offered);
    offered = 0;
    run(&(struct running){ lm, chain, search, false }, b, c);
    check(offered == 0, "%s: none without rounds", name);
    for (int i = 0; i < DRAWS; i++) {
        compare(search_hyps(a[i], &n), search_hyps(b[i], &n), name);
        search_close(a[i]);
        search_close(b[i]);
    }
    chain_free(c);
}

static void check_lm(struct lm *lm)
{
    check_search(lm, "temperature=0.8 | top_p=0.95", "sample", true);
    check_search(lm, "repetition_penalty=1.3 | top_k=20", "sample", true);
    check_search(lm, "suppress([3, 5, 9], first=4) | min_p=0.02", "sample", true);
    check_search(lm, "bias([17:2.5, 4:-inf])", "greedy", true);
    check_search(lm, "mirostat2", "sample", false);
    check_search(lm, "top_p=0.9", "sample(draw=cdf)", false);
}

/* A card of the emulator, with what rounds need of a library's table. */
static struct device *open_card(void)
{
    static const struct device_api api = { .version = DEVICE_VERSION,
                                           .bytes = sizeof(struct device_api),
                                           .name = "emulated",
                                           .pool_open = slabs_open,
                                           .pool_close = slabs_close,
                                           .pool_take = slabs_take,
                                           .pool_give = slabs_give,
                                           .row_bytes = rows_bytes,
                                           .rows_open = rows_batch_open,
                                           .rows_close = rows_batch_close,
                                           .rows_measure = rows_batch_measure,
                                           .rows_decide = rows_batch_decide };
    static struct device d = { .api = &api, .name = "emulated" };
    struct device_error e = { 0 };
    check(card_open(&(struct device_open){ 0 }, &d.context, &e) == DEVICE_OK, "a card: %s", e.text);
    return &d;
}

/* Room for decisions is had where there is as much as they need, not the double of what there was. */
static void check_tight(struct device *d)
{
    enum { BEFORE = 100, NOW = 120 };
    struct device_error e = { 0 };
    struct device_rows *rows = NULL;
    struct device_pool *pool = NULL;
    struct device_measured measured[NOW];
    void *block[NOW];
    size_t room, total;
    check(rows_batch_open(d->context, N, &rows, &e) == DEVICE_OK, "%s", e.text);
    check(slabs_open(d->context, rows_bytes(N), &pool, &e) == DEVICE_OK, "%s", e.text);
    block[0] = slabs_take(pool);
    rows_make(ROWS_NORMAL, 3, block[0], N);
    for (size_t i = 1; i < NOW; i++)
        block[i] = block[0];
    check(rows_batch_measure(rows, block, BEFORE, measured, &e) == DEVICE_OK, "%s", e.text);
    cudaMemGetInfo(&room, &total);
    emulate_set_memory(total - room + BEFORE * sizeof *block + (NOW - BEFORE) * sizeof *measured);
    check(rows_batch_measure(rows, block, NOW, measured, &e) == DEVICE_OK, "%s", e.text);
    check(memcmp(&measured[0], &measured[NOW - 1], sizeof *measured) == 0, "the last row is measured too");
    emulate_set_memory(total);
    slabs_close(pool);
    rows_batch_close(rows);
}

static struct space *letters(void)
{
    uint64_t offsets[N + 1];
    uint8_t bytes[N], special[N] = { 0 };
    for (uint32_t i = 0; i <= N; i++)
        offsets[i] = i;
    memset(bytes, 'a', sizeof bytes);
    return space_alloc(SPACE_TOKEN, N, bytes, offsets, special, (sym_t[]){ 199 }, 1);
}

int main(void)
{
    struct device *d = open_card();
    struct space *space = letters();
    struct remote *remote = remote_open(d, N);
    check(remote != NULL, "%s", err_text());
    struct lm *a = slate_open(space, remote, 11, "a"), *b = slate_open(space, remote, 12, "b");
    struct voice voices[] = { { .lm = a, .name = "a" }, { .lm = b, .name = "b" } };
    static const char *const rules[] = { "linear", "log", "product", "power(2)", "min" };
    check_lm(a);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct lm *both = ensemble_open(voices, (double[]){ 0.7, 0.3 }, 2, rules[i]);
        check(both && both->remote, "%s: its rows can stay", rules[i]);
        check_search(both, i == 0 ? "temperature=0.8 | top_p=0.95" : "top_k=30", "sample", true);
        lm_free(both);
    }
    struct lm *gated = ensemble_open(voices, NULL, 2, "gated(tau=0.4)");
    check(gated && !gated->remote, "a gate reads rows");
    check_search(gated, "top_k=30", "sample", false);
    lm_free(gated);
    lm_free(a);
    lm_free(b);
    remote_close(remote);
    check_tight(d);
    card_close(d->context);
    space_free(space);
    return check_done("cuda_remote");
}
