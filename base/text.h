/* Text: growing strings, strict numbers, UTF-8.  Nothing here depends on the locale.
 *
 * A struct text is always NUL-terminated and may hold NUL bytes before its end (len counts). */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *s;    /* (len + 1,) or NULL before the first text_add*() */
    size_t len; /* bytes */
    size_t cap;
};

void text_free(struct text *t);           /* leaves it empty and usable */
void text_clear(struct text *t);          /* keeps the memory */
const char *text_s(const struct text *t); /* never NULL */
void text_add(struct text *t, const char *s);
void text_addn(struct text *t, const void *s, size_t n);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_real(struct text *t, double x);                /* shortest text that reads back as x; nan, inf, -inf */
void text_add_json_real(struct text *t, double x);           /* null where x is not finite: JSON has no name for it */
void text_add_json(struct text *t, const char *s, size_t n); /* with quotes; invalid UTF-8 becomes U+FFFD */
void text_add_html(struct text *t, const char *s, size_t n); /* escapes & < > " '; controls become U+FFFD */

void text_add_shown(struct text *t, const char *s,
                    size_t n); /* for terminals: controls \x1b, turning marks \u202e, broken UTF-8 \xff */

/* Whole strings only, no spaces, no locale; false and *x untouched otherwise.  Reals take inf, -inf, not nan. */
bool text_real(const char *s, double *x);
bool text_u64(const char *s, uint64_t *x);
bool text_i64(const char *s, int64_t *x);

bool text_ends_in(const char *s, const char *end);

/* Whether a name as a person wrote it is this word (small letters, '_'), but for capitals and '-' in place of '_'. */
bool text_same_word(const char *word, const char *seen);

/* The number of the fewest decimal digits that is this float: 0.95, not 0.949999988. */
double text_shortest(float x);

/* Length in bytes of the valid UTF-8 sequence at s (n bytes left): 1..4; 0 when invalid; -1 when it is a valid start
 * that needs more bytes than n. */
int text_utf8(const char *s, size_t n, uint32_t *codepoint);

bool text_is_utf8(const char *s, size_t n); /* all of it */

/* Number of bytes of s that may be shown now: all but an incomplete sequence at its end. */
size_t text_utf8_ready(const char *s, size_t n);

/* Characters (codepoints; an invalid byte counts as one). */
size_t text_utf8_count(const char *s, size_t n);

#define TEXT_DISTANCE_MAX 256
/* Levenshtein distance, for "did you mean"; SIZE_MAX where one has TEXT_DISTANCE_MAX bytes or more. */
size_t text_distance(const char *a, const char *b);

/* The whole of a file of at most max bytes into t (cleared first); path "-" is stdin.  0, ERR_IO, or ERR_DATA
 * "PATH: larger than ..." */
int text_read_file(struct text *t, const char *path, size_t max);

/* The same of a file in a folder from anywhere: a regular file, no link, device or pipe.  0, ERR_IO (not there), ERR_DATA. */
int text_read_regular(struct text *t, const char *path, size_t max);

/* The same where links are followed, since download caches are made of them: a pipe or a device does not hold us up. */
int text_read_followed(struct text *t, const char *path, size_t max);

/* Writes aside, fsyncs, renames, fsyncs the folder: the file is old or new, never half.  0 or ERR_IO. */
int text_write_file(const char *path, const void *bytes, size_t n);

#endif
