/* safetensors files: 8 bytes of header length, a JSON header, the tensors' bytes one after the other.
 *
 * The rules of the format are all checked, so that a file has one meaning: a header of at most 100 MB that begins with
 * '{'; no duplicate keys; every tensor's bytes follow the previous one's without hole or overlap; the last ends where
 * the file ends.  Nothing is allocated from a number of the file before that number has been checked against it.
 * The header is read tensor by tensor, and refused as soon as the tensors so far take more bytes than there are: memory
 * is a few hundred bytes for each tensor, and no tensor is without bytes of its own. */
#ifndef MODEL_SAFETENSORS_H
#define MODEL_SAFETENSORS_H

#include "model/tensor.h"

/* Appends the tensors of a file of size bytes, as views of bytes, which must be aligned to 8 and outlive the list.
 * 0; ERR_DATA naming where, the tensor, the value and what was expected.  Types: F32, F16, BF16. */
int safetensors_read(struct tensor_list *out, const char *where, const uint8_t *bytes, uint64_t size);

#endif
