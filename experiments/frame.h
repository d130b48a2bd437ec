/* Frames of the journal: how one is written and recognised.  journal.c and journal_read.c share it. */
#ifndef EXPERIMENTS_FRAME_H
#define EXPERIMENTS_FRAME_H

#include "base/text.h"

#define FRAME_MAGIC 0x4d524843u /* "CHRM" in the file */
#define FRAME_SEAL  0x4c534843u /* "CHSL" in the file */

struct frame {
    uint32_t magic;
    uint64_t sequence;
    const uint8_t *payload;
    uint32_t n;
};

/* Appends a frame to t. */
void frame_write(struct text *t, uint32_t magic, uint64_t sequence, const void *payload, uint32_t n);

enum frame_state {
    FRAME_WHOLE,
    FRAME_NONE,     /* no magic here */
    FRAME_TORN,     /* it would end beyond the bytes that are left */
    FRAME_CHECKSUM, /* magic, but the hash differs */
};

/* Looks at s (n bytes left in the file). */
enum frame_state frame_read(const uint8_t *s, uint64_t n, struct frame *out);

#endif
