/* The components of a tokenizer.json around its model: normalizer, pre_tokenizer, decoder, post_processor. */
#ifndef MODEL_VOCAB_JSON_STEPS_H
#define MODEL_VOCAB_JSON_STEPS_H

#include "base/doc.h"
#include "model/vocab_inside.h"

/* The "type" of a component; NULL for a component that is null or absent.  ERR_DATA: an object without a type. */
int vocab_json_type(const struct vocab *v, const json_t *o, const char **type);

/* ERR_DATA: "where: what is 'seen', which is not supported; want ..." */
int vocab_json_unsupported(const struct vocab *v, const char *what, const char *seen, const char *want);

/* A kind of component: what reads each type of it.  A "Sequence" is the list `parts` of them, at most
 * VOCAB_JSON_DEPTH within each other. */
#define VOCAB_JSON_DEPTH 8
struct vocab_json_reader {
    const char *type;
    int (*read)(struct vocab *v, const json_t *o);
};
struct vocab_json_kind {
    const char *what, *parts, *want; /* for messages: "the normalizer"; "normalizers"; the types that are known */
    const struct vocab_json_reader *readers; /* (n_readers,) */
    size_t n_readers;
};

/* Reads a component, which may be null, and those that it is a sequence of.  depth: 0.  0 or ERR_DATA. */
int vocab_json_walk(struct vocab *v, const json_t *o, const struct vocab_json_kind *kind, int depth);

/* Fill v from the component, which may be null.  0; ERR_DATA: what would make ids differ and is not done here. */
int vocab_json_normalizer(struct vocab *v, const json_t *o);
int vocab_json_pre_tokenizer(struct vocab *v, const json_t *o);
int vocab_json_decoder(struct vocab *v, const json_t *o);
int vocab_json_post_processor(struct vocab *v, const json_t *o); /* after the tokens */

#endif
