#include "experiments/frame.h"
#include "base/hash.h"
#include "experiments/journal.h"
#include "experiments/pack.h"

static uint64_t frame_hash(const uint8_t header[16], const void *payload, uint32_t n)
{
    return hash_bytes(payload, n, hash_bytes(header, 16, 0));
}

void frame_write(struct text *t, uint32_t magic, uint64_t sequence, const void *payload, uint32_t n)
{
    size_t start = t->len;
    pack_u32(t, magic);
    pack_u32(t, n);
    pack_u64(t, sequence);
    pack_u64(t, frame_hash((const uint8_t *)t->s + start, payload, n));
    text_addn(t, payload, n);
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
    out->sequence = unpack_u64(&u);
    uint64_t hash = unpack_u64(&u);
    if (u.bad || out->n > JOURNAL_MAX_FRAME || out->n > n - JOURNAL_HEADER)
        return FRAME_TORN;
    out->payload = s + JOURNAL_HEADER;
    return frame_hash(s, out->payload, out->n) == hash ? FRAME_WHOLE : FRAME_CHECKSUM;
}
