#include "model/generation_config.h"
#include "base/err.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define OTHERS_NAMED 16 /* of a file that says much else */
#define NAME_SHOWN   48 /* bytes of a name */
#define VALUE_SHOWN  32 /* bytes of a value */

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct real_field {
    const char *name;
    double *value;
};

struct count_field {
    const char *name;
    int64_t *value;
};

/* No part in how a text is drawn: ids, caches, what is returned, drafts (which leave the distribution as it is). */
static const char *const plain[] = {
    "_from_model_config",
    "_commit_hash",
    "_original_object_hash",
    "transformers_version",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "use_cache",
    "cache_implementation",
    "cache_config",
    "max_cache_len",
    "return_legacy_cache",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "output_logits",
    "return_dict_in_generate",
    "num_return_sequences",
    "disable_compile",
    "compile_config",
    "prefill_chunk_size",
    "low_memory",
    "is_assistant",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "assistant_confidence_threshold",
    "assistant_early_exit",
    "assistant_lookbehind",
    "target_lookbehind",
    "prompt_lookup_num_tokens",
    "max_matching_ngram_size",
};

/* transformers' own defaults, GenerationConfig._get_default_generation_params() of 5.x: to say them changes nothing. */
static const struct {
    const char *name;
    double value;
} usual[] = {
    { "num_beams", 1 },
    { "num_beam_groups", 1 },
    { "diversity_penalty", 0 },
    { "length_penalty", 1 },
    { "min_length", 0 },
    { "encoder_repetition_penalty", 1 },
    { "encoder_no_repeat_ngram_size", 0 },
    { "guidance_scale", 1 },
    { "max_length", 20 },
};

void generation_config_none(struct generation_defaults *g)
{
    *g = (struct generation_defaults){ .temperature = NAN,
                                       .top_p = NAN,
                                       .repetition_penalty = NAN,
                                       .min_p = NAN,
                                       .typical_p = NAN,
                                       .top_h = NAN,
                                       .epsilon_cutoff = NAN,
                                       .eta_cutoff = NAN,
                                       .top_k = GENERATION_UNSAID,
                                       .no_repeat_ngram = GENERATION_UNSAID,
                                       .min_new_tokens = GENERATION_UNSAID,
                                       .penalty_last_n = GENERATION_UNSAID,
                                       .do_sample = -1,
                                       .others = "" };
}

void generation_config_other(struct text *others, size_t *n, const char *name, const char *value)
{
    size_t length = strlen(name), shown = length > NAME_SHOWN ? text_utf8_ready(name, NAME_SHOWN) : length;
    size_t value_length = strlen(value);
    if (++*n > OTHERS_NAMED) {
        if (*n == OTHERS_NAMED + 1)
            text_add(others, ", ...");
        return;
    }
    text_add(others, *n > 1 ? ", " : "");
    text_addn(others, name, shown);
    text_add(others, length > shown ? "...=" : "=");
    text_addn(others, value, value_length > VALUE_SHOWN ? text_utf8_ready(value, VALUE_SHOWN) : value_length);
    text_add(others, value_length > VALUE_SHOWN ? "..." : "");
}

/* A list may be as long as the file. */
static void add_other(struct text *others, size_t *n, const char *name, const json_t *value)
{
    struct text shown = { 0 };
    if (json_is_array(value) || json_is_object(value))
        text_add(&shown, json_is_array(value) ? "[...]" : "{...}");
    else
        doc_canonical(&shown, value);
    generation_config_other(others, n, name, text_s(&shown));
    text_free(&shown);
}

/* Whether a member says what would happen without it. */
static bool says_nothing(const char *name, const json_t *value)
{
    if (json_is_null(value) || json_is_false(value) || (json_is_string(value) && json_string_length(value) == 0) ||
        (json_is_array(value) && json_array_size(value) == 0) ||
        (json_is_object(value) && json_object_size(value) == 0))
        return true;
    for (size_t i = 0; i < COUNT(plain); i++)
        if (strcmp(name, plain[i]) == 0)
            return true;
    for (size_t i = 0; i < COUNT(usual); i++)
        if (strcmp(name, usual[i].name) == 0)
            return json_is_number(value) && json_number_value(value) == usual[i].value;
    return false;
}

int generation_config_read(const json_t *o, const char *where, struct generation_defaults *g, struct text *others)
{
    const struct real_field reals[] = {
        { "temperature", &g->temperature },
        { "top_p", &g->top_p },
        { "min_p", &g->min_p },
        { "typical_p", &g->typical_p },
        { "top_h", &g->top_h },
        { "repetition_penalty", &g->repetition_penalty },
        { "eta_cutoff", &g->eta_cutoff },
        { "epsilon_cutoff", &g->epsilon_cutoff },
    };
    const struct count_field counts[] = { { "top_k", &g->top_k },
                                          { "no_repeat_ngram_size", &g->no_repeat_ngram },
                                          { "min_new_tokens", &g->min_new_tokens } };
    const char *name;
    json_t *value;
    size_t n = 0, i;
    if (!json_is_object(o))
        return err_set(ERR_DATA, "%s: not an object", where);
    g->from = GENERATION_TRANSFORMERS;
    bool sample = g->do_sample == 1;
    TRY(doc_maybe_bool(o, where, "do_sample", &sample));
    TRY(doc_maybe_bool(o, where, "renormalize_logits", &g->renormalises));
    g->do_sample = json_is_boolean(json_object_get(o, "do_sample")) ? sample : g->do_sample;
    for (i = 0; i < COUNT(reals); i++)
        TRY(doc_maybe_real(o, where, reals[i].name, reals[i].value));
    for (i = 0; i < COUNT(counts); i++)
        TRY(doc_maybe_int(o, where, counts[i].name, counts[i].value));
    json_object_foreach((json_t *)(uintptr_t)o, name, value)
    {
        bool known = strcmp(name, "do_sample") == 0 || strcmp(name, "renormalize_logits") == 0;
        for (i = 0; i < COUNT(reals) && !known; i++)
            known = strcmp(name, reals[i].name) == 0;
        for (i = 0; i < COUNT(counts) && !known; i++)
            known = strcmp(name, counts[i].name) == 0;
        if (!known && !says_nothing(name, value))
            add_other(others, &n, name, value);
    }
    return 0;
}
