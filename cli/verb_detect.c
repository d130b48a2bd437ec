/* detect: whether a text carries the KGW watermark of a key. */
#include "base/doc.h"
#include "base/err.h"
#include "cli/tokenizer.h"
#include "cli/verbs.h"
#include "decode/detect.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 28)
#define MAX_WIDTH 64

struct subject {
    const char *where;
    struct text input;
    struct symbols ids;
    int64_t n_symbols;
};

/* [..] or {"ids":[..]}. */
static int read_ids(struct subject *s)
{
    json_t *o = doc_read(s->where, text_s(&s->input), s->input.len), *list = o, *m;
    size_t i;
    int rc = o ? 0 : ERR_DATA;
    if (rc == 0 && !json_is_array(o))
        rc = json_is_object(o) ? doc_array(o, s->where, "ids", &list)
                               : err_set(ERR_DATA, "%s: want [ids] or {\"ids\":[...]}", s->where);
    for (i = 0; rc == 0 && i < json_array_size(list); i++) {
        m = json_array_get(list, i);
        sym_t v = (sym_t)json_integer_value(m);
        if (!json_is_integer(m) || json_integer_value(m) < 0 || json_integer_value(m) > UINT32_MAX)
            rc = err_set(ERR_DATA, "%s: ids[%zu] is no symbol", s->where, i);
        else
            symbols_add(&s->ids, &v, 1);
    }
    json_decref(o);
    return rc;
}

static int encode(struct subject *s, const char *name)
{
    struct tokenizer k;
    TRY(tokenizer_open(&k, name));
    int rc = vocab_encode(k.vocab, text_s(&s->input), s->input.len, &s->ids);
    if (s->n_symbols == 0)
        s->n_symbols = vocab_space(k.vocab)->n;
    tokenizer_close(&k);
    return rc;
}

static int read_subject(struct subject *s, const struct args *a)
{
    const char *file = a->operand[a->n_operands - 1];
    s->where = strcmp(file, "-") == 0 ? "stdin" : file;
    if (options_text(a, "vocab"))
        TRY(options_int(a, "vocab", 1, UINT32_MAX, &s->n_symbols));
    TRY(text_read_file(&s->input, file, INPUT_MAX));
    if (a->n_operands == 2)
        return encode(s, a->operand[0]);
    if (s->n_symbols == 0)
        return err_set(ERR_USAGE, "ids without a checkpoint: --vocab N, the size of the vocabulary, is missing");
    return read_ids(s);
}

static struct green *read_green(const struct args *a)
{
    enum green_scheme scheme;
    double gamma = 0;
    int64_t key = 0, width = 0;
    if (green_scheme(options_text(a, "scheme"), &scheme) < 0 || options_real(a, "gamma", 1e-6, 0.999999, &gamma) < 0 ||
        options_int(a, "key", 1, INT32_MAX, &key) < 0 || options_int(a, "width", 1, MAX_WIDTH, &width) < 0)
        return NULL;
    return green_alloc(scheme, (uint64_t)key, gamma, (uint32_t)width);
}

static void add_number(struct text *t, const char *key, double x)
{
    text_addf(t, ",\"%s\":", key);
    text_add_real(t, x);
}

static void print_result(const struct args *a, const struct subject *s, const struct detect_result *r)
{
    if (!a->json) {
        printf("symbols        %zu\nscored         %zu\ngreen          %zu (%.4f)\nz              %.4f\n"
               "p-value        %.4g\ndistinct       %zu\ngreen of them  %zu\nexact p-value  %.4g\n",
               s->ids.n, r->scored, r->green, (double)r->green / (double)r->scored, r->z, r->p, r->distinct,
               r->distinct_green, r->p_exact);
        return;
    }
    struct text t = { 0 };
    text_addf(&t, "{\"symbols\":%zu,\"scored\":%zu,\"green\":%zu", s->ids.n, r->scored, r->green);
    add_number(&t, "z", r->z);
    add_number(&t, "p", r->p);
    text_addf(&t, ",\"distinct\":%zu,\"distinct_green\":%zu", r->distinct, r->distinct_green);
    add_number(&t, "p_exact", r->p_exact);
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

static int run_detect(const struct args *a)
{
    struct subject s = { 0 };
    struct detect_result r;
    struct green *g = read_green(a);
    int rc = g ? read_subject(&s, a) : ERR_USAGE;
    if (rc == 0) {
        struct detect_args args = { .green = g,
                                    .n_symbols = (uint32_t)s.n_symbols,
                                    .windows = options_flag(a, "every") ? DETECT_EVERY : DETECT_ONCE };
        rc = detect_ids(&args, s.ids.s, s.ids.n, &r);
        rc = rc < 0 ? err_add(rc, "%s", s.where) : 0;
    }
    if (rc == 0)
        print_result(a, &s, &r);
    green_free(g);
    text_free(&s.input);
    free(s.ids.s);
    return rc;
}

static const struct option_row options[] = {
    { "gamma", "SHARE", "0.25", "share of the vocabulary that is green" },
    { "key", "K", "15485863", "the key that the text would have been generated with" },
    { "scheme", "NAME", "left", "left or self, as in green(scheme=...)" },
    { "width", "N", "1", "symbols that a green list depends on" },
    { "vocab", "N", NULL, "symbols of the vocabulary; default: the tokenizer's" },
    { "every", NULL, NULL, "count a window of symbols as often as it comes, not once" },
};

const struct verb verb_detect = {
    .name = "detect",
    .operands = "[CHECKPOINT] FILE",
    .min_operands = 1,
    .max_operands = 2,
    .summary = "whether a text carries the watermark of green(): z-score and p-value (FILE - is stdin)",
    .details =
        "With a checkpoint or tokenizer FILE is text; without, the JSON of ids that tokenize --json prints, and\n"
        "--vocab is required.  Leave the prompt out of it.  z and the p-value are the published ones; the exact\n"
        "p-value counts each pair of seed and symbol once and holds for repetitive texts too.  --json prints\n"
        "{\"symbols\":..,\"scored\":..,\"green\":..,\"z\":..,\"p\":..,\"distinct\":..,\"distinct_green\":..,"
        "\"p_exact\":..}.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_detect,
};
