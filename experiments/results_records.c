/* The pass over the records of a run. */
#include "base/err.h"
#include "base/mem.h"
#include "experiments/results_columns.h"
#include "experiments/results_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A unit of the present item, decoded. */
struct held {
    size_t index;  /* in jobs.units */
    void *payload; /* what the result points into; NULL: missing */
    struct unit_result result;
};

struct pass {
    struct ledger *ledger;
    struct measures *measures;
    struct results_columns *columns;
    double *arm_symbols;
    int64_t *first;     /* (n_arms, n_items, draws) first record of a unit; -1: missing */
    uint32_t *count;    /* the same shape */
    size_t *unit_first; /* (jobs.n_units,) first record, SIZE_MAX: not yet */
    size_t n_records;
    struct held *held; /* (draws,) n_held of them in use: draws that share a unit share its place */
    size_t n_held;
    struct measures_record *records; /* of the present item */
    size_t cap_records;
    size_t *draw_first; /* (draws + 1,) */
};

static struct pass pass_open(struct h5 *h, struct ledger *l)
{
    const struct plan *p = l->plan;
    size_t n = p->n_arms * p->n_items * p->draws;
    struct pass x = { .ledger = l, .columns = results_columns_open(h, p->trace.kind) };
    x.first = mem_alloc(n, sizeof *x.first);
    x.count = mem_alloc(n, sizeof *x.count);
    x.unit_first = mem_alloc(l->jobs.n_units, sizeof *x.unit_first);
    for (size_t i = 0; i < l->jobs.n_units; i++)
        x.unit_first[i] = SIZE_MAX;
    x.held = mem_alloc(p->draws, sizeof *x.held);
    x.draw_first = mem_alloc((size_t)p->draws + 1, sizeof *x.draw_first);
    return x;
}

static void drop_held(struct pass *x)
{
    for (size_t i = 0; i < x->n_held; i++) {
        unit_fini(&x->held[i].result);
        free(x->held[i].payload);
    }
    x->n_held = 0;
}

static void describe_reward(const struct pass *x, struct h5 *h)
{
    struct text t = { 0 };
    measures_reward_meaning(x->measures, &t);
    if (t.len > 0)
        h5_text(h, "/record/reward", "long_name", text_s(&t));
    text_free(&t);
}

/* Closes and writes what is known of all units. */
static void pass_close(struct pass *x, struct h5 *h)
{
    const struct plan *p = x->ledger->plan;
    results_columns_close(x->columns);
    describe_reward(x, h);
    struct h5_array a = { .path = "/unit/record",
                          .type = H5T_STD_I64LE,
                          .rank = 3,
                          .dims = { p->n_arms, p->n_items, p->draws },
                          .data = x->first,
                          .meaning = "index of the unit's first record; -1: none",
                          .scales = { "/arm", "/item", "/draw" } };
    h5_put(h, &a);
    a.path = "/unit/count";
    a.type = H5T_STD_U32LE;
    a.data = x->count;
    a.meaning = "records of the unit";
    h5_put(h, &a);
    drop_held(x);
    free(x->first);
    free(x->count);
    free(x->unit_first);
    free(x->held);
    free(x->records);
    free(x->draw_first);
}

/* The result that a draw of the present item shows; *out NULL: missing. */
static int hold(struct pass *x, size_t index, const struct held **out)
{
    int rc = 0;
    size_t n = 0;
    for (size_t i = 0; i < x->n_held; i++)
        if (x->held[i].index == index) {
            *out = &x->held[i];
            return 0;
        }
    *out = NULL;
    void *payload = ledger_fetch(x->ledger, index, &n, &rc);
    if (!payload)
        return rc;
    struct held *h = &x->held[x->n_held];
    h->index = index;
    h->payload = payload;
    rc = unit_decode(payload, n, &h->result);
    if (rc < 0) {
        free(payload);
        return rc;
    }
    x->n_held++;
    *out = h;
    return 0;
}

static double nll_of(const struct unit_record *r)
{
    double sum = 0;
    for (size_t i = 0; i < r->n_steps; i++)
        sum -= (double)r->logp_final[i];
    return r->n_steps > 0 ? sum : NAN;
}

static struct sample sample_of(const struct pass *x, const struct results_row *r)
{
    const struct item *item = x->ledger->plan->items[r->item].item;
    const struct plan_arm *choice = plan_choice(x->ledger->plan, r->arm, r->item);
    bool scored = r->unit->kind == ITEM_TEXT;
    return (struct sample){ .item = item,
                            .text = scored ? item->text : r->record->text,
                            .n_text = scored ? strlen(item->text) : r->record->n_text,
                            .n_symbols = r->record->n_steps,
                            .nll = r->nll,
                            .judge_nll = r->judge_nll,
                            .choice_logp = r->unit->choice_logp,
                            .corrected = choice->calibration || strcmp(choice->choices, "likelihood") != 0,
                            .log_weight = r->record->log_weight };
}

static struct results_row row_of(struct pass *x, const struct unit_result *u, size_t k, const uint32_t at[3])
{
    const struct unit_record *h = &u->records[k];
    struct results_row r = { .unit = u, .record = h, .arm = at[0], .item = at[1], .draw = at[2] };
    r.end = u->kind == ITEM_GENERATE ? (uint32_t)h->end : 0;
    r.n_symbols = (uint32_t)h->n_steps;
    r.n_voices = h->n_voices;
    r.log_weight = h->log_weight;
    r.nll = nll_of(h);
    r.judge_nll = NAN;
    if (x->ledger->plan->judge && u->kind == ITEM_GENERATE && h->n_text > 0)
        r.judge_nll = ledger_verdict(x->ledger, r.item, unit_text_key(h->text, h->n_text));
    return r;
}

/* A unit whose payload is not its item's kind is of another plan. */
static int check_kind(const struct pass *x, uint32_t item, const struct unit_result *u)
{
    const struct item *what = x->ledger->plan->items[item].item;
    if (u->kind == what->kind && (u->kind != ITEM_CHOICE || u->n_choices == what->n_choices))
        return 0;
    return err_set(ERR_DAMAGED, "a unit of '%s' in the journal is of another kind", x->ledger->plan->items[item].name);
}

/* One (arm, item, draw): its records into the columns where they are not yet, and to the item's. */
static int place_unit(struct pass *x, const uint32_t at[3], size_t *n)
{
    const struct plan *p = x->ledger->plan;
    size_t cell = ((size_t)at[0] * p->n_items + at[1]) * p->draws + at[2];
    size_t index = ledger_index(x->ledger, at[0], at[1], at[2]);
    const struct held *h;
    x->first[cell] = -1;
    TRY(hold(x, index, &h));
    if (!h)
        return 0;
    const struct unit_result *u = &h->result;
    TRY(check_kind(x, at[1], u));
    bool fresh = x->unit_first[index] == SIZE_MAX;
    if (fresh)
        x->unit_first[index] = x->n_records;
    mem_grow(&x->records, &x->cap_records, *n + u->n_records, sizeof *x->records);
    for (size_t k = 0; k < u->n_records; k++) {
        struct results_row r = row_of(x, u, k, at);
        struct measures_record *own = &x->records[(*n)++];
        *own = (struct measures_record){ sample_of(x, &r), r.record, NAN };
        TRY(measures_reward(x->measures, own));
        if (!fresh)
            continue;
        r.reward = own->reward;
        r.prompt = results_columns_prompt(x->columns, u);
        results_columns_add(x->columns, &r);
        x->arm_symbols[r.arm] += r.n_symbols;
        x->n_records++;
    }
    x->first[cell] = (int64_t)x->unit_first[index];
    x->count[cell] = (uint32_t)u->n_records;
    return 0;
}

static int place_item(struct pass *x, uint32_t arm, uint32_t item)
{
    size_t n = 0;
    uint32_t draws = x->ledger->plan->draws;
    for (uint32_t draw = 0; draw < draws; draw++) {
        x->draw_first[draw] = n;
        TRY(place_unit(x, (const uint32_t[]){ arm, item, draw }, &n));
    }
    x->draw_first[draws] = n;
    measures_item(x->measures, &(struct measures_item){ arm, item, x->records, x->draw_first });
    drop_held(x);
    return 0;
}

static int place_arms(struct pass *x)
{
    const struct plan *p = x->ledger->plan;
    for (uint32_t arm = 0; arm < p->n_arms; arm++) {
        for (uint32_t item = 0; item < p->n_items; item++)
            TRY(place_item(x, arm, item));
        measures_arm(x->measures, arm);
    }
    return 0;
}

int results_write_records(struct h5 *h, struct ledger *l, struct measures *m, double arm_symbols[])
{
    struct pass x = pass_open(h, l);
    x.measures = m;
    x.arm_symbols = arm_symbols;
    int rc = place_arms(&x);
    pass_close(&x, h);
    return rc;
}
