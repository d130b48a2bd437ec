#include "model/sentencepiece.h"
#include "base/err.h"
#include "base/mem.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Wire types of protobuf. */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* What is left of a message. */
struct reader {
    const char *where;
    const uint8_t *start, *at, *end; /* start: of the file, for messages */
};

struct field {
    uint32_t number;
    int wire;
    uint64_t value;      /* of VARINT, 32 and 64 */
    struct reader bytes; /* of BYTES */
};

static int damaged(const struct reader *r, const char *what)
{
    return err_set(ERR_DATA, "%s: byte %zu: %s; this is no SentencePiece model", r->where, (size_t)(r->at - r->start),
                   what);
}

static int read_varint(struct reader *r, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end)
            return damaged(r, "a number is cut off");
        uint8_t byte = *r->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return 0;
    }
    return damaged(r, "a number has more than 10 bytes");
}

static int read_fixed(struct reader *r, size_t n, uint64_t *value)
{
    *value = 0;
    if ((size_t)(r->end - r->at) < n)
        return damaged(r, "a number is cut off");
    for (size_t i = 0; i < n; i++)
        *value |= (uint64_t)*r->at++ << 8 * i;
    return 0;
}

/* 1: the next field; 0: the message is at its end; ERR_DATA. */
static int next_field(struct reader *r, struct field *f)
{
    uint64_t key, n;
    if (r->at == r->end)
        return 0;
    TRY(read_varint(r, &key));
    if (key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3)
        return damaged(r, "a field without a number");
    f->number = (uint32_t)(key >> 3);
    f->wire = (int)(key & 7);
    if (f->wire == WIRE_VARINT)
        TRY(read_varint(r, &f->value));
    else if (f->wire == WIRE_64 || f->wire == WIRE_32)
        TRY(read_fixed(r, f->wire == WIRE_64 ? 8 : 4, &f->value));
    else if (f->wire != WIRE_BYTES)
        return damaged(r, "a field of an unknown kind");
    if (f->wire != WIRE_BYTES)
        return 1;
    TRY(read_varint(r, &n));
    if (n > (size_t)(r->end - r->at))
        return damaged(r, "a field is longer than what is left");
    f->bytes = *r;
    f->bytes.end = r->at += n;
    return 1;
}

static int32_t int_of(const struct field *f)
{
    return (int32_t)(uint32_t)f->value;
}

static bool is(const struct field *f, uint32_t number, int wire)
{
    return f->number == number && f->wire == wire;
}

static int read_piece(struct sentencepiece *m, struct reader r)
{
    struct sentencepiece_piece p = { .s = "", .type = SENTENCEPIECE_NORMAL };
    struct field f;
    int rc;
    while ((rc = next_field(&r, &f)) > 0) {
        if (is(&f, 1, WIRE_BYTES)) {
            p.s = (const char *)f.bytes.at;
            p.n = (size_t)(f.bytes.end - f.bytes.at);
        } else if (is(&f, 2, WIRE_32)) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&p.score, &bits, sizeof p.score);
        } else if (is(&f, 3, WIRE_VARINT)) {
            p.type = int_of(&f);
        }
    }
    TRY(rc);
    if (!(p.score > -1e30f && p.score < 1e30f))
        return err_set(ERR_DATA, "%s: the score of piece %zu is not finite", r.where, m->n_pieces);
    if (p.type < SENTENCEPIECE_NORMAL || p.type > SENTENCEPIECE_BYTE)
        return err_set(ERR_DATA, "%s: piece %zu is of type %" PRId32 ", want 1 .. 6", r.where, m->n_pieces, p.type);
    mem_grow(&m->piece, &m->cap_pieces, m->n_pieces + 1, sizeof *m->piece);
    m->piece[m->n_pieces++] = p;
    return 0;
}

static int read_trainer(struct sentencepiece *m, struct reader r)
{
    struct field f;
    int rc;
    while ((rc = next_field(&r, &f)) > 0) {
        if (is(&f, 3, WIRE_VARINT))
            m->model_type = int_of(&f);
        else if (is(&f, 24, WIRE_VARINT))
            m->spaces_behind = f.value != 0;
        else if (is(&f, 41, WIRE_VARINT))
            m->bos = int_of(&f);
        else if (is(&f, 42, WIRE_VARINT))
            m->eos = int_of(&f);
    }
    return rc;
}

static int read_normalizer(struct sentencepiece *m, struct reader r)
{
    struct field f;
    int rc;
    while ((rc = next_field(&r, &f)) > 0) {
        if (is(&f, 2, WIRE_BYTES)) {
            m->charsmap = f.bytes.at;
            m->n_charsmap = (size_t)(f.bytes.end - f.bytes.at);
        } else if (is(&f, 3, WIRE_VARINT)) {
            m->adds_prefix = f.value != 0;
        } else if (is(&f, 4, WIRE_VARINT)) {
            m->removes_extra = f.value != 0;
        } else if (is(&f, 5, WIRE_VARINT)) {
            m->escapes = f.value != 0;
        }
    }
    return rc;
}

int sentencepiece_read(struct sentencepiece *m, const char *where, const uint8_t *bytes, size_t n)
{
    struct reader r = { where, bytes, bytes, bytes + n };
    struct field f;
    int rc;
    *m = (struct sentencepiece){ .model_type = SENTENCEPIECE_UNIGRAM,
                                 .bos = 1,
                                 .eos = 2,
                                 .adds_prefix = true,
                                 .removes_extra = true,
                                 .escapes = true };
    if (n > SENTENCEPIECE_BYTES_MAX)
        return err_set(ERR_DATA, "%s: a model of %zu bytes, want at most %u", where, n, SENTENCEPIECE_BYTES_MAX);
    while ((rc = next_field(&r, &f)) > 0) {
        if (is(&f, 1, WIRE_BYTES))
            TRY(read_piece(m, f.bytes));
        else if (is(&f, 2, WIRE_BYTES))
            TRY(read_trainer(m, f.bytes));
        else if (is(&f, 3, WIRE_BYTES))
            TRY(read_normalizer(m, f.bytes));
    }
    TRY(rc);
    return m->n_pieces > 0 ? 0 : err_set(ERR_DATA, "%s: there are no pieces; this is no SentencePiece model", where);
}

void sentencepiece_fini(struct sentencepiece *m)
{
    free(m->piece);
}
