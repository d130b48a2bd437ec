/* Added and special tokens, which are found in a text before it is cut: leftmost, longest. */
#include "base/err.h"
#include "model/uchar.h"
#include "model/vocab_inside.h"
#include <inttypes.h>
#include <string.h>

/* A late token is looked for as its own normalised text; SentencePiece's, which are not normalised, as they are. */
static int build_one(struct vocab *v, sym_t id)
{
    const struct token *t = &v->token[id];
    const char *s = t->piece;
    size_t n = strlen(s);
    if (t->is_late && !v->own && normalise_apply(v->normalise, s, n, &s, &n) < 0)
        return err_add(ERR_DATA, "%s: token %u", v->where, id);
    struct trie **trie = &v->added[t->is_late];
    if (!*trie)
        *trie = trie_alloc();
    trie_put(*trie, s, n, id); /* of two with one text the first is found */
    if (n > 0)
        v->added_begin[t->is_late][(unsigned char)*s] = true;
    return 0;
}

int vocab_added_build(struct vocab *v)
{
    size_t n = 0, bytes = 0;
    for (sym_t s = 0; s < v->n; s++) {
        if (v->token[s].kind != TOKEN_ADDED && v->token[s].kind != TOKEN_SPECIAL)
            continue;
        n++;
        bytes += strlen(v->token[s].piece);
    }
    if (n > VOCAB_ADDED_MAX)
        return err_set(ERR_DATA, "%s: %zu added tokens, want at most %u", v->where, n, VOCAB_ADDED_MAX);
    if (bytes > TRIE_NODES_MAX)
        return err_set(ERR_DATA, "%s: added tokens of %zu bytes, want at most %u", v->where, bytes, TRIE_NODES_MAX);
    for (sym_t s = 0; s < v->n; s++)
        if (v->token[s].kind == TOKEN_ADDED || v->token[s].kind == TOKEN_SPECIAL)
            TRY(build_one(v, s));
    return 0;
}

enum lies { IN_LITERAL, IN_DATA, IN_BOTH };

/* In what parts bytes [from, to) lie. */
static enum lies where_lies(const struct regions *regions, size_t from, size_t to)
{
    size_t begin = 0;
    bool literal = false, data = false;
    for (size_t i = 0; i < regions->n && begin < to; begin = regions->r[i++].to) {
        if (regions->r[i].to <= from)
            continue;
        data |= regions->r[i].is_data;
        literal |= !regions->r[i].is_data;
    }
    return data && literal ? IN_BOTH : data ? IN_DATA : IN_LITERAL;
}

static size_t char_before(const char *s, size_t at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80);
    return at;
}

static bool is_word_at(const char *s, size_t n, size_t at)
{
    uint32_t c = 0;
    text_utf8(s + at, n - at, &c);
    return uchar_is_word(c);
}

static bool stands_alone(const struct added_text *t, size_t from, size_t to)
{
    return (from == 0 || !is_word_at(t->s, t->n, char_before(t->s, from))) &&
           (to == t->n || !is_word_at(t->s, t->n, to));
}

static size_t strip_left(const struct added_text *t, size_t from, size_t least)
{
    size_t width;
    while (from > least) {
        size_t before = char_before(t->s, from);
        if (!(uchar_bits_at(t->s, t->n, before, &width) & UCHAR_SPACE))
            break;
        from = before;
    }
    return from;
}

static size_t strip_right(const struct added_text *t, size_t to)
{
    size_t width;
    while (to < t->n && uchar_bits_at(t->s, t->n, to, &width) & UCHAR_SPACE)
        to += width;
    return to;
}

/* The longest token at `from`; its end, 0: none.  A special that begins in one part and ends in another is none. */
static size_t longest(const struct vocab *v, const struct added_text *t, size_t from, sym_t *id)
{
    size_t end = 0;
    uint32_t node = 0;
    for (size_t at = from; at < t->n;) {
        node = trie_child(v->added[t->pass], node, (unsigned char)t->s[at++]);
        if (!node)
            break;
        int64_t value = trie_value(v->added[t->pass], node);
        if (value < 0 ||
            (v->token[value].kind == TOKEN_SPECIAL && where_lies(t->regions, t->base + from, t->base + at) == IN_BOTH))
            continue;
        *id = (sym_t)value;
        end = at;
    }
    return end;
}

static bool counts(const struct vocab *v, const struct added_text *t, sym_t id, struct span at)
{
    const struct token *token = &v->token[id];
    if (token->kind == TOKEN_SPECIAL && where_lies(t->regions, t->base + at.from, t->base + at.to) != IN_LITERAL)
        return false;
    return !token->is_word || stands_alone(t, at.from, at.to);
}

/* A match that does not count is passed over whole, as Hugging Face tokenizers do it: no other begins within it. */
int vocab_added_next(const struct vocab *v, struct added_walk *w)
{
    const struct added_text *t = w->text;
    const bool *begins = v->added_begin[t->pass];
    while (v->added[t->pass]) {
        sym_t id = 0;
        while (w->at < t->n && !begins[(unsigned char)t->s[w->at]])
            w->at++;
        if (w->at == t->n)
            break;
        size_t from = w->at, to = longest(v, t, from, &id);
        w->at = to > 0 ? to : from + 1;
        if (to == 0 || !counts(v, t, id, (struct span){ from, to }))
            continue;
        if (v->token[id].strips_left)
            from = strip_left(t, from, w->done);
        w->from = w->done;
        w->before = from > w->done ? from : w->done;
        w->id = id;
        w->done = v->token[id].strips_right ? strip_right(t, to) : to;
        return 1;
    }
    return 0;
}
