#!/usr/bin/env python3
"""Write a trained checkpoint as a folder in the Hugging Face layout, weights in bf16.

usage: export.py RUN.pt TOKENIZER_FOLDER OUT [CONTEXT]
"""
import json, os, shutil, sys

import torch
from safetensors.torch import save_file


def main(run, tok, out, context="512"):
    s = torch.load(run)
    c = s["config"]
    os.makedirs(out, exist_ok=True)
    save_file({k: v.detach().to(torch.bfloat16).contiguous() for k, v in s["model"].items()},
              out + "/model.safetensors", metadata={"format": "pt"})
    os.chmod(out + "/model.safetensors", 0o644)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": c["vocab"],
              "hidden_size": c["hidden"], "intermediate_size": c["ffn"], "num_hidden_layers": c["layers"],
              "num_attention_heads": c["heads"], "num_key_value_heads": c["kv"], "head_dim": c["hidden"] // c["heads"],
              "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": int(context),
              "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
              "initializer_range": 0.02, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, "use_cache": True,
              "torch_dtype": "bfloat16"}
    with open(out + "/config.json", "w") as f:
        json.dump(config, f, indent=1)
    with open(out + "/generation_config.json", "w") as f:
        json.dump({"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, "do_sample": True, "temperature": 0.8}, f, indent=1)
    for name in os.listdir(tok):
        shutil.copyfile(f"{tok}/{name}", f"{out}/{name}")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
