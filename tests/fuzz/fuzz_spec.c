/* Texts of chains and pool rules: what parses has a canonical text, which parses to itself. */
#include "base/err.h"
#include "decode/chain.h"
#include "ensemble/pool.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *string(const uint8_t *data, size_t n)
{
    char *s = malloc(n + 1);
    if (!s)
        abort();
    if (n > 0)
        memcpy(s, data, n);
    s[n] = '\0';
    return s;
}

static void chain(const char *text)
{
    struct chain *c = chain_parse(text);
    if (!c) {
        if (!*err_text() || err_code() != ERR_USAGE)
            abort();
        return;
    }
    struct chain *again = chain_parse(chain_text(c));
    if (!again || strcmp(chain_text(c), chain_text(again)) != 0)
        abort();
    chain_free(again);
    chain_free(c);
}

static void pool(const char *text)
{
    struct pool p, again;
    struct text canonical = { 0 }, second = { 0 };
    if (pool_parse(text, &p) < 0)
        return;
    pool_text(&p, &canonical);
    if (pool_parse(text_s(&canonical), &again) < 0)
        abort();
    pool_text(&again, &second);
    if (strcmp(text_s(&canonical), text_s(&second)) != 0)
        abort();
    text_free(&canonical);
    text_free(&second);
    pool_fini(&again);
    pool_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = string(data, n);
    spec_free(spec_parse("text", text));
    chain(text);
    pool(text);
    free(text);
    return 0;
}
