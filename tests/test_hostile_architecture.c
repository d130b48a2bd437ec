/* Configurations of every architecture with one member that is out of range, of another type, unknown, or of a variant that
 * computes something else: refused by name, never ignored. */
#include "base/doc.h"
#include "base/err.h"
#include "model/config_json.h"
#include "tests/lib/check.h"
#include <stdio.h>
#include <string.h>

/* The members that the base lacks or has otherwise, as JSON; message NULL: fine. */
struct hostile {
    const char *fixture, *members, *message;
};

static const struct hostile cases[] = {
    { "bloom", "{}", NULL },
    { "bloom", "{\"apply_residual_connection_post_layernorm\":true}",
      "'apply_residual_connection_post_layernorm' is true, which is not supported" },
    { "bloom", "{\"hidden_size\":37}", "a width of 37 does not divide among 6 heads" },
    { "bloom", "{\"n_head\":0}", "'n_head' is 0, want 1" },
    { "bloom", "{\"layer_norm_epsilon\":0}", "'layer_norm_epsilon' is 0, want more than 0" },
    { "bloom", "{\"hidden_size\":2097152,\"n_head\":2048}", "the hidden state: 2097152 wide" },
    { "bloom", "{\"hidden_size\":16777216,\"n_head\":16}", "the hidden state: 16777216 wide" },
    { "bloom", "{\"seq_length\":-1}", "'seq_length' is -1" },
    { "bloom", "{\"rope_scaling\":{\"type\":\"yarn\"}}", "'rope_scaling' is not supported" },
    { "bloom", "{\"attention_bias\":true}", "'attention_bias' is true, which is not supported" },
    { "bloom", "{\"quantization_config\":{\"bits\":4}}", "'quantization_config' is not supported" },
    { "gpt2", "{\"scale_attn_by_inverse_layer_idx\":true}", "'scale_attn_by_inverse_layer_idx' is true" },
    { "gpt2", "{\"scale_attn_weights\":false}", "'scale_attn_weights' is false" },
    { "gpt2", "{\"add_cross_attention\":true}", "'add_cross_attention' is true" },
    { "gpt2", "{\"activation_function\":\"relu\"}", "'activation_function' is 'relu', which is not supported" },
    { "gpt2", "{\"n_inner\":0}", "'n_inner' is 0" },
    { "gpt2", "{\"n_inner\":null}", NULL },
    { "gpt2", "{\"n_positions\":\"8\"}", "'n_positions' is a string, want an integer" },
    { "gpt_neox", "{\"hidden_act\":\"gelu_fast\"}", NULL },
    { "gpt_neox", "{\"rotary_pct\":0.001,\"rope_parameters\":null}", "no dimension of heads of 16 rotates" },
    { "gpt_neox", "{\"rotary_pct\":0.2,\"rope_parameters\":null}", "3 dimensions of heads of 16 rotate, want an even" },
    { "gpt_neox", "{\"rotary_pct\":1.5,\"rope_parameters\":null}", "'partial_rotary_factor' is 1.5, want at most 1" },
    { "gpt_neox", "{\"use_parallel_residual\":1}", "'use_parallel_residual' is an integer, want true or false" },
    { "mistral", "{\"sliding_window\":0}", "'sliding_window' is 0, want 1" },
    { "mistral", "{\"sliding_window\":null}", NULL },
    { "mistral", "{\"num_hidden_layers\":1025}", "1025 layers with a window or experts, want at most 1024" },
    { "mistral", "{\"attention_bias\":true}", "'attention_bias' is true" },
    { "mistral", "{\"partial_rotary_factor\":0.5}", "'partial_rotary_factor' is 0.5, want 1" },
    { "mistral", "{\"layer_types\":[\"full_attention\",\"full_attention\"]}", "'layer_types' has 2 members, want 3" },
    { "qwen2", "{\"layer_types\":[\"full_attention\",\"linear_attention\",\"full_attention\"]}",
      "'layer_types' has 'linear_attention', want full_attention or sliding_attention" },
    { "qwen2", "{\"layer_types\":[\"full_attention\",3,\"full_attention\"]}", "'layer_types' has '(not a text)'" },
    { "qwen2", "{\"layer_types\":\"full_attention\"}", "'layer_types' has 0 members" },
    { "qwen2", "{\"use_sliding_window\":false}", "sliding_attention, which has no window here" },
    { "qwen2", "{\"layer_types\":null,\"max_window_layers\":-7}", NULL },
    { "qwen3", "{\"head_dim\":15}", "heads are 15 wide, want an even number" },
    { "qwen3", "{\"clip_qkv\":3}", "'clip_qkv' is not supported" },
    { "qwen3", "{\"attn_logit_softcapping\":50}", "'attn_logit_softcapping' is not supported" },
    { "qwen3", "{\"logit_scale\":0.5}", "'logit_scale' is 0.5, which is not supported; want 1" },
    { "gemma2", "{\"query_pre_attn_scalar\":0}", "'query_pre_attn_scalar' is 0, want more than 0" },
    { "gemma2", "{\"attn_logit_softcapping\":1e-30}", "a soft cap is 1e-30, want 0.01 .. 1000" },
    { "gemma2", "{\"final_logit_softcapping\":1e30}", "a soft cap is 1e+30, want 0.01 .. 1000" },
    { "gemma2", "{\"final_logit_softcapping\":null}", NULL },
    { "gemma2", "{\"use_bidirectional_attention\":true}", "'use_bidirectional_attention' is true" },
    { "gemma2", "{\"layer_types\":null,\"sliding_window_pattern\":0}", "'sliding_window_pattern' is 0, want 1" },
    { "gemma3", "{\"attn_logit_softcapping\":50}", "'attn_logit_softcapping' is not supported" },
    { "gemma3",
      "{\"rope_parameters\":{\"full_attention\":{},\"sliding_attention\":{\"rope_type\":\"linear\",\"factor\":2}}}",
      "a scaling of layers with a window is not supported" },
    { "gemma3", "{\"rope_parameters\":{\"full_attention\":{},\"sliding_attention\":{\"rope_theta\":0.5}}}",
      "rope theta of layers with a window is 0.5, want 1 or more" },
    { "gemma3", "{\"rope_parameters\":{\"full_attention\":{},\"sliding_attention\":{},\"chunked_attention\":{}}}",
      "'rope_parameters' has 3 members" },
    { "gemma3", "{\"rope_parameters\":{\"full_attention\":[]}}", "'full_attention' is an array" },
    { "mixtral", "{\"num_experts_per_tok\":5}", "5 experts chosen for a token, want 1 .. 4" },
    { "mixtral", "{\"num_local_experts\":4097}", "4097 experts, want 1 .. 4096" },
    { "mixtral", "{\"num_local_experts\":0}", "'num_local_experts' is 0, want 1" },
    { "mixtral", "{\"num_local_experts\":null}", "'num_local_experts' is missing" },
    { "qwen3_moe", "{\"mlp_only_layers\":[3]}", "'mlp_only_layers' has what is no layer below 3" },
    { "qwen3_moe", "{\"mlp_only_layers\":[-1]}", "'mlp_only_layers' has what is no layer below 3" },
    { "qwen3_moe", "{\"mlp_only_layers\":{\"a\":1}}", "'mlp_only_layers' is no list" },
    { "qwen3_moe", "{\"decoder_sparse_step\":0}", "'decoder_sparse_step' is 0" },
    { "qwen3_moe", "{\"moe_intermediate_size\":1048577}", "an expert: 1048577 wide, want at most 1048576" },
    { "qwen3_moe", "{\"num_hidden_layers\":2000}", "2000 layers with a window or experts" },
    { "rope_linear", "{\"rope_parameters\":{\"rope_type\":\"linear\"}}", "'factor' of the rope scaling is missing" },
    { "rope_linear", "{\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":null}}", "'factor' of the rope" },
    { "rope_linear", "{\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":0.5}}", "is 0.5, want 1 .. 1000000" },
    { "rope_linear", "{\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":1e30}}",
      "is 1e+30, want 1 .. 1000000" },
    { "rope_linear", "{\"rope_parameters\":{\"rope_type\":\"ntk\",\"factor\":2}}",
      "unknown type of rope scaling 'ntk'; known: default, linear, dynamic, yarn, llama3, longrope, su" },
    { "rope_linear", "{\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2,\"mrope_section\":[1]}}",
      "'mrope_section' of the rope scaling is not supported" },
    { "rope_linear", "{\"rope_parameters\":[1]}", "'rope_parameters' is an array, want an object" },
    { "rope_linear", "{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2},\"head_dim\":2}", NULL },
    { "rope_dynamic", "{\"head_dim\":2}", "2 dimensions rotate, want 4 or more for dynamic scaling" },
    { "rope_yarn", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"attention_factor\":1e9}}",
      "the amplitude of rotary positions is 1e+09, want 0.001 .. 1000" },
    { "rope_yarn", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"mscale\":-1e9,\"mscale_all_dim\":1}}",
      "'mscale' -1e+09 and 'mscale_all_dim' 1 give no amplitude" },
    { "rope_yarn", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"beta_fast\":0}}", "'beta_fast' is 0" },
    { "rope_yarn", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"rope_theta\":1}}",
      "rope theta is 1, want more than 1 for YaRN" },
    { "rope_yarn", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"truncate\":3}}",
      "'truncate' is an integer, want true or false" },
    { "rope_yarn", "{\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"original_max_position_embeddings\":0}}",
      "'original_max_position_embeddings' is 0" },
    { "rope_llama3",
      "{\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":4,\"low_freq_factor\":4,\"high_freq_factor\":4}}",
      "'low_freq_factor' is 4, want less than 'high_freq_factor', 4" },
    { "phi3_longrope", "{\"rope_parameters\":{\"type\":\"su\",\"short_factor\":[1],\"long_factor\":[1]}}",
      "1 factors of rotary frequencies, want 8" },
    { "phi3_longrope", "{\"rope_parameters\":{\"type\":\"su\",\"short_factor\":[1],\"long_factor\":[1,2]}}",
      "'long_factor' has 2 numbers, 'short_factor' 1" },
    { "phi3_longrope", "{\"rope_parameters\":{\"type\":\"su\",\"short_factor\":[\"x\"],\"long_factor\":[1]}}",
      "'short_factor' holds what is no number more than 0" },
    { "phi3_longrope", "{\"rope_parameters\":{\"type\":\"su\",\"short_factor\":[1]}}", "'long_factor' is missing" },
    { "phi3_longrope",
      "{\"rope_parameters\":{\"type\":\"su\",\"short_factor\":[1,1,1,1,1,1,1,1],"
      "\"long_factor\":[1,1,1,1,1,1,1,1e-20]}}",
      "a factor of rotary frequencies is 1e-20" },
};

/* A nested member replaces the whole of the base's. */
static void apply(json_t *config, const char *members)
{
    json_t *changes = doc_read("changes", members, strlen(members));
    check(changes != NULL, "%s: %s", members, err_text());
    json_object_update(config, changes);
    json_decref(changes);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct hostile *h = &cases[i];
        char path[512];
        struct config c;
        snprintf(path, sizeof path, "%s/tests/fixtures/transformer/%s/config.json", CHORALE_HOME, h->fixture);
        json_t *o = doc_read_file(path, 1u << 20);
        check(o != NULL, "%s", err_text());
        if (!o)
            continue;
        apply(o, h->members);
        int rc = config_json_read(o, path, &c);
        check(h->message ? rc == ERR_DATA && strstr(err_text(), h->message) != NULL : rc == 0,
              "%s with %s says '%s', want '%s'", h->fixture, h->members, rc < 0 ? err_text() : "fine",
              h->message ? h->message : "fine");
        check(rc == 0 || strstr(err_text(), path), "%s names the file", err_text());
        json_decref(o);
    }
    return check_done("hostile_architecture");
}
