/* Checkpoints into other formats and types.
 *
 * FROM is whatever checkpoint_open() takes, or "random:llama(dim=64, layers=2, ...)" or "random:config.json": weights drawn
 * from a seed, with a tokenizer of bytes.  TO is a GGUF file where its name ends in ".gguf", else a folder; it must not be
 * there yet, and is either whole or absent.
 *
 * Without a type matrices keep theirs; in a folder, which has no blocks, they become float32 then.  With a type, matrices get
 * it where their rows are a multiple of its block (else q8_0, else f16; the remarks say so).  Vectors are float32 in GGUF;
 * in a folder they have the type of the matrices where that loses nothing, else float32.  So a folder through GGUF and
 * back has the same bytes in every tensor.  Rows of queries and keys change their order between the formats (recast.h). */
#ifndef MODEL_CONVERT_H
#define MODEL_CONVERT_H

#include "base/text.h"
#include <stdint.h>

struct convert_options {
    const char *type; /* "f32", "f16", "bf16", "q8_0", "q4_k"; NULL: as they are */
    uint64_t seed;    /* of random weights */
};

/* 0; ERR_USAGE (type, shape), ERR_DATA, ERR_IO.  What else there is to say is appended to *remarks, a line each. */
int convert_checkpoint(const char *from, const char *to, const struct convert_options *o, struct text *remarks);

#endif
