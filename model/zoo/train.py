#!/usr/bin/env python3
"""Train one checkpoint of the zoo.

usage: train.py NAME TEXTS [--minutes M] [--threads N]

TEXTS is prepare.py's output with the tokenizers of tokenizer.py in TEXTS/tok; NAME is a row of the table.
Writes TEXTS/run/NAME.pt (weights and optimiser) and TEXTS/run/NAME.jsonl (the log). Stages are measured in
minutes: the rate falls linearly to nothing over a stage with `decay`, and stays constant without. Windows
of 512 are preceded by windows of 256 in the first part of a stage (SHORT).
"""
import argparse, json, math, os, time

import numpy as np
import torch
from tokenizers import Tokenizer

import tasks
from model import Head, Llama, Optimiser

ALL = {"prose": 0.42, "verse": 0.10, "han": 0.48}
#         tokenizer  layers ffn  starts from  mixture          minutes window decay
TABLE = {
    "base":  ("bpe",   2, 512, None,   ALL,            36, 256, False),
    "mixed": ("bpe",   2, 512, "base", ALL,            16, 512, True),
    "prose": ("bpe",   2, 512, "base", {"prose": 1.0}, 19, 512, True),
    "verse": ("bpe",   2, 512, "base", {"verse": 1.0}, 14, 512, True),
    "han":   ("bpe",   2, 512, "base", {"han": 1.0},   19, 512, True),
    "draft": ("bpe",   1, 256, "base", ALL,            7,  512, True),
    "bytes": ("bytes", 2, 512, "base", ALL,            50, 512, True),
}
TOKENS_A_STEP = 4096
BYTES_A_STEP = 2048
TASK_SHARE = 1 / 3
WORD_WEIGHT = 3   # of the words asked for, in keyword tasks
WARMUP = 60      # steps
SHORT = 0.5


def encode(texts, kind, domain, which):
    """(ids, start of every document, characters): documents as <s> text </s>; cached on disk"""
    path = f"{texts}/run/{kind}.{domain}.{which}.npz"
    if not os.path.exists(path):
        tok = Tokenizer.from_file(f"{texts}/tok/{kind}/tokenizer.json")
        docs = tasks.read(f"{texts}/train/{domain}.txt" if which == "train" else f"{texts}/heldout/{domain}.{which}.txt")
        ids = [e.ids + [1] for e in tok.encode_batch(docs)]
        start = np.cumsum([0] + [len(i) for i in ids])
        size = np.array([len(d.encode()) for d in docs])
        np.savez(path, ids=np.concatenate([np.array(i, np.uint16) for i in ids]), start=start, size=size)
    z = np.load(path)
    return z["ids"], z["start"], z["size"]


def encode_tasks(texts, kind, domain, count):
    """(ids, weights, starts) of tasks; the weight is 1 on the response and its end, more on the words asked for"""
    path = f"{texts}/run/{kind}.{domain}.words.npz"
    if not os.path.exists(path):
        tok = Tokenizer.from_file(f"{texts}/tok/{kind}/tokenizer.json")
        made = tasks.Maker(texts).make(domain, count, 1)
        ids, weight, start = [], [], [0]
        prompts = tok.encode_batch([f"\n\n### Instruction:\n{a}\n\n### Response:\n" for a, *_ in made])
        answers = tok.encode_batch([t[1] for t in made], add_special_tokens=False)
        for t, p, a in zip(made, prompts, answers):
            hot = np.zeros(len(t[1]) + 1, bool)
            for word in t[2] if len(t) > 2 else ():
                at = t[1].find(word if domain == "han" else " " + word)
                hot[at:at + len(word) + (domain != "han")] = True
            ids += p.ids + a.ids + [1]
            weight += [0] * len(p.ids) + [WORD_WEIGHT if hot[b:e].any() else 1 for b, e in a.offsets] + [1]
            start.append(len(ids))
        np.savez(path, ids=np.array(ids, np.uint16), weight=np.array(weight, np.uint8), start=np.array(start))
    z = np.load(path)
    return z["ids"], z["weight"], z["start"]


def shuffled(ids, weight, start, length, rng):
    """Endless windows of length + 1 out of the items in random order, epoch by epoch"""
    while True:
        order = rng.permutation(len(start) - 1)
        pick = np.concatenate([np.arange(start[i], start[i + 1]) for i in order])
        for k in range(int(rng.integers(length)), len(pick) - length - 1, length):
            w = pick[k:k + length + 1]
            yield ids[w], weight[w[1:]]


def packed(ids, weight, start, length, rng):
    """Endless windows of whole tasks from the start of the window; the last one may be cut off"""
    while True:
        order, k = rng.permutation(len(start) - 1), 0
        while k + 64 < len(order):
            parts, n = [], 0
            while n < length + 1:
                parts.append(np.arange(start[order[k]], start[order[k] + 1]))
                n += len(parts[-1])
                k += 1
            w = np.concatenate(parts)[:length + 1]
            yield ids[w], weight[w[1:]]


def masks(x):
    """Causal attention within a document: every <s> starts afresh"""
    n = x.shape[1]
    seg = (x == 0).cumsum(1)
    return ((seg[:, :, None] == seg[:, None, :]) & torch.ones(n, n, dtype=torch.bool).tril())[:, None]


@torch.no_grad()
def held_out(model, sets):
    """bits per byte of the start of some held-out documents"""
    out = {}
    for name, (ids, start, size, text_bytes) in sets.items():
        nats = 0.0
        for k in range(0, len(ids), 16):
            x, w = ids[k:k + 16], (ids[k:k + 16, 1:] != 65535)
            x = torch.from_numpy(np.where(x == 65535, 1, x).astype(np.int64))
            h = model.hidden(x[:, :-1])
            nats += float(Head.apply(h.reshape(-1, h.shape[-1]), model.p["model.embed_tokens.weight"],
                                     x[:, 1:].reshape(-1), torch.from_numpy(w.reshape(-1).astype(np.float32))))
        out[name] = round(nats / text_bytes / math.log(2), 4)
    return out


def held_out_sets(texts, kind, length):
    tok = Tokenizer.from_file(f"{texts}/tok/{kind}/tokenizer.json")
    sets = {}
    for d in ALL:
        ids, start, size = encode(texts, kind, d, "fit")
        rows, n = [], 0
        for i in np.linspace(0, len(start) - 2, min(64, len(start) - 1)).astype(int):
            row = ids[start[i]:start[i + 1]][:length]
            n += len(tok.decode(row.tolist()).encode())
            rows.append(np.pad(row, (0, length - len(row)), constant_values=65535))
        sets[d] = np.stack(rows), start, size, n
    return sets


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("name", choices=TABLE)
    a.add_argument("texts")
    a.add_argument("--minutes", type=float)
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--muon", type=float, default=0.015, help="rate of the matrices; 0.02 for `bytes`")
    a.add_argument("--adam", type=float, default=0.0015, help="rate of the embedding; 0.003 for `bytes`")
    a.add_argument("--resume", action="store_true", help="go on from NAME.pt")
    a = a.parse_args()
    kind, layers, ffn, parent, mixture, minutes, length, decay = TABLE[a.name]
    minutes = a.minutes or minutes
    torch.set_num_threads(a.threads)
    os.makedirs(a.texts + "/run", exist_ok=True)
    rng = np.random.default_rng(sum(map(ord, a.name)) + 1000 * a.resume)
    vocab = {"bpe": 7296, "bytes": 260}[kind]
    model = Llama(vocab, 256, ffn, layers)
    opt = Optimiser(model, a.muon, a.adam)
    done = {"steps": 0, "tokens": 0, "seconds": 0}
    path = f"{a.texts}/run/{a.name}.pt"
    if a.resume or parent:
        s = torch.load(path if a.resume else f"{a.texts}/run/{parent}.pt")
        if a.name in ("draft", "bytes") and not a.resume:    # another shape: only what fits is taken over
            with torch.no_grad():
                for k, v in model.p.items():
                    v.copy_(s["model"][k][:len(v)] if ("embed" in k) or a.name == "bytes" else v)
        else:
            model.load(s["model"])
            opt.load(s["optimiser"])
            done = s["done"]

    def open_streams(length):
        streams = {}
        for d in mixture:
            ids, start, _ = encode(a.texts, kind, d, "train")
            weight = (ids != 0).astype(np.uint8)
            t = encode_tasks(a.texts, kind, d, {"prose": 120000, "verse": 40000, "han": 120000}[d])
            streams[d] = shuffled(ids, weight, start, length, rng), packed(*t, length, rng)
        return streams

    size = {"bpe": TOKENS_A_STEP, "bytes": BYTES_A_STEP}[kind]
    full, short = length, length == 512 and not a.resume
    length = full // 2 if short else full
    streams = open_streams(length)
    sets = held_out_sets(a.texts, kind, full)
    log = open(f"{a.texts}/run/{a.name}.jsonl", "a" if a.resume else "w")
    names, shares = list(mixture), list(mixture.values())
    rows = size // length
    begin, step, total, count, looked, saved = time.time(), 0, 0.0, 0.0, 0.0, time.time()

    def save():
        done_now = {"steps": done["steps"] + step, "tokens": done["tokens"] + step * size,
                    "seconds": done["seconds"] + time.time() - begin}
        torch.save({"model": model.p, "optimiser": opt.state(), "done": done_now, "config": model.config}, path + ".new")
        os.replace(path + ".new", path)

    while True:
        gone = (time.time() - begin) / (60 * minutes)
        if time.time() - looked > min(180, 12 * minutes) or gone >= 1:
            looked = time.time()
            entry = {"step": done["steps"] + step, "tokens": done["tokens"] + step * size,
                     "seconds": round(done["seconds"] + time.time() - begin), "loss": round(total / max(count, 1), 4),
                     "bits_per_byte": held_out(model, sets)}
            log.write(json.dumps(entry) + "\n")
            log.flush()
            total = count = 0.0
        if time.time() - saved > 240:
            save()
            saved = time.time()
        if gone >= 1:
            break
        if short and gone > SHORT:
            short, length, rows = False, full, size // full
            streams = open_streams(length)
        pairs = [next(streams[names[d]][int(rng.random() < TASK_SHARE)])
                 for d in rng.choice(len(names), rows, p=shares)]
        x = torch.from_numpy(np.stack([p[0] for p in pairs]).astype(np.int64))
        w = torch.from_numpy(np.stack([p[1] for p in pairs]).reshape(-1).astype(np.float32))
        keep = w.nonzero()[:, 0]
        h = model.hidden(x[:, :-1], masks(x[:, :-1])).reshape(-1, 256)[keep]
        loss = Head.apply(h, model.p["model.embed_tokens.weight"], x[:, 1:].reshape(-1)[keep],
                          w[keep] / w.sum())
        loss.backward()
        warm = 1.0 if done["steps"] else min(1.0, (step + 1) / WARMUP)
        opt.step(warm * (1 - gone if decay else 1.0))
        total, count, step = total + float(loss.detach()), count + 1, step + 1
    save()


if __name__ == "__main__":
    main()
