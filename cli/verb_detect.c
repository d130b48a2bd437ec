/* detect: whether a text carries the watermark of a key: green()'s (KGW) or synthid()'s. */
#include "base/doc.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/console.h"
#include "cli/tokenizer.h"
#include "cli/verbs.h"
#include "decode/detect.h"
#include "decode/synthid.h"
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
        if (!json_is_integer(m))
            rc = err_set(ERR_DATA, "%s: ids[%zu] is no whole number, want a symbol", s->where, i);
        else if (json_integer_value(m) < 0 || json_integer_value(m) > UINT32_MAX)
            rc = err_set(ERR_DATA, "%s: ids[%zu] is %lld, want a symbol in 0 .. %u", s->where, i,
                         (long long)json_integer_value(m), UINT32_MAX);
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
    if (s->n_symbols == 0 && !options_text(a, "keys"))
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
    console_member(&t, "z", r->z);
    console_member(&t, "p", r->p);
    text_addf(&t, ",\"distinct\":%zu,\"distinct_green\":%zu", r->distinct, r->distinct_green);
    console_member(&t, "p_exact", r->p_exact);
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

static int detect_green(const struct args *a, struct subject *s)
{
    struct detect_result r;
    struct green *g = read_green(a);
    int rc = g ? read_subject(s, a) : ERR_USAGE;
    if (rc == 0) {
        struct detect_args args = { .green = g,
                                    .n_symbols = (uint32_t)s->n_symbols,
                                    .windows = options_flag(a, "every") ? DETECT_EVERY : DETECT_ONCE };
        rc = detect_ids(&args, s->ids.s, s->ids.n, &r);
        rc = rc < 0 ? err_add(rc, "%s", s->where) : 0;
    }
    if (rc == 0)
        print_result(a, s, &r);
    green_free(g);
    return rc;
}

static void print_synthid(const struct args *a, const struct subject *s, const struct synthid_score *r)
{
    if (!a->json) {
        printf("symbols        %zu\nscored         %zu\nbits           %zu\nones           %zu (%.4f)\nz              "
               "%.4f\np-value        %.4g\n",
               s->ids.n, r->scored, r->bits, r->ones, r->mean, r->z, r->p);
        return;
    }
    struct text t = { 0 };
    text_addf(&t, "{\"symbols\":%zu,\"scored\":%zu,\"bits\":%zu,\"ones\":%zu", s->ids.n, r->scored, r->bits, r->ones);
    console_member(&t, "mean", r->mean);
    console_member(&t, "z", r->z);
    console_member(&t, "p", r->p);
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

/* --keys 654,400,836 */
static struct synthid *read_synthid(const struct args *a)
{
    char *list = mem_string(options_text(a, "keys")), *rest = NULL;
    const char *keys[SYNTHID_MAX_LAYERS + 1];
    size_t n = 0;
    int64_t ngram = 0, seed = 0;
    for (char *k = strtok_r(list, ", ", &rest); k && n <= SYNTHID_MAX_LAYERS; k = strtok_r(NULL, ", ", &rest))
        keys[n++] = k;
    struct synthid *y = NULL;
    if (options_int(a, "ngram", 1, SYNTHID_MAX_NGRAM, &ngram) == 0 &&
        options_int(a, "table-seed", 0, UINT32_MAX, &seed) == 0)
        y = synthid_alloc(keys, n, (uint32_t)ngram, UINT32_MAX);
    if (y)
        synthid_table(y, (uint32_t)seed);
    free(list);
    return y;
}

static int detect_synthid(const struct args *a, struct subject *s)
{
    struct synthid_score r;
    struct synthid *y = read_synthid(a);
    int rc = y ? read_subject(s, a) : ERR_USAGE;
    if (rc == 0)
        rc = synthid_detect(y, s->ids.s, s->ids.n, &r) < 0 ? err_add(ERR_DATA, "%s", s->where) : 0;
    if (rc == 0)
        print_synthid(a, s, &r);
    free(y);
    return rc;
}

/* A parameter of the watermark that is not looked for would change nothing, without a word. */
static int check_options(const struct args *a)
{
    static const char *const green[] = { "gamma", "key", "scheme", "width", "every" }, *const synthid[] = {
        "ngram", "table-seed"
    };
    bool keys = options_text(a, "keys") != NULL;
    for (size_t i = 0; i < sizeof green / sizeof *green && keys; i++)
        if (options_given(a, green[i]))
            return err_set(ERR_USAGE, "--%s is of green(), and --keys of synthid(): want one of the two", green[i]);
    for (size_t i = 0; i < sizeof synthid / sizeof *synthid && !keys; i++)
        if (options_given(a, synthid[i]))
            return err_set(ERR_USAGE, "--%s is of synthid(): want its --keys too", synthid[i]);
    return 0;
}

static int run_detect(const struct args *a)
{
    struct subject s = { 0 };
    TRY(check_options(a));
    int rc = options_text(a, "keys") ? detect_synthid(a, &s) : detect_green(a, &s);
    text_free(&s.input);
    free(s.ids.s);
    return rc;
}

static const struct option_row options[] = {
    { "gamma", "SHARE", "0.25", "share of the vocabulary that is green" },
    { "key", "K", "15485863", "the key that the text would have been generated with" },
    { "scheme", "NAME", "left", "left or self, as in green(scheme=...)" },
    { "width", "N", "1", "symbols that a green list depends on" },
    { "keys", "K,K,..", NULL, "look for synthid(keys=[K, K, ..]) instead" },
    { "ngram", "N", "5", "of synthid" },
    { "table-seed", "N", "0", "seed of synthid's table" },
    { "vocab", "N", NULL, "symbols of the vocabulary; default: the tokenizer's" },
    { "every", NULL, NULL, "count a window of symbols as often as it comes, not once" },
};

const struct verb verb_detect = {
    .name = "detect",
    .operands = "[CHECKPOINT] FILE",
    .min_operands = 1,
    .max_operands = 2,
    .summary = "whether a text carries the watermark of green() or synthid(): z-score and p-value (FILE - is stdin)",
    .details =
        "With a checkpoint or tokenizer FILE is text; without, the JSON of ids that tokenize --json prints, and\n"
        "--vocab is required.  Leave the prompt out of it.  z and the p-value are the published ones; the exact\n"
        "p-value counts each pair of seed and symbol once and holds for repetitive texts too.  --json prints\n"
        "{\"symbols\":..,\"scored\":..,\"green\":..,\"z\":..,\"p\":..,\"distinct\":..,\"distinct_green\":..,"
        "\"p_exact\":..}; of\n"
        "synthid {\"symbols\":..,\"scored\":..,\"bits\":..,\"ones\":..,\"mean\":..,\"z\":..,\"p\":..}.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_detect,
};
