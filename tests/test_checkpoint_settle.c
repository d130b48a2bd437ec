/* Weights that move out of their files: the same bytes at cache lines, once; what is small, overlaps or is in no file stays. */
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include "model/checkpoint_settle.h"
#include "tests/lib/check.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 37 };

static char path[] = "/tmp/settle-XXXXXX";

/* A checkpoint of one file of so many bytes, without tensors. */
static struct checkpoint *file_of(size_t bytes)
{
    struct checkpoint *c = mem_alloc(1, sizeof *c);
    uint8_t *x = mem_alloc(bytes, 1);
    for (size_t i = 0; i < bytes; i++)
        x[i] = (uint8_t)(i * 2654435761u >> 13);
    int fd = open(path, O_WRONLY | O_TRUNC);
    check(fd >= 0 && write(fd, x, bytes) == (ssize_t)bytes && close(fd) == 0, "%s is written", path);
    free(x);
    c->files = mem_alloc(1, sizeof *c->files);
    c->files->part = mem_alloc(1, sizeof *c->files->part);
    c->files->n_parts = 1;
    check(map_file_open(&c->files->part[0].map, path) == 0, "%s is mapped", path);
    return c;
}

static void add(struct checkpoint *c, const uint8_t *data, size_t bytes)
{
    char name[32];
    snprintf(name, sizeof name, "t%03zu", c->n_tensors);
    struct tensor t = {
        .name = name, .type = DTYPE_F32, .n_dims = 1, .dims = { bytes / 4 }, .data = data, .bytes = bytes
    };
    check(tensor_list_add(&c->files->tensors, "here", &t) == 0, "tensor %zu", c->n_tensors);
    c->tensors = c->files->tensors.t;
    c->n_tensors = c->files->tensors.n;
}

static const uint8_t *map_of(const struct checkpoint *c)
{
    return c->files->part[0].map.bytes;
}

/* Tensors of many sizes, one after the other, as a safetensors file has them: at any multiple of 4. */
static void moves(size_t n_threads)
{
    const size_t bytes = (size_t)3 << 20;
    struct checkpoint *c = file_of(bytes);
    struct threads *threads = threads_alloc(n_threads);
    const uint8_t *from[N];
    size_t at = 4;
    for (size_t i = 0; i < N; i++) {
        size_t size = i == 7 ? (size_t)2 << 20 : 4 + i * 412;
        from[i] = map_of(c) + at;
        add(c, from[i], size);
        at += size;
    }
    check(at < bytes, "they fit the file");
    checkpoint_settle(c, threads);
    size_t stayed = 0, other = 0, crooked = 0;
    for (size_t i = 0; i < N; i++) {
        const uint8_t *data = c->tensors[i].data;
        stayed += data >= map_of(c) && data < map_of(c) + bytes;
        crooked += (uintptr_t)data % 64 != 0;
        other += memcmp(data, from[i], (size_t)c->tensors[i].bytes) != 0;
    }
    check(stayed == 0 && crooked == 0 && other == 0, "%zu stayed, %zu begin elsewhere, %zu are others", stayed, crooked,
          other);
    const void *once = c->tensors[0].data;
    checkpoint_settle(c, threads);
    check(c->tensors[0].data == once, "a second call does nothing");
    threads_free(threads);
    checkpoint_close(c);
}

/* n tensors of the same bytes each. */
static void stays(const char *why, size_t file, size_t n, size_t size, const uint8_t *elsewhere)
{
    struct checkpoint *c = file_of(file);
    struct threads *threads = threads_alloc(1);
    for (size_t i = 0; i < n; i++)
        add(c, map_of(c), size);
    if (elsewhere)
        add(c, elsewhere, 64);
    checkpoint_settle(c, threads);
    check(c->files->settled == NULL, "%s: it moved", why);
    for (size_t i = 0; i < n; i++)
        check(c->tensors[i].data == map_of(c), "%s: tensor %zu", why, i);
    threads_free(threads);
    checkpoint_close(c);
}

int main(void)
{
    static _Alignas(64) const uint8_t own[64];
    int fd = mkstemp(path);
    check(fd >= 0 && close(fd) == 0, "%s", path);
    moves(1);
    moves(2);
    stays("small", (size_t)1 << 19, 1, (size_t)1 << 19, NULL);
    stays("the same bytes a hundred times", (size_t)2 << 20, 100, (size_t)2 << 20, NULL);
    stays("one is in no file", (size_t)2 << 20, 1, (size_t)2 << 20, own);
    unlink(path);
    return check_done("checkpoint_settle");
}
