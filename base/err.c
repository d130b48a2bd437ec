#include "base/err.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERR_MAX   2048 /* bytes of a message; longer ones are cut at a character */
#define ERR_NEAR  3    /* a name at most this many edits away is suggested */
#define ERR_LISTS 80   /* names listed before "..." */

static _Thread_local char message[ERR_MAX];
static _Thread_local int last_code;

static void keep(const char *format, va_list args)
{
    char next[ERR_MAX];
    int n = vsnprintf(next, sizeof next, format, args);
    if (n < 0)
        n = 0;
    size_t len = (size_t)n < sizeof next ? (size_t)n : text_utf8_ready(next, sizeof next - 1);
    memcpy(message, next, len);
    message[len] = '\0';
}

int err_set(enum err code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    keep(format, args);
    va_end(args);
    last_code = code;
    return code;
}

int err_add(int code, const char *format, ...)
{
    char context[ERR_MAX / 2], old[ERR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    snprintf(old, sizeof old, "%s", message);
    return err_set((enum err)code, "%s: %s", context, old);
}

/* For text_distance(), which has its own end. */
static void lower(char out[TEXT_DISTANCE_MAX], const char *s)
{
    size_t i = 0;
    for (; s[i] && i + 1 < TEXT_DISTANCE_MAX; i++)
        out[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] - 'A' + 'a' : s[i]);
    out[i] = '\0';
}

/* Capitals count as small letters.  An abbreviation, or a name with more behind it, is as near as one slip; among names
 * that are equally near, the fewer letters apart the better.  What is half other letters is another word. */
static const char *nearest(const char *seen, const char *const names[], size_t n)
{
    const char *best = NULL;
    char is[TEXT_DISTANCE_MAX], name[TEXT_DISTANCE_MAX];
    size_t best_near = ERR_NEAR + 1, best_apart = 0, length = strlen(seen);
    lower(is, seen);
    for (size_t i = 0; i < n; i++) {
        lower(name, names[i]);
        size_t apart = length < TEXT_DISTANCE_MAX ? text_distance(is, name) : SIZE_MAX;
        size_t shorter = length < strlen(name) ? length : strlen(name);
        bool begins = *seen && (shorter == length || shorter > 1) && strncmp(is, name, shorter) == 0;
        size_t near = begins && apart > 1 ? 1 : apart;
        bool nearer = near < best_near || (near == best_near && best && apart < best_apart);
        if (nearer && (begins || (apart < strlen(name) && apart <= (length + 1) / 2))) {
            best_near = near;
            best_apart = apart;
            best = names[i];
        }
    }
    return best;
}

int err_unknown(enum err code, const char *what, const char *seen, const char *const names[], size_t n)
{
    struct text t = { 0 };
    const char *near = nearest(seen, names, n);
    text_addf(&t, "unknown %s '%s'", what, seen);
    if (near)
        text_addf(&t, "; did you mean '%s'?", near);
    text_add(&t, n == 0 ? "; none is known" : near ? " known: " : "; known: ");
    for (size_t i = 0; i < n && i < ERR_LISTS; i++)
        text_addf(&t, "%s%s", i > 0 ? ", " : "", names[i]);
    if (n > ERR_LISTS)
        text_add(&t, ", ...");
    err_set(code, "%s", text_s(&t));
    text_free(&t);
    return code;
}

const char *err_text(void)
{
    return message;
}

int err_code(void)
{
    return last_code;
}
