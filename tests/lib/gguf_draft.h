/* A GGUF file in the making, good or lying: head, keys, tensor descriptions; data bytes follow at the alignment. */
#ifndef TESTS_GGUF_DRAFT_H
#define TESTS_GGUF_DRAFT_H

#include "base/text.h"

struct gguf_draft {
    uint32_t version, n_tensors;
    uint64_t claim_tensors, claim_pairs; /* added to the true counts */
    uint64_t n_pairs;
    struct text pairs, tensors;
    size_t data, alignment;
};

struct gguf_draft gguf_draft_start(void);
void gguf_draft_tensor(struct gguf_draft *d, const char *name, uint32_t type, uint64_t n_dims, const uint64_t dims[],
                       uint64_t offset);
struct text gguf_draft_finish(struct gguf_draft *d); /* the file, for text_free(); d's own texts are freed */

#endif
