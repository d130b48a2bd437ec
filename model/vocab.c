/* Building a vocabulary, and what can be asked of it; vocab_encode.c encodes. */
#include "model/vocab.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/byte_level.h"
#include "model/vocab_inside.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct vocab *vocab_alloc(const char *where)
{
    struct vocab *v = mem_alloc(1, sizeof *v);
    v->where = mem_string(where);
    v->ids = strmap_alloc();
    v->bpe = bpe_alloc();
    v->pretoken = pretoken_alloc();
    v->normalise = normalise_alloc();
    v->model = &vocab_model_bytes;
    v->decoding.alphabet = true;
    v->bos = v->eos = v->tail = v->unknown = -1;
    return v;
}

void vocab_free(struct vocab *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; i < v->n; i++)
        free(v->token[i].piece);
    free(v->token);
    strmap_free(v->ids);
    strmap_free(v->whole);
    bpe_free(v->bpe);
    unigram_free(v->unigram);
    pretoken_free(v->pretoken);
    normalise_free(v->normalise);
    wordcache_free(v->cache);
    trie_free(v->own);
    space_free(v->space);
    for (int pass = 0; pass < VOCAB_PASSES; pass++)
        trie_free(v->added[pass]);
    free(v->decoding.mark);
    free(v->decoding.by);
    text_free(&v->clean);
    free(v->region.r);
    free(v->late.r);
    free(v->piece.s);
    free(v->start);
    free(v->spoils);
    vocab_cut_free(v->cut);
    free(v->where);
    free(v);
}

int vocab_put(struct vocab *v, uint64_t id, const char *piece, size_t n, enum token_kind kind)
{
    if (n == 0)
        return err_set(ERR_DATA, "%s: token %" PRIu64 " is empty", v->where, id);
    if (n > VOCAB_PIECE_MAX)
        return err_set(ERR_DATA, "%s: token %" PRIu64 " has %zu bytes, want at most %u", v->where, id, n,
                       VOCAB_PIECE_MAX);
    if (id >= VOCAB_TOKENS_MAX)
        return err_set(ERR_DATA, "%s: token %" PRIu64 ", want less than %u of them", v->where, id, VOCAB_TOKENS_MAX);
    int64_t known = strmap_get(v->ids, piece, n);
    if (known >= 0 && (uint64_t)known == id && v->token[id].kind == TOKEN_NORMAL) {
        v->token[id].kind = kind;
        return 0;
    }
    if (known >= 0)
        return err_set(ERR_DATA, "%s: token '%.*s' comes twice, as %" PRId64 " and as %" PRIu64, v->where, (int)n,
                       piece, known, id);
    if (id < v->n && v->token[id].piece)
        return err_set(ERR_DATA, "%s: id %" PRIu64 " has two tokens, '%s' and '%.*s'", v->where, id, v->token[id].piece,
                       (int)n, piece);
    mem_grow(&v->token, &v->cap_token, (size_t)id + 1, sizeof *v->token);
    if (id >= v->n)
        v->n = (uint32_t)id + 1;
    struct token *t = &v->token[id];
    t->piece = mem_alloc(n + 1, 1);
    memcpy(t->piece, piece, n);
    t->kind = kind;
    strmap_put(v->ids, t->piece, n, (uint32_t)id);
    return 0;
}

int vocab_put_merge(struct vocab *v, const char *left, size_t n_left, const char *right, size_t n_right)
{
    struct text joined = { 0 };
    if (n_left > VOCAB_PIECE_MAX || n_right > VOCAB_PIECE_MAX)
        return err_set(ERR_DATA, "%s: a merge of %zu and %zu bytes, want at most %u each", v->where, n_left, n_right,
                       VOCAB_PIECE_MAX);
    text_addn(&joined, left, n_left);
    text_addn(&joined, right, n_right);
    int64_t a = strmap_get(v->ids, left, n_left), b = strmap_get(v->ids, right, n_right);
    int64_t c = strmap_get(v->ids, text_s(&joined), joined.len);
    text_free(&joined);
    if (a < 0 || b < 0 || c < 0)
        return err_set(ERR_DATA, "%s: merge '%.*s' + '%.*s': %s is not in the vocabulary", v->where, (int)n_left, left,
                       (int)n_right, right,
                       a < 0   ? "the left part"
                       : b < 0 ? "the right part"
                               : "what it makes");
    if (!bpe_add(v->bpe, (sym_t)a, (sym_t)b, (sym_t)c))
        return err_set(ERR_DATA, "%s: merge '%.*s' + '%.*s' comes twice", v->where, (int)n_left, left, (int)n_right,
                       right);
    return 0;
}

/* The number of the byte that a piece <0xAB> stands for; -1: it has another form. */
int vocab_byte_of(const char *piece)
{
    static const char digits[] = "0123456789ABCDEF";
    if (strlen(piece) != 6 || memcmp(piece, "<0x", 3) != 0 || piece[5] != '>')
        return -1;
    const char *high = strchr(digits, piece[3]), *low = strchr(digits, piece[4]);
    return high && low && *high && *low ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

static void add_replaced(struct text *bytes, const char *s, const struct decoding *d)
{
    for (const char *at; d->mark && (at = strstr(s, d->mark)); s = at + strlen(d->mark)) {
        text_addn(bytes, s, (size_t)(at - s));
        text_add(bytes, d->by);
    }
    text_add(bytes, s);
}

/* The bytes that a token gives: a normal one as the decoder says (in the byte alphabet, characters outside it, as in a
 * placeholder, stand for themselves), an added one its own. */
static void token_bytes(const struct vocab *v, const struct token *t, struct text *bytes)
{
    const struct decoding *d = &v->decoding;
    if (t->kind == TOKEN_ADDED) {
        text_add(bytes, t->piece);
    } else if (t->kind == TOKEN_NORMAL) {
        int byte = d->fallback ? vocab_byte_of(t->piece) : -1;
        if (byte >= 0)
            text_addn(bytes, &(uint8_t){ (uint8_t)byte }, 1);
        else if (!d->alphabet || !byte_level_bytes(bytes, t->piece, strlen(t->piece)))
            add_replaced(bytes, t->piece, d);
    }
}

static void find_bytes(struct vocab *v)
{
    struct text piece = { 0 };
    for (int b = 0; b < 256; b++) {
        text_clear(&piece);
        byte_level_add(&piece, (uint8_t)b);
        v->byte_symbol[b] = strmap_get(v->ids, text_s(&piece), piece.len);
        bool is_single = v->model == &vocab_model_bytes && !v->ignores_merges && v->byte_symbol[b] >= 0;
        v->single[b] = is_single ? (sym_t)v->byte_symbol[b] : VOCAB_NO_START;
        text_clear(&piece);
        text_addf(&piece, "<0x%02X>", (unsigned)b);
        v->byte_token[b] = strmap_get(v->ids, text_s(&piece), piece.len);
    }
    text_free(&piece);
}

/* Keys are the space's own bytes, which live as long. */
static void find_whole(struct vocab *v)
{
    struct text bytes = { 0 };
    v->whole = strmap_alloc();
    for (sym_t s = 0; s < v->n; s++) {
        size_t n;
        const uint8_t *own = space_text(v->space, s, &n);
        text_clear(&bytes);
        if (v->token[s].kind == TOKEN_NORMAL && byte_level_bytes(&bytes, v->token[s].piece, strlen(v->token[s].piece)))
            strmap_put(v->whole, (const char *)own, n, s);
    }
    text_free(&bytes);
}

/* A mark behind something else than a mark, within the text of a token. */
static bool crosses_mark(const char *piece)
{
    const size_t n = strlen(VOCAB_METASPACE);
    for (const char *at = piece; (at = strstr(at, VOCAB_METASPACE)); at += n)
        if (at > piece && ((size_t)(at - piece) < n || memcmp(at - n, VOCAB_METASPACE, n) != 0))
            return true;
    return false;
}

struct crossing {
    const struct vocab *vocab;
    bool found;
};

static void look_at_merge(void *to, struct bpe_merge_row merge)
{
    struct crossing *c = to;
    c->found = c->found || crosses_mark(c->vocab->token[merge.joined].piece);
}

/* Whether words can be merged one by one though no step cuts them: no merge makes a token across a mark, and unknown
 * characters, which might be fused across, do not occur or the mark is known and ends them. */
static bool can_cut_at_marks(const struct vocab *v)
{
    struct crossing c = { .vocab = v };
    int64_t mark = strmap_get(v->ids, VOCAB_METASPACE, strlen(VOCAB_METASPACE));
    if (v->model != &vocab_model_chars || v->ignores_merges || mark < 0 || v->token[mark].kind == TOKEN_SPECIAL)
        return false;
    bpe_each(v->bpe, look_at_merge, &c);
    return !c.found;
}

static int make_space(struct vocab *v, const struct symbols *ends)
{
    for (size_t i = 0; i < ends->n; i++)
        if (ends->s[i] >= v->n)
            return err_set(ERR_DATA, "%s: end token %u is beyond the vocabulary of %u", v->where, ends->s[i], v->n);
    struct text bytes = { 0 };
    uint64_t *offsets = mem_alloc((size_t)v->n + 1, sizeof *offsets);
    uint8_t *special = mem_alloc(v->n, 1);
    for (sym_t s = 0; s < v->n; s++) {
        token_bytes(v, &v->token[s], &bytes);
        offsets[s + 1] = bytes.len;
        special[s] = v->token[s].kind == TOKEN_SPECIAL || v->token[s].kind == TOKEN_HOLE;
    }
    v->space = space_alloc(SPACE_TOKEN, v->n, (const uint8_t *)text_s(&bytes), offsets, special, ends->s, ends->n);
    text_free(&bytes);
    free(offsets);
    free(special);
    return 0;
}

int vocab_finish(struct vocab *v, const sym_t ends[], size_t n_ends)
{
    struct symbols all = { 0 };
    if (v->n == 0)
        return err_set(ERR_DATA, "%s: the vocabulary is empty", v->where);
    TRY(vocab_added_build(v));
    vocab_ends(v, ends, n_ends, &all);
    int rc = make_space(v, &all);
    free(all.s);
    TRY(rc);
    find_bytes(v);
    if (v->ignores_merges && v->model == &vocab_model_bytes)
        find_whole(v);
    v->cuts_at_marks = can_cut_at_marks(v);
    vocab_start_build(v);
    if (v->model != &vocab_model_unigram)
        v->cut = vocab_cut_build(v);
    v->cache = wordcache_alloc(v->n);
    return 0;
}

const struct space *vocab_space(const struct vocab *v)
{
    return v->space;
}

const char *vocab_kind(const struct vocab *v)
{
    return v->model->kind;
}

int64_t vocab_bos(const struct vocab *v)
{
    return v->bos;
}

int64_t vocab_first(const struct vocab *v)
{
    const struct space *s = vocab_space(v);
    return v->bos >= 0 ? v->bos : s->n_ends > 0 ? (int64_t)s->ends[0] : -1;
}

bool vocab_adds_bos(const struct vocab *v)
{
    return v->adds_bos;
}

int64_t vocab_tail(const struct vocab *v)
{
    return v->tail;
}

static bool is_mark(const struct vocab *v, const char *mark)
{
    int64_t id = vocab_find(v, mark);
    return id >= 0 && v->token[id].kind != TOKEN_NORMAL;
}

bool vocab_has_marks(const struct vocab *v)
{
    return is_mark(v, VOCAB_MARK_INSTRUCTION) && is_mark(v, VOCAB_MARK_RESPONSE);
}

void vocab_set_bos(struct vocab *v, sym_t id)
{
    v->bos = id;
}

const char *vocab_piece(const struct vocab *v, sym_t id)
{
    return v->token[id].piece ? v->token[id].piece : "";
}

int64_t vocab_find(const struct vocab *v, const char *piece)
{
    return strmap_get(v->ids, piece, strlen(piece));
}

/* The bytes of a token that begins a decoded text. */
static void add_first(const struct vocab *v, sym_t id, struct text *out)
{
    const char *piece = v->token[id].piece;
    size_t n;
    const uint8_t *bytes = space_text(v->space, id, &n);
    bool strips = v->decoding.start == DECODE_NO_SPACE || v->decoding.start == DECODE_NO_SPACES;
    if (strips && n > 0 && *bytes == ' ') {
        text_addn(out, bytes + 1, n - 1);
        return;
    }
    if (v->decoding.start != DECODE_NO_MARKS || v->token[id].kind != TOKEN_NORMAL || vocab_byte_of(piece) >= 0) {
        text_addn(out, bytes, n);
        return;
    }
    struct decoding dropped = { .mark = v->decoding.mark, .by = "" };
    add_replaced(out, piece, &dropped);
}

void vocab_decode(const struct vocab *v, const sym_t ids[], size_t n_ids, struct text *out)
{
    bool first = true;
    size_t before = out->len;
    for (size_t i = 0; i < n_ids; i++) {
        size_t n;
        const uint8_t *bytes = space_text(v->space, ids[i], &n);
        if (v->space->special[ids[i]])
            continue;
        if (first)
            add_first(v, ids[i], out);
        else
            text_addn(out, bytes, n);
        first = first && v->decoding.start == DECODE_NO_SPACES && out->len == before;
    }
}
