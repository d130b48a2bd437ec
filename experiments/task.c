#include "experiments/task.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/search.h"
#include "experiments/choices.h"
#include "experiments/score.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a kind of task turns its lm into a result. */
struct task_type {
    int (*open)(struct task *t, const struct task_world *w);
    size_t (*want)(struct task *t, struct want out[], size_t max);
    int (*feed)(struct task *t, struct row_work *work);
    int (*move)(struct task *t);
    size_t (*write)(const struct task *t, struct text *payload);
};

struct task {
    const struct task_type *type;
    struct unit_key key;
    const struct job *job;
    const struct plan_item *item;
    struct prompt prompt;
    struct lm *lm;
    const char *lm_id;
    const char *arm; /* of a unit: its name */
    struct search *search;
    struct score *score;
    struct choices *choices;
    const struct fit_maps *maps; /* of the answers; NULL: as they are */
    double answer[CHOICES_MOST]; /* (n_choices,) once nothing is wanted any more */
    const char *text;            /* what is scored: the item's, or the judge's text */
    size_t n_text;
    char *own;             /* the judge's text */
    struct symbols *parts; /* (n_parts,) the continuation that is scored */
    size_t n_parts;
    struct lm_trace *traces; /* (parts[0].n,) of a text that an ensemble scores; NULL: it has no voices to tell of */
};

static int generate_open(struct task *t, const struct task_world *w)
{
    const struct job *j = t->job;
    const struct plan_arm *arm = plan_choice(w->plan, j->arm, j->item);
    struct lm *draft = arm->draft ? lms_find(w->lms, arm->draft) : NULL;
    if (arm->draft && !draft)
        return ERR_DATA;
    struct search_args args = {
        .lm = t->lm,
        .chain = w->chains[arm->choice],
        .stop = &arm->stop,
        .prompt = &t->prompt,
        .draft = draft,
        .draft_template = arm->draft ? lms_template(w->lms, arm->draft) : NULL,
        .rounds = true,
        .trace = w->plan->trace,
        .address = { .seed = w->plan->seed, .item = t->item->item->hash, .draw = arm->repeats ? 0 : j->draw },
    };
    t->search = search_open(arm->search, &args);
    return t->search ? 0 : ERR_DATA;
}

static size_t generate_want(struct task *t, struct want out[], size_t max)
{
    int n = search_want(t->search, out, max);
    return n > 0 ? (size_t)n : 0;
}

static int generate_feed(struct task *t, struct row_work *work)
{
    return search_feed(t->search, work);
}

static int generate_move(struct task *t)
{
    return search_move(t->search);
}

static size_t generate_write(const struct task *t, struct text *payload)
{
    size_t n;
    const struct hyp *hyps = search_hyps(t->search, &n);
    return unit_write_hyps(payload, t->key, &t->search->prompt, hyps, n);
}

static int choice_open(struct task *t, const struct task_world *w)
{
    const struct plan_arm *arm = plan_choice(w->plan, t->job->arm, t->job->item);
    const struct choices_args args = {
        .lms = w->lms, .lm_id = t->lm_id, .prompt = &t->prompt, .item = t->item->item, .rule = arm->choices
    };
    t->maps = arm->calibration ? lms_maps(w->lms, arm->calibration) : NULL;
    if (arm->calibration && !t->maps)
        return ERR_DATA;
    t->choices = choices_open(&args);
    return t->choices ? 0 : err_add(err_code(), "%s", t->item->name);
}

static size_t choice_want(struct task *t, struct want out[], size_t max)
{
    return choices_want(t->choices, out, max);
}

static int choice_feed(struct task *t, struct row_work *work)
{
    (void)work;
    return choices_feed(t->choices);
}

static int choice_move(struct task *t)
{
    struct want more[CHOICES_MOST];
    TRY(choices_move(t->choices));
    if (choices_want(t->choices, more, CHOICES_MOST) > 0)
        return 0;
    TRY(choices_result(t->choices, t->answer));
    return t->maps ? fit_maps_answer(t->maps, t->item->hash, t->answer, t->item->item->n_choices) : 0;
}

static int text_open(struct task *t, const struct task_world *w)
{
    t->parts = mem_alloc(1, sizeof *t->parts);
    t->n_parts = 1;
    TRY(lms_encode(w->lms, t->lm_id, t->text, t->n_text, &t->parts[0]));
    t->score = score_open(t->lm, &t->prompt, t->parts, 1);
    return t->score ? 0 : ERR_DATA;
}

/* An item's text: what its voices said of it is kept. */
static int item_text_open(struct task *t, const struct task_world *w)
{
    TRY(text_open(t, w));
    if (t->lm->n_voices > 0)
        t->traces = mem_alloc(t->parts[0].n, sizeof *t->traces);
    return 0;
}

static int told_row(void *ctx, const struct row *r, const struct score_place *place)
{
    struct task *t = ctx;
    (void)r;
    return lm_trace(t->lm, place->slot, place->back, place->label, &t->traces[place->at]);
}

static int text_feed(struct task *t, struct row_work *work)
{
    (void)work;
    return score_feed(t->score, t->traces ? &(struct score_sink){ told_row, t } : NULL);
}

static size_t scored_want(struct task *t, struct want out[], size_t max)
{
    return score_want(t->score, out, max);
}

static int scored_feed(struct task *t, struct row_work *work)
{
    (void)work;
    return score_feed(t->score, NULL);
}

static int scored_move(struct task *t)
{
    return score_move(t->score);
}

static size_t choice_write(const struct task *t, struct text *payload)
{
    uint32_t n_symbols[CHOICES_MOST];
    size_t n = t->item->item->n_choices;
    for (size_t i = 0; i < n; i++)
        n_symbols[i] = choices_symbols(t->choices, i);
    return unit_write_choices(payload, t->key, t->answer, n_symbols, n);
}

static size_t text_write(const struct task *t, struct text *payload)
{
    return unit_write_text(payload, t->key, &t->parts[0], score_logp(t->score, 0), t->traces);
}

static size_t judge_write(const struct task *t, struct text *payload)
{
    return unit_write_judged(payload, t->key, -score_sum(t->score, 0), (uint32_t)t->parts[0].n);
}

static const struct task_type types[] = {
    [ITEM_GENERATE] = { generate_open, generate_want, generate_feed, generate_move, generate_write },
    [ITEM_CHOICE] = { choice_open, choice_want, choice_feed, choice_move, choice_write },
    [ITEM_TEXT] = { item_text_open, scored_want, text_feed, scored_move, text_write },
};
static const struct task_type judge_type = { text_open, scored_want, scored_feed, scored_move, judge_write };

static struct task *task_open(struct task *t, const struct task_world *w)
{
    t->prompt = *t->item->prompt;
    t->prompt.template_name = lms_template(w->lms, t->lm_id);
    t->lm = lms_find(w->lms, t->lm_id);
    if (t->lm && t->type->open(t, w) == 0)
        return t;
    task_close(t);
    return NULL;
}

struct task *task_open_unit(const struct task_world *w, const struct job *job)
{
    struct task *t = mem_alloc(1, sizeof *t);
    t->job = job;
    t->key = job->key;
    t->item = &w->plan->items[job->item];
    t->type = &types[t->item->item->kind];
    t->lm_id = plan_choice(w->plan, job->arm, job->item)->lm;
    t->arm = w->plan->arms[job->arm].name;
    t->text = t->item->item->text;
    t->n_text = t->text ? strlen(t->text) : 0;
    return task_open(t, w);
}

struct task *task_open_judge(const struct task_world *w, const struct judge_job *job, char *text, size_t n)
{
    struct task *t = mem_alloc(1, sizeof *t);
    t->key = job->key;
    t->item = &w->plan->items[job->item];
    t->type = &judge_type;
    t->lm_id = w->plan->judge;
    t->text = t->own = text;
    t->n_text = n;
    return task_open(t, w);
}

void task_close(struct task *t)
{
    if (!t)
        return;
    search_close(t->search);
    score_close(t->score);
    choices_close(t->choices);
    for (size_t i = 0; t->parts && i < t->n_parts; i++)
        free(t->parts[i].s);
    free(t->parts);
    free(t->traces);
    free(t->own);
    free(t);
}

size_t task_want(struct task *t, struct want out[], size_t max)
{
    return t->type->want(t, out, max);
}

static int unit_of(const struct task *t, int rc)
{
    if (rc < 0 && t->job)
        err_add(rc, "unit (%s, %s, draw %u)", t->arm, t->item->name, t->job->draw);
    return rc;
}

int task_under_way(const struct task *t, int rc, size_t n_more)
{
    if (!t->job)
        return err_add(rc, "%zu more units under way", n_more);
    return err_add(rc, "unit (%s, %s, draw %u) and %zu more units under way", t->arm, t->item->name, t->job->draw,
                   n_more);
}

int task_offer(struct task *t, struct round *r, struct row_work *work)
{
    return t->search ? unit_of(t, search_offer(t->search, r, work)) : 0;
}

int task_feed(struct task *t, struct row_work *work)
{
    return unit_of(t, t->type->feed(t, work));
}

int task_move(struct task *t)
{
    return t->type->move(t);
}

size_t task_write(const struct task *t, struct text *payload)
{
    return t->type->write(t, payload);
}

struct unit_key task_key(const struct task *t)
{
    return t->key;
}

const struct job *task_job(const struct task *t)
{
    return t->job;
}
