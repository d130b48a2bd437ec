#include "decode/phrase.h"
#include "base/err.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MARK "text:"

/* Whether s[n] is ids joined by '+'. */
static bool looks_like_ids(const char *s, size_t n)
{
    bool digit = false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '+' && (s[i] < '0' || s[i] > '9'))
            return false;
        if (s[i] == '+' && !digit)
            return false;
        digit = s[i] != '+';
    }
    return digit;
}

static int read_ids(struct phrase *p, const char *s, size_t n)
{
    size_t most = 1;
    for (size_t i = 0; i < n; i++)
        most += s[i] == '+';
    p->ids = mem_alloc(most, sizeof *p->ids);
    for (size_t i = 0; i < n; i++) {
        uint64_t id = 0;
        for (; i < n && s[i] != '+'; i++)
            id = id > UINT32_MAX ? id : id * 10 + (uint64_t)(s[i] - '0');
        if (id > UINT32_MAX)
            return err_set(ERR_USAGE, "'%.*s' holds an id beyond %u", (int)n, s, UINT32_MAX);
        p->ids[p->n_ids++] = (sym_t)id;
    }
    return 0;
}

static int read_one(struct phrase *p, const char *s, size_t n)
{
    size_t mark = sizeof TEXT_MARK - 1;
    if (looks_like_ids(s, n))
        return read_ids(p, s, n);
    bool marked = n >= mark && memcmp(s, TEXT_MARK, mark) == 0;
    p->text = marked ? s + mark : s;
    p->n_text = marked ? n - mark : n;
    if (p->n_text == 0 || p->n_text > PHRASE_MAX_TEXT)
        return err_set(ERR_USAGE, "a text of %zu bytes, want 1 to %d", p->n_text, PHRASE_MAX_TEXT);
    return 0;
}

int phrases_read(struct phrases *p, const struct spec_value *list)
{
    p->item = mem_alloc(list->n_list, sizeof *p->item);
    for (size_t i = 0; i < list->n_list; i++, p->n++)
        if (read_one(&p->item[i], list->list[i], strlen(list->list[i])) < 0)
            return p->n++, ERR_USAGE;
    return 0;
}

static int read_weighted(struct phrase *p, const char *s)
{
    const char *colon = strrchr(s, ':');
    if (!colon || !text_real(colon + 1, &p->weight))
        return err_set(ERR_USAGE, "'%s' has no weight, want 17:2.5 or ' the:-1'", s);
    if (p->weight > 1e6 || isnan(p->weight))
        return err_set(ERR_USAGE, "the weight of '%s' is above 1e6", s);
    return read_one(p, s, (size_t)(colon - s));
}

int phrases_read_weighted(struct phrases *p, const struct spec_value *list)
{
    p->item = mem_alloc(list->n_list, sizeof *p->item);
    for (size_t i = 0; i < list->n_list; i++, p->n++)
        if (read_weighted(&p->item[i], list->list[i]) < 0)
            return p->n++, ERR_USAGE;
    return 0;
}

void phrases_fini(struct phrases *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->item[i].ids);
    free(p->item);
    *p = (struct phrases){ 0 };
}

int phrases_check(const struct phrases *p, const struct space *space)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->item[i].n_ids; k++)
            if (p->item[i].ids[k] >= space->n)
                return err_set(ERR_USAGE, "symbol %u is outside of the space's 0 .. %u", p->item[i].ids[k],
                               space->n - 1);
    return 0;
}

/* The symbol with the most bytes that s[n] begins with, the lowest id among equals; space->n: none. */
static sym_t longest(const struct space *space, const char *s, size_t n)
{
    sym_t best = space->n;
    size_t most = 0;
    for (sym_t v = 0; v < space->n; v++) {
        size_t len;
        const uint8_t *bytes = space_text(space, v, &len);
        if (len > most && len <= n && memcmp(bytes, s, len) == 0) {
            best = v;
            most = len;
        }
    }
    return best;
}

static int spell(struct phrase *p, const struct space *space)
{
    if (!p->text)
        return 0;
    free(p->ids);
    p->ids = mem_alloc(p->n_text, sizeof *p->ids);
    p->n_ids = 0;
    for (size_t at = 0, len; at < p->n_text; at += len) {
        sym_t v = longest(space, p->text + at, p->n_text - at);
        if (v == space->n)
            return err_set(ERR_USAGE, "no symbol of the space spells '%.*s'; give ids", (int)(p->n_text - at),
                           p->text + at);
        space_text(space, v, &len);
        p->ids[p->n_ids++] = v;
    }
    return 0;
}

int phrases_spell(struct phrases *p, const struct space *space)
{
    TRY(phrases_check(p, space));
    for (size_t i = 0; i < p->n; i++)
        TRY(spell(&p->item[i], space));
    return 0;
}

static int single(struct phrase *p, const struct space *space)
{
    if (p->text && p->n_ids == 0) {
        sym_t v = longest(space, p->text, p->n_text);
        size_t len = 0;
        if (v < space->n)
            space_text(space, v, &len);
        if (len != p->n_text)
            return err_set(ERR_USAGE,
                           "no symbol of the space is '%.*s'; give ids, or sequence_bias or ban for text of "
                           "several symbols",
                           (int)p->n_text, p->text);
        p->ids = mem_alloc(1, sizeof *p->ids);
        p->ids[p->n_ids++] = v;
    }
    return 0;
}

int phrases_single(struct phrases *p, const struct space *space)
{
    TRY(phrases_check(p, space));
    for (size_t i = 0; i < p->n; i++)
        TRY(single(&p->item[i], space));
    return 0;
}

sym_t *phrases_join(const struct phrases *p, size_t *n)
{
    size_t total = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->item[i].n_ids == 0)
            return NULL;
        total += p->item[i].n_ids;
    }
    sym_t *all = mem_alloc(total, sizeof *all);
    *n = 0;
    for (size_t i = 0; i < p->n; i++) {
        memcpy(all + *n, p->item[i].ids, p->item[i].n_ids * sizeof *all);
        *n += p->item[i].n_ids;
    }
    return all;
}
