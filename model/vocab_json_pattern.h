/* The "pattern" of a component of tokenizer.json: {"Regex": ...} or {"String": ...}. */
#ifndef MODEL_VOCAB_JSON_PATTERN_H
#define MODEL_VOCAB_JSON_PATTERN_H

#include "base/doc.h"
#include "model/vocab_inside.h"

struct vocab_json_pattern {
    const char *regex, *literal; /* one of them is NULL */
};

int vocab_json_pattern(const struct vocab *v, const json_t *o, struct vocab_json_pattern *p); /* 0 or ERR_DATA */

#endif
