#include "decode/strings.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/scratch.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One prefix on the way down. */
struct level {
    int slot;
    double logp;
    bool most_probable;
    void *state; /* of the chain */
};

struct walker {
    const struct strings_args *args;
    struct strings *out;
    struct row_work *work;
    struct symbols prompt, made;
    size_t n_random; /* steps that draw by themselves */
    double *chance;  /* (chain_length(),) that each acts */
    bool *decided;   /* (chain_length(),) */
};

static int add_string(struct walker *w, const struct level *l, bool dead)
{
    struct strings *s = w->out;
    if (s->n == STRINGS_MOST)
        return err_set(ERR_USAGE, "%s: more than %u strings, too many to enumerate; want fewer symbols or a limit",
                       w->args->lm->name, STRINGS_MOST);
    mem_grow(&s->all, &s->cap, s->n + 1, sizeof *s->all);
    s->all[s->n++] = (struct string){
        .at = s->symbols.n, .n = (uint32_t)w->made.n, .dead = dead, .logp = l->logp, .most_probable = l->most_probable
    };
    symbols_add(&s->symbols, w->made.s, w->made.n);
    return 0;
}

/* What follows a prefix: log-probabilities (n,), of the end without support too, and the chain's state after each symbol,
 * (n, stride) bytes. */
struct following {
    double *logp, dead;
    char *states;
    size_t stride;
};

static struct following following_alloc(const struct strings_args *a)
{
    size_t n = a->lm->space->n, stride = (chain_state_size(a->chain) + 16) / 16 * 16;
    return (struct following){ mem_alloc(n, sizeof(double)), -INFINITY, mem_aligned(n, stride), stride };
}

static void following_free(struct following *f)
{
    free(f->logp);
    free(f->states);
}

/* All choices are accepted at once, while the row stands. */
static int follow(struct walker *w, const struct level *l, const struct row *given, struct transform_at *at,
                  struct following *out)
{
    const struct strings_args *a = w->args;
    struct row final = row_over(w->work->spare[SCRATCH_ROW], given->n);
    row_copy(&final, given);
    TRY(chain_apply(a->chain, l->state, &final, at, NULL));
    out->dead = row_dead(&final) ? 0 : -INFINITY;
    for (sym_t v = 0; v < final.n; v++) {
        out->logp[v] = row_logp(&final, v);
        if (out->logp[v] == -INFINITY)
            continue;
        memcpy(out->states + v * out->stride, l->state, chain_state_size(a->chain));
        chain_accept(a->chain, out->states + v * out->stride,
                     &(struct transform_choice){ .symbol = v, .logp = out->logp[v], .at = at });
    }
    return 0;
}

/* Which of the steps that draw act in case i of 2^n_random, by place; the case's probability. */
static double decide(const struct walker *w, size_t i, bool decided[])
{
    double p = 1;
    size_t k = 0;
    for (size_t place = 0; place < chain_length(w->args->chain); place++) {
        double chance = w->chance[place];
        bool random = chance > 0 && chance < 1;
        decided[place] = random ? i >> k & 1 : chance >= 1;
        p *= !random ? 1 : decided[place] ? chance : 1 - chance;
        k += random;
    }
    return p;
}

/* The mean over what random steps decide; there is no state. */
static int follow_all(struct walker *w, const struct level *l, const struct row *given, struct transform_at *at,
                      struct following *out)
{
    uint32_t n = given->n;
    double *sum = mem_alloc(n, sizeof *sum), dead = 0;
    int rc = 0;
    at->decided = w->decided;
    for (size_t i = 0; rc == 0 && i < (size_t)1 << w->n_random; i++) {
        double p = decide(w, i, w->decided);
        rc = follow(w, l, given, at, out);
        dead += out->dead == 0 ? p : 0;
        for (sym_t v = 0; rc == 0 && v < n; v++)
            sum[v] += p * exp(out->logp[v]);
    }
    for (sym_t v = 0; v < n; v++)
        out->logp[v] = log(sum[v]);
    out->dead = log(dead);
    free(sum);
    return rc;
}

static int look_ahead(struct walker *w, const struct level *l, struct following *out)
{
    const struct strings_args *a = w->args;
    struct want want = { .lm = a->lm, .slot = l->slot, .n_rows = 1, .tap = LM_TAP_FINAL };
    struct rng_address address = a->address;
    struct row given;
    TRY(core_run(a->core, &want, 1));
    TRY(lm_rows(&want, &given));
    address.space = a->lm->space->hash;
    address.step = (uint32_t)w->made.n;
    struct transform_at at = { .space = a->lm->space,
                               .prompt = w->prompt.s,
                               .n_prompt = w->prompt.n,
                               .made = w->made.s,
                               .n_made = w->made.n,
                               .address = &address,
                               .work = w->work };
    return w->n_random > 0 ? follow_all(w, l, &given, &at, out) : follow(w, l, &given, &at, out);
}

static sym_t first_maximum(const double logp[], uint32_t n)
{
    sym_t best = 0;
    for (sym_t v = 1; v < n; v++)
        if (logp[v] > logp[best])
            best = v;
    return best;
}

static int descend(struct walker *w, const struct level *l);

/* The string goes on with v, or ends with it; below: v said, its slot still to be made. */
static int take(struct walker *w, const struct level *l, sym_t v, struct level *below)
{
    const struct strings_args *a = w->args;
    int rc = 0;
    symbols_add(&w->made, &v, 1);
    if (space_is_end(a->lm->space, v) || (a->max_symbols > 0 && w->made.n >= a->max_symbols)) {
        rc = add_string(w, below, false);
    } else {
        below->slot = lm_fork(a->lm, l->slot, lm_length(a->lm, l->slot));
        rc = below->slot < 0 ? below->slot : lm_push(a->lm, below->slot, &v, 1, NULL);
        if (rc == 0)
            rc = descend(w, below);
        if (below->slot >= 0)
            lm_drop(a->lm, below->slot);
    }
    w->made.n--;
    return rc;
}

static int descend(struct walker *w, const struct level *l)
{
    const struct strings_args *a = w->args;
    uint32_t n = a->lm->space->n;
    if (lm_room(a->lm, l->slot) == 0)
        return add_string(w, l, false);
    if (w->made.n == STRINGS_DEPTH)
        return err_set(ERR_USAGE, "%s: strings of more than %u symbols are not enumerated; want a limit", a->lm->name,
                       STRINGS_DEPTH);
    struct following f = following_alloc(a);
    int rc = look_ahead(w, l, &f);
    if (rc == 0 && f.dead > -INFINITY)
        rc = add_string(w, &(struct level){ .logp = l->logp + f.dead, .most_probable = l->most_probable }, true);
    sym_t best = first_maximum(f.logp, n);
    for (sym_t v = 0; rc == 0 && v < n; v++) {
        if (f.logp[v] == -INFINITY)
            continue;
        rc = take(w, l, v,
                  &(struct level){ .logp = l->logp + f.logp[v],
                                   .most_probable = l->most_probable && v == best,
                                   .state = f.states + v * f.stride });
    }
    following_free(&f);
    return rc;
}

static int read_chances(struct walker *w)
{
    const struct chain *c = w->args->chain;
    size_t n = chain_length(c);
    w->chance = mem_alloc(n, sizeof *w->chance);
    w->decided = mem_alloc(n, sizeof *w->decided);
    int n_random = chain_chances(c, w->chance, STRINGS_CHANCES);
    TRY(n_random);
    w->n_random = (size_t)n_random;
    if (n_random > 0 && chain_state_size(c) > 0)
        return err_set(ERR_USAGE,
                       "chain '%s': a step keeps state beside one that draws by itself: what is claimed cannot be "
                       "enumerated",
                       chain_text(c));
    return 0;
}

static int walk(struct walker *w)
{
    const struct strings_args *a = w->args;
    TRY(read_chances(w));
    struct level top = { .most_probable = true, .state = mem_aligned(chain_state_size(a->chain) + 1, 1) };
    chain_start(a->chain, top.state);
    top.slot = lm_fork(a->lm, LM_EMPTY, 0);
    int rc = top.slot < 0 ? top.slot : lm_prompt(a->lm, top.slot, a->prompt, &w->prompt);
    if (rc == 0)
        rc = descend(w, &top);
    if (top.slot >= 0)
        lm_drop(a->lm, top.slot);
    free(top.state);
    return rc;
}

int strings_enumerate(const struct strings_args *args, struct strings *out)
{
    struct walker w = { .args = args, .out = out, .work = row_work_alloc(args->lm->space->n) };
    int rc = walk(&w);
    free(w.chance);
    free(w.decided);
    free(w.prompt.s);
    free(w.made.s);
    row_work_free(w.work);
    return rc;
}

void strings_fini(struct strings *s)
{
    free(s->all);
    free(s->symbols.s);
    *s = (struct strings){ 0 };
}

static int compare(const sym_t a[], size_t n_a, const sym_t b[], size_t n_b)
{
    for (size_t i = 0; i < n_a && i < n_b; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return n_a < n_b ? -1 : n_a > n_b;
}

const struct string *strings_find(const struct strings *s, const sym_t symbols[], size_t n)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct string *x = &s->all[middle];
        int order = compare(symbols, n, s->symbols.s + x->at, x->n);
        if (order == 0)
            return x;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
