#!/usr/bin/env python3
"""Evaluate an exported checkpoint: bits per byte of the held-out texts, keyword coverage, samples; JSON to stdout.

usage: evaluate.py FOLDER TEXTS [--wikitext valid.txt] [--no-tasks] [--no-samples] [--threads N]

bits per byte: -log2 of the probability of all tokens of a document and of the </s> that ends it, each after at most
CONTEXT tokens (windows that overlap by half), divided by the bytes of the text (UTF-8, without separators).
"""
import argparse, gzip, json, math

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

import tasks
from model import Head, Llama

PROMPTS = {
    "prose": ["The old man opened the door and", "Once upon a time there was a little girl who",
              "\n\n### Instruction:\nWrite a passage with these words: moon, door, river.\n\n### Response:\n"],
    "verse": ["ROMEO:\n", "\n\n### Instruction:\nContinue the verse: Shall I compare thee to a summer's day?\n\n### Response:\n",
              "\n\n### Instruction:\nWrite a verse in the form: couplet.\n\n### Response:\n"],
    "han": ["却说", "\n\n### Instruction:\n填词：浣溪沙。\n\n### Response:\n",
            "\n\n### Instruction:\n用这些词写一段话：明月、东风、人家。\n\n### Response:\n"],
}
PROMPTS["mixed"] = PROMPTS["draft"] = PROMPTS["bytes"] = [PROMPTS["prose"][1], PROMPTS["prose"][2], PROMPTS["han"][0], PROMPTS["han"][1]]


@torch.no_grad()
def nats(model, ids, context):
    """-ln p of ids[1:] in windows that overlap by half"""
    total, done = 0.0, 1
    while done < len(ids):
        begin = 0 if done == 1 else max(0, done - context // 2)
        row = ids[begin:begin + context + 1]
        h = model.hidden(torch.tensor([row[:-1]]))[0, done - begin - 1:]
        target = torch.tensor(row[done - begin:])
        total += float(Head.apply(h, model.p["model.embed_tokens.weight"], target, torch.ones(len(target))))
        done = begin + len(row)
    return total


def bits_per_byte(model, tok, docs, context):
    loss = sum(nats(model, e.ids + [1], context) for e in tok.encode_batch(docs))
    size = sum(len(d.encode()) for d in docs)
    return loss / math.log(2), size


@torch.no_grad()
def generate(hf, tok, prompts, temperature, limit, seed=1):
    """plain sampling; prompts start with <s>, a batch is padded on the left"""
    torch.manual_seed(seed)
    rows = [tok.encode(p).ids for p in prompts]
    n = max(map(len, rows))
    ids = torch.tensor([[1] * (n - len(r)) + r for r in rows])
    mask = torch.tensor([[0] * (n - len(r)) + [1] * len(r) for r in rows])
    out = hf.generate(ids, attention_mask=mask, do_sample=True, temperature=temperature, top_k=0, top_p=1.0,
                      max_new_tokens=limit, pad_token_id=1, eos_token_id=1)
    return [tok.decode([t for t in o[n:].tolist() if t != 1], skip_special_tokens=False) for o in out]


def coverage(hf, tok, texts, domain, limit):
    """share of the asked words in the answers to held-out keyword tasks; and of another task's words, by chance"""
    maker, out = tasks.Maker(texts, "report"), []
    maker.SHARES = {domain: (1.0, 0.0, 0.0)}
    made = [m[0] for m in maker.make(domain, 80, 2)]
    answers = generate(hf, tok, [f"\n\n### Instruction:\n{p}\n\n### Response:\n" for p in made], 0.7, limit)
    words = [(p.split("：")[1][:-1].split("、") if domain == "han" else p.split(": ")[1][:-1].split(", ")) for p in made]
    share = lambda shift: sum(w in a for ws, a in zip(words[shift:] + words[:shift], answers) for w in ws) / sum(map(len, words))
    return {"asked": round(share(0), 4), "chance": round(share(1), 4)}


def forms(hf, tok, texts, limit):
    """share of answers with the dominant line lengths of the ten most frequent regular tunes"""
    import re
    table = [t for t in json.load(open(f"{texts}/ci_forms.json", encoding="utf-8")) if t["share"] > 0.9 and len(t["lengths"]) <= 12][:10]
    prompts = [f"\n\n### Instruction:\n填词：{t['tune']}。\n\n### Response:\n" for t in table for _ in range(4)]
    answers = generate(hf, tok, prompts, 0.7, limit)
    good = [[len(l) for l in re.split(r"[，。、；？！：\s]+", a) if l] == table[i // 4]["lengths"] for i, a in enumerate(answers)]
    return round(sum(good) / len(good), 4)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("folder")
    a.add_argument("texts")
    a.add_argument("--wikitext")
    a.add_argument("--no-tasks", action="store_true")
    a.add_argument("--no-samples", action="store_true")
    a.add_argument("--no-text", action="store_true")
    a.add_argument("--threads", type=int, default=2)
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    name = a.folder.rstrip("/").split("/")[-1]
    tok = Tokenizer.from_file(a.folder + "/tokenizer.json")
    hf = LlamaForCausalLM.from_pretrained(a.folder, dtype=torch.float32)
    c = hf.config
    model = Llama(c.vocab_size, c.hidden_size, c.intermediate_size, c.num_hidden_layers).load(hf.state_dict())
    ids = torch.tensor([tok.encode("Once upon a time, 却说宋江").ids])
    with torch.no_grad():
        assert (hf(ids).logits - model.logits(ids)).abs().max() < 1e-3
    out = {"parameters": sum(v.numel() for v in model.p.values())}
    if not a.no_text:
        out["bits_per_byte"], bits, size = {}, 0.0, 0
        for d in ("prose", "verse", "han"):
            b, n = bits_per_byte(model, tok, tasks.read(f"{a.texts}/heldout/{d}.report.txt"), c.max_position_embeddings)
            out["bits_per_byte"][d], bits, size = round(b / n, 4), bits + b, size + n
        out["bits_per_byte"]["all"] = round(bits / size, 4)
    if a.wikitext:
        opener = gzip.open if a.wikitext.endswith(".gz") else open
        text = opener(a.wikitext, "rt", encoding="utf-8").read()
        b, n = bits_per_byte(model, tok, [text], c.max_position_embeddings)
        out["wikitext2_valid"] = round(b / n, 4)
    limit = {"bytes": 400}.get(name, 140)
    if not a.no_tasks:
        out["coverage"] = {d: coverage(hf, tok, a.texts, d, limit) for d in ("prose", "han") if name not in ("prose", "verse") or d != "han"}
        if name not in ("prose", "verse"):
            out["forms"] = forms(hf, tok, a.texts, limit)
    if not a.no_samples:
        out["samples"] = [{"temperature": t, "prompt": p, "text": s} for t in (0.5, 0.8, 1.1)
                          for p, s in zip(PROMPTS[name], generate(hf, tok, PROMPTS[name], t, 300 if name == "bytes" else 110))]
    print(json.dumps(out, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
