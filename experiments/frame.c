#include "experiments/frame.h"
#include "base/hash.h"
#include "experiments/journal.h"
#include "experiments/pack.h"

#define HASHED (JOURNAL_HEADER - 8u) /* bytes of the header before its hash */

static uint64_t frame_hash(const uint8_t header[HASHED], const void *payload, uint32_t n)
{
    return hash_bytes(payload, n, hash_bytes(header, HASHED, 0));
}

void frame_write(struct text *t, const struct frame *f)
{
    size_t start = t->len;
    pack_u32(t, f->magic);
    pack_u32(t, f->n);
    pack_u32(t, f->n_head);
    pack_u64(t, f->sequence);
    pack_u64(t, frame_hash((const uint8_t *)t->s + start, f->payload, f->n));
    text_addn(t, f->payload, f->n);
}

enum frame_state frame_read(const uint8_t *s, uint64_t n, struct frame *out)
{
    if (n < 4)
        return FRAME_TORN;
    struct unpack u = unpack_over(s, n < JOURNAL_HEADER ? n : JOURNAL_HEADER);
    out->magic = unpack_u32(&u);
    if (out->magic != FRAME_MAGIC && out->magic != FRAME_SEAL)
        return FRAME_NONE;
    out->n = unpack_u32(&u);
    out->n_head = unpack_u32(&u);
    out->sequence = unpack_u64(&u);
    uint64_t hash = unpack_u64(&u);
    if (u.bad || out->n > JOURNAL_MAX_FRAME || out->n > n - JOURNAL_HEADER)
        return FRAME_TORN;
    out->payload = s + JOURNAL_HEADER;
    return out->n_head <= out->n && frame_hash(s, out->payload, out->n) == hash ? FRAME_WHOLE : FRAME_CHECKSUM;
}

void frame_index_add(struct text *index, const struct frame_entry *e)
{
    pack_u64(index, e->offset);
    pack_u32(index, e->n);
    pack_u32(index, e->n_head);
    text_addn(index, e->head, e->n_head);
}

void frame_write_seal(struct text *t, uint64_t offset, uint64_t n_frames, const struct text *index)
{
    struct text payload = { 0 };
    pack_u64(&payload, n_frames);
    text_addn(&payload, text_s(index), index->len);
    pack_u64(&payload, offset);
    pack_u32(&payload, FRAME_END);
    frame_write(t, &(struct frame){ .magic = FRAME_SEAL,
                                    .n = (uint32_t)payload.len,
                                    .n_head = 8,
                                    .sequence = n_frames,
                                    .payload = (const uint8_t *)payload.s });
    text_free(&payload);
}

bool frame_seal_read(const struct frame *seal, uint64_t *n_frames, struct unpack *u)
{
    *u = unpack_over(seal->payload, seal->n);
    *n_frames = unpack_u64(u);
    if (u->bad || seal->magic != FRAME_SEAL || u->n - u->at < FRAME_TRAILER)
        return false;
    u->n -= FRAME_TRAILER;
    return true;
}

bool frame_index_next(struct unpack *u, uint64_t end, struct frame_entry *e)
{
    if (u->bad || u->at == u->n)
        return false;
    e->offset = unpack_u64(u);
    e->n = unpack_u32(u);
    e->n_head = unpack_u32(u);
    e->head = u->s + u->at;
    u->bad |= e->n_head > u->n - u->at || e->n_head > e->n || end < JOURNAL_HEADER || e->n > end - JOURNAL_HEADER ||
              e->offset > end - JOURNAL_HEADER - e->n;
    if (u->bad)
        return false;
    u->at += e->n_head;
    return true;
}
