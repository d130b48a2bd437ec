/* A map from strings to numbers.  Keys are borrowed: they must outlive the map and not change. */
#ifndef MODEL_STRMAP_H
#define MODEL_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strmap;

struct strmap *strmap_alloc(void);
void strmap_free(struct strmap *m); /* NULL is fine */

/* false, and nothing changed, when the key is there already. */
bool strmap_put(struct strmap *m, const char *key, size_t n, uint32_t value);
int64_t strmap_get(const struct strmap *m, const char *key, size_t n); /* -1 when absent */

#endif
