/* Byte adapters over the bundled checkpoints, two vocabularies: bits per byte of a short text, alone and pooled, and
 * what they cost in states of the token lms. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "ensemble/bytes.h"
#include "ensemble/ensemble.h"
#include "model/core.h"
#include "model/transformer.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
    "Once upon a time there was a miller who had three sons. When he died he left them nothing but his mill, his "
    "donkey "
    "and his cat. \"What shall I do with a cat?\" said the youngest of them, who had got no more than that. \"I'll be "
    "hungry before the week is over.\" But the cat, who had heard every word of it, looked up at him.";

struct reading {
    double bits;       /* per byte */
    double states;     /* per byte */
    double positions;  /* of leaves, per byte */
    double log_weight; /* sum, nats */
    double seconds;
};

/* Byte by byte from the beginning of a document. */
static struct reading read_text(struct core *core, struct lm *lm, struct lm *adapter)
{
    size_t n = sizeof text - 1;
    struct reading r = { 0 };
    struct bytes_counts before = bytes_counts(adapter);
    uint64_t computed = core_counts(core).computed;
    double since = clock_seconds();
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), 1, LM_TAP_FINAL };
    for (size_t i = 0; i < n; i++) {
        struct row row;
        sym_t s = (unsigned char)text[i];
        check(core_run(core, &w, 1) == 0 && lm_rows(&w, &row) == 0, "%s: %s", lm->name, err_text());
        r.bits -= row_logp(&row, s) / log(2) / (double)n;
        r.log_weight += row.log_weight;
        check(lm_push(lm, w.slot, &s, 1, NULL) == 0, "%s", err_text());
    }
    lm_drop(lm, w.slot);
    r.seconds = clock_seconds() - since;
    r.states = (double)(bytes_counts(adapter).states - before.states) / (double)n;
    r.positions = (double)(core_counts(core).computed - computed) / (double)n;
    return r;
}

/* Bits per byte of the text's own tokens. */
static double read_tokens(struct core *core, struct lm *lm, struct vocab *v)
{
    struct symbols ids = { 0 };
    double bits = 0;
    sym_t bos = (sym_t)vocab_bos(v);
    check(vocab_encode(v, text, sizeof text - 1, &ids) == 0, "%s", err_text());
    struct row *row = mem_alloc(ids.n + 1, sizeof *row);
    struct want w = { lm, lm_fork(lm, LM_EMPTY, 0), (uint32_t)ids.n + 1, LM_TAP_FINAL };
    check(lm_push(lm, w.slot, &bos, 1, NULL) == 0 && lm_push(lm, w.slot, ids.s, ids.n, NULL) == 0, "%s", err_text());
    check(core_run(core, &w, 1) == 0 && lm_rows(&w, row) == 0, "%s", err_text());
    for (size_t i = 0; i < ids.n; i++)
        bits -= row_logp(&row[i], ids.s[i]) / log(2) / (double)(sizeof text - 1);
    lm_drop(lm, w.slot);
    free(row);
    free(ids.s);
    return bits;
}

struct voice_of {
    struct checkpoint *c;
    struct lm *tokens, *bytes, *all;
};

static struct voice_of open_voice(const char *name, struct threads *threads)
{
    struct voice_of v = { .c = checkpoint_open(name) };
    check(v.c != NULL, "%s", err_text());
    v.tokens = transformer_open(v.c, &(struct transformer_options){ .threads = threads });
    v.bytes = bytes_open(v.tokens, &(struct bytes_options){ .vocab = v.c->vocab });
    v.all = bytes_open(v.tokens, &(struct bytes_options){ .vocab = v.c->vocab, .kind = "all", .beam = 8 });
    check(v.tokens && v.bytes && v.all, "%s", err_text());
    return v;
}

static void close_voice(struct voice_of *v)
{
    lm_free(v->bytes);
    lm_free(v->all);
    lm_free(v->tokens);
    checkpoint_close(v->c);
}

static struct reading show(struct core *core, struct lm *lm, struct lm *adapter)
{
    struct reading r = read_text(core, lm, adapter);
    printf("%-50s %.4f bits a byte, %.3f states, %.3f positions, log-weight %.4f, %.0f us a byte\n", lm->name, r.bits,
           r.states, r.positions, r.log_weight, r.seconds * 1e6 / (double)(sizeof text - 1));
    return r;
}

/* What is skipped is less than its share each time, and says so; the more, the fewer states. */
static void read_lazily(struct core *core, const struct voice_of *v, const struct reading *exact)
{
    static const double lazy[] = { 1e-4, 1e-3, 1e-2, 5e-2 };
    double last = exact->states;
    for (size_t i = CHECK_TIMES(0, 2); i < sizeof lazy / sizeof *lazy; i++) {
        struct lm *lm = bytes_open(v->tokens, &(struct bytes_options){ .vocab = v->c->vocab, .lazy = lazy[i] });
        check(lm != NULL, "%s", err_text());
        struct reading r = show(core, lm, lm);
        check(r.states < last, "%s: %g states a byte, %g where less is skipped", lm->name, r.states, last);
        check_near(r.bits, exact->bits, 10 * lazy[i], "%s and exact", lm->name);
        last = r.states;
        lm_free(lm);
    }
}

static int prompted(struct lm *lm, const char *prompt, size_t n, const char *more)
{
    char *begin = mem_alloc(n + 1, 1);
    int slot = lm_fork(lm, LM_EMPTY, 0);
    memcpy(begin, prompt, n);
    const struct prompt_field f = { "text", begin };
    struct symbols seen = { 0 };
    check(lm_prompt(lm, slot, &(struct prompt){ .fields = &f, .n_fields = 1 }, &seen) == 0, "%s", err_text());
    check(seen.n == n && lm_length(lm, slot) == n, "a prompt of %zu bytes is %zu symbols", n, seen.n);
    for (; *more; more++)
        check(lm_push(lm, slot, &(sym_t){ (unsigned char)*more }, 1, NULL) == 0, "%s", err_text());
    free(begin);
    free(seen.s);
    return slot;
}

static void same_row(struct core *core, struct lm *lm, int a, int b, const char *what)
{
    struct want w[2] = { { lm, a, 1, LM_TAP_FINAL }, { lm, b, 1, LM_TAP_FINAL } };
    struct row row[2];
    double most = 0;
    check(core_run(core, w, 2) == 0 && lm_rows(&w[0], &row[0]) == 0 && lm_rows(&w[1], &row[1]) == 0, "%s", err_text());
    for (sym_t s = 0; s < row[0].n; s++)
        most = fmax(most, fabs(exp(row_logp(&row[0], s)) - exp(row_logp(&row[1], s))));
    check(most < 1e-6, "%s: %s: probabilities differ by %g", lm->name, what, most);
    check_near(row[0].log_weight, row[1].log_weight, 1e-5, "%s: %s: what is kept", lm->name, what);
}

/* Wherever a prompt ends, within a token or not, what follows is as if its end had been said byte by byte; so it is for a
 * fork inside it.  (Of all, the tokens before the last are settled by the prompt: nothing of the kind is promised.) */
static void prompts(struct core *core, struct lm *lm)
{
    static const char begin[] = "Once upon a time there was  an old \xc3\xa9lan. \"I'll";
    size_t n = sizeof begin - 1;
    int whole = prompted(lm, begin, n, "");
    for (size_t at = 1; at < n; at++) {
        if (text_utf8_ready(begin, at) != at)
            continue;
        int part = prompted(lm, begin, at, begin + at), fork = lm_fork(lm, whole, at),
            own = prompted(lm, begin, at, "");
        same_row(core, lm, whole, part, "the rest pushed");
        same_row(core, lm, fork, own, "a fork inside the prompt");
        lm_drop(lm, part);
        lm_drop(lm, fork);
        lm_drop(lm, own);
    }
    lm_drop(lm, whole);
}

/* Rows that are read together, as those of a text that is scored or of a draft's proposals, are those read one by one.  Bug:
 * whether a piece might end where a token did was asked of the tree as the last byte had left it. */
static void at_once(struct core *core, struct lm *lm)
{
    enum { N = 150 };
    static struct row rows[N + 1];
    struct want one = { lm, lm_fork(lm, LM_EMPTY, 0), 1, LM_TAP_FINAL },
                all = { lm, lm_fork(lm, LM_EMPTY, 0), N + 1, LM_TAP_FINAL };
    size_t n_differ = 0;
    for (size_t i = 0; i < N; i++)
        check(lm_push(lm, all.slot, &(sym_t){ (unsigned char)text[i] }, 1, NULL) == 0, "%s", err_text());
    check(core_run(core, &all, 1) == 0 && lm_rows(&all, rows) == 0, "%s", err_text());
    for (size_t i = 0; i <= N; i++) {
        struct row row;
        check(core_run(core, &one, 1) == 0 && lm_rows(&one, &row) == 0, "%s", err_text());
        n_differ += memcmp(row.score, rows[i].score, row.n * sizeof *row.score) != 0 ||
                    memcmp(&row.log_weight, &rows[i].log_weight, sizeof row.log_weight) != 0;
        check(lm_push(lm, one.slot, &(sym_t){ (unsigned char)text[i] }, 1, NULL) == 0, "%s", err_text());
    }
    check(n_differ == 0, "%s: %zu of %d rows differ when they are read together", lm->name, n_differ, N + 1);
    lm_drop(lm, one.slot);
    lm_drop(lm, all.slot);
}

int main(void)
{
    checkpoint_set_home(CHORALE_HOME);
    struct core *core = core_alloc();
    struct threads *threads = threads_alloc(1);
    struct voice_of prose = open_voice("zoo:prose", threads), bytes = open_voice("zoo:bytes", threads);
    double tokens = read_tokens(core, prose.tokens, prose.c->vocab);
    printf("%-50s %.4f bits a byte\n", "zoo:prose, tokens", tokens);
    struct reading exact = show(core, prose.bytes, prose.bytes), all = show(core, prose.all, prose.all);
    struct reading alone = show(core, bytes.bytes, bytes.bytes);
    check(exact.bits <= tokens + 1e-6, "canonical: %g bits, the tokens' own %g", exact.bits, tokens);
    check(all.bits <= tokens, "all: %g bits, the tokens' own %g", all.bits, tokens);
    check(exact.states <= 1.05, "exact canonical: %g states a byte", exact.states);
    read_lazily(core, &prose, &exact);
    prompts(core, prose.bytes);
    prompts(core, bytes.bytes);
    at_once(core, prose.bytes);
    at_once(core, bytes.bytes);
    at_once(core, prose.all);
    for (int i = 0; i < 2; i++) {
        const struct voice v[2] = { { .lm = prose.bytes }, { .lm = bytes.bytes } };
        struct lm *lm = ensemble_open(v, (double[]){ 0.7, 0.3 }, 2, i == 0 ? "linear" : "log");
        check(lm != NULL, "%s", err_text());
        struct reading r = show(core, lm, prose.bytes);
        check(r.bits < fmax(exact.bits, alone.bits), "a pool is no worse than the worse of its voices");
        lm_free(lm);
    }
    close_voice(&prose);
    close_voice(&bytes);
    threads_free(threads);
    core_free(core);
    return check_done("bytes_zoo");
}
