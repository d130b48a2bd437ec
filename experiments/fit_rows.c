#include "experiments/fit_rows.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

struct position {
    size_t text, at; /* before symbol `at` of a text */
};

struct fit_rows {
    uint32_t n_symbols;
    float *score;  /* (n, n_symbols) */
    float *change; /* (n_symbols,) */
    struct row_work *work;
    struct position *position; /* (n,) */
    size_t n, cap_score, cap_position;
    struct symbols *prompt; /* (n_texts,) what each text's prompt gave; empty before its first row */
    bool *asked;            /* (n_texts,) */
    size_t n_texts;
    sym_t *label; /* (n,) */
    size_t cap_label;
};

struct fit_rows *fit_rows_alloc(const struct fit *f, size_t *most)
{
    struct fit_rows *k = mem_alloc(1, sizeof *k);
    size_t room = FIT_ROWS_BYTES / (f->lm->space->n * sizeof *k->score) + 1;
    k->n_symbols = f->lm->space->n;
    k->change = mem_alloc(k->n_symbols, sizeof *k->change);
    k->work = row_work_alloc(k->n_symbols);
    k->n_texts = f->set->n_items;
    k->prompt = mem_alloc(k->n_texts, sizeof *k->prompt);
    k->asked = mem_alloc(k->n_texts, sizeof *k->asked);
    *most = room < *most ? room : *most;
    return k;
}

void fit_rows_free(struct fit_rows *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->n_texts; i++)
        free(k->prompt[i].s);
    free(k->prompt);
    free(k->asked);
    free(k->score);
    free(k->change);
    free(k->position);
    free(k->label);
    row_work_free(k->work);
    free(k);
}

/* What the steps of a chain are told of the prompt. */
static int ask_prompt(struct fit_rows *k, const struct fit *f)
{
    struct prompt prompt = f->set->items[f->text].prompt;
    int slot = lm_fork(f->lm, LM_EMPTY, 0);
    if (slot < 0)
        return slot;
    prompt.template_name = json_string_value(json_object_get(f->doc, "template"));
    k->asked[f->text] = true;
    int rc = lm_prompt(f->lm, slot, &prompt, &k->prompt[f->text]);
    lm_drop(f->lm, slot);
    return rc;
}

int fit_rows_add(struct fit_rows *k, const struct fit *f, const struct row *r, const struct score_place *place)
{
    if (row_dead(r))
        return err_set(ERR_DATA, "position %zu has a dead row: every symbol is masked", k->n);
    mem_grow(&k->score, &k->cap_score, (k->n + 1) * k->n_symbols, sizeof *k->score);
    mem_grow(&k->position, &k->cap_position, k->n + 1, sizeof *k->position);
    mem_grow(&k->label, &k->cap_label, k->n + 1, sizeof *k->label);
    memcpy(k->score + k->n * k->n_symbols, r->score, k->n_symbols * sizeof *k->score);
    k->position[k->n] = (struct position){ .text = f->text, .at = place->at };
    k->label[k->n++] = place->label;
    return k->asked[f->text] ? 0 : ask_prompt(k, f);
}

size_t fit_rows_count(const struct fit_rows *k)
{
    return k->n;
}

sym_t fit_rows_label(const struct fit_rows *k, size_t i)
{
    return k->label[i];
}

struct chain *fit_rows_chain(const struct fit *f, const char *text)
{
    struct chain *c = lua_transforms_chain(f->transforms, text);
    if (!c)
        return NULL;
    if (chain_state_size(c) > 0 || chain_random(c))
        err_set(ERR_USAGE, "chain '%s': a step of it %s", text, chain_random(c) ? "draws by itself" : "keeps state");
    else if (chain_bind(c, f->lm->space) == 0)
        return c;
    chain_free(c);
    return NULL;
}

int fit_rows_apply(struct fit_rows *k, const struct fit *f, const struct chain *c, size_t i, struct row *out)
{
    const struct position *p = &k->position[i];
    struct rng_address address = { .space = f->lm->space->hash, .step = (uint32_t)p->at, .purpose = RNG_CHAIN };
    struct transform_at at = {
        .space = f->lm->space,
        .prompt = k->prompt[p->text].s,
        .n_prompt = k->prompt[p->text].n,
        .made = f->texts[p->text].s,
        .n_made = p->at,
        .address = &address,
        .work = k->work,
    };
    *out = row_over(k->change, k->n_symbols);
    memcpy(out->score, k->score + i * k->n_symbols, k->n_symbols * sizeof *k->score);
    TRY(row_measure(out));
    return chain_apply(c, NULL, out, &at, NULL);
}
