/* Prompt templates of any text over fields of any text: parts split by zero bytes are the template, the instruction, the
 * context, an earlier turn's role and its text; role marks appear only where the template has put them. */
#include "model/byte_level.h"
#include "model/template.h"
#include <stdlib.h>
#include <string.h>

#define N_PARTS 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* ... the letters, and three brackets */
static const char tokenizer[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true},"
    "{\"id\":1,\"content\":\"\\n\\n### Instruction:\\n\",\"special\":true},"
    "{\"id\":2,\"content\":\"\\n\\n### Response:\\n\",\"special\":true},{\"id\":3,\"content\":\"ab\"}],"
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":"
    "{}}],"
    "\"special_tokens\":{\"<s>\":{\"ids\":[0]}}},\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{";

/* A vocabulary of all bytes, the marks and bos; made once. */
static struct vocab *make_vocab(void)
{
    struct text letters = { 0 }, json = { 0 };
    for (uint32_t b = 0; b < 256; b++) {
        struct text piece = { 0 };
        byte_level_add(&piece, (uint8_t)b);
        text_add(&letters, b > 0 ? "," : "");
        text_add_json(&letters, piece.s, piece.len);
        text_addf(&letters, ":%u", 4 + b);
        text_free(&piece);
    }
    text_add(&json, tokenizer);
    text_addf(&json, "%s}}}", text_s(&letters));
    struct vocab *v = vocab_read_json("input", json.s, json.len, (const sym_t[]){ 0 }, 1);
    text_free(&letters);
    text_free(&json);
    if (!v)
        abort();
    return v;
}

static size_t count_marks(const struct symbols *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->s[i] == 1 || s->s[i] == 2;
    return n;
}

/* Bytes of the template that begin a mark: as many marks as it may give. */
static size_t marks_in(const char *template_name)
{
    size_t n = 0;
    for (const char *at = template_name; (at = strstr(at, "\n\n### ")); at++)
        n++;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct vocab *v;
    char *copy = calloc(n + N_PARTS, 1), *part[N_PARTS];
    struct symbols out = { 0 };
    if (!v)
        v = make_vocab();
    if (n > 0)
        memcpy(copy, data, n);
    for (size_t i = 0; i < N_PARTS; i++)
        part[i] = i == 0 ? copy : part[i - 1] + strlen(part[i - 1]) + (part[i - 1] + strlen(part[i - 1]) < copy + n);
    struct prompt_field fields[] = { { "instruction", part[1] }, { "context", part[2] } };
    struct prompt_turn turn = { part[3], part[4] };
    struct prompt p = { .fields = fields, .n_fields = *part[2] ? 2 : 1, .turns = &turn, .n_turns = *part[3] != 0 };
    bool named = !strchr(part[0], '{');
    if (template_render(v, part[0], &p, &out) == 0 && count_marks(&out) > (named ? 3 : marks_in(part[0])))
        abort();
    for (size_t i = 0; i < out.n; i++)
        if (out.s[i] >= vocab_space(v)->n)
            abort();
    free(out.s);
    free(copy);
    return 0;
}
