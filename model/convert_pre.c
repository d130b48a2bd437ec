#include "model/convert_pre.h"
#include "model/pretoken_scan.h"
#include <string.h>

#define MAX_STEPS 8
#define COUNT(a)  (sizeof(a) / sizeof *(a))

#define DEEPSEEK_BREAKS "[\\r\\n]"
#define DEEPSEEK3_HAN   "[一-龥぀-ゟ゠-ヿ]+"
#define DEEPSEEK3_WORDS                                                                                                \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"               \
    " ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

enum kind { END, BYTES, SPLIT, DIGITS, PUNCTUATION };

/* BYTES: arg is "regex" or NULL.  SPLIT: the regex, isolated.  DIGITS: "each" or NULL.  PUNCTUATION: the behaviour. */
struct step {
    enum kind kind;
    const char *arg;
};

static const struct pre {
    const char *name;
    bool composes, ignores_merges;
    struct step step[MAX_STEPS];
} pres[] = {
    { "gpt-2", false, false, { { BYTES, "regex" } } },
    { "llama-bpe", false, true, { { SPLIT, SCAN_LLAMA3 }, { BYTES, NULL } } },
    { "llama3", false, true, { { SPLIT, SCAN_LLAMA3 }, { BYTES, NULL } } },
    { "qwen2", true, false, { { SPLIT, SCAN_QWEN2 }, { BYTES, NULL } } },
    { "bloom", false, false, { { SPLIT, SCAN_BLOOM }, { BYTES, NULL } } },
    { "starcoder", false, false, { { DIGITS, "each" }, { BYTES, "regex" } } },
    { "falcon",
      false,
      false,
      { { PUNCTUATION, "Contiguous" }, { BYTES, "regex" }, { DIGITS, NULL }, { SPLIT, SCAN_THREE_DIGITS } } },
    { "deepseek-llm",
      false,
      false,
      { { SPLIT, DEEPSEEK_BREAKS },
        { SPLIT, SCAN_DEEPSEEK_LETTERS },
        { SPLIT, SCAN_DEEPSEEK_MARKS },
        { SPLIT, SCAN_LINE_END },
        { SPLIT, SCAN_DEEPSEEK_HAN },
        { DIGITS, "each" },
        { BYTES, NULL } } },
    { "deepseek-v3",
      false,
      false,
      { { SPLIT, "\\p{N}{1,3}" }, { SPLIT, DEEPSEEK3_HAN }, { SPLIT, DEEPSEEK3_WORDS }, { BYTES, NULL } } },
};

static bool member_is(const json_t *o, const char *key, const char *want)
{
    const char *seen = json_string_value(json_object_get(o, key));
    return seen && strcmp(seen, want) == 0;
}

/* A regex, where a backslash before a quotation mark says nothing. */
static bool same_regex(const char *a, const char *b)
{
    for (; *a || *b; a++, b++) {
        a += a[0] == '\\' && a[1] == '"';
        b += b[0] == '\\' && b[1] == '"';
        if (*a != *b)
            return false;
    }
    return true;
}

static bool is_split(const json_t *o, const char *regex)
{
    const char *seen = json_string_value(json_object_get(json_object_get(o, "pattern"), "Regex"));
    return member_is(o, "behavior", "Isolated") && !json_is_true(json_object_get(o, "invert")) && seen &&
           same_regex(seen, regex);
}

static bool is_step(const json_t *o, const struct step *s)
{
    switch (s->kind) {
    case BYTES: /* absent members are true */
        return member_is(o, "type", "ByteLevel") && json_is_false(json_object_get(o, "add_prefix_space")) &&
               json_is_false(json_object_get(o, "use_regex")) == !s->arg;
    case SPLIT: return member_is(o, "type", "Split") && is_split(o, s->arg);
    case DIGITS:
        return member_is(o, "type", "Digits") && json_is_true(json_object_get(o, "individual_digits")) == !!s->arg;
    case PUNCTUATION: return member_is(o, "type", "Punctuation") && member_is(o, "behavior", s->arg);
    default: return false;
    }
}

static size_t count_steps(const struct pre *p)
{
    size_t n = 0;
    while (n < MAX_STEPS && p->step[n].kind != END)
        n++;
    return n;
}

const char *convert_pre_name(const json_t *pre)
{
    const json_t *steps = json_object_get(pre, "pretokenizers");
    size_t n = member_is(pre, "type", "Sequence") ? json_array_size(steps) : 1;
    for (size_t i = 0; i < COUNT(pres); i++) {
        size_t k = 0;
        if (count_steps(&pres[i]) != n)
            continue;
        while (k < n && is_step(steps ? json_array_get(steps, k) : pre, &pres[i].step[k]))
            k++;
        if (k == n)
            return pres[i].name;
    }
    return NULL;
}

static json_t *make_step(const struct step *s)
{
    switch (s->kind) {
    case BYTES:
        return json_pack("{s:s,s:b,s:b,s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                         "use_regex", s->arg != NULL);
    case SPLIT:
        return json_pack("{s:s,s:{s:s},s:s,s:b}", "type", "Split", "pattern", "Regex", s->arg, "behavior", "Isolated",
                         "invert", 0);
    case DIGITS: return json_pack("{s:s,s:b}", "type", "Digits", "individual_digits", s->arg != NULL);
    default: return json_pack("{s:s,s:s}", "type", "Punctuation", "behavior", s->arg);
    }
}

static const struct pre *find(const char *name)
{
    for (size_t i = 0; i < COUNT(pres); i++)
        if (strcmp(name, pres[i].name) == 0)
            return &pres[i];
    return NULL;
}

json_t *convert_pre_json(const char *name)
{
    const struct pre *p = find(name);
    size_t n = p ? count_steps(p) : 0;
    if (n == 1)
        return make_step(&p->step[0]);
    json_t *steps = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(steps, make_step(&p->step[i]));
    json_t *o = p ? json_pack("{s:s,s:O}", "type", "Sequence", "pretokenizers", steps) : NULL;
    json_decref(steps);
    return o;
}

const char *const *convert_pre_names(size_t *n)
{
    static const char *const names[] = { "gpt-2",     "llama-bpe", "llama3",       "qwen2",      "bloom",
                                         "starcoder", "falcon",    "deepseek-llm", "deepseek-v3" };
    *n = COUNT(names);
    return names;
}

bool convert_pre_composes(const char *name)
{
    const struct pre *p = find(name);
    return p && p->composes;
}

bool convert_pre_ignores_merges(const char *name)
{
    const struct pre *p = find(name);
    return p && p->ignores_merges;
}
