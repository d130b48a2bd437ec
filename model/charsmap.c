#include "model/charsmap.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

#define DEPTH 1024 /* bytes that a rule may have; so many steps at each byte of a text */

struct charsmap {
    uint32_t *unit; /* (n_units,) */
    size_t n_units;
    char *text; /* (n_text + 1,) NUL-terminated */
    size_t n_text;
};

struct charsmap *charsmap_read(const char *where, const void *blob, size_t n)
{
    const uint8_t *b = blob;
    uint32_t trie = 0;
    if (n > CHARSMAP_MAX) {
        err_set(ERR_DATA, "%s: a charsmap of %zu bytes, want at most %u", where, n, CHARSMAP_MAX);
        return NULL;
    }
    for (size_t i = 0; i < 4 && n >= 4; i++)
        trie |= (uint32_t)b[i] << 8 * i;
    if (n < 4 || trie > n - 4 || trie % 4 != 0 || trie == 0) {
        err_set(ERR_DATA, "%s: a charsmap of %zu bytes says that its trie has %u, want a multiple of 4 within it",
                where, n, trie);
        return NULL;
    }
    if (!text_is_utf8((const char *)b + 4 + trie, n - 4 - trie)) {
        err_set(ERR_DATA, "%s: the texts of a charsmap are no UTF-8", where);
        return NULL;
    }
    struct charsmap *c = mem_alloc(1, sizeof *c);
    c->n_units = trie / 4;
    c->unit = mem_alloc(c->n_units, sizeof *c->unit);
    for (size_t i = 0; i < trie; i++)
        c->unit[i / 4] |= (uint32_t)b[4 + i] << 8 * (i % 4);
    c->n_text = n - 4 - trie;
    c->text = mem_alloc(c->n_text + 1, 1);
    memcpy(c->text, b + 4 + trie, c->n_text);
    return c;
}

void charsmap_free(struct charsmap *c)
{
    if (!c)
        return;
    free(c->unit);
    free(c->text);
    free(c);
}

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

static bool inside_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t find(const struct charsmap *c, const char *s, size_t n, size_t max_found, uint32_t *value)
{
    size_t node = offset_of(c->unit[0]), length = 0;
    for (size_t i = 0; i < n && i < DEPTH && max_found > 0 && s[i]; i++) {
        node ^= (unsigned char)s[i];
        if (node >= c->n_units || (c->unit[node] & (1u << 31 | 0xffu)) != (unsigned char)s[i])
            break;
        uint32_t unit = c->unit[node];
        node ^= offset_of(unit);
        if (!(unit >> 8 & 1u) || node >= c->n_units || (i + 1 < n && inside_character(s[i + 1])))
            continue;
        length = i + 1;
        *value = c->unit[node] & ~(1u << 31);
        max_found--;
    }
    return length;
}

static size_t look_up(const struct charsmap *c, size_t length, uint32_t value, const char **to, size_t *n_to)
{
    *to = c->text + (value < c->n_text && !inside_character(c->text[value]) ? value : c->n_text);
    *n_to = strlen(*to);
    return length;
}

size_t charsmap_longest(const struct charsmap *c, const char *s, size_t n, const char **to, size_t *n_to)
{
    uint32_t value = 0;
    size_t length = find(c, s, n, SIZE_MAX, &value);
    return length ? look_up(c, length, value, to, n_to) : 0;
}

size_t charsmap_shortest(const struct charsmap *c, const char *s, size_t n, const char **to, size_t *n_to)
{
    uint32_t value = 0;
    size_t length = find(c, s, n, 1, &value);
    return length ? look_up(c, length, value, to, n_to) : 0;
}
