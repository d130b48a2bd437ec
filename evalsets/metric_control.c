/* Whether a text does what was asked: keywords, verse forms, length. */
#include "base/text.h"
#include "evalsets/metric_list.h"
#include "evalsets/words.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static double coverage(const struct sample s[], size_t n)
{
    if (n != 1 || s->item->n_keywords == 0)
        return NAN;
    const struct item *item = s->item;
    struct glyphs text, key;
    size_t found = 0;
    words_fold(&text, s->text, s->n_text);
    for (size_t i = 0; i < item->n_keywords; i++) {
        words_fold(&key, item->keywords[i], strlen(item->keywords[i]));
        found += words_contain(&text, &key);
        words_fold_free(&key);
    }
    words_fold_free(&text);
    return (double)found / (double)item->n_keywords;
}

/* Where a line of verse ends: white space and the marks at which editions of ci break lines, in both widths. */
static bool ends_line(uint32_t c)
{
    static const uint32_t marks[] = { 0x3002, 0xff0c, 0x3001, 0xff1b, 0xff1a, 0xff1f, 0xff01, 0x3000,
                                      '.',    ',',    ';',    ':',    '?',    '!',    ' ' };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (c == marks[i])
            return true;
    return c >= '\t' && c <= '\r';
}

/* Quotation marks and brackets are no characters of a line. */
static bool counts(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return false;
    default: return true;
    }
}

struct form {
    size_t n_lines; /* of the text */
    size_t n_right; /* lines with the length that the form wants at their place */
};

static struct form form_measure(const struct sample *s)
{
    struct form f = { 0 };
    size_t length = 0;
    for (size_t i = 0; i <= s->n_text;) {
        uint32_t c = 0xfffd;
        int bytes = i < s->n_text ? text_utf8(s->text + i, s->n_text - i, &c) : 0;
        if (i == s->n_text || (bytes > 0 && ends_line(c))) {
            if (length > 0) {
                f.n_right += f.n_lines < s->item->n_lines && s->item->lines[f.n_lines] == length;
                f.n_lines++;
            }
            length = 0;
        } else {
            length += bytes <= 0 || counts(c);
        }
        i += bytes > 0 ? (size_t)bytes : 1;
    }
    return f;
}

static double form_validity(const struct sample s[], size_t n)
{
    if (n != 1 || s->item->n_lines == 0)
        return NAN;
    struct form f = form_measure(s);
    return (double)f.n_right / (double)(f.n_lines > s->item->n_lines ? f.n_lines : s->item->n_lines);
}

static double form_exact(const struct sample s[], size_t n)
{
    double share = form_validity(s, n);
    return isnan(share) ? NAN : share == 1;
}

static double length_chars(const struct sample s[], size_t n)
{
    return n == 1 ? (double)text_utf8_count(s->text, s->n_text) : NAN;
}

static double length_words(const struct sample s[], size_t n)
{
    return n == 1 ? (double)words_count(s->text, s->n_text) : NAN;
}

const struct metric_type metric_coverage = {
    .name = "coverage",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT | NEEDS_KEYWORDS,
    .direction = +1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning =
        "keywords that occur, letter case aside, as whole words (Chinese: as a run of characters) / all keywords",
    .source = "Lin et al. 2020, arXiv 1911.03705, without lemmas",
    .score = coverage,
};

const struct metric_type metric_form_validity = {
    .name = "form_validity",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT | NEEDS_FORM,
    .direction = +1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "lines with the character count their place in the form wants / the larger of lines wanted and written",
    .source = "line lengths of the tune; Chorale",
    .score = form_validity,
};

const struct metric_type metric_form_exact = {
    .name = "form_exact",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT | NEEDS_FORM,
    .direction = +1,
    .min = 0,
    .max = 1,
    .unit = "share",
    .meaning = "1 when every line of the form is there with its character count, and no other; else 0",
    .source = "line lengths of the tune; Chorale",
    .score = form_exact,
};

const struct metric_type metric_length_chars = {
    .name = "length_chars",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT,
    .direction = 0,
    .min = 0,
    .max = INFINITY,
    .unit = "characters",
    .meaning = "Unicode characters of a text",
    .source = "Chorale",
    .score = length_chars,
};

const struct metric_type metric_length_words = {
    .name = "length_words",
    .level = METRIC_RECORD,
    .needs = NEEDS_TEXT,
    .direction = 0,
    .min = 0,
    .max = INFINITY,
    .unit = "words",
    .meaning = "words of a text; each CJK character is one",
    .source = "Chorale",
    .score = length_words,
};
