#include "base/mem.h"
#include "base/num.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No stdio here: it may allocate. */
_Noreturn void mem_exhausted(void)
{
    static const char line[] = "chorale: out of memory; nothing that was acknowledged is lost\n";
    ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    _exit(5);
}

static size_t bytes_of(size_t n, size_t size)
{
    uint64_t bytes;
    if (!num_mul(n, size, &bytes) || bytes > PTRDIFF_MAX)
        mem_exhausted();
    return bytes > 0 ? (size_t)bytes : 1;
}

void *mem_alloc(size_t n, size_t size)
{
    void *p = calloc(1, bytes_of(n, size));
    if (!p)
        mem_exhausted();
    return p;
}

void mem_grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return;
    size_t next = *cap > 0 ? *cap : 8;
    while (next < need)
        next = next <= SIZE_MAX / 2 ? next * 2 : need;
    void *old;
    memcpy(&old, p, sizeof old); /* p is the address of a pointer of any type */
    char *grown = realloc(old, bytes_of(next, size));
    if (!grown)
        mem_exhausted();
    memset(grown + *cap * size, 0, (next - *cap) * size);
    memcpy(p, &grown, sizeof grown);
    *cap = next;
}

void *mem_copy(const void *p, size_t bytes)
{
    char *copy = mem_alloc(bytes, 1);
    if (bytes > 0)
        memcpy(copy, p, bytes);
    return copy;
}

char *mem_string(const char *s)
{
    return mem_copy(s, strlen(s) + 1);
}

void *mem_aligned(size_t n, size_t size)
{
    size_t bytes = bytes_of(n, size);
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes) != 0)
        mem_exhausted();
    memset(p, 0, bytes);
    return p;
}
