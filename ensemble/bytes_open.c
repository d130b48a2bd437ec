/* Making a byte adapter: its kind, its name, its hash. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ensemble/bytes_slot.h"
#include <string.h>

#define DEFAULT_BEAM 8u

static const struct bytes_kind *const kinds[] = { &bytes_canonical, &bytes_all };

static int find_kind(const char *name, const struct bytes_kind **kind)
{
    const char *names[2];
    *kind = NULL;
    for (size_t i = 0; i < 2; i++) {
        names[i] = kinds[i]->name;
        if (strcmp(name, names[i]) == 0)
            *kind = kinds[i];
    }
    return *kind ? 0 : err_unknown(ERR_USAGE, "kind of byte adapter", name, names, 2);
}

static int check_numbers(const struct bytes_options *o, const struct bytes_kind *kind)
{
    if (o->beam > BYTES_BEAM_MOST)
        return err_set(ERR_USAGE, "byte adapter: beam %u, want 1 to %u", o->beam, BYTES_BEAM_MOST);
    if (!(o->lazy >= 0 && o->lazy <= 0.1))
        return err_set(ERR_USAGE, "byte adapter: lazy %g, want 0 to 0.1", o->lazy);
    if (o->ahead > BYTES_AHEAD_MOST)
        return err_set(ERR_USAGE, "byte adapter: ahead %u, want 0 to %u", o->ahead, BYTES_AHEAD_MOST);
    if (kind == &bytes_all && o->ahead > 0)
        return err_set(ERR_USAGE, "byte adapter: kind all cannot look ahead; kind canonical can");
    if (kind == &bytes_canonical && o->beam > 0)
        return err_set(ERR_USAGE, "byte adapter: kind canonical has no beam; kind all has");
    if (kind == &bytes_all && o->lazy > 0)
        return err_set(ERR_USAGE, "byte adapter: kind all cannot be lazy; kind canonical can");
    return 0;
}

int bytes_check(const struct bytes_options *o)
{
    const struct bytes_kind *kind = NULL;
    if (o->kind)
        TRY(find_kind(o->kind, &kind));
    return check_numbers(o, kind);
}

static int check_all(const struct lm *tokens, const struct bytes_options *o, const struct bytes_kind **kind)
{
    bool merges = vocab_view_merges(o->vocab) != NULL;
    if (tokens->space->kind == SPACE_BYTE)
        return err_set(ERR_USAGE, "byte adapter: '%s' is an lm over bytes already", tokens->name);
    TRY(find_kind(o->kind ? o->kind : merges ? "canonical" : "all", kind));
    if (*kind == &bytes_canonical && !merges)
        return err_set(ERR_USAGE,
                       "byte adapter: kind canonical, but the tokenizer is %s, whose cuts depend on all that follows; "
                       "want kind all",
                       vocab_kind(o->vocab));
    TRY(check_numbers(o, *kind));
    if (vocab_space(o->vocab)->n != tokens->space->n)
        return err_set(ERR_DATA, "byte adapter: the vocabulary has %u tokens, '%s' has %u", vocab_space(o->vocab)->n,
                       tokens->name, tokens->space->n);
    return 0;
}

/* Tokens that no text gives: neither made by merges nor pieces as they stand. */
static void find_never(struct bytes_adapter *a)
{
    const struct bytes_vocab *t = &a->vocab;
    a->adjacent = bytes_adjacent_alloc(t);
    for (uint32_t i = 0; i < t->n; i++) {
        sym_t id = t->id[i];
        bool comes = t->is_added[i] || bytes_adjacent_reaches(a->adjacent, id) || vocab_view_is_whole(t->vocab, id);
        a->never[i / 64] |= (uint64_t)!comes << i % 64;
    }
}

static void name_and_hash(struct bytes_adapter *a, const struct bytes_options *o)
{
    struct text manner = { 0 }, t = { 0 };
    if (a->kind == &bytes_all)
        text_addf(&manner, ", beam=%u", a->beam);
    if (a->lazy > 0) {
        text_add(&manner, ", lazy=");
        text_add_real(&manner, a->lazy);
    }
    text_addf(&t, "%s(%s%s)", a->kind->name, a->tokens->name, text_s(&manner));
    a->name = mem_string(o->name ? o->name : text_s(&t));
    text_clear(&t);
    text_addf(&t, "bytes 1\n%s%s\n%s", a->kind->name, text_s(&manner), a->tokens->hash);
    hash_sha256(text_s(&t), t.len, a->hash);
    text_free(&manner);
    text_free(&t);
}

struct lm *bytes_open(struct lm *tokens, const struct bytes_options *o)
{
    const struct bytes_kind *kind;
    if (check_all(tokens, o, &kind) < 0)
        return NULL;
    struct bytes_adapter *a = mem_alloc(1, sizeof *a);
    a->tokens = tokens;
    a->kind = o->lazy > 0 ? &bytes_lazy : kind;
    a->beam = o->beam > 0 ? o->beam : DEFAULT_BEAM;
    a->lazy = o->lazy;
    a->ahead = o->ahead;
    bytes_vocab_init(&a->vocab, o->vocab);
    bytes_splits_init(&a->splits, o->vocab);
    a->fast = mem_alloc(a->vocab.n, sizeof *a->fast);
    a->never = mem_alloc(a->vocab.n / 64 + 1, sizeof *a->never);
    if (kind == &bytes_canonical)
        find_never(a);
    name_and_hash(a, o);
    uint32_t bos = vocab_bos(o->vocab) >= 0;
    a->lm = (struct lm){ .type = &bytes_type,
                         .self = a,
                         .space = space_bytes(),
                         .name = a->name,
                         .hash = a->hash,
                         .max_length = tokens->max_length - bos,
                         .pure = tokens->pure };
    return &a->lm;
}
