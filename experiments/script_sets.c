#include "experiments/script_sets.h"
#include "base/err.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

#define MANY 256 /* names: a script that asks for more is not read for slips */

struct names {
    char **s;
    size_t n, cap;
};

static bool is_letter(char c)
{
    return c != '\0' && strchr(LETTERS, c);
}

static void add(struct names *names, const char *s, size_t n)
{
    struct text t = { 0 };
    text_addn(&t, s, n);
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->s[i], text_s(&t)) == 0) {
            text_free(&t);
            return;
        }
    mem_grow(&names->s, &names->cap, names->n + 1, sizeof *names->s);
    names->s[names->n++] = t.s;
}

/* s: what stands behind the word arg.  Adds the name it is asked for; false: that is not known here. */
static bool add_name(struct names *names, const char *s)
{
    s += strspn(s, " \t");
    if (*s == '.' && s[1] != '.') {
        s += 1 + strspn(s + 1, " \t");
        if (!is_letter(*s))
            return false;
        add(names, s, strspn(s, LETTERS));
        return true;
    }
    if (s[0] != '[' || (s[1] != '"' && s[1] != '\''))
        return false;
    size_t n = strcspn(s + 2, "\"'\\\n");
    if (s[2 + n] != s[1] || s[3 + n] != ']')
        return false;
    add(names, s + 2, n);
    return true;
}

/* Whether "arg" at this place is the word, and no field of that name ("x .. arg" is the word). */
static bool is_word(const char *source, const char *at)
{
    size_t before = (size_t)(at - source);
    char c = before > 0 ? at[-1] : ' ';
    bool is_field = c == ':' || (c == '.' && (before < 2 || at[-2] != '.'));
    return !is_letter(at[3]) && !is_letter(c) && !is_field;
}

/* Behind the long bracket that begins at s ("[[ ... ]]", "[==[ ... ]==]"), the end of the text where it is not closed; s: none
 * does. */
static const char *behind_long(const char *s)
{
    size_t level = *s == '[' ? strspn(s + 1, "=") : 0;
    if (*s != '[' || s[1 + level] != '[')
        return s;
    for (s += 2 + level; *s; s++) {
        if (*s != ']')
            continue;
        size_t n = strspn(s + 1, "=");
        if (n == level && s[1 + n] == ']')
            return s + 2 + n;
        s += n;
    }
    return s;
}

/* Behind the comment or the long string that begins at s; s: none does. */
static const char *behind_silent(const char *s)
{
    if (s[0] != '-' || s[1] != '-')
        return behind_long(s);
    const char *block = behind_long(s + 2);
    return block > s + 2 ? block : s + strcspn(s, "\r\n");
}

/* Whether every use of arg names what it wants: these names, MANY at most. */
static bool all_named(const char *source, struct names *names)
{
    char quote = '\0'; /* of the string in which s is */
    for (const char *s = source, *behind; *s; s = behind) {
        behind = quote ? s : behind_silent(s);
        if (behind > s)
            continue;
        if (strncmp(s, "arg", 3) == 0 && is_word(source, s) && (names->n == MANY || !add_name(names, s + 3)))
            return false;
        if (*s == quote)
            quote = '\0';
        else if (!quote && (*s == '"' || *s == '\''))
            quote = *s;
        behind = s + (quote && s[0] == '\\' && s[1] ? 2 : 1);
    }
    return !strstr(source, "_ENV");
}

static bool holds(const struct names *names, const char *set, size_t n)
{
    for (size_t i = 0; i < names->n; i++)
        if (strlen(names->s[i]) == n && memcmp(names->s[i], set, n) == 0)
            return true;
    return false;
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->s[i]);
    free(names->s);
}

bool script_sets_reads(const char *source, const char *name)
{
    struct names names = { 0 };
    bool reads = !all_named(source, &names) || holds(&names, name, strlen(name));
    names_free(&names);
    return reads;
}

int script_sets_check(const char *path, const struct text *source, const char *const sets[], size_t n_sets)
{
    struct names names = { 0 };
    bool known = n_sets > 0 && all_named(text_s(source), &names);
    int rc = 0;
    for (size_t i = 0; i < n_sets && known && rc == 0; i++) {
        const char *is = strchr(sets[i], '='); /* without one it is refused where it is read */
        if (!is || holds(&names, sets[i], (size_t)(is - sets[i])))
            continue;
        char *name = mem_copy(sets[i], (size_t)(is - sets[i]) + 1);
        name[is - sets[i]] = '\0';
        rc = err_add(err_unknown(ERR_USAGE, "name of --set", name, (const char *const *)names.s, names.n), "%s", path);
        free(name);
    }
    names_free(&names);
    return rc;
}
