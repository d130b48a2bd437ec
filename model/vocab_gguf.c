#include "model/vocab_gguf.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/pretoken_scan.h"
#include "model/sentencepiece.h"
#include "model/vocab_scored.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SPLITS 6

#define SPLIT_FALCON_PUNCTUATION "[\\p{P}\\$\\+<=>\\^~\\|`]+"
#define SPLIT_DEEPSEEK3_HAN      "[一-龥぀-ゟ゠-ヿ]+"
#define SPLIT_DEEPSEEK3_WORDS                                                                                          \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"               \
    " ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* A pre-tokeniser by name, with the splits of the original tokenizer; those that are NULL are not there. */
static const struct pre {
    const char *name;
    const char *split[MAX_SPLITS];
    bool ignores_merges, adds_bos, composes;
} pres[] = {
    { .name = "default", .split = { "[\\p{P}\\$\\+<=>\\^~\\|]+", pretoken_gpt2, "\\p{N}+", SCAN_THREE_DIGITS } },
    { .name = "gpt-2", .split = { pretoken_gpt2 } },
    { .name = "falcon", .split = { SPLIT_FALCON_PUNCTUATION, pretoken_gpt2, SCAN_THREE_DIGITS } },
    { .name = "starcoder", .split = { "\\p{N}", pretoken_gpt2 } },
    { .name = "bloom", .split = { SCAN_BLOOM } },
    { .name = "llama-bpe", .split = { SCAN_LLAMA3 }, .ignores_merges = true, .adds_bos = true },
    { .name = "llama3", .split = { SCAN_LLAMA3 }, .ignores_merges = true, .adds_bos = true },
    { .name = "qwen2", .split = { SCAN_QWEN2 }, .composes = true },
    { .name = "deepseek-llm",
      .split = { SCAN_BREAKS, SCAN_DEEPSEEK_LETTERS, SCAN_DEEPSEEK_MARKS, SCAN_LINE_END, SCAN_DEEPSEEK_HAN,
                 "\\p{N}" } },
    { .name = "deepseek-v3", .split = { "\\p{N}{1,3}", SPLIT_DEEPSEEK3_HAN, SPLIT_DEEPSEEK3_WORDS } },
};

static int use_pre(struct vocab *v, const struct pre *p)
{
    for (size_t i = 0; i < MAX_SPLITS && p->split[i]; i++)
        TRY(pretoken_add(v->pretoken, v->where, p->split[i]));
    v->ignores_merges = p->ignores_merges;
    v->adds_bos = p->adds_bos;
    if (p->composes)
        TRY(normalise_add_form(v->normalise, v->where, NORMALISE_NFC));
    return 0;
}

static int read_pre(struct vocab *v, const struct gguf *g)
{
    enum { N = sizeof pres / sizeof *pres };
    const char *names[N];
    char *pre;
    TRY(gguf_maybe_string(g, "tokenizer.ggml.pre", &pre));
    int rc = ERR_DATA;
    for (size_t i = 0; i < N; i++)
        names[i] = pres[i].name;
    size_t found = 0;
    while (pre && found < N && strcmp(pre, names[found]) != 0)
        found++;
    if (pre && found < N) {
        rc = use_pre(v, &pres[found]);
    } else {
        err_unknown(ERR_DATA, "pre-tokeniser", pre ? pre : "", names, N);
        err_add(ERR_DATA, "%s: tokenizer.ggml.pre", v->where);
    }
    free(pre);
    return rc;
}

/* Types of tokens are those of SentencePiece. */
static int put_token(struct vocab *v, uint32_t id, const char *s, uint64_t n, int32_t type)
{
    enum token_kind kind = TOKEN_NORMAL;
    if (type == SENTENCEPIECE_CONTROL || type == SENTENCEPIECE_UNKNOWN)
        kind = TOKEN_SPECIAL;
    else if (type == SENTENCEPIECE_USER_DEFINED)
        kind = TOKEN_ADDED;
    else if (type != SENTENCEPIECE_NORMAL && type != SENTENCEPIECE_UNUSED)
        return err_set(ERR_DATA, "%s: token %u is of type %d, want 1 .. 5", v->where, id, (int)type);
    if (memchr(s, 0, (size_t)n))
        return err_set(ERR_DATA, "%s: token %u has a NUL inside", v->where, id);
    if (kind != TOKEN_NORMAL &&
        !text_is_utf8(s, (size_t)n)) /* it is looked for in text, and cuts it between characters */
        return err_set(ERR_DATA, "%s: token %u is not UTF-8", v->where, id);
    return vocab_put(v, id, s, (size_t)n, kind);
}

/* Converters name the rows of an embedding that the tokenizer lacks "[PAD280]", ...: they are no tokens. */
static bool is_pad(uint32_t id, const char *s, uint64_t n, int32_t type)
{
    char name[24];
    int length = snprintf(name, sizeof name, "[PAD%u]", id);
    return type == SENTENCEPIECE_UNUSED && n == (uint64_t)length && memcmp(s, name, (size_t)n) == 0;
}

static int read_tokens(struct vocab *v, const struct gguf *g)
{
    const struct gguf_value *tokens, *types;
    TRY(gguf_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens));
    TRY(gguf_array(g, "tokenizer.ggml.token_type", GGUF_I32, &types));
    if (types->n != tokens->n || tokens->n > INT32_MAX)
        return err_set(ERR_DATA, "%s: %" PRIu64 " tokens have %" PRIu64 " types", v->where, tokens->n, types->n);
    const uint8_t *at = tokens->data;
    for (uint32_t i = 0; i < tokens->n; i++) {
        uint64_t n;
        int32_t type;
        const char *s = gguf_next_string(&at, &n);
        memcpy(&type, types->data + (size_t)i * sizeof type, sizeof type);
        if (!is_pad(i, s, n, type))
            TRY(put_token(v, i, s, n, type));
    }
    return 0;
}

static int read_merges(struct vocab *v, const struct gguf *g)
{
    const struct gguf_value *merges;
    if (!gguf_find(g, "tokenizer.ggml.merges"))
        return 0; /* writers leave an empty array out */
    TRY(gguf_array(g, "tokenizer.ggml.merges", GGUF_STRING, &merges));
    const uint8_t *at = merges->data;
    for (uint64_t i = 0; i < merges->n; i++) {
        uint64_t n;
        const char *s = gguf_next_string(&at, &n), *space = memchr(s, ' ', (size_t)n);
        if (!space)
            return err_set(ERR_DATA, "%s: merge %" PRIu64 ", of %" PRIu64 " bytes, is no pair of tokens", v->where, i,
                           n);
        size_t left = (size_t)(space - s);
        TRY(vocab_put_merge(v, s, left, space + 1, (size_t)n - left - 1));
    }
    return 0;
}

int vocab_gguf_ends(const struct gguf *g, sym_t ends[VOCAB_GGUF_ENDS], size_t *n_ends)
{
    static const char *const keys[VOCAB_GGUF_ENDS] = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                                       "tokenizer.ggml.eom_token_id" };
    *n_ends = 0;
    for (size_t i = 0; i < VOCAB_GGUF_ENDS; i++)
        if (gguf_find(g, keys[i]))
            TRY(gguf_maybe_u32(g, keys[i], &ends[(*n_ends)++]));
    return 0;
}

/* What llama.cpp takes for ends by their text (special_eog_ids, src/llama-vocab.cpp), of families that open here.  Not
 * its marks of files and gaps (<|fim_pad|>, <|file_sep|>): no folder states them, and the two would not be one space. */
static const char *const end_texts[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<\357\275\234end\342\226\201of\342\226\201sentence\357\275\234>", /* U+FF5C, U+2581 */
};

static int read_ends(struct vocab *v, const struct gguf *g, struct symbols *ends)
{
    sym_t keys[VOCAB_GGUF_ENDS];
    size_t n;
    TRY(vocab_gguf_ends(g, keys, &n));
    symbols_add(ends, keys, n);
    if (gguf_find(g, "tokenizer.ggml.eos_token_id"))
        v->eos = keys[0];
    for (size_t i = 0; i < sizeof end_texts / sizeof *end_texts; i++) {
        int64_t id = vocab_find(v, end_texts[i]);
        if (id >= 0 && v->token[id].kind != TOKEN_NORMAL)
            symbols_add(ends, &(sym_t){ (sym_t)id }, 1);
    }
    return 0;
}

static int read_bos(struct vocab *v, const struct gguf *g)
{
    uint32_t bos = UINT32_MAX;
    TRY(gguf_maybe_u32(g, "tokenizer.ggml.bos_token_id", &bos));
    TRY(gguf_maybe_bool(g, "tokenizer.ggml.add_bos_token", &v->adds_bos));
    if (bos != UINT32_MAX && bos >= v->n)
        return err_set(ERR_DATA, "%s: 'tokenizer.ggml.bos_token_id' is %u, beyond the vocabulary of %u", v->where, bos,
                       v->n);
    if (bos != UINT32_MAX)
        v->bos = bos;
    else if (v->adds_bos)
        return err_set(ERR_DATA, "%s: a bos token is to be added, but 'tokenizer.ggml.bos_token_id' is missing",
                       v->where);
    return 0;
}

/* What is put behind a text, where something is. */
static int read_tail(struct vocab *v, const struct gguf *g)
{
    bool adds = false;
    uint32_t eos = UINT32_MAX;
    TRY(gguf_maybe_bool(g, "tokenizer.ggml.add_eos_token", &adds));
    TRY(gguf_maybe_u32(g, "tokenizer.ggml.eos_token_id", &eos));
    if (adds && eos >= v->n)
        return err_set(ERR_DATA, "%s: an eos token is to be added, but 'tokenizer.ggml.eos_token_id' is no token of %u",
                       v->where, v->n);
    v->tail = adds ? (int64_t)eos : -1;
    return 0;
}

/* Byte-level BPE. */
static int read_gpt2(struct vocab *v, const struct gguf *g)
{
    TRY(read_pre(v, g));
    TRY(read_tokens(v, g));
    return read_merges(v, g);
}

static int put_scored(struct vocab_scored *s, const struct gguf *g)
{
    const struct gguf_value *tokens, *types, *scores;
    TRY(gguf_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &tokens));
    TRY(gguf_array(g, "tokenizer.ggml.token_type", GGUF_I32, &types));
    TRY(gguf_array(g, "tokenizer.ggml.scores", GGUF_F32, &scores));
    if (types->n != tokens->n || scores->n != tokens->n)
        return err_set(ERR_DATA, "%s: %" PRIu64 " tokens have %" PRIu64 " types and %" PRIu64 " scores",
                       s->vocab->where, tokens->n, types->n, scores->n);
    const uint8_t *at = tokens->data;
    for (size_t i = 0; i < tokens->n; i++) {
        uint64_t n;
        struct vocab_scored_piece p = { .s = gguf_next_string(&at, &n) };
        p.n = (size_t)n;
        memcpy(&p.score, scores->data + i * sizeof p.score, sizeof p.score);
        memcpy(&p.type, types->data + i * sizeof p.type, sizeof p.type);
        if (p.type < SENTENCEPIECE_NORMAL || p.type > SENTENCEPIECE_BYTE)
            return err_set(ERR_DATA, "%s: token %zu is of type %d, want 1 .. 6", s->vocab->where, i, (int)p.type);
        TRY(vocab_scored_put(s, &p));
        s->vocab->token[i].is_late = false; /* looked for in the text as it is */
    }
    return 0;
}

static void set_decoding(struct vocab *v, bool prefix)
{
    v->decoding = (struct decoding){ .fallback = true, .mark = mem_string(VOCAB_METASPACE), .by = mem_string(" ") };
    v->decoding.start = prefix ? DECODE_NO_SPACE : DECODE_WHOLE;
}

/* SentencePiece's BPE.  Every stretch between tokens that are found in the text has its own space in front. */
static int read_llama(struct vocab *v, const struct gguf *g)
{
    struct vocab_scored s = { .vocab = v };
    bool prefix = true;
    v->adds_bos = true;
    int rc = put_scored(&s, g);
    if (rc == 0)
        rc = vocab_scored_bpe(&s);
    vocab_scored_fini(&s);
    TRY(rc);
    TRY(gguf_maybe_bool(g, "tokenizer.ggml.add_space_prefix", &prefix));
    set_decoding(v, prefix);
    if (prefix)
        TRY(normalise_add_prepend(v->normalise, v->where, " "));
    return normalise_add_replace(v->normalise, v->where, " ", VOCAB_METASPACE);
}

/* SentencePiece's Unigram. */
static int read_t5(struct vocab *v, const struct gguf *g)
{
    struct vocab_scored s = { .vocab = v };
    struct normalise_spaces how = { .adds_prefix = true, .escapes = true };
    const struct gguf_value *map = gguf_find(g, "tokenizer.ggml.precompiled_charsmap");
    int rc = put_scored(&s, g);
    if (rc == 0)
        rc = vocab_scored_unigram(&s);
    vocab_scored_fini(&s);
    TRY(rc);
    TRY(gguf_maybe_bool(g, "tokenizer.ggml.add_space_prefix", &how.adds_prefix));
    TRY(gguf_maybe_bool(g, "tokenizer.ggml.remove_extra_whitespaces", &how.removes_extra));
    set_decoding(v, how.adds_prefix);
    if (map && (map->type != GGUF_ARRAY || gguf_type_bytes(map->element) != 1 || map->n > CHARSMAP_MAX))
        return err_set(ERR_DATA, "%s: 'tokenizer.ggml.precompiled_charsmap' is no array of at most %u bytes", v->where,
                       CHARSMAP_MAX);
    if (map) {
        how.blob = map->data;
        how.n_blob = (size_t)map->n;
    }
    return normalise_add_spaces(v->normalise, v->where, &how);
}

static int read_model(struct vocab *v, const struct gguf *g)
{
    static const struct {
        const char *model;
        int (*read)(struct vocab *v, const struct gguf *g);
    } models[] = { { "gpt2", read_gpt2 }, { "llama", read_llama }, { "t5", read_t5 } };
    char *model;
    TRY(gguf_maybe_string(g, "tokenizer.ggml.model", &model));
    if (!model)
        return err_set(ERR_DATA, "%s: there is no tokenizer in it ('tokenizer.ggml.model' is missing)", v->where);
    size_t i = 0;
    while (i < sizeof models / sizeof *models && strcmp(models[i].model, model) != 0)
        i++;
    int rc = i < sizeof models / sizeof *models
                 ? models[i].read(v, g)
                 : err_set(ERR_DATA,
                           "%s: 'tokenizer.ggml.model' is '%s', which is not supported; want 'gpt2', 'llama' or 't5'",
                           v->where, model);
    free(model);
    return rc;
}

static int read_all(struct vocab *v, const struct gguf *g)
{
    struct symbols ends = { 0 };
    TRY(read_model(v, g));
    TRY(read_bos(v, g));
    TRY(read_tail(v, g));
    int rc = read_ends(v, g, &ends);
    if (rc == 0)
        rc = vocab_finish(v, ends.s, ends.n);
    free(ends.s);
    return rc;
}

struct vocab *vocab_read_gguf(const struct gguf *g)
{
    struct vocab *v = vocab_alloc(g->where);
    if (read_all(v, g) == 0)
        return v;
    vocab_free(v);
    return NULL;
}
