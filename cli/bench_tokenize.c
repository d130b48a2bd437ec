#include "cli/bench_tokenize.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/console.h"
#include "cli/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INPUT_MAX ((size_t)1 << 30)
enum { TURNS = 5 };

struct timing {
    double encode, encode_lines, decode; /* seconds */
    size_t tokens;
};

/* Seconds that this thread has had: other work on the machine takes turns with it, which is none of its speed. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void keep_least(double *least, double from)
{
    double seconds = now() - from;
    *least = seconds < *least ? seconds : *least;
}

/* Line by line, as people tokenise prompts: texts are short, and what one leaves helps the next. */
static int encode_lines(struct vocab *v, const struct text *t, struct symbols *ids)
{
    ids->n = 0;
    for (size_t at = 0, end; at < t->len; at = end) {
        const char *line = memchr(t->s + at, '\n', t->len - at);
        end = line ? (size_t)(line - t->s) + 1 : t->len;
        TRY(vocab_encode(v, t->s + at, end - at, ids));
    }
    return 0;
}

static int measure(struct vocab *v, const struct text *t, struct timing *best)
{
    struct symbols ids = { 0 };
    struct text back = { 0 };
    int rc = 0;
    *best = (struct timing){ 1e30, 1e30, 1e30, 0 };
    for (int turn = 0; turn < TURNS && rc == 0; turn++) {
        double from = now();
        rc = encode_lines(v, t, &ids);
        keep_least(&best->encode_lines, from);
        ids.n = 0;
        from = now();
        rc = rc < 0 ? rc : vocab_encode(v, text_s(t), t->len, &ids);
        keep_least(&best->encode, from);
        text_clear(&back);
        from = now();
        vocab_decode(v, ids.s, ids.n, &back);
        keep_least(&best->decode, from);
    }
    best->tokens = ids.n;
    free(ids.s);
    text_free(&back);
    return rc;
}

static void print(const struct args *a, const char *name, size_t n, const struct timing *t)
{
    double unit = a->json ? 1 : 1e6, bytes = (double)n / unit;
    struct text text = { 0 };
    const char *shown = console_name(a, name, &text);
    if (a->json)
        printf("{\"what\":\"tokenize\",\"file\":%s,\"bytes\":%zu,\"tokens\":%zu,\"encode_bytes_per_s\":%.4g,"
               "\"encode_lines_bytes_per_s\":%.4g,\"decode_bytes_per_s\":%.4g}\n",
               shown, n, t->tokens, bytes / t->encode, bytes / t->encode_lines, bytes / t->decode);
    else
        printf("%-32s %9zu bytes %9zu tokens   encode %7.2f MB/s, line by line %7.2f MB/s, decode %7.2f MB/s\n", shown,
               n, t->tokens, bytes / t->encode, bytes / t->encode_lines, bytes / t->decode);
    text_free(&text);
}

int bench_tokenize(const struct args *a)
{
    struct tokenizer k;
    if (a->n_operands < 2)
        return err_set(ERR_USAGE, "bench --tokenize: want a checkpoint and files of text");
    TRY(tokenizer_open(&k, a->operand[0]));
    int rc = 0;
    for (size_t i = 1; i < a->n_operands && rc == 0; i++) {
        struct text t = { 0 };
        struct timing best;
        rc = text_read_file(&t, a->operand[i], INPUT_MAX);
        rc = rc < 0 ? rc : measure(k.vocab, &t, &best);
        if (rc == 0)
            print(a, a->operand[i], t.len, &best);
        text_free(&t);
    }
    tokenizer_close(&k);
    return rc;
}
