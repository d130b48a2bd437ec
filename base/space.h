/* A symbol space: what a distribution ranges over.
 *
 * TOKEN: one vocabulary of tokens.  BYTE: the 256 bytes, then one end symbol (256).  Two lms may share symbols only
 * when their spaces have equal hashes.  A space is immutable; who made it frees it, after everything that uses it. */
#ifndef BASE_SPACE_H
#define BASE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t sym_t;

enum space_kind { SPACE_TOKEN, SPACE_BYTE };

struct space {
    enum space_kind kind;
    uint32_t n;              /* symbols are 0 .. n-1 */
    uint64_t hash;           /* of kind, the bytes of every symbol, the specials and the ends */
    const uint8_t *bytes;    /* the bytes of all symbols, one after the other; specials have none of their own here */
    const uint64_t *offsets; /* (n + 1,) symbol s is bytes[offsets[s] .. offsets[s + 1]) */
    const uint8_t *special;  /* (n,) 1: a control symbol (bos, end, role mark): gives no text */
    const sym_t *ends;       /* (n_ends,) symbols that end a hypothesis */
    size_t n_ends;
};

/* Copies its arguments; the hash is computed here.  Never NULL. */
struct space *space_alloc(enum space_kind kind, uint32_t n, const uint8_t *bytes, const uint64_t *offsets,
                          const uint8_t *special, const sym_t *ends, size_t n_ends);
struct space *space_bytes(void); /* the BYTE space: n = 257, symbol 256 ends */
void space_free(struct space *s);

bool space_is_end(const struct space *s, sym_t symbol);

/* The text bytes of a symbol: *n bytes, 0 for specials; valid while the space lives. */
const uint8_t *space_text(const struct space *s, sym_t symbol, size_t *n);

#endif
