#include "model/template_inline.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/template_parts.h"
#include <stdlib.h>
#include <string.h>

enum section { SYSTEM, USER, ASSISTANT, ANSWER, N_SECTIONS };

static const char *const names[N_SECTIONS] = { "system", "user", "assistant", "answer" };

/* The section whose name has the n bytes at s. */
static int section_of(const char *s, size_t n)
{
    for (int i = 0; i < N_SECTIONS; i++)
        if (strlen(names[i]) == n && memcmp(names[i], s, n) == 0)
            return i;
    char seen[16] = { 0 };
    memcpy(seen, s, n < sizeof seen - 1 ? n : sizeof seen - 1);
    return err_unknown(ERR_USAGE, "section", seen, names, N_SECTIONS);
}

/* Cuts the text at its sections: body[i] is what stands in section i, NULL where it is not there.  The number of them. */
static int cut(char *text, const char *body[N_SECTIONS])
{
    int n_sections = 0, rc;
    size_t n;
    for (char *s = text, *place; (place = (char *)(uintptr_t)template_parts_place(s, &n, &rc)) || rc < 0;
         s = place + n + 2) {
        TRY(rc);
        if (n == 0 || place[1] != '#')
            continue;
        int i = section_of(place + 2, n - 1);
        TRY(i);
        if (body[i])
            return err_set(ERR_USAGE, "section '%s' comes twice", names[i]);
        body[i] = place + n + 2;
        *place = '\0';
        n_sections++;
    }
    return n_sections;
}

/* body is cut at the place of the turn's text. */
static int read_turn(enum section i, const char *body, struct template_turn *turn)
{
    int rc;
    size_t n;
    if (!body)
        return 0;
    for (const char *s = body, *place; (place = template_parts_place(s, &n, &rc)); s = place + n + 2) {
        if (n != 4 || memcmp(place + 1, "text", 4) != 0)
            continue;
        if (turn->before)
            return err_set(ERR_USAGE, "section '%s' has '{text}' twice", names[i]);
        *(char *)(uintptr_t)place = '\0';
        turn->before = body;
        turn->after = place + n + 2;
    }
    return turn->before ? 0 : err_set(ERR_USAGE, "section '%s' has no '{text}'", names[i]);
}

int template_inline_read(const char *text, struct template_row *row, char **memory)
{
    const char *body[N_SECTIONS] = { 0 };
    char *copy = *memory = mem_string(text);
    struct template_row r = { .name = "inline", .begin = copy, .answer = "" };
    int n = cut(copy, body);
    if (n <= 0)
        return n;
    if (!body[USER])
        return err_set(ERR_USAGE, "section 'user' is missing");
    TRY(read_turn(SYSTEM, body[SYSTEM], &r.system));
    TRY(read_turn(USER, body[USER], &r.user));
    TRY(read_turn(ASSISTANT, body[ASSISTANT], &r.assistant));
    r.place = body[SYSTEM] ? TEMPLATE_SYSTEM_OWN : TEMPLATE_SYSTEM_NONE;
    r.answer = body[ANSWER] ? body[ANSWER] : "";
    *row = r;
    return 1;
}

int template_inline_check(const char *text)
{
    struct template_row row;
    char *memory;
    size_t n;
    int rc = template_inline_read(text, &row, &memory);
    for (const char *s = text; rc == 0 && (s = template_parts_place(s, &n, &rc));)
        s += n + 2;
    free(memory);
    return rc < 0 ? err_add(rc, "template '%s'", text) : 0;
}
