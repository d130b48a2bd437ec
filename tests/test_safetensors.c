/* model/safetensors, dtype: values as IEEE 754 defines them; every rule of the format broken once, with its message. */
#include "base/err.h"
#include "model/safetensors.h"
#include "tests/lib/bytes.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A file of this header and n bytes of data, its values 0, 1, 2, ...; aligned as mapped files are. */
static uint8_t *file_of(const char *header, size_t n, size_t *size)
{
    struct text t = { 0 };
    bytes_u64(&t, (strlen(header) + 7) / 8 * 8);
    text_add(&t, header);
    while (t.len % 8 != 0)
        text_add(&t, " "); /* as writers do, so that the data are aligned */
    for (size_t i = 0; i < n; i++)
        bytes_u8(&t, (uint8_t)i);
    *size = t.len;
    uint8_t *copy = aligned_alloc(64, (t.len + 63) / 64 * 64);
    memcpy(copy, t.s, t.len);
    text_free(&t);
    return copy;
}

#define T(type, shape, from, to) "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" from "," to "]}"

static void rules(void)
{
    static const struct {
        const char *header;
        size_t n;
        const char *message; /* NULL: fine */
    } cases[] = {
        { "{\"aaa\":" T("F32", "2,2", "0", "16") "}", 16, NULL },
        { "{\"aa\":" T("F16", "2,2", "0", "8") "}", 8, NULL },
        { "{\"a\":" T("BF16", "4", "0", "8") "}", 8, NULL },
        { "{\"__metadata__\":{\"format\":\"pt\"}}", 0, NULL },
        { "{}", 0, NULL },
        { "{\"a\":" T("F32", "", "0", "4") ",\"b\":" T("F32", "1", "4", "8") "}", 8, NULL },
        /* what follows breaks one rule each */
        { "[]", 0, "does not begin with '{'" },
        { " {}", 0, "does not begin with '{'" },
        { "{", 0, "byte 8 of the JSON: want the name of a member" },
        { "{{", 0, "byte 1 of the JSON: want the name of a member" },
        { "{} {}", 0, "byte 3 of the JSON: want nothing behind the object" },
        { "{\"a\"}", 0, "byte 4 of the JSON: want ':'" },
        { "{\"a\":", 0, "want a value" },
        { "{\"a\":}", 0, "want a value" },
        { "{\"a\":{", 0, "want a value" },
        { "{\"a\":\"", 0, "want a value" },
        { "{\"a\\", 0, "want the name of a member" },
        { "{\"\\u0000\":{}}", 0, "want the name of a member" },
        { "{\"\xff\":{}}", 0, "want the name of a member" },
        { "{\"a\":" T("F32", "1", "0", "4") ",}", 4, "want the name of a member" },
        { "{,\"a\":" T("F32", "1", "0", "4") "}", 4, "want the name of a member" },
        { "{\"a\":" T("F32", "1", "0", "4") " \"b\":" T("F32", "1", "4", "8") "}", 8, "want ',' or '}'" },
        { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\"}}", 0, "uplicate" },
        { "{\"__metadata__\":{\"a\":\"}\",\"b\":\"\\\"\"},\"t\":" T("F32", "1", "0", "4") "}", 4, NULL },
        { "{\"__metadata__\":{\"a\":[[[[1]]]]}}", 0, "'__metadata__': 'a' is no text" },
        { "{\"__metadata__\":7}", 0, "want '{'" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "'__metadata__' comes twice" },
        { "{\"a\":[[[[[[]]]]]]}", 0, "tensor 'a' is not an object" },
        { "{\"a\":7}", 0, "tensor 'a' is not an object" },
        { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'dtype' is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "'shape' is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "'data_offsets' is missing" },
        { "{\"a\":" T("I64", "1", "0", "8") "}", 8, "is of type 'I64', want F32, F16 or BF16" },
        { "{\"a\":" T("F32", "1,1,1,1,1", "0", "4") "}", 4, "has 5 dimensions, want at most 4" },
        { "{\"a\":" T("F32", "-1", "0", "4") "}", 4, "shape[0] is not a whole number" },
        { "{\"a\":" T("F32", "1.0", "0", "4") "}", 4, "shape[0] is not a whole number" },
        { "{\"a\":" T("F32", "0", "0", "0") "}", 0, "a dimension is 0" },
        { "{\"a\":" T("F32", "4294967296,4294967296", "0", "4") "}", 4, "size overflows" },
        { "{\"a\":" T("F32", "4611686018427387905", "0", "4") "}", 4, "size overflows" },
        { "{\"a\":" T("F32", "9223372036854775807,3", "0", "4") "}", 4, "size overflows" },
        { "{\"a\":" T("F32", "18446744073709551615", "0", "4") "}", 4, "f.safetensors:1:" },
        { "{\"a\":" T("F32", "2", "0", "4") "}", 4, "has 4 bytes, its shape and type f32 want 8" },
        { "{\"a\":" T("F32", "1", "0", "8") "}", 8, "has 8 bytes, its shape and type f32 want 4" },
        { "{\"a\":" T("F32", "1", "4", "0") "}", 4, "two whole numbers, begin and end" },
        { "{\"a\":" T("F32", "1", "-4", "0") "}", 4, "two whole numbers, begin and end" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two whole numbers, begin and end" },
        { "{\"a\":" T("F32", "1", "0", "9223372036854775807") "}", 4, "ends at byte 9223372036854775807 of 4 bytes" },
        { "{\"a\":" T("F32", "2", "0", "8") "}", 4, "ends at byte 8 of 4 bytes" },
        { "{\"a\":" T("F32", "1", "4", "8") "}", 8, "begins at byte 4, want 0 (a hole)" },
        { "{\"a\":" T("F32", "1", "0", "4") ",\"b\":" T("F32", "1", "0", "4") "}", 4,
          "the tensors take 8 bytes of 4 (tensors overlap)" },
        { "{\"a\":" T("F32", "2", "0", "8") ",\"b\":" T("F32", "1", "4", "8") "}", 12, "want 8 (tensors overlap)" },
        { "{\"a\":" T("F32", "1", "0", "4") "}", 8, "ends at byte 4, the data at 8" },
        { "{}", 4, "ends at byte 0, the data at 4" },
        { "{\"a\":" T("F32", "1", "0", "4") ",\"a\":" T("F32", "1", "4", "8") "}", 8, "tensor 'a' comes twice" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        uint8_t *bytes = file_of(cases[i].header, cases[i].n, &size);
        struct tensor_list list = { 0 };
        int rc = safetensors_read(&list, "f.safetensors", bytes, size);
        const char *want = cases[i].message;
        check((rc == 0) == (want == NULL), "%s: %s", cases[i].header, rc == 0 ? "accepted" : err_text());
        if (want)
            check(rc == ERR_DATA && strstr(err_text(), want) && strncmp(err_text(), "f.safe", 6) == 0,
                  "%s: says '%s', want '%s'", cases[i].header, err_text(), want);
        tensor_list_free(&list);
        free(bytes);
    }
}

/* Lengths that lie, and every possible truncation of a good file. */
static void lengths(void)
{
    static const uint64_t claims[] = { UINT64_MAX, UINT64_MAX - 7, 1ull << 63, 100000001, 1000, 1, 0 };
    const char *header = "{\"aaa\":" T("F32", "2,2", "0", "16") "}";
    size_t size;
    uint8_t *bytes = file_of(header, 16, &size);
    struct tensor_list list = { 0 };
    for (size_t n = 0; n < size; n++) {
        check(safetensors_read(&list, "f.safetensors", bytes, n) == ERR_DATA && list.n == 0, "cut off at %zu", n);
        tensor_list_free(&list);
    }
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        memcpy(bytes, &claims[i], 8);
        check(safetensors_read(&list, "f.safetensors", bytes, size) == ERR_DATA && strstr(err_text(), "header"),
              "a header of %llu bytes: %s", (unsigned long long)claims[i], err_text());
        tensor_list_free(&list);
    }
    free(bytes);
}

/* A header of 100 MB: millions of tensors over the same bytes, of one name, without bytes, nested without end: answered
 * from its first entries, so that each takes no time and no memory. */
static void abuse(void)
{
    static const struct {
        const char *entry, *message;
    } cases[] = {
        { "\"%07d\":" T("F32", "1", "0", "4") ",", "(tensors overlap)" },
        { "\"same\":" T("F32", "1", "0", "4") ",", "(tensors overlap)" },
        { "\"%07d\":" T("F32", "0", "4", "4") ",", "a dimension is 0" },
        { "\"%07d\":[[[[[[[[[[[[[[[[[[[[", "want a value" },
        { "\"%07d\":{\"dtype\":[],\"a\":{}},", "is an array, want a string" },
    };
    enum { HEADER = 100000000 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = { 0 };
        struct tensor_list list = { 0 };
        char entry[128];
        bytes_u64(&t, HEADER);
        text_add(&t, "{");
        for (int k = 0; t.len + sizeof entry < HEADER + 8; k++) {
            snprintf(entry, sizeof entry, cases[i].entry, k);
            text_add(&t, entry);
        }
        while (t.len < HEADER + 8)
            text_add(&t, " ");
        bytes_u32(&t, 0);
        clock_t start = clock();
        int rc = safetensors_read(&list, "f", (const uint8_t *)t.s, t.len);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        check(rc == ERR_DATA && strstr(err_text(), cases[i].message), "says '%s', want '%s'", err_text(),
              cases[i].message);
        check(seconds < 2 && list.n == 0, "%s: answered in %.2f s", cases[i].message, seconds);
        tensor_list_free(&list);
        text_free(&t);
    }
}

static void tensors(void)
{
    const char *header = "{\"b\":" T("F32", "2,2", "2", "18") ",\"a\":" T("BF16", "1", "0", "2") "}";
    size_t size;
    /* 2 bytes of BF16 first: what follows is not aligned to 4 */
    uint8_t *bytes = file_of(header, 18, &size);
    struct tensor_list list = { 0 };
    check(safetensors_read(&list, "f", bytes, size) == ERR_DATA && strstr(err_text(), "'b' is not aligned"), "%s",
          err_text());
    tensor_list_free(&list);
    free(bytes);
    header = "{\"b\":" T("F32", "2,3", "0", "24") ",\"a\":" T("F16", "2,1,2", "24", "32") "}";
    bytes = file_of(header, 32, &size);
    check(safetensors_read(&list, "f", bytes, size) == 0 && tensor_list_sort(&list, "f") == 0, "%s", err_text());
    const struct tensor *a = tensor_list_find(&list, "a"), *b = tensor_list_find(&list, "b");
    check(a && b && list.n == 2 && !tensor_list_find(&list, "c"), "both are found");
    check(a->n_dims == 3 && a->dims[0] == 2 && a->dims[2] == 2 && a->type == DTYPE_F16 && a->bytes == 8, "shape of a");
    check(*(const uint8_t *)a->data == 24 && *(const uint8_t *)b->data == 0, "data of both");
    check(safetensors_read(&list, "f", bytes, size) == 0 && tensor_list_sort(&list, "f") == ERR_DATA &&
              strstr(err_text(), "two tensors are named 'a'"),
          "one name in two shards: %s", err_text());
    tensor_list_free(&list);
    free(bytes);
}

/* The value of a float16, from the definition. */
static double f16_by_definition(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static void types(void)
{
    for (uint32_t h = 0; h < 65536; h++) {
        uint16_t half = (uint16_t)h;
        float got, bf;
        dtype_to_f32(DTYPE_F16, &half, 1, &got);
        double want = f16_by_definition(half);
        bool equal = isnan(want) ? isnan(got) : (double)got == want && !signbit(got) == !signbit(want);
        check(equal, "f16 0x%04x is %g, want %g", h, (double)got, want);
        dtype_to_f32(DTYPE_BF16, &half, 1, &bf);
        uint32_t bits;
        memcpy(&bits, &bf, 4);
        check(bits == h << 16, "bf16 0x%04x", h);
    }
    uint8_t block[2][34] = { { 0x00, 0x3c }, { 0x00, 0xb8 } }; /* scales 1 and -0.5 */
    float x[64];
    for (int i = 0; i < 32; i++)
        block[0][2 + i] = block[1][2 + i] = (uint8_t)(i * 8 - 128);
    dtype_to_f32(DTYPE_Q8_0, block, 64, x);
    for (int i = 0; i < 32; i++)
        check(x[i] == (float)(i * 8 - 128) && x[32 + i] == -0.5f * (float)(i * 8 - 128), "q8_0 value %d", i);
    check(dtype_row_bytes(DTYPE_Q8_0, 64) == 68 && dtype_row_bytes(DTYPE_BF16, 3) == 6, "bytes of rows");
    check(strcmp(dtype_name(DTYPE_Q8_0), "q8_0") == 0 && strcmp(dtype_name(DTYPE_F32), "f32") == 0, "names");
}

int main(void)
{
    types();
    tensors();
    rules();
    lengths();
    abuse();
    return check_done("safetensors");
}
