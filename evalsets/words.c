#include "evalsets/words.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Blocks of Unicode 15 whose characters are words of their own: [first, last]. */
static const uint32_t cjk[][2] = {
    { 0x2e80, 0x2fdf },   /* radicals */
    { 0x3005, 0x3007 },   /* iteration mark, closing mark, zero */
    { 0x3021, 0x3029 },   /* Hangzhou numerals */
    { 0x3040, 0x30ff },   /* kana */
    { 0x31f0, 0x31ff },   /* kana, small */
    { 0x3400, 0x4dbf },   /* extension A */
    { 0x4e00, 0x9fff },   /* unified ideographs */
    { 0xf900, 0xfaff },   /* compatibility ideographs */
    { 0x20000, 0x3ffff }, /* supplementary planes */
};

static bool is_cjk(uint32_t c)
{
    for (size_t i = 0; i < sizeof cjk / sizeof *cjk; i++)
        if (c >= cjk[i][0] && c <= cjk[i][1])
            return c != 0x30a0 && c != 0x30fb; /* the hyphen and the dot between kana words */
    return false;
}

static enum word_class class_of(uint32_t c)
{
    if (is_cjk(c))
        return WORD_CJK;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return WORD_LETTER;
    default: return WORD_NONE;
    }
}

static uint32_t fold(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return ' ';
    default: break;
    }
    if (c >= '\t' && c <= '\r')
        return ' ';
    return c == 0x2019 ? '\'' : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
}

void words_fold(struct glyphs *g, const char *s, size_t n)
{
    *g = (struct glyphs){ .code = mem_alloc(n, sizeof *g->code), .class = mem_alloc(n, 1) };
    for (size_t i = 0; i < n; g->n++) {
        uint32_t c = 0xfffd;
        int length = text_utf8(s + i, n - i, &c);
        g->code[g->n] = length > 0 ? fold(c) : 0xfffd;
        g->class[g->n] = length > 0 ? (uint8_t)class_of(c) : WORD_NONE;
        i += length > 0 ? (size_t)length : 1;
    }
    for (size_t i = 1; i + 1 < g->n; i++)
        if (g->code[i] == '\'' && g->class[i - 1] == WORD_LETTER && g->class[i + 1] == WORD_LETTER)
            g->class[i] = WORD_LETTER;
}

void words_fold_free(struct glyphs *g)
{
    free(g->code);
    free(g->class);
    *g = (struct glyphs){ 0 };
}

/* The word that begins at or after *at: its first glyph, and *at behind it; g->n when there is none. */
static size_t next_word(const struct glyphs *g, size_t *at)
{
    size_t first = *at;
    while (first < g->n && g->class[first] == WORD_NONE)
        first++;
    size_t end = first;
    if (first < g->n && g->class[first] == WORD_CJK)
        end++;
    else
        while (end < g->n && g->class[end] == WORD_LETTER)
            end++;
    *at = end;
    return first;
}

struct entry {
    uint64_t hash;
    size_t at, n; /* its codepoints in lexicon.code */
    uint32_t id;  /* 0: free */
};

struct lexicon {
    uint32_t *code; /* the codepoints of all words, one after the other */
    size_t n_code, cap_code;
    struct entry *table; /* (n_table,) open addressing; n_table a power of two, at most half full */
    size_t n_table;
    uint32_t n_words;
};

struct lexicon *words_lexicon_alloc(void)
{
    struct lexicon *l = mem_alloc(1, sizeof *l);
    l->n_table = 256;
    l->table = mem_alloc(l->n_table, sizeof *l->table);
    return l;
}

void words_lexicon_free(struct lexicon *l)
{
    if (!l)
        return;
    free(l->code);
    free(l->table);
    free(l);
}

/* Where the word is or belongs. */
static struct entry *place(struct lexicon *l, uint64_t hash, const uint32_t *code, size_t n)
{
    for (size_t i = hash & (l->n_table - 1);; i = (i + 1) & (l->n_table - 1)) {
        struct entry *e = &l->table[i];
        if (e->id == 0 || (e->hash == hash && e->n == n && memcmp(l->code + e->at, code, n * sizeof *code) == 0))
            return e;
    }
}

static void widen(struct lexicon *l)
{
    struct entry *old = l->table;
    size_t n_old = l->n_table;
    l->n_table *= 2;
    l->table = mem_alloc(l->n_table, sizeof *l->table);
    for (size_t i = 0; i < n_old; i++)
        if (old[i].id != 0)
            *place(l, old[i].hash, l->code + old[i].at, old[i].n) = old[i];
    free(old);
}

static uint32_t intern(struct lexicon *l, const uint32_t *code, size_t n)
{
    uint64_t hash = hash_bytes(code, n * sizeof *code, 0);
    struct entry *e = place(l, hash, code, n);
    if (e->id != 0)
        return e->id;
    mem_grow(&l->code, &l->cap_code, l->n_code + n, sizeof *l->code);
    memcpy(l->code + l->n_code, code, n * sizeof *code);
    *e = (struct entry){ .hash = hash, .at = l->n_code, .n = n, .id = ++l->n_words };
    l->n_code += n;
    if ((size_t)l->n_words * 2 > l->n_table)
        widen(l);
    return l->n_words;
}

void words_read(struct words *w, struct lexicon *l, const char *s, size_t n)
{
    struct glyphs g;
    words_fold(&g, s, n);
    *w = (struct words){ .id = mem_alloc(g.n, sizeof *w->id) }; /* a word has at least one glyph */
    for (size_t at = 0, first; (first = next_word(&g, &at)) < g.n;)
        w->id[w->n++] = intern(l, g.code + first, at - first);
    words_fold_free(&g);
}

void words_free(struct words *w)
{
    free(w->id);
    *w = (struct words){ 0 };
}

size_t words_count(const char *s, size_t n)
{
    struct glyphs g;
    size_t count = 0;
    words_fold(&g, s, n);
    for (size_t at = 0; next_word(&g, &at) < g.n;)
        count++;
    words_fold_free(&g);
    return count;
}

bool words_contain(const struct glyphs *text, const struct glyphs *key)
{
    if (key->n == 0)
        return false;
    bool open_left = key->class[0] == WORD_LETTER, open_right = key->class[key->n - 1] == WORD_LETTER;
    for (size_t i = 0; i + key->n <= text->n; i++) {
        size_t end = i + key->n;
        bool inside = (open_left && i > 0 && text->class[i - 1] == WORD_LETTER) ||
                      (open_right && end < text->n && text->class[end] == WORD_LETTER);
        if (!inside && memcmp(text->code + i, key->code, key->n * sizeof *key->code) == 0)
            return true;
    }
    return false;
}
