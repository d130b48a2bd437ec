/* NumPy files: what numpy.save writes is read, whatever the version, the order of bytes and the rank; a header that is not one
 * is refused with a message that names the file, and a size in it takes no memory that the file does not have. */
#include "base/err.h"
#include "base/npy.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct file {
    uint8_t s[8192];
    size_t n;
};

static void add(struct file *f, const void *s, size_t n)
{
    memcpy(f->s + f->n, s, n);
    f->n += n;
}

/* The magic, a version, and a header of n bytes, length and all. */
static struct file with_header(unsigned version, const char *header, size_t n)
{
    struct file f = { .n = 0 };
    const uint8_t start[] = { 0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0 };
    const uint8_t length[] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };
    add(&f, start, sizeof start);
    add(&f, length, version == 1 ? 2 : 4);
    add(&f, header, strlen(header));
    return f;
}

static struct file made(const char *header)
{
    return with_header(1, header, strlen(header));
}

static FILE *opened(const struct file *f)
{
    FILE *in = fmemopen((void *)(uintptr_t)f->s, f->n, "rb");
    if (!in)
        abort();
    return in;
}

/* Numbers 0.5, 1.5, ... -inf, nan as elements of the type. */
static void add_numbers(struct file *f, size_t n, size_t size, bool big)
{
    for (size_t i = 0; i < n; i++) {
        double x = i + 2 == n ? -INFINITY : i + 1 == n ? NAN : (double)i + 0.5;
        float y = (float)x;
        uint8_t bytes[8];
        memcpy(bytes, size == 8 ? (const void *)&x : (const void *)&y, size);
        for (size_t k = 0; k < size; k++) /* of a little-endian machine, as all that the project runs on are */
            add(f, &bytes[big ? size - 1 - k : k], 1);
    }
}

static void read_whole(const char *header, unsigned version, size_t rows, size_t columns)
{
    struct file f = with_header(version, header, strlen(header));
    bool big = strchr(header, '>') != NULL;
    add_numbers(&f, rows * columns, strstr(header, "f8") ? 8 : 4, big);
    FILE *in = opened(&f);
    struct npy a;
    check(npy_open(&a, in, "x.npy") == 0 && a.n_rows == rows && a.n_columns == columns, "%s: %s", header, err_text());
    for (size_t i = 0; i < rows; i++) {
        check(npy_next(&a) == 1, "%s: row %zu: %s", header, i, err_text());
        for (size_t k = 0; k < columns && a.x; k++) {
            size_t at = i * columns + k;
            bool ok = at + 2 == rows * columns   ? isinf(a.x[k]) && a.x[k] < 0
                      : at + 1 == rows * columns ? isnan(a.x[k])
                                                 : a.x[k] == (double)at + 0.5;
            check(ok, "%s: row %zu, number %zu is %g", header, i, k, a.x[k]);
        }
    }
    check(npy_next(&a) == 0, "%s: the end: %s", header, err_text());
    npy_close(&a);
    fclose(in);
}

static void refused(struct file f, const char *why)
{
    FILE *in = opened(&f);
    struct npy a;
    int rc = npy_open(&a, in, "x.npy");
    while (rc == 0 && (rc = npy_next(&a)) == 1)
        rc = 0;
    check(rc == ERR_DATA && strncmp(err_text(), "x.npy: ", 7) == 0 && strstr(err_text(), why), "want '%s', got %d: %s",
          why, rc, err_text());
    if (a.in)
        npy_close(&a);
    fclose(in);
}

static void refused_header(const char *header, const char *why)
{
    refused(made(header), why);
}

#define F4(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape ", }"

static void headers(void)
{
    refused_header("", "'' where '{' is wanted");
    refused_header("{", "a short string");
    refused_header("{}", "'descr' is missing");
    refused_header("{'descr': '<f4'}", "'fortran_order' is missing");
    refused_header("{'descr': '<f4', 'fortran_order': False}", "'shape' is missing");
    refused_header("{'descr': '<f4', 'descr': '<f8', 'shape': (1,)}", "once each");
    refused_header("{'what': 1}", "one of the keys");
    refused_header("{'descr' '<f4'}", "and ':'");
    refused_header("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }",
                   "elements are '<i4', want '<f4' or '<f8'");
    refused_header("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }", "elements are '<f2'");
    refused_header("{'descr': '\x1b[2J', 'fortran_order': False, 'shape': (1,), }", "elements are '?[2J'");
    refused_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "a short string");
    refused_header("{'descr': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa', }", "a short string");
    refused_header("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "stored by columns, want rows");
    refused_header("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 2), }", "False is wanted");
    refused_header(F4("()"), "a single number, want rows");
    refused_header(F4("(1, 2, 3)"), "more than two dimensions");
    refused_header(F4("(1 2)"), "',' or ')'");
    refused_header(F4("(-1, 2)"), "a size is wanted");
    refused_header(F4("(,)"), "a size is wanted");
    refused_header(F4("(3, 0)"), "rows of 0 numbers, want 1 .. 16777216");
    refused_header(F4("(1, 16777217)"), "rows of 16777217 numbers");
    refused_header(F4("(1, 18446744073709551615)"), "rows of 18446744073709551615 numbers");
    refused_header(F4("(1, 18446744073709551616)"), "a size below 2^64");
    refused_header(F4("(1, 99999999999999999999999)"), "a size below 2^64");
    refused_header(F4("(1, 2)") "x", "the end of the header");
    refused_header("{'descr': '<f4' 'shape'}", "',' or '}'");
}

static void files(void)
{
    struct file f = { .n = 1, .s = { 0x93 } };
    refused(f, "no .npy file");
    memcpy(f.s, "\x93NUMPX\x01\0\2\0ab", 12);
    f.n = 12;
    refused(f, "no .npy file");
    memcpy(f.s, "\x93NUMPY\x04\0\2\0ab", 12);
    refused(f, "version 4.0, want 1.0, 2.0 or 3.0");
    memcpy(f.s, "\x93NUMPY\x00\0\2\0ab", 12);
    refused(f, "version 0.0");
    f = made(F4("(1, 2)"));
    f.n = 9;
    refused(f, "ends within its header");
    f = made(F4("(1, 2)"));
    f.n -= 5;
    refused(f, "ends within its header");
    refused(with_header(2, F4("(1, 2)"), 65537), "a header of 65537 bytes, want at most 65536");
    refused(with_header(3, F4("(1, 2)"), 0xffffffff), "a header of 4294967295 bytes");
    refused(with_header(2, F4("(1, 2)"), 65536), "ends within its header");
    f = made(F4("(2, 2)"));
    add_numbers(&f, 3, 4, false);
    refused(f, "ends within row 1 of 2");
    f = made(F4("(18446744073709551615, 16777216)")); /* much is said, little is there */
    add_numbers(&f, 3, 4, false);
    refused(f, "ends within row 0 of 18446744073709551615");
    f = made(F4("(1, 2)"));
    add_numbers(&f, 3, 4, false);
    refused(f, "goes on after its 1 rows");
    f = made(F4("(0, 2)"));
    add_numbers(&f, 1, 4, false);
    refused(f, "goes on after its 0 rows");
}

int main(void)
{
    read_whole(F4("(3, 4)") "                                     \n", 1, 3, 4);
    read_whole("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n", 1, 2, 3);
    read_whole("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }\n", 2, 2, 3);
    read_whole("{'descr': '>f8', 'fortran_order': False, 'shape': (5,), }\n", 3, 1, 5);
    read_whole("{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}", 1, 2, 3);
    read_whole(F4("(1, 2)"), 1, 1, 2);
    headers();
    files();
    return check_done("npy");
}
