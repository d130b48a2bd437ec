/* What a person sees: remarks and progress on stderr, colours where they are wanted, data on stdout. */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum console_colour { CONSOLE_PLAIN, CONSOLE_BOLD, CONSOLE_DIM, CONSOLE_RED, CONSOLE_GREEN, CONSOLE_YELLOW };

/* Escape sequence that begins a colour on stdout, "" when NO_COLOR is set, TERM is dumb or stdout is no terminal. */
const char *console_colour(enum console_colour c);

/* Columns of a terminal; SIZE_MAX: out is none. */
size_t console_width(FILE *out);

/* Prints s to a terminal so that no line is longer than it is wide: `at` columns of the first are taken already, the others
 * begin with `indent` spaces more than theirs in s.  Elsewhere as it is. */
void console_words(FILE *out, const char *s, size_t at, size_t indent);

/* A remark on stderr, with a new line; what is in it cannot steer the terminal; silent under --quiet (quiet is what args say). */
void console_say(bool quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Progress of long work, on stderr: on a terminal a bar redrawn at most ten times a second, elsewhere a plain line every
 * 30 seconds and one at the end.  seconds is since the start of this session, which found `found` of done already there;
 * eta is in seconds, NAN when unknown. */
struct console_progress {
    const char *what; /* "units" */
    bool quiet;
    double last; /* when the line was last drawn */
    bool drawn;
    bool whole; /* the line of the end was drawn */
};
void console_progress(struct console_progress *p, uint64_t done, uint64_t total, uint64_t failed, uint64_t found,
                      double eta, double seconds);
void console_progress_end(struct console_progress *p);

/* The message of an error on stderr, "chorale: ..."; what a stranger's text put into it cannot steer the terminal. */
void console_error(const char *message);

struct args;
struct text;

/* Appends a number of a JSON object behind others: ,"key":0.5, or null where it is not finite. */
void console_member(struct text *t, const char *key, double x);

/* A name as it is printed: with --json a text of JSON in its quotes, for which t (cleared first) has the room. */
const char *console_name(const struct args *a, const char *name, struct text *t);

/* Whether what was printed reached stdout so far: 0, or ERR_IO.  Loops that print ask, so as not to compute for a reader
 * that has gone. */
int console_check(void);
bool console_is_open(
    void); /* stdout can be written to: main() puts something that cannot in the place of a closed one */
bool console_reader_gone(void); /* stdout is a pipe whose reader ended: nothing that anyone wants to be told */

#endif
