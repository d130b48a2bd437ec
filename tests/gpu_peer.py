"""transformers on the same card: 64 sequences, 256 new tokens each, a Llama of the 7B shape, bf16, greedy; one line of JSON."""
import json
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

N, PROMPT, NEW = 64, 128, 256
config = LlamaConfig(hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008,
                     vocab_size=32000, max_position_embeddings=4096)
torch.set_default_dtype(torch.bfloat16)
with torch.device("cuda"):
    model = LlamaForCausalLM(config).eval()
ids = torch.randint(5, 32000, (N, PROMPT), device="cuda")
options = dict(do_sample=False, min_new_tokens=NEW, max_new_tokens=NEW, pad_token_id=0,
               attention_mask=torch.ones_like(ids))
with torch.inference_mode():
    model.generate(ids, **{**options, "min_new_tokens": 8, "max_new_tokens": 8})
    torch.cuda.synchronize()
    start = time.time()
    model.generate(ids, **options)
    torch.cuda.synchronize()
    seconds = time.time() - start
print(json.dumps({"what": "transformers", "sequences": N, "new_tokens": NEW, "seconds": seconds,
                  "tokens_per_s": N * NEW / seconds, "device": torch.cuda.get_device_name()}))
