/* model/shape: parameters as transformers counts them for every architecture (fixtures/plan/make.py), the models of
 * TigerBot, and numbers of a file that lie. */
#include "base/err.h"
#include "model/shape.h"
#include "tests/lib/check.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void architectures(void)
{
    json_t *all = doc_read_file(CHORALE_HOME "/tests/fixtures/plan/configs.json", 1 << 20), *o;
    size_t i;
    check(json_array_size(all) == 19, "%s", err_text());
    json_array_foreach(all, i, o)
    {
        struct shape s;
        const json_t *config = json_object_get(o, "config");
        const char *type = json_string_value(json_object_get(config, "model_type"));
        uint64_t want = (uint64_t)json_integer_value(json_object_get(o, "parameters"));
        check(shape_read(config, "config.json", &s) == 0, "%s: %s", type, err_text());
        check(s.parameters == want, "%s: %llu parameters, want %llu", type, (unsigned long long)s.parameters,
              (unsigned long long)want);
    }
    json_decref(all);
}

/* Rounded as published: billions and GB in bf16 to two and one places, KiB of keys and values in bf16 a position. */
static const struct {
    const char *name, *config;
    double billions, gb, kib;
} models[] = {
    { "7b-sft (BLOOM)",
      "{\"model_type\":\"bloom\",\"n_layer\":30,\"hidden_size\":4096,\"n_head\":32,\"vocab_size\":250682}", 7.07, 14.1,
      480 },
    { "180b-research",
      "{\"model_type\":\"bloom\",\"n_layer\":70,\"n_embed\":14336,\"num_attention_heads\":112,\"vocab_size\":250682}",
      176.24, 352.5, 3920 },
    { "7b-base v3",
      "{\"model_type\":\"llama\",\"num_hidden_layers\":32,\"hidden_size\":4096,\"num_attention_heads\":32,"
      "\"intermediate_size\":11008,\"vocab_size\":60928}",
      6.98, 14.0, 512 },
    { "13b-base v1",
      "{\"model_type\":\"llama\",\"num_hidden_layers\":40,\"hidden_size\":5120,\"num_attention_heads\":40,"
      "\"intermediate_size\":13824,\"vocab_size\":60928}",
      13.31, 26.6, 800 },
    { "13b-chat v6",
      "{\"model_type\":\"llama\",\"num_hidden_layers\":40,\"hidden_size\":5120,\"num_attention_heads\":40,"
      "\"intermediate_size\":13824,\"vocab_size\":65112}",
      13.35, 26.7, 800 },
    { "70b-base v1",
      "{\"model_type\":\"llama\",\"num_hidden_layers\":80,\"hidden_size\":8192,\"num_attention_heads\":64,\"num_key_"
      "value_heads\":8,\"intermediate_size\":28672,\"vocab_size\":60928}",
      69.45, 138.9, 320 },
    { "70b-base v2",
      "{\"model_type\":\"llama\",\"num_hidden_layers\":80,\"hidden_size\":8192,\"num_attention_heads\":64,\"num_key_"
      "value_heads\":8,\"intermediate_size\":28672,\"vocab_size\":65112}",
      69.52, 139.0, 320 },
};

static void tigerbot(void)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct shape s;
        json_t *o = doc_read("config.json", models[i].config, strlen(models[i].config));
        check(o && shape_read(o, "config.json", &s) == 0, "%s: %s", models[i].name, err_text());
        json_decref(o);
        check_near((double)s.parameters / 1e9, models[i].billions, 0.0051, "%s: billions", models[i].name);
        check_near((double)s.parameters * 2 / 1e9, models[i].gb, 0.051, "%s: GB", models[i].name);
        check_near((double)shape_kv_values(&s) * 2 / 1024, models[i].kib, 0, "%s: KiB", models[i].name);
        if (i == 0)
            check(s.parameters == 7068205056, "7b-sft: %llu", (unsigned long long)s.parameters);
    }
}

static void refused(const char *config, const char *message)
{
    struct shape s;
    json_t *o = doc_read("c.json", config, strlen(config));
    check(o && shape_read(o, "c.json", &s) == ERR_DATA && strstr(err_text(), message), "says '%s', want '%s'",
          err_text(), message);
    json_decref(o);
}

#define SIZES "\"hidden_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":2,\"intermediate_size\":8"
static void lies(void)
{
    refused("[]", "c.json: not an object");
    refused("{}", "c.json: 'model_type' is missing");
    refused("{\"model_type\":\"lama\"}", "c.json: unknown model_type 'lama'; did you mean 'llama'?");
    refused("{\"model_type\":\"llama\"}", "c.json: 'vocab_size' is missing");
    refused("{\"model_type\":\"llama\",\"vocab_size\":9}", "c.json: 'hidden_size' is missing");
    refused("{\"model_type\":\"llama\"," SIZES "}", "c.json: 'vocab_size' is missing");
    refused("{\"model_type\":\"llama\"," SIZES ",\"vocab_size\":0}", "'vocab_size' is 0, want 1 .. 16777216");
    refused("{\"model_type\":\"llama\"," SIZES ",\"vocab_size\":-5}", "'vocab_size' is -5");
    refused("{\"model_type\":\"llama\"," SIZES ",\"vocab_size\":16777217}", "'vocab_size' is 16777217");
    refused("{\"model_type\":\"llama\"," SIZES ",\"vocab_size\":5.5}", "'vocab_size' is a");
    refused("{\"model_type\":\"llama\"," SIZES ",\"vocab_size\":9,\"head_dim\":\"8\"}", "'head_dim' is a string");
    refused("{\"model_type\":\"llama\"," SIZES ",\"vocab_size\":9,\"mlp_bias\":1}", "'mlp_bias' is");
    refused("{\"model_type\":\"qwen2\",\"hidden_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_"
            "size\":9}",
            "'intermediate_size' is missing");
    refused("{\"model_type\":\"mixtral\"," SIZES ",\"vocab_size\":9}", "'num_local_experts' is missing");
    refused("{\"model_type\":\"mixtral\"," SIZES ",\"vocab_size\":9,\"num_key_value_heads\":2,\"num_local_experts\":4,"
            "\"num_experts_per_tok\":5}",
            "c.json: 5 experts chosen for a token, want 1 .. 4");
    refused("{\"model_type\":\"llama\",\"hidden_size\":16777216,\"num_hidden_layers\":16777216,\"num_attention_heads\":"
            "16777216,\"head_dim\":16777216,\"intermediate_size\":16777216,\"vocab_size\":16777216}",
            "c.json: the hidden state: 16777216 wide, want at most 1048576");
    refused(
        "{\"model_type\":\"llama\",\"hidden_size\":1048576,\"num_hidden_layers\":16777216,\"num_attention_heads\":256,"
        "\"head_dim\":4096,\"intermediate_size\":1048576,\"vocab_size\":16777216}",
        "c.json: its sizes make more than 2^62 parameters");
    refused(
        "{\"model_type\":\"qwen3_moe\",\"hidden_size\":1048576,\"num_hidden_layers\":1024,\"num_attention_heads\":4,"
        "\"head_dim\":8,\"num_key_value_heads\":4,\"intermediate_size\":8,\"vocab_size\":9,\"num_experts\":4096,\"num_"
        "experts_per_tok\":4096,"
        "\"moe_intermediate_size\":1048576}",
        "c.json: its sizes make more than 2^62 parameters");
}

/* What plan takes although nothing computes it: how weights are packed does not change how many there are. */
static void packed(void)
{
    static const char config[] = "{\"text_config\":{\"model_type\":\"llama\"," SIZES ",\"vocab_size\":9,"
                                 "\"quantization_config\":{\"bits\":4}}}";
    struct shape s;
    json_t *o = doc_read("c.json", config, strlen(config));
    check(o && shape_read(o, "c.json", &s) == 0 && s.parameters == 2 * 9 * 8 + 8 + 4 * 64 + 3 * 64 + 16, "%s, %llu",
          err_text(), (unsigned long long)s.parameters);
    json_decref(o);
}

int main(void)
{
    architectures();
    tigerbot();
    lies();
    packed();
    return check_done("shape");
}
