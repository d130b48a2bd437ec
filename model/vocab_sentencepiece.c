/* A SentencePiece model -> a vocabulary. */
#include "base/err.h"
#include "base/mem.h"
#include "model/map_file.h"
#include "model/sentencepiece.h"
#include "model/vocab_scored.h"
#include <stdlib.h>
#include <string.h>

static int put_pieces(struct vocab_scored *s, const struct sentencepiece *m)
{
    size_t unused = 0;
    for (size_t i = 0; i < m->n_pieces; i++) {
        const struct sentencepiece_piece *p = &m->piece[i];
        struct vocab_scored_piece put = { p->s, p->n, p->score, p->type };
        TRY(vocab_scored_put(s, &put));
        s->is_text[i] = s->is_text[i] && p->type != SENTENCEPIECE_UNUSED;
        unused += p->type == SENTENCEPIECE_UNUSED;
    }
    if (unused > 0 && m->model_type == SENTENCEPIECE_BPE)
        return err_set(ERR_DATA, "%s: a BPE model has %zu unused pieces, which is not supported", s->vocab->where,
                       unused);
    return 0;
}

/* User-defined symbols are not normalised. */
static int set_normalizer(struct vocab_scored *s, const struct sentencepiece *m)
{
    struct vocab *v = s->vocab;
    for (sym_t id = 0; id < s->n; id++) {
        if (!s->is_own[id])
            continue;
        if (!v->own)
            v->own = trie_alloc();
        trie_put(v->own, v->token[id].piece, strlen(v->token[id].piece), id);
    }
    struct normalise_spaces how = {
        .blob = m->charsmap,
        .n_blob = m->n_charsmap,
        .own = v->own,
        .adds_prefix = m->adds_prefix,
        .adds_suffix = m->spaces_behind,
        .removes_extra = m->removes_extra,
        .escapes = m->escapes,
    };
    return normalise_add_spaces(v->normalise, v->where, &how);
}

static int set_tags(struct vocab *v, const struct sentencepiece *m, struct symbols *ends)
{
    if (m->bos >= (int64_t)v->n || m->eos >= (int64_t)v->n)
        return err_set(ERR_DATA, "%s: bos is %d and eos %d, want less than %u", v->where, (int)m->bos, (int)m->eos,
                       v->n);
    v->bos = m->bos < 0 ? -1 : m->bos;
    v->adds_bos = v->bos >= 0;
    v->eos = m->eos < 0 ? -1 : m->eos;
    if (v->eos >= 0)
        symbols_add(ends, &(sym_t){ (sym_t)v->eos }, 1);
    return 0;
}

static int read_all(struct vocab *v, const struct sentencepiece *m, struct symbols *ends)
{
    struct vocab_scored s = { .vocab = v };
    int rc = put_pieces(&s, m);
    if (rc == 0)
        rc = set_normalizer(&s, m);
    if (rc == 0 && m->model_type == SENTENCEPIECE_BPE)
        rc = vocab_scored_bpe(&s);
    else if (rc == 0 && m->model_type == SENTENCEPIECE_UNIGRAM)
        rc = vocab_scored_unigram(&s);
    else if (rc == 0)
        rc = err_set(ERR_DATA, "%s: the model is of type %d, which is not supported; want 1 (Unigram) or 2 (BPE)",
                     v->where, (int)m->model_type);
    vocab_scored_fini(&s);
    TRY(rc);
    v->decoding = (struct decoding){ .fallback = true, .mark = mem_string(VOCAB_METASPACE), .by = mem_string(" ") };
    if (m->removes_extra)
        v->decoding.start = DECODE_NO_SPACES;
    else
        v->decoding.start = m->adds_prefix ? DECODE_NO_SPACE : DECODE_WHOLE;
    return set_tags(v, m, ends);
}

struct vocab *vocab_read_sentencepiece(const char *where, const void *bytes, size_t n, const sym_t ends[],
                                       size_t n_ends)
{
    struct sentencepiece m;
    struct symbols all = { 0 };
    struct vocab *v = NULL;
    int rc = sentencepiece_read(&m, where, bytes, n);
    if (rc == 0) {
        v = vocab_alloc(where);
        symbols_add(&all, ends, n_ends);
        rc = read_all(v, &m, &all);
    }
    if (rc == 0)
        rc = vocab_finish(v, all.s, all.n);
    sentencepiece_fini(&m);
    free(all.s);
    if (rc == 0)
        return v;
    vocab_free(v);
    return NULL;
}

struct vocab *vocab_open_sentencepiece(const char *path, const sym_t ends[], size_t n_ends)
{
    struct map_file m;
    if (map_file_open(&m, path) < 0)
        return NULL;
    struct vocab *v = vocab_read_sentencepiece(path, m.bytes, (size_t)m.size, ends, n_ends);
    map_file_close(&m);
    return v;
}
