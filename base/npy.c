#include "base/npy.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       "\x93NUMPY"
#define MAGIC_BYTES 6
#define BLOCK       65536 /* bytes of a row that are read at once */

/* The header's text, a Python dictionary, on its way through the reader. */
struct cursor {
    const char *name, *s, *end;
};

static int bad(const struct cursor *c, const char *want)
{
    int n = (int)(c->end - c->s < 20 ? c->end - c->s : 20);
    char seen[21] = { 0 };
    for (int i = 0; i < n; i++)
        seen[i] = c->s[i] >= ' ' && c->s[i] < 0x7f ? c->s[i] : '?';
    return err_set(ERR_DATA, "%s: .npy header: '%s' where %s is wanted", c->name, seen, want);
}

static void blanks(struct cursor *c)
{
    while (c->s < c->end && (*c->s == ' ' || *c->s == '\n'))
        c->s++;
}

static bool take(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    blanks(c);
    if ((size_t)(c->end - c->s) < n || memcmp(c->s, word, n) != 0)
        return false;
    c->s += n;
    return true;
}

/* 'text' into out[16] */
static int quoted(struct cursor *c, char out[16])
{
    blanks(c);
    if (c->s == c->end)
        return bad(c, "a short string");
    char quote = *c->s;
    const char *from = c->s + 1, *to = from < c->end ? memchr(from, quote, (size_t)(c->end - from)) : NULL;
    if ((quote != '\'' && quote != '"') || !to || to - from >= 16)
        return bad(c, "a short string");
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    c->s = to + 1;
    return 0;
}

static int descr(struct cursor *c, struct npy *a)
{
    static const struct {
        const char *name;
        bool is_double, is_big;
    } types[] = { { "<f4", false, false }, { "<f8", true, false }, { ">f4", false, true }, { ">f8", true, true } };
    char name[16];
    TRY(quoted(c, name));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            a->is_double = types[i].is_double;
            a->is_big = types[i].is_big;
            return 0;
        }
    for (char *s = name; *s; s++)
        *s = *s >= ' ' && *s < 0x7f ? *s : '?';
    return err_set(ERR_DATA, "%s: elements are '%s', want '<f4' or '<f8': x.astype('float32')", c->name, name);
}

static int order(struct cursor *c, struct npy *a)
{
    (void)a;
    if (take(c, "False"))
        return 0;
    return take(c, "True")
               ? err_set(ERR_DATA, "%s: the matrix is stored by columns, want rows: numpy.ascontiguousarray(x)",
                         c->name)
               : bad(c, "False");
}

static int whole(struct cursor *c, uint64_t *out)
{
    blanks(c);
    const char *from = c->s;
    for (*out = 0; c->s < c->end && *c->s >= '0' && *c->s <= '9'; c->s++)
        if (!num_mul(*out, 10, out) || !num_add(*out, (uint64_t)(*c->s - '0'), out))
            return bad(c, "a size below 2^64");
    return c->s > from ? 0 : bad(c, "a size");
}

static int shape(struct cursor *c, struct npy *a)
{
    uint64_t n[2] = { 0, 0 };
    size_t rank = 0;
    if (!take(c, "("))
        return bad(c, "'('");
    while (!take(c, ")")) {
        if (rank == 2)
            return err_set(
                ERR_DATA, "%s: the array has more than two dimensions, want rows: x.reshape(-1, x.shape[-1])", c->name);
        TRY(whole(c, &n[rank++]));
        if (!take(c, ",") && (c->s == c->end || *c->s != ')'))
            return bad(c, "',' or ')'");
    }
    if (rank == 0)
        return err_set(ERR_DATA, "%s: a single number, want rows", c->name);
    a->n_rows = rank == 2 ? n[0] : 1;
    a->n_columns = n[rank - 1];
    return 0;
}

static int dictionary(struct cursor *c, struct npy *a)
{
    static const struct {
        const char *name;
        int (*read)(struct cursor *c, struct npy *a);
    } keys[] = { { "descr", descr }, { "fortran_order", order }, { "shape", shape } };
    bool seen[3] = { false };
    if (!take(c, "{"))
        return bad(c, "'{'");
    while (!take(c, "}")) {
        char key[16];
        size_t i = 0;
        TRY(quoted(c, key));
        while (i < 3 && strcmp(keys[i].name, key) != 0)
            i++;
        if (i == 3 || seen[i] || !take(c, ":"))
            return bad(c, "one of the keys descr, fortran_order and shape, once each, and ':'");
        seen[i] = true;
        TRY(keys[i].read(c, a));
        blanks(c);
        if (!take(c, ",") && (c->s == c->end || *c->s != '}'))
            return bad(c, "',' or '}'");
    }
    blanks(c);
    if (c->s < c->end)
        return bad(c, "the end of the header");
    return seen[0] && seen[1] && seen[2] ? 0
                                         : err_set(ERR_DATA, "%s: .npy header: '%s' is missing", c->name,
                                                   keys[!seen[0]   ? 0
                                                        : !seen[1] ? 1
                                                                   : 2]
                                                       .name);
}

/* n bytes into a->bytes from `at` on, as far as they are there; how many. */
static size_t get(struct npy *a, size_t at, size_t n)
{
    mem_grow(&a->bytes, &a->cap_bytes, at + n, 1);
    return fread(a->bytes + at, 1, n, a->in);
}

static int read_failed(const struct npy *a)
{
    return err_set(ERR_IO, "%s: cannot read: %s", a->name, strerror(errno));
}

static int head(struct npy *a)
{
    enum { START = MAGIC_BYTES + 2 };
    size_t n = get(a, 0, START);
    if (ferror(a->in))
        return read_failed(a);
    if (n < START || memcmp(a->bytes, MAGIC, MAGIC_BYTES) != 0)
        return err_set(ERR_DATA, "%s: no .npy file: its first bytes are not \\x93NUMPY and a version", a->name);
    unsigned version = a->bytes[MAGIC_BYTES];
    if (version < 1 || version > 3)
        return err_set(ERR_DATA, "%s: .npy version %u.%u, want 1.0, 2.0 or 3.0", a->name, version,
                       a->bytes[MAGIC_BYTES + 1]);
    size_t n_length = version == 1 ? 2 : 4, length = 0;
    if (get(a, START, n_length) < n_length)
        return ferror(a->in) ? read_failed(a) : err_set(ERR_DATA, "%s: the file ends within its header", a->name);
    for (size_t i = n_length; i-- > 0;)
        length = length << 8 | a->bytes[START + i];
    if (length > NPY_MOST_HEADER)
        return err_set(ERR_DATA, "%s: a header of %zu bytes, want at most %u", a->name, length, NPY_MOST_HEADER);
    if (get(a, 0, length) < length)
        return ferror(a->in) ? read_failed(a) : err_set(ERR_DATA, "%s: the file ends within its header", a->name);
    struct cursor c = { a->name, (const char *)a->bytes, (const char *)a->bytes + length };
    TRY(dictionary(&c, a));
    if (a->n_columns >= 1 && a->n_columns <= NPY_MOST_COLUMNS)
        return 0;
    return err_set(ERR_DATA, "%s: rows of %llu numbers, want 1 .. %u", a->name, (unsigned long long)a->n_columns,
                   NPY_MOST_COLUMNS);
}

int npy_open(struct npy *a, FILE *in, const char *name)
{
    *a = (struct npy){ .in = in, .name = name };
    int rc = head(a);
    if (rc < 0)
        npy_close(a);
    return rc;
}

static double number(const struct npy *a, size_t i)
{
    size_t n = a->is_double ? 8 : 4;
    uint64_t bits = 0;
    for (size_t k = 0; k < n; k++)
        bits = bits << 8 | a->bytes[i * n + (a->is_big ? k : n - 1 - k)];
    double x;
    float y;
    uint32_t half = (uint32_t)bits;
    memcpy(&x, &bits, sizeof x);
    memcpy(&y, &half, sizeof y);
    return a->is_double ? x : (double)y;
}

int npy_next(struct npy *a)
{
    size_t size = (size_t)a->n_columns * (a->is_double ? 8 : 4), have = 0;
    if (a->row == a->n_rows) {
        if (fgetc(a->in) == EOF)
            return ferror(a->in) ? read_failed(a) : 0;
        return err_set(ERR_DATA, "%s: the file goes on after its %llu rows", a->name, (unsigned long long)a->n_rows);
    }
    while (have < size) {
        size_t want = size - have < BLOCK ? size - have : BLOCK, got = get(a, have, want);
        have += got;
        if (got < want)
            return ferror(a->in) ? read_failed(a)
                                 : err_set(ERR_DATA, "%s: the file ends within row %llu of %llu", a->name,
                                           (unsigned long long)a->row, (unsigned long long)a->n_rows);
    }
    mem_grow(&a->x, &a->cap_x, (size_t)a->n_columns, sizeof *a->x);
    for (size_t i = 0; i < a->n_columns; i++)
        a->x[i] = number(a, i);
    a->row++;
    return 1;
}

void npy_close(struct npy *a)
{
    free(a->bytes);
    free(a->x);
    *a = (struct npy){ 0 };
}
