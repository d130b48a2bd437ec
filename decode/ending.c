#include "decode/ending.h"
#include "base/err.h"
#include "base/mem.h"
#include "decode/transforms.h"
#include <stdlib.h>
#include <string.h>

static void add(struct endings *e, sym_t symbol, size_t before)
{
    mem_grow(&e->ending, &e->cap, e->n + 1, sizeof *e->ending);
    e->highest = symbol > e->highest ? symbol : e->highest;
    e->ending[e->n++] = (struct ending){ .symbol = symbol, .before = (uint32_t)before };
}

/* A symbol that holds the whole text completes it whatever stands before. */
static void find_text(struct endings *e, const struct phrase *p, const struct space *space)
{
    for (sym_t v = 0; v < space->n; v++) {
        size_t len;
        const char *bytes = (const char *)space_text(space, v, &len);
        if (len == 0)
            continue;
        if (memmem(bytes, len, p->text, p->n_text)) {
            add(e, v, 0);
            continue;
        }
        for (size_t k = p->n_text > len ? p->n_text - len : 1; k < p->n_text; k++)
            if (memcmp(bytes, p->text + k, p->n_text - k) == 0)
                add(e, v, k);
    }
}

int endings_init(struct endings *e, struct phrases *p, const struct space *space)
{
    *e = (struct endings){ .phrases = *p, .bound = true };
    *p = (struct phrases){ 0 };
    e->first = mem_alloc(e->phrases.n + 1, sizeof *e->first);
    for (size_t i = 0; i < e->phrases.n; i++) {
        const struct phrase *one = &e->phrases.item[i];
        e->first[i] = e->n;
        if (!one->text)
            add(e, one->ids[one->n_ids - 1], one->n_ids - 1);
        else if (space)
            find_text(e, one, space);
        e->bound &= !one->text || space;
    }
    e->first[e->phrases.n] = e->n;
    return space ? phrases_check(&e->phrases, space) : 0;
}

void endings_fini(struct endings *e)
{
    phrases_fini(&e->phrases);
    free(e->ending);
    free(e->first);
}

int endings_ready(const struct endings *e, uint32_t n)
{
    if (!e->bound)
        return err_set(ERR_USAGE, "its texts are not bound to a symbol space");
    if (e->n > 0 && e->highest >= n)
        return err_set(ERR_DATA, "symbol %u is outside of the distribution's 0 .. %u", e->highest, n - 1);
    return 0;
}

/* The last bytes of what was said, up to max of them, right-aligned: out + max - n.  Returns n. */
static size_t tail_of(const struct transform_at *at, uint8_t out[], size_t max)
{
    size_t n = 0;
    for (size_t i = transform_said(at); at->space && i-- > 0 && n < max;) {
        size_t len;
        sym_t v = transform_symbol(at, i);
        if (v >= at->space->n)
            continue;
        const uint8_t *bytes = space_text(at->space, v, &len);
        size_t take = len < max - n ? len : max - n;
        memcpy(out + max - n - take, bytes + len - take, take);
        n += take;
    }
    return n;
}

static void begun_text(struct ending_scan *s, const struct phrase *p)
{
    uint8_t tail[PHRASE_MAX_TEXT];
    size_t most = p->n_text - 1, n = most > 0 ? tail_of(s->at, tail, most) : 0;
    s->begun[0] = true;
    for (size_t k = 1; k <= n; k++)
        s->begun[k] = memcmp(tail + most - k, p->text, k) == 0;
}

static bool begun_ids(const struct transform_at *at, const struct phrase *p)
{
    size_t k = p->n_ids - 1, said = transform_said(at);
    if (k > said)
        return false;
    while (k > 0 && transform_symbol(at, said - (p->n_ids - k)) == p->ids[k - 1])
        k--;
    return k == 0;
}

struct ending_scan endings_scan(const struct endings *e, size_t phrase, const struct transform_at *at)
{
    const struct phrase *p = &e->phrases.item[phrase];
    struct ending_scan s = {
        .e = e, .at = at, .phrase = phrase, .next = e->first[phrase], .end = e->first[phrase + 1]
    };
    if (p->text)
        begun_text(&s, p);
    else if (!begun_ids(at, p))
        s.end = s.next;
    return s;
}

bool endings_next(struct ending_scan *s, sym_t *symbol)
{
    bool is_text = s->e->phrases.item[s->phrase].text != NULL;
    for (const struct ending *all = s->e->ending; s->next < s->end;) {
        struct ending one = all[s->next++];
        if (is_text && !s->begun[one.before])
            continue;
        while (s->next < s->end && all[s->next].symbol == one.symbol)
            s->next++;
        *symbol = one.symbol;
        return true;
    }
    return false;
}

static bool completes_text(const struct phrase *p, const struct transform_at *at, sym_t symbol)
{
    uint8_t
        near[2 * PHRASE_MAX_TEXT]; /* bytes before the symbol, then its own, where a text that crosses over may lie */
    size_t len, most = p->n_text - 1;
    if (!at->space || symbol >= at->space->n)
        return false;
    const uint8_t *bytes = space_text(at->space, symbol, &len);
    if (memmem(bytes, len, p->text, p->n_text))
        return true;
    if (most == 0 || len == 0)
        return false;
    size_t n = tail_of(at, near, most), own = len < most ? len : most;
    memcpy(near + most, bytes, own);
    return memmem(near + most - n, n + own, p->text, p->n_text) != NULL;
}

bool ending_completes(const struct phrase *p, const struct transform_at *at, sym_t symbol)
{
    if (p->text)
        return completes_text(p, at, symbol);
    return p->ids[p->n_ids - 1] == symbol && begun_ids(at, p);
}
