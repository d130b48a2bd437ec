/* Checkpoints into other formats and types.
 *
 * FROM is whatever checkpoint_open() takes, or "random:llama(dim=64, layers=2, ...)" or "random:config.json": weights drawn
 * from a seed, with a tokenizer of bytes.  TO is a GGUF file where its name ends in ".gguf", else a folder; it must not be
 * there yet, and is either whole or absent.
 *
 * Every architecture of model/architecture_rows.c goes both ways.  Names are its row's; values change their order where the
 * formats lay them out otherwise (recast.h, convert_place.c); hyperparameters are convert_config_gguf.c's keys and
 * convert_config_json.c's members.  What a format cannot say is refused by name; what other programs pass over in a GGUF
 * file (keys of our own, a tokenizer without a name there) is a remark.
 *
 * Without a type matrices keep theirs; in a folder, which has no blocks, they become float32 then.  With a type, matrices get
 * it where their rows are a multiple of its block (else q8_0, else f16; the remarks say so); routers and learned positions
 * are float32 beside blocks.  Vectors are float32 in GGUF; in a folder they have the type of the matrices where that loses
 * nothing, else float32.  So a folder through GGUF and back has the same bytes in every tensor, but for Gemma's norms that are
 * nearer to 0 than float32 can say beside the 1 that GGUF adds (a remark).
 *
 * Tokenizers: a tokenizer.json goes along whole and comes back as it was; tokenizer.model, llama2.c's and GGUF's own come
 * back as a tokenizer.json (convert_tokenizer.c).  A checkpoint without one stays without. */
#ifndef MODEL_CONVERT_H
#define MODEL_CONVERT_H

#include "base/interrupt.h"
#include "base/text.h"
#include <stdint.h>

struct convert_options {
    const char *type;    /* "f32", "f16", "bf16", "q8_0", "q4_k"; NULL: as they are */
    uint64_t seed;       /* of random weights */
    interrupt_t *signal; /* ends it, with nothing left behind: ERR_SIGINT, ERR_SIGTERM; NULL: none does */
};

/* 0; ERR_USAGE (type, shape), ERR_DATA, ERR_IO.  What else there is to say is appended to *remarks, a line each. */
int convert_checkpoint(const char *from, const char *to, const struct convert_options *o, struct text *remarks);

#endif
