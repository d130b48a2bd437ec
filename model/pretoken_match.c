#include "model/pretoken_match.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/byte_level.h"
#include "model/pretoken_scan.h"
#include "model/uchar.h"
#include <stdlib.h>
#include <string.h>

#define HEAP_KIB     (256u * 1024u) /* a regex may use this much memory for backtracking; PCRE2's default is 20 GB */
#define JIT_STACK    (1024u * 1024u)
#define REGEX_LENGTH 65536u

/* Steps of matching: the limit of a first try, at each place where a match may begin; of each further try this many
 * times as much, paid from the budget of the text. */
#define FIRST_STEPS    2000u
#define MORE_STEPS     16u
#define BUDGET         (1u << 20)
#define BUDGET_OF_BYTE 1024u

struct regex_work *regex_work_alloc(void)
{
    struct regex_work *w = mem_alloc(1, sizeof *w);
    w->match = pcre2_match_data_create(1, NULL);
    w->context = pcre2_match_context_create(NULL);
    w->stack = pcre2_jit_stack_create(32u * 1024u, JIT_STACK, NULL);
    if (!w->match || !w->context || !w->stack)
        mem_exhausted();
    pcre2_set_heap_limit(w->context, HEAP_KIB);
    pcre2_jit_stack_assign(w->context, NULL, w->stack);
    return w;
}

void regex_work_free(struct regex_work *w)
{
    if (!w)
        return;
    pcre2_match_data_free(w->match);
    pcre2_match_context_free(w->context);
    pcre2_jit_stack_free(w->stack);
    free(w);
}

void regex_work_start(struct regex_work *w, size_t n)
{
    w->budget = BUDGET + (uint64_t)n * BUDGET_OF_BYTE;
}

/* PCRE2 counts the steps of each place where a match may begin by itself, and does not tell them: a try that is given
 * up has taken its limit, one that is not has taken at most that at every place it has passed. */
static int try_match(struct regex_work *w, const pcre2_code *code, const char *s, size_t n, size_t from)
{
    int rc = pcre2_match(code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK, w->match, w->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter uses the heap instead */
        rc = pcre2_match(code, (PCRE2_SPTR)s, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, w->match, w->context);
    return rc;
}

static int match(struct regex_work *w, const pcre2_code *code, const char *s, size_t n, size_t from)
{
    uint32_t limit = FIRST_STEPS;
    for (;;) {
        pcre2_set_match_limit(w->context, limit);
        int rc = try_match(w, code, s, n, from);
        const PCRE2_SIZE *bound = pcre2_get_ovector_pointer(w->match);
        size_t places = limit == FIRST_STEPS ? 0 : rc > 0 ? bound[0] - from + 1 : n - from;
        uint64_t cost = rc == PCRE2_ERROR_MATCHLIMIT ? limit : (uint64_t)places * limit;
        if (rc == PCRE2_ERROR_MATCHLIMIT && (cost > w->budget || limit > UINT32_MAX / MORE_STEPS))
            return rc;
        w->budget -= cost < w->budget ? cost : w->budget;
        if (rc != PCRE2_ERROR_MATCHLIMIT)
            return rc;
        limit *= MORE_STEPS;
    }
}

static int next_regex(const struct matcher *m, struct regex_work *w, const char *s, size_t n, size_t from,
                      struct span *found)
{
    int rc = match(w, m->code, s, n, from);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0) {
        PCRE2_UCHAR why[128];
        pcre2_get_error_message(rc, why, sizeof why);
        return err_set(ERR_DATA, "pre-tokeniser: %s in a piece of %zu bytes", (const char *)why, n);
    }
    const PCRE2_SIZE *bound = pcre2_get_ovector_pointer(w->match);
    /* \K can move a match's start behind its end or leave it empty; such a match cuts nothing, and no progress */
    if (bound[1] <= bound[0] || bound[0] < from)
        return err_set(ERR_DATA, "pre-tokeniser: a regex matches the empty string");
    *found = (struct span){ bound[0], bound[1] };
    return 1;
}

static int next_scan(const struct matcher *m, struct regex_work *w, const char *s, size_t n, size_t from,
                     struct span *found)
{
    (void)w;
    return m->scanner->next(s, n, from, found);
}

static int next_total(const struct matcher *m, struct regex_work *w, const char *s, size_t n, size_t from,
                      struct span *found)
{
    (void)w;
    if (from >= n)
        return 0;
    *found = (struct span){ from, m->scan(s, n, from) };
    return 1;
}

static int next_literal(const struct matcher *m, struct regex_work *w, const char *s, size_t n, size_t from,
                        struct span *found)
{
    (void)w;
    const char *at = m->n_literal == 1 ? memchr(s + from, *m->literal, n - from)
                                       : memmem(s + from, n - from, m->literal, m->n_literal);
    if (!at)
        return 0;
    *found = (struct span){ (size_t)(at - s), (size_t)(at - s) + m->n_literal };
    return 1;
}

static int next_class(const struct matcher *m, struct regex_work *w, const char *s, size_t n, size_t from,
                      struct span *found)
{
    (void)w;
    for (size_t at = from, width; at < n; at += width) {
        unsigned char lead = (unsigned char)s[at];
        width = 1;
        if (lead < 0x80 ? m->ascii[lead] : m->is(uchar_decode(s + at, &width))) {
            *found = (struct span){ at, at + width };
            return 1;
        }
    }
    return 0;
}

static int next_byte(const struct matcher *m, struct regex_work *w, const char *s, size_t n, size_t from,
                     struct span *found)
{
    (void)w;
    while (from < n && !m->bytes[(unsigned char)s[from]])
        from++;
    *found = (struct span){ from, from + 1 };
    return from < n;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What stands behind "(?": options (m is s in the other, and so on), or a call of a group from within, whose depth no limit
 * of ours counts. */
static bool is_other_group(const char *c)
{
    bool calls = *c == 'R' || *c == '&' || is_digit(*c) || ((*c == '+' || *c == '-') && is_digit(c[1])) ||
                 strncmp(c, "P>", 2) == 0;
    return calls || (*c && strchr("mnsJUaux", *c));
}

/* What Oniguruma and PCRE2 both take but read otherwise, and what only one of them takes: NULL, or the offender. */
static const char *read_otherwise(const char *regex)
{
    static const char letters[] = "wWbBhHGKyYmMRXOg"; /* other sets, other anchors; calls of groups */
    bool in_class = false;
    for (const char *c = regex; *c; c++) {
        if (*c == '\\' && c[1]) {
            if (strchr(letters, c[1]))
                return c;
            c++;
        } else if (in_class && ((*c == '[' && c[1] != ':') || strncmp(c, "&&", 2) == 0)) {
            return c;
        } else if (in_class && *c == '[') {
            c += strcspn(c, "]"); /* [:alpha:] */
            if (!*c)
                return NULL;
        } else if (in_class && *c == ']') {
            in_class = false;
        } else if (!in_class && *c == '[') {
            in_class = true;
            c += c[1] == '^';
            c += c[1] == ']';
        } else if (!in_class && (strncmp(c, "(*", 2) == 0 || (strncmp(c, "(?", 2) == 0 && is_other_group(c + 2)))) {
            return c;
        }
    }
    return NULL;
}

static int check(const char *where, const char *regex)
{
    if (strlen(regex) > REGEX_LENGTH)
        return err_set(ERR_DATA, "%s: a regex of %zu bytes, want at most %u", where, strlen(regex), REGEX_LENGTH);
    const char *other = read_otherwise(regex);
    if (other)
        return err_set(ERR_DATA, "%s: regex '%s', byte %zu: '%.3s' is not supported (it is read otherwise elsewhere)",
                       where, regex, (size_t)(other - regex), other);
    return 0;
}

int matcher_pcre(struct matcher *m, const char *where, const char *regex)
{
    int error;
    PCRE2_SIZE at;
    uint32_t empty = 0;
    TRY(check(where, regex));
    /* in Oniguruma's syntax ^ and $ are at every line */
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE, &error, &at, NULL);
    if (!code && error == PCRE2_ERROR_HEAP_FAILED)
        mem_exhausted();
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
    *m = (struct matcher){ .next = next_regex, .wants = BYTE_ANY, .code = code };
    return 0;
}

int matcher_regex(struct matcher *m, const char *where, const char *regex)
{
    const struct scanner *scanner = pretoken_scan_find(regex);
    if (!scanner)
        return matcher_pcre(m, where, regex);
    *m = (struct matcher){ .next = scanner->end ? next_total : next_scan,
                           .wants = scanner->wants ? scanner->wants : BYTE_ANY,
                           .scan = scanner->end,
                           .scanner = scanner };
    return 0;
}

void matcher_literal(struct matcher *m, const char *text)
{
    *m = (struct matcher){ .next = next_literal,
                           .wants = matcher_byte_kind((unsigned char)*text),
                           .literal = mem_string(text),
                           .n_literal = strlen(text) };
}

unsigned char matcher_byte_kind(unsigned char byte)
{
    size_t width;
    if (byte >= 0x80)
        return BYTE_WIDE;
    unsigned bits = uchar_bits_at((const char *)&byte, 1, 0, &width);
    if (bits & UCHAR_SPACE)
        return byte == '\r' || byte == '\n' ? BYTE_BREAK : BYTE_SPACE;
    return bits & UCHAR_LETTER ? BYTE_LETTER : bits & UCHAR_NUMBER ? BYTE_NUMBER : bits ? BYTE_MARK : BYTE_CONTROL;
}

void matcher_class(struct matcher *m, bool (*is)(uint32_t))
{
    *m = (struct matcher){ .next = next_class, .wants = BYTE_WIDE, .is = is, .ascii = mem_alloc(128, sizeof(bool)) };
    for (unsigned char b = 0; b < 128; b++) {
        m->ascii[b] = is(b);
        m->wants |= m->ascii[b] ? matcher_byte_kind(b) : 0;
    }
}

void matcher_bytes(struct matcher *m, bool (*is)(uint32_t))
{
    *m = (struct matcher){ .next = next_byte, .bytes = mem_alloc(256, sizeof(bool)) };
    for (unsigned b = 0; b < 256; b++) {
        m->bytes[b] = is(byte_level_char((uint8_t)b));
        m->wants |= m->bytes[b] ? matcher_byte_kind((unsigned char)b) : 0;
    }
}

bool matcher_is_bytewise(const struct matcher *m)
{
    return m->bytes || (m->scanner && m->scanner->is_bytewise);
}

void matcher_fini(struct matcher *m)
{
    free(m->bytes);
    free(m->ascii);
    pcre2_code_free(m->code);
    free(m->literal);
}
