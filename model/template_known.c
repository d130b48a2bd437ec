/* Which row a published Jinja template is.
 *
 * Signs are short parts of the texts that the families have published, chosen so that what renders otherwise (no trimming,
 * another default system text, other spaces) lacks one or has a stranger.  What no line knows is not guessed. */
#include "base/mem.h"
#include "model/template.h"
#include <stdlib.h>
#include <string.h>

#define SIGNS 6

struct sign {
    const char *row;
    const char *has[SIGNS], *lacks[SIGNS]; /* NULL after the last */
};

/* Of the normal text (below).  The first that fits. */
static const struct sign signs[] = {
    { "qwen2.5",
      { "<|im_start|>", "<|im_end|>",
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>" },
      { "enable_thinking", "image" } },
    { "qwen3",
      { "<|im_start|>", "<|im_end|>", "</think>", "last_query_index", "enable_thinking" },
      { "You are ", "image" } },
    { "qwen2",
      { "<|im_start|>", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>" },
      { "bos_token", "trim", "strip(", "tools", "image" } },
    { "chatml",
      { "<|im_start|>", "<|im_end|>", "'<|im_start|>assistant\n'" },
      { "You are ", "bos_token", "trim", "strip(", "tools", "think" } },
    { "llama3.1",
      { "<|start_header_id|>", "<|eot_id|>", "Cutting Knowledge Date: December 2023", "'26 Jul 2024'", "trim" },
      { "strftime_now" } },
    { "llama3",
      { "<|start_header_id|>", "<|eot_id|>", "bos_token", "message['content'] | trim" },
      { "Cutting Knowledge", "You are ", "tools" } },
    { "mistral-v7",
      { "'[INST] '", "[/INST]", "'[SYSTEM_PROMPT] '", "[/SYSTEM_PROMPT]", "eos_token" },
      { "trim", "strip(", "tools" } },
    { "mistral-tekken",
      { "[AVAILABLE_TOOLS][", "'[INST]'", "system_message + '\n\n'" },
      { "'[INST] '", "SYSTEM_PROMPT" } },
    { "mistral-v3", { "[AVAILABLE_TOOLS] [", "'[INST] '", "system_message + '\n\n'", "trim" }, { "SYSTEM_PROMPT" } },
    { "llama2",
      { "'<<SYS>>\n' + system_message", "bos_token + '[INST] ' + content.strip() + ' [/INST]'",
        "' '  + content.strip() + ' ' + eos_token" },
      { "You are " } },
    { "mistral",
      { "' [INST] ' + system_message + '\n\n'", "' [INST] ' + message['content'] + ' [/INST]'",
        "' ' + message['content'] + eos_token" },
      { "<<SYS>>" } },
    { "mistral-v0",
      { "'[INST] ' + message['content'] + ' [/INST]'", "message['content'] + eos_token" },
      { "<<SYS>>", "system_message", "' ' + message" } },
    { "gemma", { "<start_of_turn>", "<end_of_turn>\n", "bos_token", "trim", "model" }, { "tools", "strip(" } },
    { "phi3",
      { "'<|user|>\n'", "'<|assistant|>\n'", "'<|system|>\n'", "'<|end|>\n'" },
      { "bos_token", "trim", "strip(", "tools" } },
    { "zephyr",
      { "'<|user|>\n'", "'<|assistant|>\n'", "'<|system|>\n'", "message['content'] + eos_token }}\n" },
      { "bos_token", "<|end|>", "trim", "strip(" } },
    { "vicuna",
      { "'USER: '", "'ASSISTANT: '", "'ASSISTANT:'", "bos_token", "helpful, detailed, and polite answers" },
      { "trim", "strip(" } },
    { "alpaca-eos",
      { "'### Instruction:\n'", "'### Response:\n'", "bos_token", "eos_token", "Below are some instructions" },
      { "trim", "strip(" } },
    { "alpaca",
      { "'### Instruction:\n'", "'### Response:\n'", "Below is an instruction that describes a task. Write" },
      { "bos_token", "eos_token", "trim", "strip(" } },
    { "tigerbot-web",
      { "'\n\n### Instruction:\n'", "'\n\n### Response:\n'", "eos_token" },
      { "trim", "strip(", "'system'" } },
    { "tigerbot",
      { "'\n\n### Instruction:\n'", "'\n\n### Response:\n'" },
      { "eos_token", "trim", "strip(", "'system'" } },
};

/* One way of writing for quotes and for the escape of a newline. */
static char *normal_text(const char *jinja)
{
    char *text = mem_string(jinja), *to = text;
    for (const char *s = jinja; *s; s++)
        if (s[0] == '\\' && s[1] == 'n') {
            *to++ = '\n';
            s++;
        } else {
            *to++ = *s == '"' ? '\'' : *s;
        }
    *to = '\0';
    return text;
}

static bool fits(const struct sign *s, const char *text)
{
    for (size_t i = 0; i < SIGNS && s->has[i]; i++)
        if (!strstr(text, s->has[i]))
            return false;
    for (size_t i = 0; i < SIGNS && s->lacks[i]; i++)
        if (strstr(text, s->lacks[i]))
            return false;
    return true;
}

const char *template_known(const char *chat_template)
{
    const char *known = NULL;
    char *text = normal_text(chat_template);
    for (size_t i = 0; i < sizeof signs / sizeof *signs && !known; i++)
        if (fits(&signs[i], text))
            known = signs[i].row;
    free(text);
    return known;
}
