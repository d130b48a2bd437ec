/* A GGUF file in parts (llama.cpp's gguf-split): NAME-00001-of-00003.gguf and so on, opened by naming the first.
 *
 * The first part holds the keys, each part some tensors.  Names of further parts are made from the first's own name and
 * checked numbers, so they lie beside it; what a part says of itself (split.no, split.count) must fit its name. */
#include "base/err.h"
#include "base/mem.h"
#include "model/checkpoint_files.h"
#include <stdio.h>
#include <string.h>

#define PARTS_MAX 4096u /* files; the largest checkpoints come in some tens */

#define ENDING       "-%05u-of-%05u.gguf"
#define ENDING_BYTES 20u /* with the numbers in */

/* The path of part no (from 1) of count; false when the path of the first does not end as it should. */
static bool part_path(const char *first, uint32_t no, uint32_t count, struct text *path)
{
    char end[48];
    size_t n = strlen(first);
    snprintf(end, sizeof end, ENDING, 1, count);
    if (n < ENDING_BYTES || strcmp(first + n - ENDING_BYTES, end) != 0)
        return false;
    text_clear(path);
    text_addn(path, first, n - ENDING_BYTES);
    text_addf(path, ENDING, no, count);
    return true;
}

/* What a part says of itself; *no counts from 0. */
static int read_numbers(const struct gguf *g, uint32_t *no, uint32_t *count)
{
    *no = 0;
    *count = 1;
    TRY(gguf_maybe_u32(g, "split.no", no));
    return gguf_maybe_u32(g, "split.count", count);
}

static int map_part(struct checkpoint_files *f, const char *path)
{
    mem_grow(&f->part, &f->cap_parts, f->n_parts + 1, sizeof *f->part);
    TRY(map_file_open(&f->part[f->n_parts].map, path));
    f->part[f->n_parts++].role = "weights";
    return 0;
}

/* Adds the tensors of part no (from 1). */
static int read_part(struct checkpoint *c, const char *path, uint32_t no, uint32_t count)
{
    uint32_t seen_no, seen_count;
    TRY(map_part(c->files, path));
    const struct map_file *m = &c->files->part[c->files->n_parts - 1].map;
    struct gguf *g = gguf_read(m->path, m->bytes, m->size);
    if (!g)
        return ERR_DATA;
    int rc = read_numbers(g, &seen_no, &seen_count);
    if (rc == 0 && (seen_no != no - 1 || seen_count != count))
        rc = err_set(ERR_DATA, "%s: it says that it is part %u of %u ('split.no' + 1 of 'split.count'), want %u of %u",
                     m->path, seen_no + 1, seen_count, no, count);
    for (size_t i = 0; rc == 0 && i < g->tensors.n; i++)
        rc = tensor_list_add(&c->files->gguf->tensors, m->path, &g->tensors.t[i]);
    gguf_free(g);
    return rc;
}

static int check_total(const struct checkpoint *c)
{
    const struct gguf *g = c->files->gguf;
    uint32_t total = 0;
    if (!gguf_find(g, "split.tensors.count"))
        return 0;
    TRY(gguf_maybe_u32(g, "split.tensors.count", &total));
    if (total != g->tensors.n)
        return err_set(ERR_DATA, "%s: its parts hold %zu tensors, 'split.tensors.count' is %u", c->path, g->tensors.n,
                       total);
    return 0;
}

static int read_parts(struct checkpoint *c, uint32_t count)
{
    struct text path = { 0 };
    int rc = 0;
    if (!part_path(c->path, 1, count, &path))
        rc = err_set(ERR_DATA, "%s: the first of %u parts; want a name that ends in -00001-of-%05u.gguf", c->path,
                     count, count);
    for (uint32_t no = 2; rc == 0 && no <= count && part_path(c->path, no, count, &path); no++)
        rc = read_part(c, text_s(&path), no, count);
    text_free(&path);
    TRY(rc);
    TRY(tensor_list_sort(&c->files->gguf->tensors, c->path));
    return check_total(c);
}

int checkpoint_read_parts(struct checkpoint *c, const struct checkpoint_want *want)
{
    uint32_t no, count;
    TRY(read_numbers(c->files->gguf, &no, &count));
    if (count == 0 || count > PARTS_MAX)
        return err_set(ERR_DATA, "%s: 'split.count' is %u, want 1 .. %u", c->path, count, PARTS_MAX);
    if (no > 0)
        return err_set(ERR_DATA, "%s: part %u of %u ('split.no' + 1 of 'split.count'); want the first", c->path, no + 1,
                       count);
    return count > 1 && want->weights ? read_parts(c, count) : 0;
}
