#include "decode/profiles.h"
#include "base/text.h"
#include <assert.h>
#include <string.h>

static const struct profile_rule hf[] = {
    { "top_k", "ties", "all" },
    { "typical", "ties", "all" },
    { "top_h", "entropy", "partial" },
    { "top_h", "among", "100" },
};

static const struct profile_rule llamacpp[] = {
    { "typical", "bound", "over" },           { "top_n_sigma", "zero", "off" },
    { "repetition_penalty", "last_n", "64" }, { "frequency_penalty", "last_n", "64" },
    { "presence_penalty", "last_n", "64" },
};

static const struct profile_rule vllm[] = {
    { "temperature", "greedy_below", "1e-5" },
};

static const struct profile_rule sglang[] = {
    { "temperature", "greedy_below", "1e-6" },
    { "top_p", "bound", "over" },
    { "top_p", "of", "given" },
};

static const struct profile_rule exllama3[] = {
    { "top_k", "ties", "all" },
    { "top_p", "bound", "below" },
    { "top_p", "ties", "all" },
    { "xtc", "form", "expected" },
};

static const struct profile_rule mlx[] = {
    { "top_p", "zero", "off" },
    { "xtc", "ties", "all" },
    { "repetition_penalty", "last_n", "20" },
    { "frequency_penalty", "last_n", "20" },
    { "presence_penalty", "last_n", "20" },
};

#define RULES(r) .rules = r, .n_rules = sizeof r / sizeof r[0]

const struct profile *profiles(size_t *n)
{
    static const struct profile all[] = {
        { .name = "@hf",
          .meaning = "ties of the last kept stay in top_k and typical; top_h by parts of the entropy of the top 100",
          .source = "transformers generation/logits_process.py @00857b6",
          RULES(hf) },
        { .name = "@llamacpp",
          .meaning = "typical stops above its mass; top_n_sigma=0 is off; penalties see 64 symbols",
          .source = "llama.cpp src/llama-sampler.cpp @00efb3e",
          RULES(llamacpp) },
        { .name = "@vllm",
          .meaning = "greedy below temperature 1e-5; masses of what earlier steps left",
          .source = "vllm sampling_params.py @00388f6, ops/topk_topp_sampler.py @01fa3fe",
          RULES(vllm) },
        { .name = "@sglang",
          .meaning = "greedy below 1e-6; top_p joint with top_k, one symbol more where the mass is met exactly",
          .source = "sglang layers/sampler.py @584f55d",
          RULES(sglang) },
        { .name = "@exllama3",
          .meaning = "top_p drops the crossing symbol; ties of a cut stay; xtc by its expectation",
          .source = "exllamav3 generator/sampler/custom.py @4f8ad01",
          RULES(exllama3) },
        { .name = "@mlx",
          .meaning = "top_p=0 is off; xtc keeps the ties of the last top choice; penalties see 20 symbols",
          .source = "mlx-lm @d78bf58",
          RULES(mlx) },
    };
    *n = sizeof all / sizeof all[0];
    return all;
}

const struct profile *profile_find(const char *name)
{
    size_t n;
    const struct profile *all = profiles(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    return NULL;
}

static void change(struct param *p, const char *value)
{
    if (p->kind == PARAM_WORD) {
        int place = spec_word(p, value);
        assert(place >= 0);
        p->value = place;
    } else {
        bool number = text_real(value, &p->value);
        assert(number);
        (void)number;
    }
}

void profile_params(const struct profile *p, const struct transform_type *type, struct param out[])
{
    if (type->n_params > 0)
        memcpy(out, type->params, type->n_params * sizeof *out);
    for (size_t i = 0; p && i < p->n_rules; i++)
        for (size_t k = 0; strcmp(p->rules[i].step, type->name) == 0 && k < type->n_params; k++)
            if (strcmp(p->rules[i].param, out[k].name) == 0)
                change(&out[k], p->rules[i].value);
}
