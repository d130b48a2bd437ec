/* How fast a journal is written, resumed from and verified, beside the time it takes to read its bytes. */
#ifndef CLI_BENCH_JOURNAL_H
#define CLI_BENCH_JOURNAL_H

#include "cli/options.h"

/* Writes a journal of `mib` MiB into a folder of its own under TMPDIR (/tmp), reads it, removes it; prints the figures.
 * 0 or ERR_IO. */
int bench_journal(const struct args *a, int64_t mib);

#endif
