/* Added tokens that text which is data must not become, and how added tokens are found by their text. */
#include "model/vocab_inside.h"
#include <string.h>

static void guard_all(struct vocab *v, const struct symbols *guard, bool is_guarded)
{
    for (size_t i = 0; i < guard->n; i++)
        v->token[guard->s[i]].is_guarded = is_guarded;
}

int vocab_encode_guarded(struct vocab *v, const struct vocab_text *text, const struct symbols *guard,
                         struct symbols *out)
{
    guard_all(v, guard, true);
    int rc = vocab_encode_parts(v, text->part, text->n, out);
    guard_all(v, guard, false);
    return rc;
}

int64_t vocab_find_added(const struct vocab *v, const char *text)
{
    int64_t id = vocab_find(v, text);
    return id >= 0 && (v->token[id].kind == TOKEN_ADDED || v->token[id].kind == TOKEN_SPECIAL) ? id : -1;
}
