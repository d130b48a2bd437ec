/* Which frames a journal holds, as the hashes of their payloads: what was acknowledged must stay. */
#ifndef TESTS_LIB_ACKED_H
#define TESTS_LIB_ACKED_H

#include <stddef.h>
#include <stdint.h>

#define ACKED_MAX 4096

struct acked {
    uint64_t hash[ACKED_MAX];
    size_t n;
    size_t n_damage; /* places named as damaged */
};

/* Of RUN/journal, run being a path; an absent one is empty. */
void acked_read(struct acked *a, const char *run);
/* What the log of the files shim says was acknowledged: all that was in a segment at its last sync.  run: as its name
 * stands in the log, "/trial"; scratch: a folder that may be made and removed. */
void acked_by_log(struct acked *a, const char *log, const char *run, const char *scratch);
/* How many of the first n of was are missing in now. */
size_t acked_lost(const struct acked *was, size_t n, const struct acked *now);

#endif
