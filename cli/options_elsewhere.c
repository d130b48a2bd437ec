#include "cli/options_elsewhere.h"
#include "base/text.h"
#include <ctype.h>
#include <string.h>

/* Of several rows of one name the first holds whose option or operand the verb has.  Words for chains, searches,
 * limits and draws are in decode/elsewhere.c. */
static const struct {
    const char *name, *here;
} words[] = {
    { "m", "CHECKPOINT" },
    { "model", "CHECKPOINT" },
    { "hf", "CHECKPOINT" },
    { "p", "PROMPT" },
    { "prompt", "PROMPT" },
    { "f", "FILE" },
    { "file", "FILE" },
    { "f", "PROMPT" },
    { "file", "PROMPT" },
    { "n", "max-symbols" },
    { "predict", "max-symbols" },
    { "s", "seed" },
    { "t", "threads" },
    { "c", "window" },
    { "ctx_size", "window" },
    { "ngl", "device" },
    { "gpu_layers", "device" },
    { "n_gpu_layers", "device" },
    { "ctk", "kv" },
    { "ctv", "kv" },
    { "cache_type_k", "kv" },
    { "cache_type_v", "kv" },
    { "md", "draft" },
    { "model_draft", "draft" },
    { "assistant_model", "draft" },
    { "sys", "system" },
    { "system_prompt", "system" },
    { "cnv", "instruct" },
    { "chat", "instruct" },
    { "conversation", "instruct" },
    { "chat_template", "template" },
    { "r", "stop" },
    { "reverse_prompt", "stop" },
    { "o", "out" },
    { "output", "out" },
    { "outtype", "type" },
};

/* Options of one letter are told apart by its case. */
static bool is(const char *theirs, const char *name)
{
    return text_same_word(theirs, name) && (theirs[1] || *theirs == *name);
}

static bool has(const struct verb *verb, const char *here)
{
    bool found = isupper((unsigned char)here[0]) && strstr(verb->operands, here);
    for (size_t i = 0; i < verb->n_options && !found; i++)
        found = strcmp(verb->options[i].name, here) == 0;
    return found;
}

const char *options_elsewhere(const struct verb *verb, const char *name)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is(words[i].name, name) && has(verb, words[i].here))
            return words[i].here;
    return NULL;
}
