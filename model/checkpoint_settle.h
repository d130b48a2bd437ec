/* Weights out of their files into memory of their own. */
#ifndef MODEL_CHECKPOINT_SETTLE_H
#define MODEL_CHECKPOINT_SETTLE_H

#include "base/threads.h"
#include "model/checkpoint.h"

/* Files are mapped by pages of 4 KB: reading them costs a lookup and a new run of the processor's prefetch for each; memory
 * of the process's own can have pages of 2 MB, and every tensor starts at a cache line.  So a checkpoint that will compute
 * is copied, each tensor by the thread that takes it first, where there is room for it; the maps give their pages back.
 * Without room, of less than CHECKPOINT_SETTLE_LEAST bytes, and of tensors that are not in files, everything stays as it is.
 * Call it before pointers to tensors' data are taken; a second call does nothing. */
void checkpoint_settle(struct checkpoint *c, struct threads *threads);

#define CHECKPOINT_SETTLE_LEAST ((size_t)1 << 20)

#endif
