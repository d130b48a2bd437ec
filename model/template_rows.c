#include "model/template_rows.h"
#include "model/vocab.h"

/* clang-format off */
#define INSTRUCTION VOCAB_MARK_INSTRUCTION
#define RESPONSE    VOCAB_MARK_RESPONSE
#define HEADER(role) "<|start_header_id|>" role "<|end_header_id|>\n\n"
#define CHATML_TURN(role) { .before = "<|im_start|>" role "\n", .after = "<|im_end|>\n" }
#define CHATML                                                                                                         \
    .marks = { "<|im_start|>", "<|im_end|>" },                                                                         \
    .begin = "",                                                                                                       \
    .place = TEMPLATE_SYSTEM_OWN,                                                                                      \
    .system = CHATML_TURN("system"),                                                                                   \
    .user = CHATML_TURN("user"),                                                                                       \
    .assistant = CHATML_TURN("assistant"),                                                                             \
    .answer = "<|im_start|>assistant\n"
#define TIGERBOT                                                                                                       \
    .marks = { INSTRUCTION, RESPONSE },                                                                                \
    .begin = "{bos?}",                                                                                                 \
    .place = TEMPLATE_SYSTEM_FIRST,                                                                                    \
    .system = { .before = "", .after = "\n\n" },                                                                       \
    .user = { .before = INSTRUCTION, .after = "" },                                                                    \
    .answer = RESPONSE
#define ALPACA(preamble, end)                                                                                          \
    .place = TEMPLATE_SYSTEM_OWN,                                                                                      \
    .system = { .before = "", .after = "\n\n" },                                                                       \
    .system_default = preamble,                                                                                        \
    .user = { .before = "### Instruction:\n", .after = "\n\n" },                                                       \
    .assistant = { .before = "### Response:\n", .after = end "\n\n" },                                                 \
    .input = "\n\n### Input:\n",                                                                                       \
    .answer = "### Response:\n"
/* clang-format on */

static const struct template_row rows[] = {
    { .name = "raw",
      .meaning = "the text alone, bos where the tokenizer puts it; no place for turns or a system text",
      .source = "the tokenizer itself; TigerBot's base mode",
      .begin = "{bos?}",
      .user = { .before = "", .after = "" },
      .answer = "",
      .is_text = true },
    { .name = "tigerbot",
      .meaning =
          "instruction and response marks; answers of the history without end token; a system text stands in the "
          "first turn",
      .source = "TigerResearch/TigerBot infer.py (tok_ins + query + tok_res)",
      TIGERBOT,
      .assistant = { .before = RESPONSE, .after = "" } },
    { .name = "tigerbot-web",
      .meaning = "the same, each answer of the history closed by the end token",
      .source = "TigerResearch/TigerBot apps/web_demo.py",
      TIGERBOT,
      .assistant = { .before = RESPONSE, .after = "{eos}" } },
    { .name = "alpaca",
      .meaning = "### Instruction: and ### Response: as text, no end token between turns; a context is its ### Input:",
      .source = "tatsu-lab/stanford_alpaca; oobabooga/text-generation-webui instruction-templates/Alpaca",
      .begin = "",
      ALPACA(
          "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
          "") },
    { .name = "alpaca-eos",
      .meaning = "the same for several turns: bos in front, each answer closed by the end token",
      .source = "unslothai/unsloth chat_templates.py (alpaca)",
      .begin = "{bos}",
      ALPACA("Below are some instructions that describes some tasks. Write responses that appropriately completes each "
             "request.",
             "{eos}") },
    { .name = "vicuna",
      .meaning = "USER: and ASSISTANT: as text, each answer closed by the end token; the system text in front",
      .source = "lm-sys/FastChat conversation.py (vicuna_v1.1)",
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_OWN,
      .system = { .before = "", .after = " " },
      .system_default = "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
                        "helpful, detailed, and polite answers to the user's questions.",
      .user = { .before = "USER: ", .after = " " },
      .assistant = { .before = "ASSISTANT: ", .after = "{eos}" },
      .answer = "ASSISTANT:" },
    { .name = "chatml", .meaning = "ChatML blocks, no bos", .source = "OpenAI ChatML; teknium/OpenHermes-2.5", CHATML },
    { .name = "qwen2",
      .meaning = "chatml with the default system text of Qwen2",
      .source = "Qwen/Qwen2-7B-Instruct",
      CHATML,
      .system_default = "You are a helpful assistant." },
    { .name = "qwen2.5",
      .meaning = "chatml with the default system text of Qwen2.5",
      .source = "Qwen/Qwen2.5-7B-Instruct",
      CHATML,
      .system_default = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant." },
    { .name = "qwen3",
      .meaning = "chatml without the thoughts of earlier answers (up to </think>)",
      .source = "Qwen/Qwen3-8B",
      CHATML,
      .thought = "</think>" },
    { .name = "llama2",
      .meaning = "[INST] as text, every pair of turns a text from bos to eos; a system text stands in the first turn "
                 "between <<SYS>> marks",
      .source = "meta-llama/Llama-2-7b-chat-hf",
      .begin = "",
      .place = TEMPLATE_SYSTEM_FIRST,
      .system = { .before = "<<SYS>>\n", .after = "\n<</SYS>>\n\n", .trims = true },
      .user = { .before = "{bos}[INST] ", .after = " [/INST]", .trims = true },
      .assistant = { .before = " ", .after = " {eos}", .trims = true },
      .answer = "",
      .alternates = true },
    { .name = "llama3",
      .meaning = "header blocks, the text of every turn trimmed",
      .source = "meta-llama/Meta-Llama-3-8B-Instruct",
      .marks = { "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" },
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_OWN,
      .system = { .before = HEADER("system"), .after = "<|eot_id|>", .trims = true },
      .user = { .before = HEADER("user"), .after = "<|eot_id|>", .trims = true },
      .assistant = { .before = HEADER("assistant"), .after = "<|eot_id|>", .trims = true },
      .answer = HEADER("assistant") },
    { .name = "llama3.1",
      .meaning = "llama3 with the dates of Llama 3.1 at the head of the system block, which is always there",
      .source = "meta-llama/Llama-3.1-8B-Instruct without tools (its date_string by default)",
      .marks = { "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" },
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_OWN,
      .system = { .before = HEADER("system") "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n",
                  .after = "<|eot_id|>",
                  .trims = true },
      .system_default = "",
      .user = { .before = HEADER("user"), .after = "<|eot_id|>", .trims = true },
      .assistant = { .before = HEADER("assistant"), .after = "<|eot_id|>", .trims = true },
      .answer = HEADER("assistant") },
    { .name = "mistral",
      .meaning = "[INST] as text; a system text stands in the first turn",
      .source = "mistralai/Mistral-7B-Instruct-v0.2 (template v1)",
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_FIRST,
      .system = { .before = "", .after = "\n\n" },
      .user = { .before = " [INST] ", .after = " [/INST]" },
      .assistant = { .before = " ", .after = "{eos}" },
      .answer = "",
      .alternates = true },
    { .name = "mistral-v0",
      .meaning = "[INST] as text, as first published; no place for a system text",
      .source = "mistralai/Mistral-7B-Instruct-v0.2 (before template v1)",
      .begin = "{bos}",
      .user = { .before = "[INST] ", .after = " [/INST]" },
      .assistant = { .before = "", .after = "{eos}" },
      .answer = "",
      .alternates = true },
    { .name = "mistral-v3",
      .meaning = "[INST] and [/INST] as tokens; a system text stands in the last turn",
      .source = "mistralai/Mistral-Large-Instruct-2407 without tools (template v3)",
      .marks = { "[INST]", "[/INST]" },
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_LAST,
      .system = { .before = "", .after = "\n\n" },
      .user = { .before = "[INST] ", .after = "[/INST]" },
      .assistant = { .before = " ", .after = "{eos}", .trims = true },
      .answer = "",
      .alternates = true },
    { .name = "mistral-tekken",
      .meaning = "the same without spaces behind the marks",
      .source = "mistralai/Mistral-Nemo-Instruct-2407 without tools (template v3-tekken)",
      .marks = { "[INST]", "[/INST]" },
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_LAST,
      .system = { .before = "", .after = "\n\n" },
      .user = { .before = "[INST]", .after = "[/INST]" },
      .assistant = { .before = "", .after = "{eos}" },
      .answer = "",
      .alternates = true },
    { .name = "mistral-v7",
      .meaning = "[INST] and [SYSTEM_PROMPT] as tokens, the system text in a block of its own",
      .source = "mistralai/Mistral-Large-Instruct-2411 (template v7)",
      .marks = { "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]" },
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_OWN,
      .system = { .before = "[SYSTEM_PROMPT] ", .after = "[/SYSTEM_PROMPT]" },
      .user = { .before = "[INST] ", .after = "[/INST]" },
      .assistant = { .before = " ", .after = "{eos}" },
      .answer = "" },
    { .name = "gemma",
      .meaning = "turns of user and model, their texts trimmed; a system text stands in the first turn",
      .source = "google/gemma-3-4b-it (gemma-2 is the same without a system text)",
      .marks = { "<start_of_turn>", "<end_of_turn>" },
      .begin = "{bos}",
      .place = TEMPLATE_SYSTEM_FIRST,
      .system = { .before = "", .after = "\n\n" },
      .user = { .before = "<start_of_turn>user\n", .after = "<end_of_turn>\n", .trims = true },
      .assistant = { .before = "<start_of_turn>model\n", .after = "<end_of_turn>\n", .trims = true },
      .answer = "<start_of_turn>model\n",
      .alternates = true },
    { .name = "phi3",
      .meaning = "blocks of <|system|>, <|user|> and <|assistant|>, no bos",
      .source = "microsoft/Phi-3-mini-4k-instruct",
      .marks = { "<|system|>", "<|user|>", "<|assistant|>", "<|end|>" },
      .begin = "",
      .place = TEMPLATE_SYSTEM_OWN,
      .system = { .before = "<|system|>\n", .after = "<|end|>\n" },
      .user = { .before = "<|user|>\n", .after = "<|end|>\n" },
      .assistant = { .before = "<|assistant|>\n", .after = "<|end|>\n" },
      .answer = "<|assistant|>\n" },
    { .name = "zephyr",
      .meaning = "blocks of <|system|>, <|user|> and <|assistant|> as text, each closed by the end token, no bos",
      .source = "HuggingFaceH4/zephyr-7b-beta",
      .begin = "",
      .place = TEMPLATE_SYSTEM_OWN,
      .system = { .before = "<|system|>\n", .after = "{eos}\n" },
      .user = { .before = "<|user|>\n", .after = "{eos}\n" },
      .assistant = { .before = "<|assistant|>\n", .after = "{eos}\n" },
      .answer = "<|assistant|>\n" },
};

const struct template_row *template_rows(size_t *n)
{
    *n = sizeof rows / sizeof *rows;
    return rows;
}
