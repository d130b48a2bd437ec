#!/usr/bin/env python3
"""A bundled checkpoint in the shape of a Llama of 110M parameters that gives the same rows: widths padded with zeros, layers that
add nothing.  Its steps cost what such a model's cost while its texts are those of a trained one.

    widen.py model/zoo/prose OUT          wants torch and safetensors
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

DIM, FFN, LAYERS = 768, 3072, 12


def pad(x, rows, cols=None):
    y = torch.zeros((rows, cols) if cols else (rows,))
    if cols:
        y[: x.shape[0], : x.shape[1]] = x.float()
    else:
        y[: x.shape[0]] = x.float()
    return y


def widen(config, tensors):
    d, head = config["hidden_size"], config["head_dim"]
    heads = DIM // head
    kv = heads * config["num_key_value_heads"] // config["num_attention_heads"]
    scale = (d / DIM) ** 0.5  # of norms: the mean square of a padded vector is smaller
    noise = torch.Generator().manual_seed(1)
    shapes = {
        "self_attn.q_proj": (heads * head, DIM),
        "self_attn.k_proj": (kv * head, DIM),
        "self_attn.v_proj": (kv * head, DIM),
        "self_attn.o_proj": (DIM, heads * head),
        "mlp.gate_proj": (FFN, DIM),
        "mlp.up_proj": (FFN, DIM),
        "mlp.down_proj": (DIM, FFN),
    }
    out = {
        "model.embed_tokens.weight": pad(tensors["model.embed_tokens.weight"], config["vocab_size"], DIM),
        "model.norm.weight": pad(tensors["model.norm.weight"], DIM) * scale,
    }
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        for name, shape in shapes.items():
            w = tensors.get(layer + name + ".weight")
            if w is None:
                silent = name in ("self_attn.o_proj", "mlp.down_proj")
                w = torch.zeros(1, 1) if silent else torch.randn(shape, generator=noise) * 0.02
            out[layer + name + ".weight"] = pad(w, *shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            w = tensors.get(layer + name + ".weight")
            out[layer + name + ".weight"] = torch.ones(DIM) if w is None else pad(w, DIM) * scale
    assert all(k in out for k in tensors), "a tensor that has no place"
    config.update(hidden_size=DIM, intermediate_size=FFN, num_hidden_layers=LAYERS, num_attention_heads=heads,
                  num_key_value_heads=kv, rms_norm_eps=config["rms_norm_eps"] * d / DIM)
    return out


def main(source, target):
    with open(source + "/config.json", encoding="utf-8") as f:
        config = json.load(f)
    out = widen(config, load_file(source + "/model.safetensors"))
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(source):
        if name.endswith(".json") and name != "config.json":
            shutil.copy(source + "/" + name, target)
    save_file({k: v.to(torch.bfloat16).contiguous() for k, v in out.items()}, target + "/model.safetensors",
              metadata={"format": "pt"})
    with open(target + "/config.json", "w", encoding="utf-8") as f:
        json.dump(config, f, indent=1)
    print(sum(v.numel() for v in out.values()), "parameters")


main(*sys.argv[1:3])
