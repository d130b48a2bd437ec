/* Errors of the world: a negative code that travels up, and one message that stays where it was first seen.
 *
 * The negated code is the exit status that cli/ gives the shell (DESIGN 3).  A bug asserts; it never comes here.
 * The message names the object, the value seen and the value wanted; callers add to it only what they know better.
 * The message is thread-local and stays until the next err_set() of the same thread. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

enum err {
    ERR_SOME = -1,     /* some records failed; they are listed */
    ERR_USAGE = -2,    /* wrong usage, chain text, pool text or script */
    ERR_DATA = -3,     /* bad checkpoint, tokenizer, evalset or distribution */
    ERR_IO = -4,       /* reading, writing, disk full */
    ERR_MEMORY = -5,   /* host or device memory, device fault */
    ERR_LOCKED = -6,   /* the run belongs to another process */
    ERR_DAMAGED = -7,  /* stored results fail their checksums */
    ERR_GATE = -10,    /* a comparison gate failed */
    ERR_SIGINT = -130, /* interrupted after a clean close */
    ERR_SIGTERM = -143,
};

/* Sets the message of this thread and returns code, so that a failing function ends with `return err_set(...)`. */
int err_set(enum err code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the present message and returns code unchanged. */
int err_add(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "unknown WHAT 'seen'; did you mean 'x'? known: a, b, c".  names[] holds n names.  Returns code. */
int err_unknown(enum err code, const char *what, const char *seen, const char *const names[], size_t n);

/* The present message of this thread, "" before any; valid until the next err_set() or err_add(). */
const char *err_text(void);

/* The code of that message, 0 before any: for callers of constructors that return NULL. */
int err_code(void);

/* Returns the failure of an expression (< 0) to the caller. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        int try_code = (expression);                                                                                   \
        if (try_code < 0)                                                                                              \
            return try_code;                                                                                           \
    } while (0)

#endif
