#include "model/pretoken.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/late.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_KIB     (256u * 1024u) /* a regex may use this much memory for backtracking; PCRE2's default is 20 GB */
#define JIT_STACK    (1024u * 1024u)
#define REGEX_LENGTH 65536u
#define MAX_SPLITS   16u

/* Steps of matching: the limit of a first try, at each place where a match may begin; of each further try this many times
 * as much, paid from the budget of the text. */
#define FIRST_STEPS    2000u
#define MORE_STEPS     16u
#define BUDGET         (1u << 20)
#define BUDGET_OF_BYTE 1024u

const char pretoken_gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

struct spans {
    struct span *s; /* (n,) */
    size_t n, cap;
};

struct pretoken {
    pcre2_code **split; /* (n_splits,) */
    size_t n_splits, cap_splits;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    struct spans now, next; /* pieces before and after a split */
    struct text shadow;
    uint64_t budget; /* steps that further tries may still take in this text */
};

struct pretoken *pretoken_alloc(void)
{
    struct pretoken *p = mem_alloc(1, sizeof *p);
    p->match = pcre2_match_data_create(1, NULL);
    p->context = pcre2_match_context_create(NULL);
    p->stack = pcre2_jit_stack_create(32u * 1024u, JIT_STACK, NULL);
    pcre2_set_heap_limit(p->context, HEAP_KIB);
    pcre2_jit_stack_assign(p->context, NULL, p->stack);
    return p;
}

void pretoken_free(struct pretoken *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_splits; i++)
        pcre2_code_free(p->split[i]);
    free(p->split);
    pcre2_match_data_free(p->match);
    pcre2_match_context_free(p->context);
    pcre2_jit_stack_free(p->stack);
    free(p->now.s);
    free(p->next.s);
    text_free(&p->shadow);
    free(p);
}

int pretoken_add(struct pretoken *p, const char *where, const char *regex)
{
    int error;
    PCRE2_SIZE at;
    uint32_t empty = 0;
    if (strlen(regex) > REGEX_LENGTH)
        return err_set(ERR_DATA, "%s: a regex of %zu bytes, want at most %u", where, strlen(regex), REGEX_LENGTH);
    if (p->n_splits == MAX_SPLITS)
        return err_set(ERR_DATA, "%s: more than %u regexes in the pre-tokeniser", where, MAX_SPLITS);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    if (!code) {
        PCRE2_UCHAR why[128];
        pcre2_get_error_message(error, why, sizeof why);
        return err_set(ERR_DATA, "%s: regex '%s', byte %zu: %s", where, regex, at, (const char *)why);
    }
    pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &empty);
    if (empty) {
        pcre2_code_free(code);
        return err_set(ERR_DATA, "%s: regex '%s' matches the empty string; not supported", where, regex);
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where it fails, matching interprets */
    mem_grow(&p->split, &p->cap_splits, p->n_splits + 1, sizeof *p->split);
    p->split[p->n_splits++] = code;
    return 0;
}

static void add_span(struct spans *list, size_t from, size_t to)
{
    if (from == to)
        return;
    mem_grow(&list->s, &list->cap, list->n + 1, sizeof *list->s);
    list->s[list->n++] = (struct span){ from, to };
}

/* PCRE2 counts the steps of each place where a match may begin by itself, and does not tell them: a try that is given up
 * has taken its limit, one that is not has taken at most that at every place it has passed. */
static int try_match(struct pretoken *p, const pcre2_code *code, const char *s, size_t n, size_t from)
{
    int rc = pcre2_match(code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK, p->match, p->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter uses the heap instead */
        rc = pcre2_match(code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, p->match, p->context);
    return rc;
}

static int match(struct pretoken *p, const pcre2_code *code, const char *s, size_t n, size_t from)
{
    uint32_t limit = FIRST_STEPS;
    for (;;) {
        pcre2_set_match_limit(p->context, limit);
        int rc = try_match(p, code, s, n, from);
        const PCRE2_SIZE *bound = pcre2_get_ovector_pointer(p->match);
        size_t places = limit == FIRST_STEPS ? 0 : rc > 0 ? bound[0] - from + 1 : n - from;
        uint64_t cost = rc == PCRE2_ERROR_MATCHLIMIT ? limit : (uint64_t)places * limit;
        if (rc == PCRE2_ERROR_MATCHLIMIT && (cost > p->budget || limit > UINT32_MAX / MORE_STEPS))
            return rc;
        p->budget -= cost < p->budget ? cost : p->budget;
        if (rc != PCRE2_ERROR_MATCHLIMIT)
            return rc;
        limit *= MORE_STEPS;
    }
}

/* Cuts the piece [piece.from, piece.to) of s into p->next. */
static int split_piece(struct pretoken *p, const pcre2_code *code, const char *s, struct span piece)
{
    size_t n = piece.to - piece.from, done = 0;
    const PCRE2_SIZE *bound = pcre2_get_ovector_pointer(p->match);
    int rc;
    while (done < n && (rc = match(p, code, s + piece.from, n, done)) != PCRE2_ERROR_NOMATCH) {
        if (rc < 0) {
            PCRE2_UCHAR why[128];
            pcre2_get_error_message(rc, why, sizeof why);
            return err_set(ERR_DATA, "pre-tokeniser: %s in a piece of %zu bytes", (const char *)why, n);
        }
        /* \K can move a match's start behind its end or leave it empty; such a match cuts nothing, and no progress */
        if (bound[1] <= bound[0] || bound[0] < done)
            return err_set(ERR_DATA, "pre-tokeniser: a regex matches the empty string");
        add_span(&p->next, piece.from + done, piece.from + bound[0]);
        add_span(&p->next, piece.from + bound[0], piece.from + bound[1]);
        done = bound[1];
    }
    add_span(&p->next, piece.from + done, piece.to);
    return 0;
}

int pretoken_split(struct pretoken *p, const char *text, size_t n, const struct span **spans, size_t *n_spans)
{
    const char *s = late_shadow(text, n, &p->shadow);
    p->now.n = 0;
    p->budget = BUDGET + (uint64_t)n * BUDGET_OF_BYTE;
    add_span(&p->now, 0, n);
    for (size_t i = 0; i < p->n_splits; i++) {
        p->next.n = 0;
        for (size_t k = 0; k < p->now.n; k++)
            TRY(split_piece(p, p->split[i], s, p->now.s[k]));
        struct spans done = p->now;
        p->now = p->next;
        p->next = done;
    }
    *spans = p->now.s;
    *n_spans = p->now.n;
    return 0;
}
