/* Frames of the journal: how one is written and recognised.  journal.c and journal_read.c share it. */
#ifndef EXPERIMENTS_FRAME_H
#define EXPERIMENTS_FRAME_H

#include "base/text.h"

#define FRAME_MAGIC      0x4d524843u /* "CHRM" in the file */
#define FRAME_SEAL       0x4c534843u /* "CHSL" in the file */
#define FRAME_FIRST_BYTE 'C'

struct frame {
    uint32_t magic;
    uint32_t n, n_head; /* bytes of the payload, and of its head */
    uint64_t sequence;
    const uint8_t *payload; /* (n,) */
};

/* Appends f to t. */
void frame_write(struct text *t, const struct frame *f);

enum frame_state {
    FRAME_WHOLE,
    FRAME_NONE,     /* no magic here */
    FRAME_TORN,     /* it would end beyond the bytes that are left */
    FRAME_CHECKSUM, /* magic, but the hash differs */
};

/* Looks at s (n bytes left in the file). */
enum frame_state frame_read(const uint8_t *s, uint64_t n, struct frame *out);

/* The payload of a seal: number of frames before it u64 (its head), an index of them, the place of the seal in the file
 * u64, FRAME_END u32: the last 12 bytes of a sealed file say where its index is. */
#define FRAME_END     0x44454843u /* "CHED" in the file */
#define FRAME_TRAILER 12u

/* An entry of the index: place of the frame u64, n u32, n_head u32, head. */
struct frame_entry {
    uint64_t offset;
    uint32_t n, n_head;
    const uint8_t *head; /* (n_head,) */
};

void frame_index_add(struct text *index, const struct frame_entry *e);

/* Appends to t (nothing of which is written yet) the seal of a file of `offset` bytes with n_frames frames. */
void frame_write_seal(struct text *t, uint64_t offset, uint64_t n_frames, const struct text *index);

struct unpack;
/* Begins to read a seal's payload: true, *n_frames, and *u stands at the first entry. */
bool frame_seal_read(const struct frame *seal, uint64_t *n_frames, struct unpack *u);
/* The next entry: one that does not end before the seal at `end` makes u bad.  false: no more, or bad. */
bool frame_index_next(struct unpack *u, uint64_t end, struct frame_entry *e);

#endif
