#include "model/normalise.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/late.h"
#include "model/normalise_unicode.h"
#include "model/pretoken_match.h"
#include "model/uchar.h"
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS     32u
#define GROWTH        64u
#define GROWTH_ALWAYS ((size_t)1 << 20)
#define MARK          "\xe2\x96\x81"

struct step {
    int (*apply)(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to);
    enum normalise_form form;
    struct matcher matcher; /* of a replacement: what; its next is NULL in other steps */
    char *text;             /* by what; what is put in front */
    size_t n_text;
    struct charsmap *map;
    struct normalise_spaces spaces;
};

struct normalise {
    struct step *step; /* (n_steps,) */
    size_t n_steps, cap_steps;
    struct regex_work *work;
    size_t max; /* bytes that the text at work may become */
    struct text out[2], shadow;
};

struct normalise *normalise_alloc(void)
{
    struct normalise *n = mem_alloc(1, sizeof *n);
    n->work = regex_work_alloc();
    return n;
}

static void fini_step(struct step *step)
{
    if (step->matcher.next)
        matcher_fini(&step->matcher);
    free(step->text);
    charsmap_free(step->map);
}

void normalise_free(struct normalise *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->n_steps; i++)
        fini_step(&n->step[i]);
    free(n->step);
    regex_work_free(n->work);
    text_free(&n->out[0]);
    text_free(&n->out[1]);
    text_free(&n->shadow);
    free(n);
}

size_t normalise_count(const struct normalise *n)
{
    return n->n_steps;
}

static int add_step(struct normalise *n, const char *where, struct step step)
{
    if (n->n_steps == MAX_STEPS) {
        fini_step(&step);
        return err_set(ERR_DATA, "%s: more than %u steps in the normalizer", where, MAX_STEPS);
    }
    mem_grow(&n->step, &n->cap_steps, n->n_steps + 1, sizeof *n->step);
    n->step[n->n_steps++] = step;
    return 0;
}

static int apply_form(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    (void)n;
    return normalise_unicode_form(to, s, length, step->form);
}

int normalise_add_form(struct normalise *n, const char *where, enum normalise_form form)
{
    return add_step(n, where, (struct step){ .apply = apply_form, .form = form });
}

static int apply_lowercase(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    (void)n;
    (void)step;
    return normalise_unicode_lowercase(to, s, length);
}

int normalise_add_lowercase(struct normalise *n, const char *where)
{
    return add_step(n, where, (struct step){ .apply = apply_lowercase });
}

static int apply_accents(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    (void)n;
    (void)step;
    return normalise_unicode_strip_accents(to, s, length);
}

int normalise_add_strip_accents(struct normalise *n, const char *where)
{
    return add_step(n, where, (struct step){ .apply = apply_accents });
}

static int apply_nmt(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    (void)n;
    (void)step;
    return normalise_unicode_nmt(to, s, length);
}

int normalise_add_nmt(struct normalise *n, const char *where)
{
    return add_step(n, where, (struct step){ .apply = apply_nmt });
}

static int apply_strip_left(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    size_t at = 0, width;
    (void)n;
    (void)step;
    while (at < length && uchar_bits_at(s, length, at, &width) & UCHAR_SPACE)
        at += width;
    text_addn(to, s + at, length - at);
    return 0;
}

int normalise_add_strip_left(struct normalise *n, const char *where)
{
    return add_step(n, where, (struct step){ .apply = apply_strip_left });
}

static int apply_strip_right(struct normalise *n, const struct step *step, const char *s, size_t length,
                             struct text *to)
{
    size_t end = length, width;
    (void)n;
    (void)step;
    while (end > 0) {
        size_t at = end - 1;
        while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
            at--;
        if (!(uchar_bits_at(s, length, at, &width) & UCHAR_SPACE))
            break;
        end = at;
    }
    text_addn(to, s, end);
    return 0;
}

int normalise_add_strip_right(struct normalise *n, const char *where)
{
    return add_step(n, where, (struct step){ .apply = apply_strip_right });
}

static int apply_prepend(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    (void)n;
    text_addn(to, step->text, step->n_text);
    text_addn(to, s, length);
    return 0;
}

int normalise_add_prepend(struct normalise *n, const char *where, const char *text)
{
    return add_step(n, where,
                    (struct step){ .apply = apply_prepend, .text = mem_string(text), .n_text = strlen(text) });
}

static int apply_replace(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    struct span found;
    size_t done = 0;
    int rc;
    const char *seen = step->matcher.code ? late_shadow(s, length, &n->shadow) : s;
    while (done < length && (rc = step->matcher.next(&step->matcher, n->work, seen, length, done, &found)) != 0) {
        if (rc < 0)
            return rc;
        text_addn(to, s + done, found.from - done);
        text_addn(to, step->text, step->n_text);
        done = found.to;
        if (to->len > n->max)
            return err_set(ERR_DATA, "a text of %zu bytes becomes more than %zu when it is normalised", length, n->max);
    }
    text_addn(to, s + done, length - done);
    return 0;
}

int normalise_add_replace(struct normalise *n, const char *where, const char *what, const char *by)
{
    struct step step = { .apply = apply_replace };
    if (!*what)
        return err_set(ERR_DATA, "%s: the normalizer replaces the empty string; not supported", where);
    matcher_literal(&step.matcher, what);
    step.text = mem_string(by);
    step.n_text = strlen(by);
    return add_step(n, where, step);
}

int normalise_add_replace_regex(struct normalise *n, const char *where, const char *regex, const char *by)
{
    struct step step = { .apply = apply_replace };
    TRY(matcher_pcre(&step.matcher, where, regex));
    step.text = mem_string(by);
    step.n_text = strlen(by);
    return add_step(n, where, step);
}

static int apply_charsmap(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    (void)n;
    return normalise_unicode_charsmap(to, s, length, step->map);
}

int normalise_add_charsmap(struct normalise *n, const char *where, const void *blob, size_t n_blob)
{
    struct charsmap *map = charsmap_read(where, blob, n_blob);
    return map ? add_step(n, where, (struct step){ .apply = apply_charsmap, .map = map }) : ERR_DATA;
}

/* What the beginning of s becomes (SentencePiece's NormalizePrefix), and its length. */
static size_t next_spaces(const struct step *step, const char *s, size_t n, const char **to, size_t *n_to)
{
    uint32_t value;
    size_t length = step->spaces.own ? trie_longest(step->spaces.own, s, n, &value) : 0;
    if (length == 0 && step->map && (length = charsmap_longest(step->map, s, n, to, n_to)) > 0)
        return length;
    if (length == 0)
        length = (size_t)text_utf8(s, n, NULL);
    *to = s;
    *n_to = length;
    return length;
}

static void add_spaced(struct text *to, const struct step *step, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == ' ' && step->spaces.escapes)
            text_add(to, MARK);
        else
            text_addn(to, s + i, 1);
    }
}

static void trim_end(struct text *to, const char *space)
{
    size_t n = strlen(space);
    while (to->len >= n && memcmp(to->s + to->len - n, space, n) == 0) {
        to->len -= n;
        to->s[to->len] = 0;
    }
}

static int apply_spaces(struct normalise *n, const struct step *step, const char *s, size_t length, struct text *to)
{
    const struct normalise_spaces *how = &step->spaces;
    const char *space = how->escapes ? MARK : " ", *by;
    size_t at = 0, n_by, width;
    bool after_space = how->removes_extra;
    while (how->removes_extra && at < length) {
        width = next_spaces(step, s + at, length - at, &by, &n_by);
        if (n_by != 1 || *by != ' ')
            break;
        at += width;
    }
    if (at == length)
        return 0;
    text_add(to, how->adds_prefix && !how->adds_suffix ? space : "");
    while (at < length) {
        at += next_spaces(step, s + at, length - at, &by, &n_by);
        for (; after_space && n_by > 0 && *by == ' '; n_by--)
            by++;
        add_spaced(to, step, by, n_by);
        after_space = n_by > 0 ? by[n_by - 1] == ' ' : after_space;
        after_space = after_space && how->removes_extra;
        if (to->len > n->max)
            return err_set(ERR_DATA, "a text of %zu bytes becomes more than %zu when it is normalised", length, n->max);
    }
    if (how->removes_extra && to->len > 0)
        trim_end(to, space);
    text_add(to, how->adds_prefix && how->adds_suffix ? space : "");
    return 0;
}

int normalise_add_spaces(struct normalise *n, const char *where, const struct normalise_spaces *s)
{
    struct step step = { .apply = apply_spaces, .spaces = *s };
    if (s->blob && s->n_blob > 0) {
        step.map = charsmap_read(where, s->blob, s->n_blob);
        if (!step.map)
            return ERR_DATA;
    }
    step.spaces.blob = NULL;
    return add_step(n, where, step);
}

int normalise_apply(struct normalise *n, const char *s, size_t length, const char **out, size_t *n_out)
{
    regex_work_start(n->work, length);
    n->max = length > (SIZE_MAX - GROWTH_ALWAYS) / GROWTH ? SIZE_MAX : length * GROWTH + GROWTH_ALWAYS;
    for (size_t i = 0; i < n->n_steps && length > 0; i++) {
        struct text *to = &n->out[i % 2];
        text_clear(to);
        TRY(n->step[i].apply(n, &n->step[i], s, length, to));
        s = text_s(to);
        length = to->len;
        if (length > n->max)
            return err_set(ERR_DATA, "a text becomes more than %zu bytes when it is normalised", n->max);
    }
    *out = s;
    *n_out = length;
    return 0;
}
