/* What the files of the emulated runtime share (include/cuda_runtime_api.h says what they are together). */
#ifndef EMULATE_RUNTIME_H
#define EMULATE_RUNTIME_H

#include <emulate.h>

/* What a call that can fail gives: its own error, or the one that is asked for (emulate_set_error()). */
cudaError_t runtime_outcome(cudaError_t own);

/* A number of the environment, as a user would set it for a program: how many cards there are, ... */
long runtime_from_environment(const char *name, long fallback);

/* Whether a stream of this thread records: what cannot be recorded is refused. */
int runtime_records(void);

/* Whether so many bytes from p on lie in one allocation of the card. */
int runtime_holds(const void *p, size_t bytes);

/* Bytes that the card has. */
size_t runtime_memory(void);

/* Work for a stream: run(op->ctx), ctx being `bytes` that the caller fills.  runtime_submit() does it now, or records
 * it while the stream captures; the operation is then its own. */
struct runtime_op {
    struct runtime_op *next;
    void (*run)(const void *ctx);
    max_align_t ctx[];
};
struct runtime_op *runtime_op(void (*run)(const void *ctx), size_t bytes); /* NULL: no memory */
cudaError_t runtime_submit(cudaStream_t s, struct runtime_op *op);

#endif
