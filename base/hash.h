/* Hashes: XXH3 for frames, addresses and caches; SHA-256 for identities that outlive a run. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed); /* XXH3 64 bits */
uint64_t hash_string(const char *s);                         /* hash_bytes(s, strlen(s), 0) */

/* Lower-case hex of SHA-256, 64 digits + NUL. */
void hash_sha256(const void *p, size_t n, char hex[65]);
/* The same of many pieces: begin, add each, end (which frees). */
struct hash_sha256_state *hash_sha256_begin(void);
void hash_sha256_add(struct hash_sha256_state *s, const void *p, size_t n);
void hash_sha256_end(struct hash_sha256_state *s, char hex[65]);
int hash_sha256_file(const char *path, char hex[65]); /* 0 or ERR_IO */

#endif
