/* Text to tokens: added tokens first, then normalisation, pre-tokenisation and the model over what lies between them. */
#include "base/err.h"
#include "base/mem.h"
#include "model/vocab_inside.h"
#include <string.h>

/* How many bytes at s one U+FFFD stands for: the longest start of a valid sequence, at least one byte (Unicode 15,
 * "substitution of maximal subparts", as Python's errors="replace" does). */
static size_t bad_bytes(const char *s, size_t n)
{
    for (size_t m = n < 3 ? n : 3; m > 1; m--)
        if (text_utf8(s, m, NULL) < 0)
            return m;
    return 1;
}

static size_t ascii_run(const char *s, size_t n)
{
    size_t i = 0;
    for (uint64_t eight; i + 8 <= n; i += 8) {
        memcpy(&eight, s + i, 8);
        if (eight & 0x8080808080808080u)
            break;
    }
    while (i < n && (unsigned char)s[i] < 0x80)
        i++;
    return i;
}

/* text_utf8(), most of whose time goes to the characters of a Chinese text: U+4000 .. U+9FFF. */
static int utf8_at(const char *s, size_t n)
{
    const unsigned char *b = (const unsigned char *)s;
    if (n >= 3 && b[0] >= 0xe4 && b[0] <= 0xe9 && (b[1] & 0xc0) == 0x80 && (b[2] & 0xc0) == 0x80)
        return 3;
    return text_utf8(s, n, NULL);
}

static void add_clean(struct text *t, const char *s, size_t n)
{
    size_t good = 0;
    for (size_t i = 0; i < n;) {
        int length =
            (unsigned char)s[i] < 0x80 ? (int)ascii_run(s + i, n - i < 4096 ? n - i : 4096) : utf8_at(s + i, n - i);
        if (length > 0) {
            i += (size_t)length;
            continue;
        }
        text_addn(t, s + good, i - good);
        text_add(t, "\xef\xbf\xbd");
        i += bad_bytes(s + i, n - i);
        good = i;
    }
    text_addn(t, s + good, n - good);
}

/* Room for all that an entry of the cache may have, so that it is copied in one piece. */
static void add_cached(struct symbols *out, const sym_t ids[WORDCACHE_IDS], size_t n_ids)
{
    if (out->cap - out->n < WORDCACHE_IDS)
        mem_grow(&out->s, &out->cap, out->n + WORDCACHE_IDS, sizeof *out->s);
    memcpy(out->s + out->n, ids, WORDCACHE_IDS * sizeof *ids);
    out->n += n_ids;
}

static int encode_word(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    struct wordcache_key key;
    size_t n_ids, before = out->n;
    if (n == 1 && v->single[(unsigned char)*s] != VOCAB_NO_START) {
        symbols_add(out, &v->single[(unsigned char)*s], 1);
        return 0;
    }
    if (n > VOCAB_WIDE_MIN && v->cut && vocab_is_wide(s, n))
        return v->model->encode(v, s, n, out);
    const sym_t *ids = wordcache_get(v->cache, s, n, &key, &n_ids);
    if (ids) {
        add_cached(out, ids, n_ids);
        return 0;
    }
    TRY(v->model->encode(v, s, n, out));
    wordcache_put(v->cache, &key, out->s + before, out->n - before);
    return 0;
}

/* The end of the word at `from`: before the next mark that something else than a mark precedes. */
static size_t word_end(const char *s, size_t n, size_t from)
{
    enum { MARK = sizeof VOCAB_METASPACE - 1 };
    bool was_mark = true;
    for (size_t at = from; at < n;) {
        bool is_mark = s[at] == *VOCAB_METASPACE && n - at >= MARK && memcmp(s + at, VOCAB_METASPACE, MARK) == 0;
        if (is_mark && !was_mark)
            return at;
        was_mark = is_mark;
        at += is_mark ? MARK : 1;
    }
    return n;
}

static int encode_piece(struct vocab *v, const char *s, size_t n, struct symbols *out)
{
    if (!v->cuts_at_marks)
        return encode_word(v, s, n, out);
    for (size_t from = 0, to; from < n; from = to) {
        to = word_end(s, n, from);
        TRY(encode_word(v, s + from, to - from, out));
    }
    return 0;
}

/* A text without added tokens, normalised; begins: it is the beginning of all. */
struct segment {
    const char *s;
    size_t n;
    bool begins;
};

static int encode_text(struct vocab *v, struct segment t, struct symbols *out)
{
    struct pieces p;
    if (t.n == 0)
        return 0;
    TRY((t.begins ? pretoken_split : pretoken_split_inner)(v->pretoken, t.s, t.n, &p));
    for (size_t i = 0; i < p.n; i++)
        TRY(encode_piece(v, p.text + p.span[i].from, p.span[i].to - p.span[i].from, out));
    return 0;
}

static int encode_late(struct vocab *v, const struct added_text *text, bool begins, struct symbols *out)
{
    struct added_walk w = { .text = text };
    while (vocab_added_next(v, &w) > 0) {
        TRY(encode_text(v, (struct segment){ text->s + w.from, w.before - w.from, begins && w.from == 0 }, out));
        symbols_add(out, &w.id, 1);
    }
    return encode_text(v, (struct segment){ text->s + w.done, text->n - w.done, begins && w.done == 0 }, out);
}

static int normal_length(struct vocab *v, const char *s, size_t n, size_t *length)
{
    const char *out;
    return normalise_apply(v->normalise, s, n, &out, length);
}

/* Where the regions of the clean bytes [from, from + n) end in their normalised text: where the text before an end
 * would end if it stood alone, or begin what is behind it; of the two the one that gives more to data. */
static int map_regions(struct vocab *v, size_t from, size_t n)
{
    const char *s = v->clean.s + from;
    size_t whole, begin = 0;
    v->late.n = 0;
    TRY(normal_length(v, s, n, &whole));
    for (size_t i = 0; i < v->region.n && begin < from + n; begin = v->region.r[i++].to) {
        struct region r = v->region.r[i];
        if (r.to <= from)
            continue;
        mem_grow(&v->late.r, &v->late.cap, v->late.n + 1, sizeof *v->late.r);
        size_t to = SIZE_MAX, length = r.to - from, behind;
        if (length < n) {
            TRY(normal_length(v, s, length, &to));
            TRY(normal_length(v, s + length, n - length, &behind));
            size_t other = behind < whole ? whole - behind : 0;
            to = (other > to) == r.is_data ? other : to;
        }
        v->late.r[v->late.n++] = (struct region){ to, r.is_data };
    }
    return 0;
}

/* Bytes [from, from + n) of the clean text, between added tokens that are not late. */
static int encode_between(struct vocab *v, size_t from, size_t n, struct symbols *out)
{
    struct added_text text = { .s = v->clean.s + from, .n = n, .pass = 1, .regions = &v->region, .base = from };
    if (n == 0)
        return 0;
    if (normalise_count(v->normalise) > 0) {
        if (v->added[1])
            TRY(map_regions(v, from, n));
        TRY(normalise_apply(v->normalise, v->clean.s + from, n, &text.s, &text.n));
        text.regions = &v->late;
        text.base = 0;
    }
    return encode_late(v, &text, from == 0, out);
}

static int encode_all(struct vocab *v, struct symbols *out)
{
    struct added_text text = { .s = v->clean.s, .n = v->clean.len, .pass = 0, .regions = &v->region };
    struct added_walk w = { .text = &text };
    while (vocab_added_next(v, &w) > 0) {
        TRY(encode_between(v, w.from, w.before - w.from, out));
        symbols_add(out, &w.id, 1);
    }
    return encode_between(v, w.done, text.n - w.done, out);
}

int vocab_encode_parts(struct vocab *v, const struct vocab_part parts[], size_t n_parts, struct symbols *out)
{
    text_clear(&v->clean);
    v->region.n = 0;
    for (size_t i = 0; i < n_parts; i++) {
        add_clean(&v->clean, parts[i].text, parts[i].n);
        mem_grow(&v->region.r, &v->region.cap, v->region.n + 1, sizeof *v->region.r);
        v->region.r[v->region.n++] = (struct region){ .to = v->clean.len, .is_data = parts[i].is_data };
    }
    return v->clean.len == 0 ? 0 : encode_all(v, out);
}

int vocab_encode(struct vocab *v, const char *text, size_t n, struct symbols *out)
{
    struct vocab_part data = { .text = text, .n = n, .is_data = true };
    return vocab_encode_parts(v, &data, 1, out);
}

int vocab_encode_special(struct vocab *v, const char *text, size_t n, struct symbols *out)
{
    struct vocab_part literal = { .text = text, .n = n, .is_data = false };
    return vocab_encode_parts(v, &literal, 1, out);
}
