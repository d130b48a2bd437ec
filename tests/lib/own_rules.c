#include "tests/lib/own_rules.h"
#include "base/mem.h"
#include "base/text.h"
#include "decode/chain.h"

char *own_rules(const char *profile, const char *steps)
{
    struct text t = { 0 };
    text_addf(&t, "%s | temperature=1", profile);
    struct chain *known = chain_parse(text_s(&t));
    text_clear(&t);
    if (known)
        text_addf(&t, "%s%s", profile, *steps ? " | " : "");
    text_add(&t, steps);
    struct chain *c = chain_parse(text_s(&t));
    char *out = c ? mem_string(chain_text(c)) : NULL;
    chain_free(c);
    chain_free(known);
    text_free(&t);
    return out;
}
