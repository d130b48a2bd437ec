#include "model/pretoken.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/byte_level.h"
#include "model/late.h"
#include "model/pretoken_cut.h"
#include "model/pretoken_scan.h"
#include "model/pretoken_scan_plain.h"
#include "model/uchar.h"
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 32u

const char pretoken_gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

struct step {
    int (*apply)(struct pretoken *p, const struct step *step);
    struct matcher matcher; /* of a cutting step */
    struct pretoken_cut cut;
    size_t (*plain)(const char *s, size_t n, size_t from); /* what this step and those behind it make of plain ASCII, or
                                                            * NULL */
    char *mark;                                            /* of a rewriting step: what stands for a space */
    enum pretoken_scheme scheme;
};

struct pretoken {
    struct step *step; /* (n_steps,) */
    size_t n_steps, cap_steps;
    size_t last_cut; /* the last step that cuts */
    bool has_bytes;
    unsigned char kind[256]; /* enum byte_kind by byte */
    struct regex_work *work;

    /* the text at work */
    const char *text;
    size_t n_text;
    bool begins;                    /* it begins its document */
    bool is_middle;                 /* it is cut out of the middle of one: nothing is put in front */
    bool in_bytes;                  /* steps see the byte alphabet from here on */
    const char *shadow;             /* text as PCRE2 may see it (model/late.h); NULL: not made yet */
    struct pretoken_list now, next; /* pieces before and after a step */
    struct text shadow_text, rewritten[2], alphabet;
    size_t *raw; /* (alphabet.len + 1,) offsets in a piece's bytes by those in its characters */
    size_t cap_raw;
};

struct pretoken *pretoken_alloc(void)
{
    struct pretoken *p = mem_alloc(1, sizeof *p);
    p->work = regex_work_alloc();
    for (unsigned b = 0; b < 256; b++)
        p->kind[b] = matcher_byte_kind((unsigned char)b);
    return p;
}

void pretoken_free(struct pretoken *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_steps; i++) {
        matcher_fini(&p->step[i].matcher);
        free(p->step[i].mark);
    }
    free(p->step);
    regex_work_free(p->work);
    pretoken_list_free(&p->now);
    pretoken_list_free(&p->next);
    text_free(&p->shadow_text);
    text_free(&p->rewritten[0]);
    text_free(&p->rewritten[1]);
    text_free(&p->alphabet);
    free(p->raw);
    free(p);
}

/* The piece in the byte alphabet, and the way back. */
static void spell(struct pretoken *p, struct span piece)
{
    text_clear(&p->alphabet);
    mem_grow(&p->raw, &p->cap_raw, 2 * (piece.to - piece.from) + 1, sizeof *p->raw);
    for (size_t i = piece.from; i < piece.to; i++) {
        size_t at = p->alphabet.len;
        byte_level_add(&p->alphabet, (uint8_t)p->text[i]);
        for (; at < p->alphabet.len; at++)
            p->raw[at] = i - piece.from;
    }
    p->raw[p->alphabet.len] = piece.to - piece.from;
}

static int cut_piece(struct pretoken *p, const struct step *step, struct span piece)
{
    struct pretoken_cutter c = { .out = &p->next, .cut = step->cut, .base = piece.from, .first = p->next.n };
    if (p->in_bytes && !matcher_is_bytewise(&step->matcher)) {
        spell(p, piece);
        c.raw = p->raw;
        return pretoken_cut_matches(&c, &step->matcher, p->work, text_s(&p->alphabet), p->alphabet.len);
    }
    const char *s = step->matcher.code ? p->shadow : p->text;
    return pretoken_cut_matches(&c, &step->matcher, p->work, s + piece.from, piece.to - piece.from);
}

/* The usual case of isolated matches without gaps. */
static void cut_total(struct pretoken *p, size_t (*scan)(const char *s, size_t n, size_t from), struct span piece)
{
    size_t n = piece.to - piece.from;
    for (size_t at = 0, end; at < n; at = end) {
        end = scan(p->text + piece.from, n, at);
        pretoken_list_add(&p->next, piece.from + at, piece.from + end);
    }
}

/* The same of a piece for this step and those behind it, which find nothing more to cut then. */
static void cut_plain(struct pretoken *p, const struct step *step, struct span piece)
{
    size_t n = piece.to - piece.from;
    for (size_t at = 0, end; at < n; at = end) {
        end = step->plain(p->text + piece.from, n, at);
        pretoken_list_keep(&p->next, (struct span){ piece.from + at, piece.from + end }, 0);
    }
}

static int apply_cut(struct pretoken *p, const struct step *step)
{
    bool total = step->matcher.scan && step->cut.behavior == PRETOKEN_ISOLATED && !p->in_bytes;
    if (step->matcher.code && !p->shadow)
        p->shadow = late_shadow(p->text, p->n_text, &p->shadow_text);
    bool sees_bytes = !p->in_bytes || matcher_is_bytewise(&step->matcher);
    bool passes = sees_bytes && !step->cut.inverted; /* over pieces that have nothing that it wants */
    p->next.n = 0;
    p->next.text = step < &p->step[p->last_cut] ? p->text : NULL;
    p->next.kind = p->kind;
    for (size_t k = 0; k < p->now.n; k++) {
        if (passes && !(p->now.of[k] & step->matcher.wants))
            pretoken_list_keep(&p->next, p->now.s[k], p->now.of[k]);
        else if (step->plain && !(p->now.of[k] & ~BYTE_PLAIN))
            cut_plain(p, step, p->now.s[k]);
        else if (total)
            cut_total(p, step->matcher.scan, p->now.s[k]);
        else
            TRY(cut_piece(p, step, p->now.s[k]));
    }
    struct pretoken_list done = p->now;
    p->now = p->next;
    p->next = done;
    return 0;
}

/* Starts a rewriting of the text; the result is taken over by end_rewriting(). */
static struct text *start_rewriting(struct pretoken *p)
{
    struct text *to = &p->rewritten[p->text == p->rewritten[0].s];
    text_clear(to);
    p->next.n = 0;
    p->next.text = NULL;
    return to;
}

static void end_rewriting(struct pretoken *p, const struct text *to)
{
    struct pretoken_list done = p->now;
    p->now = p->next;
    p->next = done;
    p->text = text_s(to);
    p->n_text = to->len;
    p->shadow = NULL;
}

static int apply_space(struct pretoken *p, const struct step *step)
{
    struct text *to = start_rewriting(p);
    (void)step;
    for (size_t k = 0; k < p->now.n; k++) {
        struct span s = p->now.s[k];
        size_t from = to->len;
        text_add(to, p->is_middle || p->text[s.from] == ' ' ? "" : " ");
        text_addn(to, p->text + s.from, s.to - s.from);
        pretoken_list_add(&p->next, from, to->len);
    }
    end_rewriting(p, to);
    return 0;
}

static bool starts_with(const char *s, size_t n, const char *mark)
{
    size_t m = strlen(mark);
    return n > 0 && (*s == ' ' || (n >= m && memcmp(s, mark, m) == 0));
}

static int apply_metaspace(struct pretoken *p, const struct step *step)
{
    struct text *to = start_rewriting(p);
    for (size_t k = 0; k < p->now.n; k++) {
        const char *s = p->text + p->now.s[k].from;
        size_t n = p->now.s[k].to - p->now.s[k].from, from = to->len;
        bool first = p->begins && p->now.s[k].from == 0;
        bool marks = !p->is_middle && (step->scheme == PRETOKEN_ALWAYS || (step->scheme == PRETOKEN_FIRST && first));
        text_add(to, marks && !starts_with(s, n, step->mark) ? step->mark : "");
        for (size_t i = 0, end; i < n; i = end) {
            const char *space = memchr(s + i, ' ', n - i);
            end = space ? (size_t)(space - s) : n;
            text_addn(to, s + i, end - i);
            if (space)
                text_add(to, step->mark);
            end += space != NULL;
        }
        pretoken_list_add(&p->next, from, to->len);
    }
    end_rewriting(p, to);
    return 0;
}

static int apply_bytes(struct pretoken *p, const struct step *step)
{
    (void)step;
    p->in_bytes = true;
    return 0;
}

static bool is_isolated(const struct step *step, const char *regex)
{
    return step->apply == apply_cut && step->cut.behavior == PRETOKEN_ISOLATED && !step->cut.inverted &&
           (regex ? step->matcher.scanner == pretoken_scan_find(regex) : step->matcher.is == uchar_is_numeric);
}

/* DeepSeek's first tokenizer looks at every letter five times: of plain ASCII one scanner does it all, where these are
 * the last steps that cut. */
static void find_plain(struct pretoken *p)
{
    static const char *const deepseek[] = { SCAN_DEEPSEEK_LETTERS, SCAN_DEEPSEEK_MARKS, SCAN_LINE_END,
                                            SCAN_DEEPSEEK_HAN, NULL };
    enum { N = sizeof deepseek / sizeof *deepseek };
    bool is = p->n_steps >= N;
    for (size_t i = 0; i < p->n_steps; i++)
        p->step[i].plain = NULL;
    for (size_t i = 0; is && i < N; i++)
        is = is_isolated(&p->step[p->n_steps - N + i], deepseek[i]);
    if (is)
        p->step[p->n_steps - N].plain = pretoken_scan_plain_deepseek;
}

static int add_step(struct pretoken *p, const char *where, struct step step)
{
    if (p->n_steps == MAX_STEPS) {
        matcher_fini(&step.matcher);
        free(step.mark);
        return err_set(ERR_DATA, "%s: more than %u steps in the pre-tokeniser", where, MAX_STEPS);
    }
    mem_grow(&p->step, &p->cap_steps, p->n_steps + 1, sizeof *p->step);
    p->last_cut = step.apply == apply_cut ? p->n_steps : p->last_cut;
    p->step[p->n_steps++] = step;
    if (step.apply != apply_bytes)
        find_plain(p);
    return 0;
}

int pretoken_add_regex(struct pretoken *p, const char *where, const char *regex, struct pretoken_cut cut)
{
    struct step step = { .apply = apply_cut, .cut = cut };
    TRY(matcher_regex(&step.matcher, where, regex));
    return add_step(p, where, step);
}

int pretoken_add(struct pretoken *p, const char *where, const char *regex)
{
    return pretoken_add_regex(p, where, regex, (struct pretoken_cut){ .behavior = PRETOKEN_ISOLATED });
}

int pretoken_add_literal(struct pretoken *p, const char *where, const char *text, struct pretoken_cut cut)
{
    struct step step = { .apply = apply_cut, .cut = cut };
    if (!*text)
        return err_set(ERR_DATA, "%s: the pre-tokeniser splits at an empty string; not supported", where);
    matcher_literal(&step.matcher, text);
    return add_step(p, where, step);
}

int pretoken_add_class(struct pretoken *p, const char *where, bool (*is)(uint32_t), struct pretoken_cut cut)
{
    struct step step = { .apply = apply_cut, .cut = cut };
    (p->has_bytes ? matcher_bytes : matcher_class)(&step.matcher, is);
    return add_step(p, where, step);
}

static int add_rewriting(struct pretoken *p, const char *where, struct step step)
{
    if (p->has_bytes) {
        free(step.mark);
        return err_set(ERR_DATA, "%s: the pre_tokenizer rewrites text behind ByteLevel, which is not supported", where);
    }
    return add_step(p, where, step);
}

int pretoken_add_space(struct pretoken *p, const char *where)
{
    return add_rewriting(p, where, (struct step){ .apply = apply_space });
}

int pretoken_add_metaspace(struct pretoken *p, const char *where, const char *mark, enum pretoken_scheme scheme)
{
    return add_rewriting(p, where,
                         (struct step){ .apply = apply_metaspace, .mark = mem_string(mark), .scheme = scheme });
}

int pretoken_add_bytes(struct pretoken *p, const char *where)
{
    TRY(add_rewriting(p, where, (struct step){ .apply = apply_bytes }));
    p->has_bytes = true;
    return 0;
}

bool pretoken_has_bytes(const struct pretoken *p)
{
    return p->has_bytes;
}

bool pretoken_cuts(const struct pretoken *p)
{
    for (size_t i = 0; i < p->n_steps; i++)
        if (p->step[i].apply == apply_cut)
            return true;
    return false;
}

size_t pretoken_count(const struct pretoken *p)
{
    return p->n_steps;
}

static int split(struct pretoken *p, const char *text, size_t n, struct pieces *out)
{
    regex_work_start(p->work, n);
    p->text = text;
    p->n_text = n;
    p->in_bytes = false;
    p->shadow = NULL;
    p->now.n = 0;
    p->now.text = NULL;
    pretoken_list_add(&p->now, 0, n);
    for (size_t i = 0; i < p->n_steps; i++)
        TRY(p->step[i].apply(p, &p->step[i]));
    *out = (struct pieces){ p->text, p->now.s, p->now.n };
    return 0;
}

int pretoken_split(struct pretoken *p, const char *text, size_t n, struct pieces *out)
{
    p->begins = true;
    p->is_middle = false;
    return split(p, text, n, out);
}

int pretoken_split_inner(struct pretoken *p, const char *text, size_t n, struct pieces *out)
{
    p->begins = p->is_middle = false;
    return split(p, text, n, out);
}

int pretoken_split_middle(struct pretoken *p, const char *text, size_t n, struct pieces *out)
{
    p->begins = false;
    p->is_middle = true;
    return split(p, text, n, out);
}
