/* Prompt templates of any name or text over prompts of any text: parts split by zero bytes are the template, the
 * instruction, the context, the system text, an earlier turn's role and its text.  The law: whatever they say, the control
 * tokens are those that the same prompt with harmless texts gives.  Some marks of the vocabulary are special tokens, some
 * only added ones. */
#include "model/byte_level.h"
#include "model/template.h"
#include "model/template_rows.h"
#include <stdlib.h>
#include <string.h>

enum { N_PARTS = 6, N_SPECIAL = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* bos, an end, "ab" that is an added token and no control token; then the marks of all rows; then the letters. */
static const char *const first[N_SPECIAL] = { "<s>", "</s>", "ab" };

static void add_token(struct text *t, const char *content, size_t id)
{
    text_addf(t, "%s{\"id\":%zu,\"special\":%s,\"content\":", id > 0 ? "," : "", id,
              id < 2 || (id > 2 && id % 2 == 0) ? "true" : "false");
    text_add_json(t, content, strlen(content));
    text_add(t, "}");
}

static size_t add_marks(struct text *t, size_t id)
{
    size_t n;
    const struct template_row *rows = template_rows(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; rows[i].marks[k]; k++) {
            struct text quoted = { 0 };
            text_add_json(&quoted, rows[i].marks[k], strlen(rows[i].marks[k]));
            if (!strstr(t->s, quoted.s))
                add_token(t, rows[i].marks[k], id++);
            text_free(&quoted);
        }
    return id;
}

/* The number of control tokens is what stands before the letters, less "ab". */
static struct vocab *make_vocab(size_t *n_added)
{
    struct text json = { 0 };
    text_add(&json, "{\"added_tokens\":[");
    for (size_t i = 0; i < N_SPECIAL; i++)
        add_token(&json, first[i], i);
    *n_added = add_marks(&json, N_SPECIAL);
    text_add(&json,
             "],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
             "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},"
             "{\"Sequence\":{}}],\"special_tokens\":{\"<s>\":{\"ids\":[0]}}},"
             "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{");
    for (uint32_t b = 0; b < 256; b++) {
        struct text piece = { 0 };
        byte_level_add(&piece, (uint8_t)b);
        text_add(&json, b > 0 ? "," : "");
        text_add_json(&json, piece.s, piece.len);
        text_addf(&json, ":%zu", *n_added + b);
        text_free(&piece);
    }
    text_add(&json, "}}}");
    struct vocab *v = vocab_read_json("input", json.s, json.len, (const sym_t[]){ 1 }, 1);
    text_free(&json);
    if (!v)
        abort();
    return v;
}

static void keep_control(struct symbols *s, size_t n_added)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->s[i] < n_added && s->s[i] != 2)
            s->s[n++] = s->s[i];
    s->n = n;
}

static int render(struct vocab *v, char *part[N_PARTS], struct symbols *out)
{
    struct prompt_field fields[3] = { { "instruction", part[1] } };
    struct prompt_turn turn = { part[4], part[5] };
    struct prompt p = {
        .fields = fields, .n_fields = 1, .turns = &turn, .n_turns = *part[4] != 0, .template_name = part[0]
    };
    if (*part[2])
        fields[p.n_fields++] = (struct prompt_field){ "context", part[2] };
    if (*part[3])
        fields[p.n_fields++] = (struct prompt_field){ "system", part[3] };
    return template_render(v, part[5], &p, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct vocab *v;
    static size_t n_added;
    char *copy = calloc(n + N_PARTS, 1), *part[N_PARTS], plain[] = "plain";
    struct symbols out = { 0 }, want = { 0 };
    if (!v)
        v = make_vocab(&n_added);
    if (n > 0)
        memcpy(copy, data, n);
    for (size_t i = 0; i < N_PARTS; i++)
        part[i] = i == 0 ? copy : part[i - 1] + strlen(part[i - 1]) + (part[i - 1] + strlen(part[i - 1]) < copy + n);
    char *harmless[N_PARTS] = {
        part[0], plain, *part[2] ? plain : part[2], *part[3] ? plain : part[3], part[4], part[5]
    };
    int rc = render(v, part, &out);
    harmless[5] = strcmp(part[0], "auto") == 0 ? part[5] : plain; /* it is the checkpoint's own template too */
    if (rc == 0 && render(v, harmless, &want) < 0)
        abort();
    for (size_t i = 0; i < out.n; i++)
        if (out.s[i] >= vocab_space(v)->n)
            abort();
    keep_control(&out, n_added);
    keep_control(&want, n_added);
    if (rc == 0 && (out.n != want.n || memcmp(out.s, want.s, out.n * sizeof *out.s) != 0))
        abort();
    free(out.s);
    free(want.s);
    free(copy);
    return 0;
}
