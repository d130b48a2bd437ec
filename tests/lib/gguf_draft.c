#include "tests/lib/gguf_draft.h"
#include "tests/lib/bytes.h"

void gguf_draft_tensor(struct gguf_draft *d, const char *name, uint32_t type, uint64_t n_dims, const uint64_t dims[],
                       uint64_t offset)
{
    bytes_string(&d->tensors, name);
    bytes_u32(&d->tensors, (uint32_t)n_dims);
    for (uint64_t i = 0; i < n_dims && i < 8; i++)
        bytes_u64(&d->tensors, dims[i]);
    bytes_u32(&d->tensors, type);
    bytes_u64(&d->tensors, offset);
    d->n_tensors++;
}

struct text gguf_draft_finish(struct gguf_draft *d)
{
    struct text t = { 0 };
    text_add(&t, "GGUF");
    bytes_u32(&t, d->version);
    bytes_u64(&t, d->n_tensors + d->claim_tensors);
    bytes_u64(&t, d->n_pairs + d->claim_pairs);
    text_addn(&t, text_s(&d->pairs), d->pairs.len);
    text_addn(&t, text_s(&d->tensors), d->tensors.len);
    if (d->n_tensors > 0)
        bytes_align(&t, d->alignment);
    for (size_t i = 0; i < d->data; i++)
        bytes_u8(&t, (uint8_t)i);
    text_free(&d->pairs);
    text_free(&d->tensors);
    return t;
}

struct gguf_draft gguf_draft_start(void)
{
    return (struct gguf_draft){ .version = 3, .alignment = 32 };
}
