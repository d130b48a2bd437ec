/* The byte adapter as an lm: slots, prompts, forks. */
#include "ensemble/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/bytes_slot.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct bytes_slot *slot_at(struct bytes_adapter *a, int slot)
{
    assert(slot >= 0 && (size_t)slot < a->n_slots && a->slot[slot].used);
    return &a->slot[slot];
}

static int take_slot(struct bytes_adapter *a)
{
    size_t i = 0;
    while (i < a->n_slots && a->slot[i].used)
        i++;
    if (i == a->n_slots) {
        mem_grow(&a->slot, &a->cap_slots, i + 1, sizeof *a->slot);
        a->n_slots++;
    }
    struct bytes_slot *s = &a->slot[i];
    s->used = true;
    s->begun = s->is_wanted = false;
    s->prompt.n = s->n_prompt = s->n = s->at = s->n_rows = s->row_from = 0;
    s->n_nodes = s->n_past = s->n_shots = s->n_covers = 0;
    s->ended = SIZE_MAX;
    mem_grow(&s->text, &s->cap, 1, 1);
    return (int)i;
}

static void add_bytes(struct bytes_slot *s, const uint8_t *text, size_t n)
{
    mem_grow(&s->text, &s->cap, s->n + n, 1);
    if (n > 0)
        memcpy(s->text + s->n, text, n);
    s->n += n;
}

static void set_prompt(struct bytes_adapter *a, struct bytes_slot *s, const sym_t ids[], size_t n)
{
    s->prompt.n = s->n = 0;
    symbols_add(&s->prompt, ids, n);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const uint8_t *text = space_text(a->vocab.space, ids[i], &length);
        add_bytes(s, text, length);
    }
    s->n_prompt = s->n;
}

static int adapter_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    struct bytes_adapter *a = self;
    struct symbols ids = { 0 };
    int tokens = lm_fork(a->tokens, LM_EMPTY, 0);
    TRY(tokens);
    int rc = lm_prompt(a->tokens, tokens, p, &ids);
    lm_drop(a->tokens, tokens);
    if (rc == 0) {
        struct bytes_slot *s = slot_at(a, slot);
        set_prompt(a, s, ids.s, ids.n);
        for (size_t i = 0; seen && i < s->n; i++)
            symbols_add(seen, &(sym_t){ s->text[i] }, 1);
    }
    free(ids.s);
    return rc;
}

static size_t adapter_length(void *self, int slot)
{
    return slot_at(self, slot)->n;
}

static size_t adapter_room(void *self, int slot)
{
    struct bytes_adapter *a = self;
    const struct bytes_slot *s = slot_at(a, slot);
    size_t taken = s->prompt.n + (s->n - s->n_prompt);
    return taken < a->tokens->max_length ? a->tokens->max_length - taken : 0;
}

static int adapter_push(void *self, int slot, const sym_t sym[], size_t n, struct lm_trace *t)
{
    struct bytes_adapter *a = self;
    struct bytes_slot *s = slot_at(a, slot);
    if (n > adapter_room(a, slot))
        return err_set(ERR_DATA, "%s: a prefix of %zu bytes, room for %zu (a token each, at worst)", a->lm.name,
                       s->n + n, s->n + adapter_room(a, slot));
    for (size_t i = 0; i < n; i++) {
        assert(sym[i] < BYTES_N);
        if (sym[i] == BYTES_END && s->ended == SIZE_MAX)
            s->ended = s->n;
        add_bytes(s, &(uint8_t){ (uint8_t)sym[i] }, 1);
    }
    if (t)
        *t = (struct lm_trace){ 0 };
    return 0;
}

/* The stream and the last row, so that a fork costs neither passes nor time. */
static int copy_stream(struct bytes_adapter *a, struct bytes_slot *to, const struct bytes_slot *from)
{
    struct bytes_slot old = *to;
    *to = *from;
    to->prompt = old.prompt;
    to->text = old.text;
    to->n = old.n;
    to->cap = old.cap;
    to->ended = old.ended;
    to->node = mem_copy(from->node, from->n_nodes * sizeof *from->node);
    to->cap_nodes = from->n_nodes;
    to->past = mem_copy(from->past, from->n_past * sizeof *from->past);
    to->cap_past = from->n_past;
    to->shot = NULL;
    to->cover = NULL;
    to->guess = NULL; /* what was guessed is computed, and will be found */
    to->n_guesses = to->cap_guesses = 0;
    to->n_shots = to->cap_shots = to->n_covers = to->cap_covers = 0;
    size_t n_rows = from->n_rows > 0 ? 1 : 0, at = from->n_rows - n_rows;
    to->score = mem_copy(from->score ? from->score + at * BYTES_N : NULL, n_rows * BYTES_N * sizeof *to->score);
    to->log_weight = mem_copy(from->log_weight ? from->log_weight + at : NULL, n_rows * sizeof *to->log_weight);
    to->cap_score = n_rows * BYTES_N;
    to->cap_weight = to->n_rows = n_rows;
    to->row_from = from->row_from + at;
    to->is_wanted = false;
    free(old.node);
    free(old.past);
    free(old.guess);
    free(old.shot);
    free(old.cover);
    free(old.score);
    free(old.log_weight);
    for (size_t i = 0; i < to->n_nodes; i++)
        to->node[i].slot = -1;
    for (size_t i = 0; i < to->n_nodes; i++) {
        int slot = from->node[i].slot;
        if (slot >= 0)
            to->node[i].slot = lm_fork(a->tokens, slot, lm_length(a->tokens, slot));
        if (slot >= 0)
            TRY(to->node[i].slot);
    }
    return 0;
}

static bool can_copy(const struct bytes_slot *from, size_t len)
{
    return from->begun && from->n_shots == 0 && from->at <= len && from->n_prompt <= len &&
           from->row_from + from->n_rows <= len + 1;
}

static int adapter_fork(void *self, int src, size_t len)
{
    struct bytes_adapter *a = self;
    int to = take_slot(a);
    struct bytes_slot *s = &a->slot[to];
    if (src == LM_EMPTY) {
        int64_t bos = vocab_bos(a->vocab.vocab);
        assert(len == 0);
        set_prompt(a, s, &(sym_t){ (sym_t)bos }, bos >= 0);
        return to;
    }
    const struct bytes_slot *from = slot_at(a, src);
    assert(len <= from->n);
    symbols_add(&s->prompt, from->prompt.s, from->prompt.n);
    add_bytes(s, from->text, len);
    s->n_prompt = len < from->n_prompt ? len : from->n_prompt;
    s->ended = from->ended < len ? from->ended : SIZE_MAX;
    int rc = can_copy(from, len) ? copy_stream(a, s, from) : 0;
    return rc < 0 ? rc : to;
}

static void adapter_drop(void *self, int slot)
{
    struct bytes_adapter *a = self;
    struct bytes_slot *s = slot_at(a, slot);
    bytes_forget(a, s);
    s->used = s->is_wanted = false;
}

static int adapter_rows(void *self, const struct want *w, struct row out[])
{
    struct bytes_adapter *a = self;
    struct bytes_slot *s = slot_at(a, w->slot);
    size_t first = s->n + 1 - w->n_rows;
    assert(first >= s->row_from && s->n < s->row_from + s->n_rows); /* the core has run over this want */
    for (uint32_t i = 0; i < w->n_rows; i++) {
        size_t at = first - s->row_from + i;
        out[i] = row_over(s->score + at * BYTES_N, BYTES_N);
        TRY(row_measure(&out[i]));
        out[i].log_weight = s->log_weight[at];
    }
    return 0;
}

static void free_slot(struct bytes_adapter *a, struct bytes_slot *s)
{
    bytes_forget(a, s);
    free(s->prompt.s);
    free(s->text);
    free(s->node);
    free(s->past);
    free(s->guess);
    free(s->shot);
    free(s->cover);
    free(s->score);
    free(s->log_weight);
}

static void adapter_free(void *self)
{
    struct bytes_adapter *a = self;
    for (size_t i = 0; i < a->n_slots; i++)
        free_slot(a, &a->slot[i]);
    space_free((struct space *)(uintptr_t)a->lm.space);
    bytes_adjacent_free(a->adjacent);
    bytes_splits_fini(&a->splits);
    bytes_vocab_fini(&a->vocab);
    free(a->never);
    free(a->fast);
    free(a->slot);
    free(a->work.s);
    free(a->ask);
    free(a->want);
    free(a->row);
    free(a->number);
    free(a->next);
    free(a->name);
    free(a);
}

const struct lm_type bytes_type = {
    .name = "bytes",
    .prompt = adapter_prompt,
    .push = adapter_push,
    .fork = adapter_fork,
    .drop = adapter_drop,
    .length = adapter_length,
    .room = adapter_room,
    .need = bytes_need,
    .rows = adapter_rows,
    .free = adapter_free,
};

struct bytes_counts bytes_counts(const struct lm *bytes)
{
    const struct bytes_adapter *a = bytes->self;
    assert(bytes->type == &bytes_type);
    return a->counts;
}
