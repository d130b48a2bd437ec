#include "model/table.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/core.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    sym_t *s; /* (n,) the prefix */
    size_t n, cap;
    bool used;
};

/* A computed row; kept for good, so that rows never move. */
struct entry {
    struct entry *next; /* in its bucket */
    sym_t *prefix;      /* (n,) */
    size_t n;
    uint32_t tap;
    struct row row;
};

#define BUCKETS 4096u

struct table {
    struct lm lm;
    struct leaf leaf;
    struct table_options o;
    struct slot *slots;
    size_t n_slots, slots_cap;
    struct entry *buckets[BUCKETS];
    uint64_t computed;
    char name[96], hash[65];
};

/* A standard normal to all intents: the sum of twelve uniforms less 6 (Irwin-Hall) needs no function of libm, so the
 * scores are the same everywhere. */
static double normal(uint64_t h)
{
    double sum = -6;
    for (uint64_t i = 0; i < 12; i++)
        sum += (double)(hash_bytes(&i, sizeof i, h) >> 11) * 0x1p-53;
    return sum;
}

static bool ends_after(const struct table *t, const sym_t prefix[], size_t len)
{
    return len >= t->o.max_length || (len > 0 && prefix[len - 1] == t->o.n - 1);
}

static void scores_of(const struct table *t, uint32_t tap, const sym_t prefix[], size_t len, float out[])
{
    uint64_t h = hash_bytes(prefix, len * sizeof *prefix, t->o.seed);
    h = hash_bytes(&tap, sizeof tap, h);
    for (uint64_t v = 0; v < t->o.n; v++)
        out[v] = (float)(t->o.sharpness * normal(hash_bytes(&v, sizeof v, h)));
    if (tap != LM_TAP_HIDDEN && ends_after(t, prefix, len))
        for (uint32_t v = 0; v + 1 < t->o.n; v++)
            out[v] = -INFINITY;
}

void table_logp(const struct lm *lm, const sym_t prefix[], size_t len, double out[])
{
    const struct table *t = lm->self;
    float score[27];
    scores_of(t, LM_TAP_FINAL, prefix, len, score);
    double sum = 0;
    for (uint32_t v = 0; v < t->o.n; v++)
        sum += exp((double)score[v]);
    for (uint32_t v = 0; v < t->o.n; v++)
        out[v] = (double)score[v] - log(sum);
}

uint64_t table_computed(const struct lm *lm)
{
    const struct table *t = lm->self;
    return t->computed;
}

static struct slot *slot_at(struct table *t, int slot)
{
    assert(slot >= 0 && (size_t)slot < t->n_slots && t->slots[slot].used);
    return &t->slots[slot];
}

static struct entry **bucket_of(struct table *t, uint32_t tap, const sym_t prefix[], size_t len)
{
    return &t->buckets[hash_bytes(prefix, len * sizeof *prefix, tap) % BUCKETS];
}

static struct entry *find(struct table *t, uint32_t tap, const sym_t prefix[], size_t len)
{
    for (struct entry *e = *bucket_of(t, tap, prefix, len); e; e = e->next)
        if (e->tap == tap && e->n == len && (len == 0 || memcmp(e->prefix, prefix, len * sizeof *prefix) == 0))
            return e;
    return NULL;
}

static int compute_row(struct table *t, uint32_t tap, const sym_t prefix[], size_t len)
{
    struct entry **bucket = bucket_of(t, tap, prefix, len);
    struct entry *e = mem_alloc(1, sizeof *e);
    *e = (struct entry){ .next = *bucket, .prefix = mem_copy(prefix, len * sizeof *prefix), .n = len, .tap = tap };
    *bucket = e;
    e->row = row_over(mem_alloc(t->o.n, sizeof(float)), t->o.n);
    scores_of(t, tap, prefix, len, e->row.score);
    t->computed++;
    if (tap == LM_TAP_HIDDEN) {
        e->row.log_z = NAN;
        return 0;
    }
    return row_measure(&e->row);
}

static int table_compute(void *self, const struct leaf_want w[], size_t n, struct queue *q)
{
    struct table *t = self;
    for (size_t i = 0; i < n; i++) {
        const struct slot *s = slot_at(t, w[i].slot);
        for (size_t len = s->n + 1 - w[i].n_rows; len <= s->n; len++) {
            if (find(t, w[i].tap, s->s, len))
                continue;
            TRY(compute_row(t, w[i].tap, s->s, len));
            queue_computed(q, 1);
        }
    }
    return 0;
}

static int table_need(void *self, const struct want w[], size_t n, struct queue *q)
{
    struct table *t = self;
    for (size_t i = 0; i < n; i++) {
        const struct slot *s = slot_at(t, w[i].slot);
        assert(w[i].n_rows >= 1 && w[i].n_rows <= s->n + 1);
        bool missing = false;
        for (size_t len = s->n + 1 - w[i].n_rows; len <= s->n; len++)
            missing |= find(t, w[i].tap, s->s, len) == NULL;
        if (missing)
            queue_add(q, &t->leaf, &(struct leaf_want){ w[i].slot, w[i].n_rows, w[i].tap });
    }
    return 0;
}

static int table_rows(void *self, const struct want *w, struct row out[])
{
    struct table *t = self;
    const struct slot *s = slot_at(t, w->slot);
    for (uint32_t i = 0; i < w->n_rows; i++) {
        const struct entry *e = find(t, w->tap, s->s, s->n + 1 - w->n_rows + i);
        assert(e); /* the core has run over this want */
        out[i] = e->row;
    }
    return 0;
}

static int table_push(void *self, int slot, const sym_t s[], size_t n, struct lm_trace *trace)
{
    struct table *t = self;
    struct slot *to = slot_at(t, slot);
    if (n > t->lm.max_length - to->n)
        return err_set(ERR_DATA, "%s: a prefix of %zu symbols, want at most %u", t->name, to->n + n, t->lm.max_length);
    mem_grow(&to->s, &to->cap, to->n + n, sizeof *to->s);
    for (size_t i = 0; i < n; i++) {
        assert(s[i] < t->o.n);
        to->s[to->n++] = s[i];
    }
    if (trace)
        *trace = (struct lm_trace){ 0 };
    return 0;
}

static int table_fork(void *self, int src, size_t len)
{
    struct table *t = self;
    size_t to = 0;
    while (to < t->n_slots && t->slots[to].used)
        to++;
    if (to == t->n_slots) {
        mem_grow(&t->slots, &t->slots_cap, to + 1, sizeof *t->slots);
        t->n_slots++;
    }
    t->slots[to].used = true;
    t->slots[to].n = 0;
    if (src == LM_EMPTY) {
        assert(len == 0);
    } else {
        assert(len <= slot_at(t, src)->n);
        (void)table_push(t, (int)to, t->slots[src].s, len, NULL);
    }
    return (int)to;
}

static void table_drop(void *self, int slot)
{
    struct table *t = self;
    slot_at(t, slot)->used = false;
}

static size_t table_length(void *self, int slot)
{
    struct table *t = self;
    return slot_at(t, slot)->n;
}

static size_t table_room(void *self, int slot)
{
    struct table *t = self;
    return t->lm.max_length - slot_at(t, slot)->n;
}

/* Appends the letters of a field. */
static int add_letters(const struct table *t, const char *text, struct symbols *out)
{
    for (const char *c = text; *c; c++) {
        if (*c < 'a' || (uint32_t)(*c - 'a') >= t->o.n - 1)
            return err_set(ERR_DATA, "%s: prompt '%s': want letters a to %c", t->name, text, (char)('a' + t->o.n - 2));
        sym_t letter = (sym_t)(*c - 'a');
        symbols_add(out, &letter, 1);
    }
    return 0;
}

static int render(const struct table *t, const struct prompt *p, struct symbols *out)
{
    static const char *const names[] = { "auto", "raw", "plain", "backwards" };
    const char *template = p->template_name ? p->template_name : "auto";
    const char *context = prompt_field(p, "context"), *text = prompt_field(p, "text");
    if (!text)
        text = prompt_field(p, "instruction");
    size_t known = 0;
    while (known < sizeof names / sizeof *names && strcmp(template, names[known]) != 0)
        known++;
    if (known == sizeof names / sizeof *names)
        return err_unknown(ERR_USAGE, "template", template, names, known);
    TRY(add_letters(t, context ? context : "", out));
    TRY(add_letters(t, text ? text : "", out));
    if (strcmp(template, "backwards") == 0)
        for (size_t i = 0; i < out->n / 2; i++) {
            sym_t swap = out->s[i];
            out->s[i] = out->s[out->n - 1 - i];
            out->s[out->n - 1 - i] = swap;
        }
    return 0;
}

static int table_prompt(void *self, int slot, const struct prompt *p, struct symbols *seen)
{
    struct table *t = self;
    struct symbols s = { 0 };
    int rc = render(t, p, &s);
    if (rc == 0)
        rc = table_push(t, slot, s.s, s.n, NULL);
    if (rc == 0 && seen)
        symbols_add(seen, s.s, s.n);
    free(s.s);
    return rc;
}

static void table_free(void *self)
{
    struct table *t = self;
    for (size_t i = 0; i < t->n_slots; i++)
        free(t->slots[i].s);
    for (size_t b = 0; b < BUCKETS; b++)
        for (struct entry *e = t->buckets[b], *next; e; e = next) {
            next = e->next;
            free(e->prefix);
            free(e->row.score);
            free(e);
        }
    free(t->slots);
    space_free((struct space *)(uintptr_t)t->lm.space);
    free(t);
}

static const struct lm_type table_type = {
    .name = "table",
    .prompt = table_prompt,
    .push = table_push,
    .fork = table_fork,
    .drop = table_drop,
    .length = table_length,
    .room = table_room,
    .need = table_need,
    .rows = table_rows,
    .free = table_free,
};

static struct space *letters(uint32_t n)
{
    uint8_t bytes[27], special[27] = { 0 };
    uint64_t offsets[28];
    sym_t end = n - 1;
    for (uint32_t v = 0; v < n; v++) {
        bytes[v] = (uint8_t)('a' + v);
        offsets[v] = v;
    }
    offsets[n] = n - 1; /* the end symbol has no text */
    special[n - 1] = 1;
    return space_alloc(SPACE_TOKEN, n, bytes, offsets, special, &end, 1);
}

struct lm *table_open(const struct table_options *o)
{
    assert(o->n >= 2 && o->n <= 27);
    struct table *t = mem_alloc(1, sizeof *t);
    struct text name = { 0 };
    t->o = *o;
    text_addf(&name, "table(n=%u,max_length=%u,seed=%llu,sharpness=", o->n, o->max_length, (unsigned long long)o->seed);
    text_add_real(&name, o->sharpness);
    text_add(&name, ")");
    assert(name.len < sizeof t->name);
    memcpy(t->name, text_s(&name), name.len);
    hash_sha256(t->name, name.len, t->hash);
    text_free(&name);
    t->leaf = (struct leaf){ .self = t, .compute = table_compute };
    t->lm = (struct lm){ .type = &table_type,
                         .self = t,
                         .space = letters(o->n),
                         .name = t->name,
                         .hash = t->hash,
                         .max_length = o->max_length + 1, /* the end symbol */
                         .pure = true,
                         .layered = true };
    return &t->lm;
}
