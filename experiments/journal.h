/* The journal: the truth of a run while it runs.
 *
 * A folder of segments PREFIX-000001.seg, ..., each a sequence of frames:
 *
 *   magic u32 | length u32 | head u32 | sequence u64 | XXH3 of the 20 bytes before it and the payload u64 | payload
 *
 * little-endian.  The first `head` bytes of a payload say what it is about; the journal does not look into them.  Segments
 * are only ever appended to, by the process that created them: who resumes starts a new one, so a torn end is never
 * written over.  At JOURNAL_SEGMENT bytes a segment is sealed and the next begins: the seal is a frame with another magic
 * that holds an index of the frames before it (place and head), so that who resumes reads the seals and only what is not
 * sealed.
 *
 * A frame is acknowledged when journal_commit() returns 0: written and fdatasync()ed.  After a failed write the journal
 * refuses everything but journal_close(); what was acknowledged stays.
 *
 * Damaged bytes are set aside by never being used: they stay where they are, named by journal_damage(). */
#ifndef EXPERIMENTS_JOURNAL_H
#define EXPERIMENTS_JOURNAL_H

#include "base/text.h"

#define JOURNAL_SEGMENT   (64u << 20)
#define JOURNAL_MAX_FRAME (1u << 30)
#define JOURNAL_HEADER    28u

struct journal;

/* folder is created when absent; the first segment is created by the first commit, behind those of the prefix that are
 * there.  prefix: "run", or "shard" and three digits or more; two processes may write one, as shards 1 of 2 and 1 of 3 do.
 * NULL + ERR_IO, ERR_DATA: a link in place of the folder. */
struct journal *journal_open(const char *folder, const char *prefix);
void journal_set_segment(struct journal *j, uint64_t bytes); /* another size of segments; 0: JOURNAL_SEGMENT */
/* Buffered; the first n_head bytes are the head.  ERR_IO after an earlier failure. */
int journal_add(struct journal *j, const void *payload, size_t n, size_t n_head);
bool journal_full(const struct journal *j); /* what is buffered fills the segment: time to commit */
int journal_commit(struct journal *j);
int journal_close(struct journal *j); /* commits, seals, frees; j is gone also after a failure */

/* What is no frame, in the middle of a segment or at its end. */
struct journal_damage {
    char *segment;   /* file name */
    uint64_t offset; /* of the first byte that is no frame */
    uint64_t bytes;
    bool
        torn; /* the end of a segment without a seal: what was being written when its process died, never acknowledged */
    const char *reason; /* "torn end", "checksum", "no frame here", "frames are missing before the seal" */
};

/* Where a frame lies. */
struct journal_place {
    uint32_t segment; /* of this reader's */
    uint32_t n;       /* bytes of its payload */
    uint64_t offset;
};

/* A reader of all segments of all prefixes, in order of name and place; it sees the segments that were there when it was
 * opened.  One reader is read by journal_next() or by journal_next_head(), not by both. */
struct journal_reader;
struct journal_reader *journal_read(const char *folder); /* NULL + ERR_IO; an absent folder is an empty journal */

/* Every whole undamaged frame; each is verified.  1: a payload, valid until the next call; 0: no more; ERR_IO. */
int journal_next(struct journal_reader *r, const void **payload, size_t *n);

/* The heads of all frames; those of sealed segments come from the seals, the frames themselves are not read.  1: a head,
 * valid until the next call; 0: no more; ERR_IO. */
int journal_next_head(struct journal_reader *r, const void **head, size_t *n);

/* Where the frame lies that either function gave last. */
struct journal_place journal_place(const struct journal_reader *r);

/* The payload at a place, verified; valid until the next call.  0, ERR_DAMAGED, ERR_IO. */
int journal_fetch(struct journal_reader *r, struct journal_place at, const void **payload, size_t *n);

const struct journal_damage *journal_damage(const struct journal_reader *r, size_t *n); /* so far */
void journal_read_close(struct journal_reader *r);

/* What a killed process wrote last may not be on the disk yet, though it can be read: every segment that holds something and
 * has no whole seal is synced, and the folder, before anything is built on them.  What is no regular file is passed over.
 * 0 (an absent folder too), ERR_IO. */
int journal_settle(const char *folder);

/* Removes the segments that hold nothing, each left by a process that was killed before its first write; files of other
 * names stay.  Nobody may be writing. */
void journal_sweep(const char *folder);

/* The lock of a run folder, held until the descriptor is closed.  name: "lock".  >= 0, ERR_LOCKED, ERR_IO, or ERR_DATA: it is
 * a link. */
int journal_lock(const char *folder, const char *name);
int journal_lock_shared(const char *folder, const char *name);

#endif
