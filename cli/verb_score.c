/* score: log-probabilities of a text, under a checkpoint in rolling windows, under an lm that a script declares as one. */
#include "base/err.h"
#include "base/mem.h"
#include "cli/clean.h"
#include "cli/source.h"
#include "cli/verbs.h"
#include "experiments/score.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 256 /* rows held at once: a window of a long context has more than fit, of a large vocabulary */

/* The next n symbols, of which the slot has the one before the first. */
static int score_chunk(struct opened *o, int slot, const sym_t ids[], size_t n, double logp[])
{
    struct row rows[CHUNK];
    struct want w = { .lm = o->lm, .slot = slot, .n_rows = (uint32_t)n, .tap = LM_TAP_FINAL };
    TRY(lm_push(o->lm, slot, ids, n - 1, NULL));
    TRY(core_run(o->core, &w, 1));
    TRY(lm_rows(&w, rows));
    for (size_t i = 0; i < n; i++)
        logp[i] = row_logp(&rows[i], ids[i]);
    return 0;
}

/* logp[i] of ids[i] given what stands before it in its window.  Windows do not overlap: each begins with `first`, the
 * bos or the last symbol of the window before (lm-evaluation-harness, rolling log-likelihood). */
static int score_window(struct opened *o, sym_t first, const sym_t ids[], size_t n, double logp[])
{
    int slot = opened_slot(o, &first, 1), rc = slot < 0 ? slot : 0;
    for (size_t at = 0, chunk; rc == 0 && at < n; at += chunk) {
        chunk = n - at < CHUNK ? n - at : CHUNK;
        if (at > 0)
            rc = lm_push(o->lm, slot, &ids[at - 1], 1, NULL);
        if (rc == 0)
            rc = score_chunk(o, slot, ids + at, chunk, logp + at);
    }
    if (slot >= 0)
        lm_drop(o->lm, slot);
    return rc;
}

static int score_all(struct opened *o, const struct symbols *ids, int64_t window, double logp[])
{
    int64_t begin = vocab_first(o->checkpoint->vocab);
    if (begin < 0)
        return err_set(ERR_DATA, "%s: the tokenizer has neither bos nor an end symbol to condition the first symbol on",
                       o->lm->name);
    sym_t first = (sym_t)begin;
    for (size_t at = 0; at < ids->n; at += (size_t)window) {
        size_t n = ids->n - at < (size_t)window ? ids->n - at : (size_t)window;
        TRY(score_window(o, first, ids->s + at, n, logp + at));
        first = ids->s[at + n - 1];
    }
    return 0;
}

/* Words between white space.  lm-evaluation-harness counts one more where a text begins or ends with white space: it splits
 * there too. */
static size_t count_words(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += !isspace((unsigned char)s[i]) && (i == 0 || isspace((unsigned char)s[i - 1]));
    return count;
}

static void print_tokens(const struct space *space, const struct symbols *ids, const double logp[])
{
    for (size_t i = 0; i < ids->n; i++) {
        size_t n;
        const uint8_t *bytes = space_text(space, ids->s[i], &n);
        struct text t = { 0 };
        text_add_json(&t, (const char *)bytes, n);
        printf("%8u %10.5f  ", ids->s[i], logp[i]);
        clean_print(text_s(&t));
        printf("\n");
        text_free(&t);
    }
}

static void print_score(const struct args *a, const struct space *space, const struct text *input,
                        const struct symbols *ids, const double logp[])
{
    struct text t = { 0 };
    double nll = 0;
    for (size_t i = 0; i < ids->n; i++)
        nll -= logp[i];
    size_t n_words = count_words(text_s(input), input->len);
    double bits_per_byte = nll / ((double)input->len * M_LN2);
    if (!a->json) {
        if (options_flag(a, "tokens"))
            print_tokens(space, ids, logp);
        printf("bits per byte     %.6f\nnats              %.6f\nbytes             %zu\ntokens            %zu\n"
               "token perplexity  %.4f\nword perplexity   %.4f\n",
               bits_per_byte, nll, input->len, ids->n, exp(nll / (double)ids->n),
               exp(nll / (double)(n_words > 0 ? n_words : 1)));
        return;
    }
    text_add(&t, "{\"ids\":[");
    for (size_t i = 0; i < ids->n; i++)
        text_addf(&t, "%s%u", i == 0 ? "" : ",", ids->s[i]);
    text_add(&t, "],\"logp\":[");
    for (size_t i = 0; i < ids->n; i++) {
        text_add(&t, i == 0 ? "" : ",");
        text_add_json_real(&t, logp[i]);
    }
    text_add(&t, "],\"nll\":");
    text_add_json_real(&t, nll);
    text_addf(&t, ",\"bytes\":%zu,\"words\":%zu,\"bits_per_byte\":", input->len, n_words);
    text_add_json_real(&t, bits_per_byte);
    text_add(&t, "}");
    puts(text_s(&t));
    text_free(&t);
}

static const char *file_of(const struct args *a)
{
    return a->operand[a->n_operands - 1];
}

static int check_text(const struct args *a, const struct symbols *ids)
{
    return ids->n > 0 ? 0
                      : err_set(ERR_DATA, "%s is empty: nothing to score",
                                strcmp(file_of(a), "-") == 0 ? "stdin" : file_of(a));
}

static int score_text(struct opened *o, const struct args *a, const struct text *input)
{
    struct symbols ids = { 0 };
    int64_t window = o->lm->max_length;
    int rc = options_int(a, "window", 1, o->lm->max_length, &window);
    if (rc == 0)
        rc = vocab_encode(o->checkpoint->vocab, text_s(input), input->len, &ids);
    if (rc == 0)
        rc = check_text(a, &ids);
    double *logp = mem_alloc(ids.n, sizeof *logp);
    if (rc == 0)
        rc = score_all(o, &ids, window, logp);
    if (rc == 0)
        print_score(a, o->lm->space, input, &ids, logp);
    free(logp);
    free(ids.s);
    return rc;
}

static int score_parts(struct source *o, struct score *s)
{
    struct want w;
    while (score_want(s, &w, 1) > 0) {
        TRY(core_run(o->core, &w, 1));
        TRY(score_feed(s, NULL));
        TRY(score_move(s));
    }
    return 0;
}

/* As a run scores a text item: after an empty prompt, which each voice renders by itself. */
static int score_declared(const struct args *a, const struct text *input)
{
    struct source o;
    struct symbols ids = { 0 };
    const struct prompt_field field = { "text", "" };
    TRY(source_open(&o, a, NULL));
    const struct prompt prompt = { .fields = &field, .n_fields = 1, .template_name = o.template_name };
    int rc = lms_encode(o.lms, o.id, text_s(input), input->len, &ids);
    if (rc == 0)
        rc = check_text(a, &ids);
    struct score *s = rc == 0 ? score_open(o.lm, &prompt, &ids, 1) : NULL;
    if (rc == 0)
        rc = s ? score_parts(&o, s) : err_code();
    if (rc == 0)
        print_score(a, o.lm->space, input, &ids, score_logp(s, 0));
    score_close(s);
    free(ids.s);
    source_close(&o);
    return rc;
}

static int score_checkpoint(const struct args *a, const struct text *input)
{
    struct opened o;
    TRY(opened_open(&o, a->operand[0], a, NULL));
    int rc = score_text(&o, a, input);
    opened_close(&o);
    return rc;
}

static int run_score(const struct args *a)
{
    struct text input = { 0 };
    bool has_script = options_text(a, "script") != NULL;
    if (a->n_operands != (has_script ? 1u : 2u))
        return err_set(ERR_USAGE, "%zu operands, want CHECKPOINT FILE, or with --script FILE alone", a->n_operands);
    if (has_script && options_text(a, "window"))
        return err_set(ERR_USAGE, "--window is of checkpoints: an lm of a script scores a text as one");
    TRY(text_read_file(&input, file_of(a), SOURCE_INPUT_MAX));
    int rc = (has_script ? score_declared : score_checkpoint)(a, &input);
    text_free(&input);
    return rc;
}

static const struct option_row options[] = {
    { "window", "N", NULL, "symbols per rolling window; default: the context limit" },
    { "tokens", NULL, NULL, "one line a token: id, log-probability, text" },
    SOURCE_OPTIONS,
};

const struct verb verb_score = {
    .name = "score",
    .operands = "CHECKPOINT FILE",
    .min_operands = 1,
    .max_operands = 2,
    .summary = "log-probabilities of a text: bits per byte, perplexity (FILE - is stdin); --script: of a declared lm",
    .details =
        "Windows do not overlap; each is conditioned on bos or on the last symbol of the one before.\n"
        "With --script the only operand is the file: the text as a run scores it, as one, within the lm's context.\n"
        "--json prints {\"ids\":[...],\"logp\":[...],\"nll\":...,\"bytes\":...,\"words\":...,\"bits_per_byte\":...}.",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run_score,
};
