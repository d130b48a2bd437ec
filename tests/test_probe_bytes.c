/* A byte adapter as a voice of an ensemble: an lm over bytes made of an lm over multi-byte tokens, summing over all
 * tokenisations (Vieira et al.), against enumeration.
 *
 * The beam after bytes x holds every way to tokenise them: a token slot for the complete tokens, `from` where the token
 * that is under way began, and its log-weight.  A state computes once, when it is made; it then needs a row before the
 * beam can take another byte, so bytes that are pushed unread cost a round each.  Nothing is pruned: exact. */
#include "base/err.h"
#include "base/mem.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/table.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES    257
#define END      256u
#define MAX_LEN  16
#define STATES   256
#define N_TOKENS 5 /* four tokens, end */

static void fail_on(int rc)
{
    if (rc >= 0)
        return;
    printf("%s\n", err_text());
    exit(1);
}

/* the adapter */

struct state {
    int slot;           /* of the token lm: the complete tokens */
    size_t from;        /* where the token under way begins */
    double weight;      /* ln p of the complete tokens */
    double p[N_TOKENS]; /* the row at slot */
    bool read;
};

struct byte_slot {
    bool used;
    sym_t s[MAX_LEN];
    size_t n, done; /* bytes pushed; bytes the beam has taken */
    struct state beam[STATES];
    size_t n_states;
    float score[MAX_LEN + 1][BYTES]; /* rows at positions 0 .. done */
    size_t n_scored;
};

struct adapter {
    struct lm lm;
    struct lm *tokens;
    const char *const *text; /* (N_TOKENS - 1,) bytes of each token */
    struct byte_slot slots[16];
};

static int adapter_fork(void *self, int src, size_t len)
{
    struct adapter *a = self;
    int to = 0;
    while (a->slots[to].used)
        to++;
    struct byte_slot *s = &a->slots[to];
    s->used = true;
    s->n = len;
    s->done = s->n_scored = 0;
    memcpy(s->s, src == LM_EMPTY ? s->s : a->slots[src].s, len * sizeof *s->s);
    s->beam[0] = (struct state){ .slot = lm_fork(a->tokens, LM_EMPTY, 0) };
    s->n_states = 1;
    return to;
}

static void adapter_drop(void *self, int slot)
{
    struct adapter *a = self;
    for (size_t i = 0; i < a->slots[slot].n_states; i++)
        lm_drop(a->tokens, a->slots[slot].beam[i].slot);
    a->slots[slot].used = false;
}

static int adapter_push(void *self, int slot, const sym_t s[], size_t n, struct lm_trace *t)
{
    struct byte_slot *to = &((struct adapter *)self)->slots[slot];
    if (to->n + n > MAX_LEN)
        return err_set(ERR_DATA, "byte adapter: %zu bytes, want at most %d", to->n + n, MAX_LEN);
    memcpy(to->s + to->n, s, n * sizeof *s);
    to->n += n;
    if (t)
        t->n_voices = 0;
    return 0;
}

static size_t adapter_length(void *self, int slot)
{
    return ((struct adapter *)self)->slots[slot].n;
}

static int adapter_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    for (const char *c = prompt_field(p, "text"); *c; c++) {
        sym_t byte = (uint8_t)*c;
        symbols_add(seen, &byte, 1);
        TRY(adapter_push(self, slot, &byte, 1, NULL));
    }
    return 0;
}

/* Whether the token begins with the bytes under way and then byte b. */
static bool goes_on(const struct byte_slot *s, const struct state *st, const char *token, sym_t b)
{
    size_t n = s->done - st->from;
    if (strlen(token) <= n || (uint8_t)token[n] != b)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)token[i] != s->s[st->from + i])
            return false;
    return true;
}

/* The row after the bytes the beam has taken: ln p(x b) up to a constant; the pool's own normalisation divides by p(x). */
static void score_beam(const struct adapter *a, struct byte_slot *s)
{
    double mass[BYTES] = { 0 };
    for (size_t i = 0; i < s->n_states; i++) {
        const struct state *st = &s->beam[i];
        for (size_t v = 0; v + 1 < N_TOKENS; v++)
            for (sym_t b = 'a'; b <= 'b'; b++)
                if (goes_on(s, st, a->text[v], b))
                    mass[b] += exp(st->weight) * st->p[v];
        if (st->from == s->done)
            mass[END] += exp(st->weight) * st->p[N_TOKENS - 1];
    }
    if (s->done > 0 && s->s[s->done - 1] == END)
        mass[END] = 1; /* after the end, the end */
    for (size_t b = 0; b < BYTES; b++)
        s->score[s->n_scored][b] = (float)log(mass[b]);
    s->n_scored++;
}

/* The beam takes its next byte: states that a token goes on with stay; where one is complete, a new state begins. */
static void take_byte(struct adapter *a, struct byte_slot *s)
{
    struct state old[STATES];
    size_t n_old = s->n_states;
    sym_t b = s->s[s->done];
    memcpy(old, s->beam, n_old * sizeof *old);
    s->n_states = 0;
    for (size_t i = 0; i < n_old; i++) {
        bool stays = false;
        for (sym_t v = 0; v + 1 < N_TOKENS; v++) {
            if (!goes_on(s, &old[i], a->text[v], b) || old[i].p[v] == 0)
                continue;
            if (strlen(a->text[v]) > s->done + 1 - old[i].from) {
                stays = true;
                continue;
            }
            int slot = lm_fork(a->tokens, old[i].slot, lm_length(a->tokens, old[i].slot));
            fail_on(lm_push(a->tokens, slot, &v, 1, NULL));
            s->beam[s->n_states++] =
                (struct state){ slot, s->done + 1, old[i].weight + log(old[i].p[v]), { 0 }, false };
        }
        if (stays)
            s->beam[s->n_states++] = old[i];
        else
            lm_drop(a->tokens, old[i].slot);
    }
    s->done++;
}

/* Wants the rows of the beam's new states.  1: they have to be computed first. */
static int read_beam(struct adapter *a, struct byte_slot *s, struct queue *q)
{
    size_t before = queue_count(q);
    struct want w[STATES];
    size_t n = 0;
    for (size_t i = 0; i < s->n_states; i++)
        if (!s->beam[i].read)
            w[n++] = (struct want){ a->tokens, s->beam[i].slot, 1, LM_TAP_FINAL };
    int rc = n > 0 ? a->tokens->type->need(a->tokens->self, w, n, q) : 0;
    if (rc != 0 || queue_count(q) != before)
        return rc < 0 ? rc : 1;
    for (size_t i = 0, k = 0; i < s->n_states; i++) {
        struct row r;
        if (s->beam[i].read)
            continue;
        TRY(lm_rows(&w[k++], &r));
        for (sym_t v = 0; v < N_TOKENS; v++)
            s->beam[i].p[v] = exp(row_logp(&r, v));
        s->beam[i].read = true;
    }
    return 0;
}

static int adapter_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct adapter *a = self;
    int more = 0;
    for (size_t i = 0; i < n; i++) {
        struct byte_slot *s = &a->slots[w[i].slot];
        int rc = 0;
        while (s->n_scored <= s->n && (rc = read_beam(a, s, q)) == 0) {
            score_beam(a, s);
            if (s->done < s->n)
                take_byte(a, s);
        }
        TRY(rc);
        more |= rc;
    }
    return more;
}

static int adapter_rows(void *self, const struct want *w, struct row out[])
{
    struct byte_slot *s = &((struct adapter *)self)->slots[w->slot];
    for (uint32_t i = 0; i < w->n_rows; i++) {
        out[i] = row_over(s->score[s->n + 1 - w->n_rows + i], BYTES);
        TRY(row_measure(&out[i]));
    }
    return 0;
}

static void adapter_free(void *self)
{
    struct adapter *a = self;
    space_free((struct space *)(uintptr_t)a->lm.space);
    free(a);
}

static size_t adapter_room(void *self, int slot)
{
    return MAX_LEN - adapter_length(self, slot);
}

static const struct lm_type adapter_type = {
    .name = "bytes",
    .prompt = adapter_prompt,
    .push = adapter_push,
    .fork = adapter_fork,
    .drop = adapter_drop,
    .length = adapter_length,
    .room = adapter_room,
    .need = adapter_need,
    .rows = adapter_rows,
    .free = adapter_free,
};

static struct lm *adapter_open(struct lm *tokens, const char *const text[], const char *name)
{
    struct adapter *a = mem_alloc(1, sizeof *a);
    a->tokens = tokens;
    a->text = text;
    a->lm = (struct lm){ .type = &adapter_type,
                         .self = a,
                         .space = space_bytes(),
                         .name = name,
                         .hash = tokens->hash,
                         .max_length = MAX_LEN,
                         .pure = true };
    return &a->lm;
}

/* the truth */

#define LETTERS 4 /* tokens a string */
#define STRINGS 1024

/* Every byte string of at most LETTERS tokens, with its mass over all tokenisations. */
struct truth {
    char text[STRINGS][3 * LETTERS + 1];
    double mass[2][STRINGS];
    size_t n;
};

static size_t find(struct truth *t, const char *text)
{
    size_t i = 0;
    while (i < t->n && strcmp(t->text[i], text) != 0)
        i++;
    if (i == t->n)
        snprintf(t->text[t->n++], sizeof t->text[0], "%s", text);
    return i;
}

static void enumerate(struct truth *t, size_t voice, const struct adapter *a, sym_t prefix[], size_t len)
{
    char text[3 * LETTERS + 1] = "";
    double logp[N_TOKENS], below = 0;
    for (size_t i = 0; i < len; i++) {
        table_logp(a->tokens, prefix, i, logp);
        below += logp[prefix[i]];
        strcat(text, a->text[prefix[i]]);
    }
    table_logp(a->tokens, prefix, len, logp);
    t->mass[voice][find(t, text)] += exp(below + logp[N_TOKENS - 1]);
    for (sym_t v = 0; len < LETTERS && v + 1 < N_TOKENS; v++) {
        prefix[len] = v;
        enumerate(t, voice, a, prefix, len + 1);
    }
}

/* ln p(text, end), byte by byte, as rows say; checks that every row sums to one.  All bytes are pushed unread. */
static double read_text(struct core *core, struct lm *lm, const char *text, double *log_weight)
{
    size_t n = strlen(text);
    sym_t s[MAX_LEN];
    struct row rows[MAX_LEN + 1];
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        s[i] = (uint8_t)text[i];
    s[n] = END;
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), (uint32_t)n + 1, LM_TAP_FINAL };
    fail_on(lm_push(lm, w.slot, s, n, NULL));
    fail_on(core_run(core, &w, 1));
    fail_on(lm_rows(&w, rows));
    for (size_t i = 0; i <= n; i++) {
        double total = 0;
        for (sym_t b = 0; b < BYTES; b++)
            total += exp(row_logp(&rows[i], b));
        if (!row_dead(&rows[i]))
            check_near(total, 1, 1e-6, "'%s' at %zu: 256 bytes and the end sum to one", text, i);
        sum += row_logp(&rows[i], s[i]);
        *log_weight += rows[i].log_weight;
    }
    lm_drop(lm, w.slot);
    return sum;
}

static const char *const texts[2][N_TOKENS - 1] = { { "a", "b", "ab", "ba" }, { "b", "a", "aa", "abb" } };

struct world {
    struct core *core;
    struct lm *tokens[2], *bytes[2];
    struct truth truth;
};

static void one_vocabulary(struct world *o)
{
    struct truth *t = &o->truth;
    double total = 0, ignored = 0;
    sym_t prefix[LETTERS];
    enumerate(t, 0, o->bytes[0]->self, prefix, 0);
    for (size_t i = 0; i < t->n; i++)
        total += t->mass[0][i];
    check_near(total, 1, 1e-12, "all tokenisations of all strings");
    for (size_t i = 0; i < t->n; i++) {
        double got = read_text(o->core, o->bytes[0], t->text[i], &ignored);
        check_near(got, log(t->mass[0][i]), 5e-6, "chain rule: '%s' over all its tokenisations", t->text[i]);
    }
    struct core_counts before = core_counts(o->core);
    read_text(o->core, o->bytes[1], "abbab", &ignored);
    check(core_counts(o->core).rounds - before.rounds >= 5, "unread bytes cost a round each: %llu",
          (unsigned long long)(core_counts(o->core).rounds - before.rounds));
}

static const double weights[2] = { 0.35, 0.65 };

/* The global linear pool of two vocabularies is the mixture of the two lms over strings. */
static void two_vocabularies(struct world *o)
{
    struct truth *t = &o->truth;
    sym_t prefix[LETTERS];
    struct voice voices[2] = { { .lm = o->bytes[0] }, { .lm = o->bytes[1] } };
    struct voice mixed[2] = { { .lm = o->bytes[0] }, { .lm = o->tokens[1] } };
    struct lm *lm = ensemble_open(voices, weights, 2, "linear(mode=global)");
    check(!ensemble_open(mixed, weights, 2, "linear") && strstr(err_text(), "byte adapter"), "bytes and tokens: %s",
          err_text());
    enumerate(t, 1, o->bytes[1]->self, prefix, 0);
    for (size_t i = 0; i < t->n; i++) {
        double log_weight = 0, mixture = weights[0] * t->mass[0][i] + weights[1] * t->mass[1][i];
        double got = read_text(o->core, lm, t->text[i], &log_weight);
        check_near(got, log(mixture), 1e-5, "'%s': the mixture of strings", t->text[i]);
        check_near(log_weight, 0, 1e-5, "'%s': without weights", t->text[i]);
    }
    lm_free(lm);
}

static void local_pool(struct world *o)
{
    struct voice voices[2] = { { .lm = o->bytes[0] }, { .lm = o->bytes[1] } };
    struct lm *lm = ensemble_open(voices, weights, 2, "linear"), *all[3] = { o->bytes[0], o->bytes[1], lm };
    struct row rows[3];
    struct want want[3];
    for (size_t k = 0; k < 3; k++) {
        want[k] = (struct want){ all[k], lm_fork(all[k], LM_EMPTY, 0), 1, LM_TAP_FINAL };
        fail_on(lm_push(all[k], want[k].slot, (sym_t[]){ 'a', 'b' }, 2, NULL));
    }
    fail_on(core_run(o->core, want, 3));
    for (size_t k = 0; k < 3; k++)
        fail_on(lm_rows(&want[k], &rows[k]));
    for (sym_t b = 0; b < BYTES; b++) {
        double mean = weights[0] * exp(row_logp(&rows[0], b)) + weights[1] * exp(row_logp(&rows[1], b));
        check_near(exp(row_logp(&rows[2], b)), mean, 1e-6, "local linear pool at byte %u", (unsigned)b);
    }
    for (size_t k = 0; k < 3; k++)
        lm_drop(all[k], want[k].slot);
    lm_free(lm);
}

int main(void)
{
    static struct world o;
    o.core = core_alloc();
    for (size_t k = 0; k < 2; k++) {
        o.tokens[k] = table_open(&(struct table_options){ N_TOKENS, LETTERS, 60 + k, 1 });
        o.bytes[k] = adapter_open(o.tokens[k], texts[k], k == 0 ? "pairs" : "runs");
    }
    one_vocabulary(&o);
    two_vocabularies(&o);
    local_pool(&o);
    for (size_t k = 0; k < 2; k++) {
        lm_free(o.bytes[k]);
        lm_free(o.tokens[k]);
    }
    core_free(o.core);
    return check_done("probe_bytes");
}
