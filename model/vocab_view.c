#include "model/vocab_view.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/uchar.h"
#include "model/vocab_inside.h"
#include <string.h>

bool vocab_view_is_bytewise(const struct vocab *v)
{
    return v->model == &vocab_model_bytes;
}

const struct bpe *vocab_view_merges(const struct vocab *v)
{
    return v->model == &vocab_model_unigram ? NULL : v->bpe;
}

bool vocab_view_is_added(const struct vocab *v, sym_t id)
{
    return v->token[id].kind == TOKEN_ADDED;
}

bool vocab_view_has_wholes(const struct vocab *v)
{
    return v->ignores_merges;
}

bool vocab_view_is_whole(const struct vocab *v, sym_t id)
{
    return v->ignores_merges && v->token[id].kind == TOKEN_NORMAL;
}

/* What the tokenizer writes for a space; NULL: a space. */
static const char *mark_of(const struct vocab *v)
{
    const struct decoding *d = &v->decoding;
    return !d->alphabet && d->mark && d->by && strcmp(d->by, " ") == 0 ? d->mark : NULL;
}

static void add_marked(const struct vocab *v, const char *s, size_t n, struct text *out)
{
    const char *mark = mark_of(v);
    for (size_t i = 0, end; i < n; i = end) {
        const char *space = mark ? memchr(s + i, ' ', n - i) : NULL;
        end = space ? (size_t)(space - s) : n;
        text_addn(out, s + i, end - i);
        if (space)
            text_add(out, mark);
        end += space != NULL;
    }
}

/* The token of one character, or of a space. */
static int64_t char_of(const struct vocab *v, const char *s, size_t width)
{
    const char *mark = *s == ' ' ? mark_of(v) : NULL;
    int64_t id = mark ? strmap_get(v->ids, mark, strlen(mark)) : strmap_get(v->ids, s, width);
    return id >= 0 && v->token[id].kind == TOKEN_NORMAL && id != v->unknown ? id : -1;
}

static bool add_bytes(const int64_t token[256], const char *s, size_t n, struct symbols *out)
{
    for (size_t i = 0; i < n; i++) {
        int64_t id = token[(unsigned char)s[i]];
        if (id < 0)
            return false;
        symbols_add(out, &(sym_t){ (sym_t)id }, 1);
    }
    return true;
}

bool vocab_view_symbols(const struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    if (v->model == &vocab_model_bytes)
        return add_bytes(v->byte_symbol, s, n, out);
    for (size_t at = 0, width; at < n; at += width) {
        int length = text_utf8(s + at, n - at, NULL);
        width = length > 0 ? (size_t)length : 1;
        int64_t id = length > 0 ? char_of(v, s + at, width) : -1;
        if (id >= 0)
            symbols_add(out, &(sym_t){ (sym_t)id }, 1);
        else if (!v->falls_back || !add_bytes(v->byte_token, s + at, width, out))
            return false;
    }
    return true;
}

bool vocab_view_merge(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    size_t before = out->n;
    if (!vocab_view_symbols(v, s, n, out))
        return false;
    out->n = before + bpe_merge(v->bpe, out->s + before, out->n - before);
    return true;
}

bool vocab_view_piece(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    if (v->ignores_merges) {
        text_clear(&v->clean);
        add_marked(v, s, n, &v->clean);
        int64_t id = v->whole ? strmap_get(v->whole, s, n) : strmap_get(v->ids, text_s(&v->clean), v->clean.len);
        if (id >= 0 && v->token[id].kind == TOKEN_NORMAL) {
            symbols_add(out, &(sym_t){ (sym_t)id }, 1);
            return true;
        }
    }
    return vocab_view_merge(v, s, n, out);
}

bool vocab_view_is_uncut(const struct vocab *v)
{
    for (uint32_t i = 0; i < v->n; i++)
        if (v->token[i].kind == TOKEN_ADDED)
            return false;
    return !pretoken_cuts(v->pretoken);
}

static void add_cut(struct vocab_cuts *out, size_t to, int64_t id)
{
    mem_grow(&out->cut, &out->cap, out->n + 1, sizeof *out->cut);
    out->cut[out->n++] = (struct vocab_cut){ to, id };
}

/* Pieces of bytes [from, from + n) of s, which the pre-tokeniser may have seen, or written, with marks for spaces. */
static int cut_text(struct vocab *v, const char *s, size_t from, size_t n, struct vocab_cuts *out)
{
    const char *mark = mark_of(v);
    size_t n_mark = mark ? strlen(mark) : 0, own = 0, seen = 0;
    struct pieces p;
    if (n == 0)
        return 0;
    text_clear(&v->clean);
    add_marked(v, s + from, n, &v->clean);
    TRY(pretoken_split_middle(v->pretoken, text_s(&v->clean), v->clean.len, &p));
    for (size_t i = 0; i < p.n; i++) {
        while (seen < p.span[i].to && own < n) {
            bool stands = n_mark > 0 && s[from + own] == ' ' && p.text[seen] != ' ';
            seen += stands ? n_mark : 1;
            own++;
        }
        add_cut(out, from + own, -1);
    }
    if (own < n || p.n == 0)
        add_cut(out, from + n, -1);
    return 0;
}

static int cut_between(struct vocab *v, const char *s, size_t from, size_t n, struct vocab_cuts *out)
{
    struct region all = { .to = SIZE_MAX, .is_data = true };
    struct added_text text = { .s = s + from, .n = n, .pass = 1, .regions = &(struct regions){ &all, 1, 1 } };
    struct added_walk w = { .text = &text };
    while (vocab_added_next(v, &w) > 0) {
        TRY(cut_text(v, s, from + w.from, w.before - w.from, out));
        add_cut(out, from + w.done, w.id);
    }
    return cut_text(v, s, from + w.done, n - w.done, out);
}

int vocab_view_cuts(struct vocab *v, const char *s, size_t n, struct vocab_cuts *out)
{
    struct region all = { .to = SIZE_MAX, .is_data = true };
    struct added_text text = { .s = s, .n = n, .pass = 0, .regions = &(struct regions){ &all, 1, 1 } };
    struct added_walk w = { .text = &text };
    out->n = 0;
    while (vocab_added_next(v, &w) > 0) {
        TRY(cut_between(v, s, w.from, w.before - w.from, out));
        add_cut(out, w.done, w.id);
    }
    return cut_between(v, s, w.done, n - w.done, out);
}
