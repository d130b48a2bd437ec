/* The journal: the truth of a run while it runs.
 *
 * A folder of segments PREFIX-000001.seg, ..., each a sequence of frames:
 *
 *   magic u32 | length u32 | sequence u64 | XXH3 of the 16 bytes before it and the payload u64 | payload
 *
 * little-endian.  Segments are only ever appended to, by the process that created them: who resumes starts a new one, so
 * a torn end is never written over.  At JOURNAL_SEGMENT bytes a segment is sealed with a footer (another magic, payload:
 * number of frames before it) and the next begins.
 *
 * A frame is acknowledged when journal_commit() returns 0: written and fdatasync()ed.  After a failed write the journal
 * refuses everything but journal_close(); what was acknowledged stays. */
#ifndef EXPERIMENTS_JOURNAL_H
#define EXPERIMENTS_JOURNAL_H

#include "base/text.h"

#define JOURNAL_SEGMENT   (64u << 20)
#define JOURNAL_MAX_FRAME (1u << 30)
#define JOURNAL_HEADER    24u

struct journal;

/* folder is created when absent; the first segment is created by the first commit.  prefix: "run", or a shard's name.
 * NULL + ERR_IO. */
struct journal *journal_open(const char *folder, const char *prefix);
void journal_set_segment(struct journal *j, uint64_t bytes);       /* another size of segments, for tests */
int journal_add(struct journal *j, const void *payload, size_t n); /* buffered; ERR_IO after an earlier failure */
int journal_commit(struct journal *j);
int journal_close(struct journal *j); /* commits, seals, frees; j is gone also after a failure */

/* Reading: every whole undamaged frame of all segments of all prefixes, in order of name and place. */
struct journal_damage {
    char *segment;   /* file name */
    uint64_t offset; /* of the first byte that is no frame */
    uint64_t bytes;
    const char *reason; /* "torn end", "checksum", "no frame here", "frames are missing before the seal" */
};

struct journal_reader;
struct journal_reader *journal_read(const char *folder); /* NULL + ERR_IO; an absent folder is an empty journal */
/* 1: a payload, valid until the next call; 0: no more; ERR_IO. */
int journal_next(struct journal_reader *r, const void **payload, size_t *n);
const struct journal_damage *journal_damage(const struct journal_reader *r, size_t *n); /* so far */
void journal_read_close(struct journal_reader *r);

/* The lock of a run folder, held until the descriptor is closed.  name: "lock".  >= 0, ERR_LOCKED or ERR_IO. */
int journal_lock(const char *folder, const char *name);
int journal_lock_shared(const char *folder, const char *name);

#endif
