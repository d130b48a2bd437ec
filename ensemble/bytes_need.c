/* Wanting and reading: rounds in which every slot's nodes are wanted of the token lm together. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/bytes_slot.h"
#include "model/core.h"
#include <assert.h>
#include <string.h>

static bool is_done(const struct bytes_slot *s)
{
    return !s->is_wanted || s->row_from + s->n_rows > s->until;
}

/* The root: tokens of the prompt that no further byte can change, giving at most `most` bytes.  Those behind them count as
 * bytes that have been said. */
static void choose_root(const struct bytes_adapter *a, struct bytes_slot *s, size_t most)
{
    const struct space *space = a->vocab.space;
    size_t n = s->prompt.n, bytes = 0, length;
    if (a->kind == &bytes_all)
        n = n > 1 && a->vocab.place[s->prompt.s[n - 1]] < a->vocab.n ? n - 1 : n;
    else
        while (n > 1 && a->vocab.place[s->prompt.s[n - 1]] < a->vocab.n)
            n--;
    s->n_root = 0;
    s->root_end = 0;
    for (size_t i = 0; i < n; i++) {
        space_text(space, s->prompt.s[i], &length);
        bytes += length;
        if (bytes > most)
            break;
        s->n_root = i + 1;
        s->root_end = bytes;
    }
}

static void begin(struct bytes_adapter *a, struct bytes_slot *s, size_t most)
{
    bytes_forget(a, s);
    choose_root(a, s, most);
    sym_t last = s->n_root > 0 ? s->prompt.s[s->n_root - 1] : 0;
    bool has_token = s->n_root > 0 && a->vocab.place[last] < a->vocab.n;
    size_t length = 0;
    if (has_token)
        space_text(a->vocab.space, last, &length);
    s->at = s->root_end;
    s->start = s->n_prompt <= most && s->n_prompt > s->root_end ? s->n_prompt : s->root_end;
    s->is_judged = s->is_inside = false;
    s->cut = s->root_end - length;
    s->root = s->base = bytes_add_node(s, &(struct bytes_node){ .parent = BYTES_NONE,
                                                                .token = last,
                                                                .has_token = has_token,
                                                                .end = s->root_end,
                                                                .range = { 0, a->vocab.n },
                                                                .is_live = true,
                                                                .slot = -1 });
    s->last = s->root;
    s->begun = true;
    a->kind->begin(a, s);
}

/* Keeps the rows that are there and wanted, and puts the stream where the next row can be made. */
static void prepare(struct bytes_adapter *a, struct bytes_slot *s)
{
    if (s->from < s->row_from || s->from > s->row_from + s->n_rows) {
        s->row_from = s->from;
        s->n_rows = 0;
    }
    size_t gone = s->from - s->row_from;
    if (gone > 0) {
        s->n_rows -= gone;
        s->row_from = s->from;
        memmove(s->score, s->score + gone * BYTES_N, s->n_rows * BYTES_N * sizeof *s->score);
        memmove(s->log_weight, s->log_weight + gone, s->n_rows * sizeof *s->log_weight);
    }
    size_t next = s->row_from + s->n_rows;
    bool fits = s->begun && (s->n_shots > 0 ? s->shot[0].at == next : s->at <= next);
    if (!is_done(s) && !fits)
        begin(a, s, next);
}

static int start(struct bytes_adapter *a, const struct want w[], size_t n)
{
    for (size_t i = 0; i < a->n_slots; i++)
        a->slot[i].is_wanted = false;
    for (size_t i = 0; i < n; i++) {
        struct bytes_slot *s = &a->slot[w[i].slot];
        assert(w[i].n_rows >= 1 && w[i].n_rows <= s->n + 1);
        if (w[i].tap != LM_TAP_FINAL)
            return err_set(ERR_USAGE, "%s: a byte adapter has no layers to tap, tap %u was wanted", a->lm.name,
                           (unsigned)w[i].tap);
        size_t from = s->n + 1 - w[i].n_rows;
        s->from = s->is_wanted && s->from < from ? s->from : from;
        s->until = s->n;
        s->is_wanted = true;
    }
    for (size_t i = 0; i < a->n_slots; i++)
        if (a->slot[i].is_wanted)
            prepare(a, &a->slot[i]);
    return 0;
}

/* Behind what is asked for; returns how many are wanted with them. */
static size_t want_guesses(struct bytes_adapter *a)
{
    size_t n = a->n_asks;
    for (size_t i = 0; i < a->n_slots; i++)
        for (size_t k = 0; !is_done(&a->slot[i]) && k < a->slot[i].n_guesses; k++)
            if (!a->slot[i].guess[k].is_asked) {
                mem_grow(&a->want, &a->cap_want, n + 1, sizeof *a->want);
                a->want[n++] = (struct want){ a->tokens, a->slot[i].guess[k].slot, 1, LM_TAP_FINAL };
            }
    return n;
}

static void guesses_are_there(struct bytes_adapter *a)
{
    for (size_t i = 0; i < a->n_slots; i++)
        for (size_t k = 0; !is_done(&a->slot[i]) && k < a->slot[i].n_guesses; k++)
            a->slot[i].guess[k].is_asked = true;
}

/* 1: the rows of what was asked for are there; 0: they have to be computed first. */
static int read_asked(struct bytes_adapter *a, struct queue *q)
{
    size_t before = queue_count(q);
    mem_grow(&a->want, &a->cap_want, a->n_asks, sizeof *a->want);
    mem_grow(&a->row, &a->cap_row, a->n_asks, sizeof *a->row);
    for (size_t i = 0; i < a->n_asks; i++) {
        int slot = bytes_token_slot(a, a->ask[i].slot, a->ask[i].node);
        TRY(slot);
        a->want[i] = (struct want){ a->tokens, slot, 1, LM_TAP_FINAL };
    }
    size_t n = want_guesses(a);
    int rc = n > 0 ? a->tokens->type->need(a->tokens->self, a->want, n, q) : 0;
    TRY(rc);
    if (rc > 0 || queue_count(q) != before)
        return 0;
    guesses_are_there(a);
    for (size_t i = 0; i < a->n_asks; i++) {
        TRY(lm_rows(&a->want[i], &a->row[i]));
        a->ask[i].slot->node[a->ask[i].node].row = &a->row[i];
    }
    return 1;
}

/* One round of all slots that are not done.  1: settled; 0: nothing is left to do; 2: rows have to be computed. */
static int round_of(struct bytes_adapter *a, struct queue *q)
{
    bool any = false;
    a->n_asks = 0;
    for (size_t i = 0; i < a->n_slots; i++)
        if (!is_done(&a->slot[i])) {
            any = true;
            for (size_t k = 0; k < a->slot[i].n_nodes; k++)
                a->slot[i].node[k].row = NULL;
            TRY(a->kind->gather(a, &a->slot[i]));
        }
    if (!any)
        return 0;
    int there = read_asked(a, q);
    TRY(there);
    if (!there)
        return 2;
    for (size_t i = 0; i < a->n_slots; i++)
        if (!is_done(&a->slot[i]))
            TRY(a->kind->settle(a, &a->slot[i]));
    return 1;
}

int bytes_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct bytes_adapter *a = self;
    int rc;
    TRY(start(a, w, n));
    while ((rc = round_of(a, q)) == 1)
        continue;
    a->counts.batches += rc == 2;
    return rc == 2 ? 1 : rc;
}
