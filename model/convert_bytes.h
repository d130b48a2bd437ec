/* Byte-level BPE between tokenizer.json and GGUF's keys. */
#ifndef MODEL_CONVERT_BYTES_H
#define MODEL_CONVERT_BYTES_H

#include "model/convert_inside.h"

/* Adds the keys of a tokenizer.json, for n tokens; what they cannot say is a remark.  false, and nothing added: it is no
 * byte-level BPE, or its pre-tokeniser has no name in GGUF. */
bool convert_bytes_add(const struct conversion *v, struct gguf_keys *k, const json_t *o, size_t n);

/* The members of a tokenizer.json but for its post_processor.  NULL + ERR_DATA. */
json_t *convert_bytes_json(const struct gguf *g);

#endif
