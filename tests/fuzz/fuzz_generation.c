/* generation_config.json of any bytes: what it says becomes a chain, or is refused by name; what is left out is bounded text.
 * The same bytes as a chain with the preset in it. */
#include "base/err.h"
#include "decode/chain.h"
#include "experiments/checkpoint_preset.h"
#include "model/generation_config.h"
#include "model/json_members.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define LEFT_MOST 2048 /* bytes: 16 members of the file, and those that no transform does */

static void preset(const json_t *o)
{
    struct checkpoint c = { .name = "it", .format = "safetensors" };
    struct text others = { 0 }, chain = { 0 }, left = { 0 };
    generation_config_none(&c.generation);
    if (generation_config_read(o, "input", &c.generation, &others) == 0) {
        c.generation.others = text_s(&others);
        int rc = checkpoint_preset(&c, &chain, &left);
        struct chain *parsed = rc == 0 ? chain_parse(text_s(&chain)) : NULL;
        if (rc == 0 ? !parsed || strcmp(chain_text(parsed), text_s(&chain)) != 0 : rc != ERR_DATA || !*err_text())
            abort();
        chain_free(parsed);
    }
    if (left.len > LEFT_MOST)
        abort();
    text_free(&others);
    text_free(&chain);
    text_free(&left);
}

/* Written out twice, nothing is left of it. */
static void expand(const char *chain)
{
    struct text out = { 0 };
    bool used = checkpoint_preset_used(chain);
    if (checkpoint_preset_expand(chain, "temperature=0.5 | top_k=3", &out) == 0) {
        if (checkpoint_preset_used(text_s(&out)))
            abort();
    } else if (out.len > 0 || !*err_text()) {
        abort();
    }
    if (used && strlen(chain) < strlen(CHECKPOINT_PRESET))
        abort();
    text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_t *o = json_members_read("input", (const char *)data, n, 1u << 20);
    char *text = malloc(n + 1);
    if (!text)
        abort();
    if (n > 0)
        memcpy(text, data, n);
    text[n] = '\0';
    expand(text);
    free(text);
    if (o)
        preset(o);
    json_decref(o);
    return 0;
}
