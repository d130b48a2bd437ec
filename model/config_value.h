/* Values of a config.json with their bounds, and values that would compute something else. */
#ifndef MODEL_CONFIG_VALUE_H
#define MODEL_CONFIG_VALUE_H

#include "base/doc.h"

/* *to is the whole number at key, 1 .. CONFIG_DIM_MAX; it keeps its value when the key is absent or null, unless it is 0.
 * 0 or ERR_DATA, as all below. */
int config_value_size(const json_t *o, const char *where, const char *key, uint32_t *to);
/* The size under its name, or under another where that alone is there. */
int config_value_named(const json_t *o, const char *where, const char *const key[2], uint32_t *to);
/* More than 0 as a float, and finite; *to keeps its value when the key is absent or null. */
int config_value_positive(const json_t *o, const char *where, const char *key, float *to);
bool config_value_null(const json_t *o, const char *key); /* there, and null */

/* Whatever the key holds must be absent, null, or the plain value. */
int config_value_plain_bool(const json_t *o, const char *where, const char *key, bool plain);
int config_value_plain_number(const json_t *o, const char *where, const char *key, double plain);
int config_value_absent(const json_t *o, const char *where, const char *key);

#endif
