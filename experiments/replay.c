#include "experiments/replay.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/search.h"
#include "experiments/compare.h"
#include "experiments/replay_inside.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *field(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static int damaged(const char *what)
{
    return err_set(ERR_DAMAGED, "the results file: its plan has no %s that fits '/arm' and '/item'", what);
}

/* The temperature of a chain that does nothing else. */
static double heat_of(const struct chain *c)
{
    double heat = 1;
    for (size_t i = 0; i < chain_length(c); i++) {
        const struct transform *t = chain_step(c, i);
        bool plain = strcmp(t->type->name, "normalise") == 0;
        if (!plain && (strcmp(t->type->name, "temperature") != 0 || !partial_plain(t, 1)))
            return 0;
        heat *= plain ? 1 : t->value[0].number;
    }
    return isfinite(heat) ? heat : 0;
}

static int open_chains(const struct replay *x, struct replay_choice *c, const char *own, const char *chain)
{
    struct chain *before = lua_transforms_chain(x->transforms, own);
    c->chain = before ? lua_transforms_chain(x->transforms, chain ? chain : own) : NULL;
    c->heat = before ? heat_of(before) : 0;
    c->own = c->chain && strcmp(chain_text(c->chain), chain_text(before)) == 0;
    chain_free(before);
    return c->chain ? 0 : err_code();
}

static int open_choice(const struct replay *x, struct replay_arm *arm, const json_t *doc, const char *chain)
{
    struct replay_choice *c = &arm->choices[arm->n_choices++];
    const char *own = field(doc, "chain");
    struct text used = { 0 };
    c->task = field(doc, "task");
    const char *search = field(doc, "search");
    c->repeats = json_is_true(json_object_get(doc, "repeats"));
    if (!own || !search)
        return damaged("chain and search");
    c->walks = search_walks(search, &c->draw);
    int rc = results_chain(x->r, field(doc, "fit"), own, &used);
    rc = rc < 0 ? rc : open_chains(x, c, text_s(&used), chain);
    text_free(&used);
    return rc;
}

static int open_arm(const struct replay *x, struct replay_arm *arm, const json_t *doc, const char *chain)
{
    const json_t *tasks = json_object_get(doc, "tasks");
    size_t n = json_array_size(tasks);
    arm->choices = mem_alloc(n + 1, sizeof *arm->choices);
    TRY(open_choice(x, arm, doc, chain));
    for (size_t i = 0; i < n; i++) {
        const json_t *task = json_array_get(tasks, i);
        if (!field(task, "task"))
            return damaged("task");
        TRY(open_choice(x, arm, task, chain));
    }
    return 0;
}

static int choose_arms(struct replay *x, const char *arm)
{
    int at = arm ? compare_find_arm(x->r, arm) : 0;
    TRY(at);
    for (size_t i = 0; i < x->n_arms; i++)
        x->arms[i].chosen = !arm || (size_t)at == i;
    return 0;
}

static int open_arms(struct replay *x, const char *chain)
{
    const json_t *what = json_object_get(results_plan(x->r), "what");
    const json_t *arms = json_object_get(what, "arms"), *items = json_object_get(what, "items");
    const json_t *seed = json_object_get(what, "seed");
    size_t n_items;
    results_arms(x->r, &x->n_arms);
    results_items(x->r, &n_items);
    x->arms = mem_alloc(x->n_arms, sizeof *x->arms);
    x->tasks = mem_alloc(n_items, sizeof *x->tasks);
    if (json_array_size(arms) != x->n_arms || json_array_size(items) != n_items || !json_is_integer(seed))
        return damaged("seed, or no list");
    TRY(lua_transforms_load(results_plan(x->r), "the results file", &x->transforms));
    x->seed = (uint64_t)json_integer_value(seed);
    for (size_t i = 0; i < n_items; i++)
        x->tasks[i] = field(json_array_get(items, i), "task");
    for (size_t i = 0; i < x->n_arms; i++)
        TRY(open_arm(x, &x->arms[i], json_array_get(arms, i), chain));
    return 0;
}

struct replay *replay_open(struct results *r, const char *chain, const char *arm)
{
    struct replay *x = mem_alloc(1, sizeof *x);
    x->r = r;
    if (open_arms(x, chain) == 0 && choose_arms(x, arm) == 0 && (x->traces = results_traces_open(r)))
        return x;
    replay_close(x);
    return NULL;
}

void replay_close(struct replay *x)
{
    if (!x)
        return;
    for (size_t i = 0; x->arms && i < x->n_arms; i++) {
        for (size_t k = 0; k < x->arms[i].n_choices; k++)
            chain_free(x->arms[i].choices[k].chain);
        free(x->arms[i].choices);
        free(x->arms[i].until);
    }
    results_traces_close(x->traces);
    row_work_free(x->work);
    partial_free(x->partial);
    lua_transforms_close(x->transforms);
    free(x->arms);
    free(x->tasks);
    free(x->state);
    free(x);
}

static struct replay_choice *choice_of(const struct replay *x, const struct results_record *r)
{
    const struct replay_arm *arm = &x->arms[r->arm];
    const char *task = x->tasks[r->item];
    for (size_t i = 1; task && i < arm->n_choices; i++)
        if (strcmp(arm->choices[i].task, task) == 0)
            return &arm->choices[i];
    return &arm->choices[0];
}

/* The record is left out. */
static int skip(struct replay_arm *arm, const char *why)
{
    arm->sum.skipped++;
    arm->skipped = why;
    return 0;
}

/* 1: decided again; 0: not, and why in the arm. */
static int replay_one(struct replay *x, const struct results_record *r, struct replay_record *out)
{
    struct replay_arm *arm = &x->arms[r->arm];
    struct unit_trace trace;
    struct replay_text t = { .x = x, .choice = choice_of(x, r), .record = r, .trace = &trace };
    if (!t.choice->walks)
        return skip(arm, "its search does not draw each symbol from one row");
    TRY(results_traces_get(x->traces, r, &trace));
    TRY(results_tokens(x->r, r, &t.tokens));
    if (trace.n == 0)
        return t.tokens.n > 0 ? skip(arm, "its search kept no rows") : 0;
    if (trace.kind == TRACE_TOPK && t.choice->draw.type->whole)
        return skip(arm, "its draw reads whole rows: trace = \"full\" keeps them");
    t.space = results_traces_space(x->traces, r->arm);
    if (!t.choice->bound)
        TRY(chain_bind(t.choice->chain, t.space));
    t.choice->bound = true;
    t.prompt = results_traces_prompt(x->traces, r, &t.n_prompt);
    TRY(replay_steps(&t, out));
    replay_count(arm, out);
    return 1;
}

int replay_next(struct replay *x, struct replay_record *out)
{
    size_t n, n_items;
    const struct results_record *records = results_records(x->r, &n);
    const struct results_item *items = results_items(x->r, &n_items);
    while (x->next < n) {
        const struct results_record *r = &records[x->next++];
        if (!x->arms[r->arm].chosen || strcmp(items[r->item].kind, "generate") != 0)
            continue;
        int rc = replay_one(x, r, out);
        if (rc != 0)
            return rc;
    }
    return 0;
}

const char *replay_skipped(const struct replay *x, uint32_t arm)
{
    return x->arms[arm].skipped;
}

const char *replay_chain(const struct replay *x, uint32_t arm)
{
    return chain_text(x->arms[arm].choices[0].chain);
}
