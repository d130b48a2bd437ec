/* The inside of struct journal_reader, and the names of segments, for journal*.c. */
#ifndef EXPERIMENTS_JOURNAL_INSIDE_H
#define EXPERIMENTS_JOURNAL_INSIDE_H

#include "experiments/frame.h"
#include "experiments/journal.h"
#include "experiments/pack.h"

#define JOURNAL_FDS 32 /* segments kept open for journal_fetch() */

struct journal_reader {
    char *folder;
    char **names; /* (n_names,) segments, sorted */
    size_t n_names, cap_names;
    size_t next;         /* segment to open next */
    struct text bytes;   /* the open segment, or its seal */
    uint64_t at;         /* place in it */
    uint64_t n_frames;   /* whole frames of it so far */
    uint64_t looked_at;  /* bytes of it hashed in search of frames after damage */
    bool sealed;         /* a seal was met */
    struct unpack index; /* what is left of a seal's index; n == at: nothing */
    uint64_t index_end;  /* place of that seal */
    struct journal_place place;
    struct {
        int fd; /* -1: none */
        uint32_t segment;
    } open[JOURNAL_FDS];
    struct text fetched;
    struct journal_damage *damage;
    size_t n_damage, cap_damage, n_damage_before; /* before: in the segments before the open one */
};

/* The number of a segment whose name this program has made, "run-000001.seg" or "shard002-000001.seg", and the bytes of its
 * prefix; 0: the name is none of these. */
uint32_t journal_segment_number(const char *name, size_t *n_prefix);

/* "FOLDER/SEGMENT", for text_free(). */
struct text journal_segment_path(const struct journal_reader *r, size_t segment);

/* Makes the whole of segment r->next the open one. */
int journal_segment_load(struct journal_reader *r);

/* The next whole frame of the open segment; 1, or 0 at its end. */
int journal_segment_next(struct journal_reader *r, struct frame *f);

#endif
