#!/usr/bin/env python3
"""Train the shared byte-level BPE, and write the byte tokenizer.

usage: tokenizer.py TEXTS OUT      (TEXTS is prepare.py's output; writes OUT/bpe and OUT/bytes)
"""
import json, os, random, sys

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SIZE = 7296
BOS, EOS = "<s>", "</s>"
INSTRUCTION, RESPONSE = "\n\n### Instruction:\n", "\n\n### Response:\n"
SPECIAL = [BOS, EOS, INSTRUCTION, RESPONSE]
# characters drawn from each domain, so that both languages get their share of the merges
SHARE = {"prose": 6_000_000, "verse": 1_000_000, "han": 3_600_000}
CHAT = ("{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '\\n\\n### Instruction:\\n' + m['content'] }}"
        "{% elif m['role'] == 'assistant' %}{{ '\\n\\n### Response:\\n' + m['content'] + eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '\\n\\n### Response:\\n' }}{% endif %}")


def blank(model):
    tok = Tokenizer(model)
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tok.decoder = decoders.ByteLevel()
    return tok


def finish(tok, out):
    tok.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, tok.token_to_id(BOS))])
    os.makedirs(out, exist_ok=True)
    with open(out + "/tokenizer.json", "w", encoding="utf-8") as f:
        json.dump(json.loads(tok.to_str()), f, ensure_ascii=False, separators=(",", ":"))
    special = {"bos_token": BOS, "eos_token": EOS, "pad_token": EOS,
               "additional_special_tokens": [INSTRUCTION, RESPONSE]}
    with open(out + "/special_tokens_map.json", "w") as f:
        json.dump(special, f, indent=1)
    with open(out + "/tokenizer_config.json", "w") as f:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **special, "add_bos_token": True, "add_eos_token": False,
                   "clean_up_tokenization_spaces": False, "model_max_length": 512, "chat_template": CHAT}, f, indent=1)


def sample(texts, domain, chars, rng):
    docs = open(f"{texts}/train/{domain}.txt", encoding="utf-8").read().split("\n\f\n")
    rng.shuffle(docs)
    n = 0
    for d in docs:
        if n > chars:
            break
        n += len(d)
        yield d


def main(texts, out):
    rng = random.Random(1)
    tok = blank(models.BPE())
    special = [AddedToken(s, special=True, normalized=False) for s in SPECIAL]
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), max_token_length=24)
    tok.train_from_iterator((d for k, n in SHARE.items() for d in sample(texts, k, n, rng)), trainer)
    assert tok.get_vocab_size() == SIZE and [tok.token_to_id(s) for s in SPECIAL] == [0, 1, 2, 3]
    finish(tok, out + "/bpe")
    for k in SHARE:
        text = "\n".join(sample(texts, k, 300_000, rng))
        n = len(tok.encode(text, add_special_tokens=False).ids)
        print(f"{k:6} {len(text.encode()) / n:.3f} bytes, {len(text) / n:.3f} characters a token")

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tok = blank(models.BPE(vocab={c: 4 + i for i, c in enumerate(alphabet)} | {s: i for i, s in enumerate(SPECIAL)}, merges=[]))
    tok.add_special_tokens(special)
    assert tok.get_vocab_size() == 260 and tok.decode(tok.encode("héllo 月").ids) == "héllo 月"
    finish(tok, out + "/bytes")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
