#include "base/hash.h"
#include "base/err.h"
#include "base/mem.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

uint64_t hash_string(const char *s)
{
    return hash_bytes(s, strlen(s), 0);
}

static void to_hex(const unsigned char digest[32], char hex[65])
{
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* The library fails for want of memory alone: that ends the process, as elsewhere (base/mem.h). */
static void must(int ok)
{
    if (ok != 1)
        mem_exhausted();
}

/* A library that had no memory when it began would follow a NULL of its own at the first use. */
static void library_begun(void)
{
    must(OSSL_LIB_CTX_get0_global_default() != NULL);
}

void hash_sha256(const void *p, size_t n, char hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    library_begun();
    must(EVP_Digest(p, n, digest, NULL, EVP_sha256(), NULL));
    to_hex(digest, hex);
}

struct hash_sha256_state {
    EVP_MD_CTX *ctx;
};

struct hash_sha256_state *hash_sha256_begin(void)
{
    struct hash_sha256_state *s = mem_alloc(1, sizeof *s);
    library_begun();
    s->ctx = EVP_MD_CTX_new();
    must(s->ctx && EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) == 1);
    return s;
}

void hash_sha256_add(struct hash_sha256_state *s, const void *p, size_t n)
{
    must(EVP_DigestUpdate(s->ctx, p, n));
}

void hash_sha256_end(struct hash_sha256_state *s, char hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    must(EVP_DigestFinal_ex(s->ctx, digest, NULL));
    EVP_MD_CTX_free(s->ctx);
    free(s);
    to_hex(digest, hex);
}

int hash_sha256_file(const char *path, char hex[65])
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct hash_sha256_state *s = hash_sha256_begin();
    unsigned char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        hash_sha256_add(s, block, n);
    int failed = ferror(f);
    hash_sha256_end(s, hex);
    fclose(f);
    if (failed)
        return err_set(ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    return 0;
}
