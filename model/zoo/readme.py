#!/usr/bin/env python3
"""Write README.md and curve.svg of a checkpoint from its log, its evaluation and the baseline.

usage: readme.py NAME TEXTS OUT     (reads TEXTS/run/{NAME.jsonl,NAME.eval.json,kn.json})
"""
import json, sys

from train import BYTES_A_STEP, TABLE, TASK_SHARE, TOKENS_A_STEP

ABOUT = {
    "prose": "English fiction: novels, fairy tales, little stories.",
    "verse": "English verse: Shakespeare's lines and dialogue, on top of the common base.",
    "han": "Chinese, simplified: the four vernacular novels, Song ci, Yuan qu, older poetry and primers.",
    "mixed": "Everything: the generalist and the judge.",
    "draft": "One layer, trained on everything: the amateur of contrastive decoding and the drafter.",
    "bytes": "A vocabulary of the 256 bytes and four specials, trained on everything: the voice whose vocabulary differs.",
}
DATA = {
    "prose": "33 English novels 1839-1927 (public domain); FairytaleQA, train split (Apache-2.0); TinyStories, 4 MiB "
             "(CDLA-Sharing-1.0), capitals restored",
    "verse": "tiny Shakespeare (public domain text; MIT collection)",
    "han": "four vernacular novels (public domain); chinese-poetry: Song ci, Yuan qu, Shijing, Chuci, Tang selections, "
           "Analects, Mencius, primers (MIT), traditional parts converted to simplified",
}
LOOK = {"prose": "#2166ac", "verse": "#b2182b", "han": "#1b7837"}


def curve(entries, path):
    entries = [e for e in entries if e["tokens"] > 300_000]
    top = max(max(e["bits_per_byte"].values()) for e in entries)
    low = min(min(e["bits_per_byte"].values()) for e in entries)
    end = entries[-1]["tokens"]
    x = lambda t: 45 + 430 * t / end
    y = lambda v: 20 + 190 * (top - v) / (top - low)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 520 250" font-family="sans-serif" font-size="11">'
           '<rect width="520" height="250" fill="#fff"/><path d="M45 20V210H475" fill="none" stroke="#888"/>']
    for i in range(5):
        v = low + (top - low) * i / 4
        out.append(f'<text x="40" y="{y(v) + 4:.0f}" text-anchor="end">{v:.2f}</text>')
        out.append(f'<text x="{x(end * i / 4):.0f}" y="226" text-anchor="middle">{end * i / 4e6:.1f}M</text>')
    out.append('<text x="260" y="244" text-anchor="middle">tokens seen</text><text x="8" y="12">held-out bits per byte</text>')
    for d, colour in LOOK.items():
        pts = " ".join(f"{x(e['tokens']):.0f},{y(e['bits_per_byte'][d]):.0f}" for e in entries)
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{pts}"/>'
                   f'<text x="479" y="{y(entries[-1]["bits_per_byte"][d]) + 4:.0f}" fill="{colour}">{d}</text>')
    open(path, "w").write("\n".join(out) + "</svg>\n")


def main(name, texts, out):
    load = lambda n: [json.loads(l) for l in open(f"{texts}/run/{n}.jsonl")]
    kind, layers, ffn, parent, mixture, _, length, _ = TABLE[name]
    own = load(name)
    shared = name in ("mixed", "prose", "verse", "han")      # its log goes on from the base's
    log = (load(parent) if shared else []) + own
    ev = json.load(open(f"{texts}/run/{name}.eval.json"))
    kn = json.load(open(f"{texts}/run/kn.json"))
    base = kn["bytes" if kind == "bytes" else name if name in DATA else "mixed"]
    curve(log, out + "/curve.svg")
    last = own[-1]
    t = [f"# {name}", "", ABOUT[name], ""]
    rows = [("architecture", f"Llama, {layers} layer{'s' * (layers > 1)}, hidden 256, FFN {ffn}, 8 heads, 2 KV heads, tied embeddings; bf16"),
            ("parameters", f"{ev['parameters']:,}"),
            ("tokenizer", "byte-level BPE, 7,296 entries, shared" if kind == "bpe" else "256 bytes and 4 specials (260 entries)"),
            ("context", "512 tokens" if kind == "bpe" else "512 bytes"),
            ("data", "; ".join(DATA[d] for d in mixture) if name in DATA else "the data of `prose`, `verse` and `han`"),
            ("started from", {"draft": "the token embedding of the common base", "bytes": "the layers of the common base, and its embeddings of the 256 byte symbols"}.get(
                name, f"the common base ({own[0]['tokens'] / 1e6:.1f} M tokens of everything)")),
            ("steps", f"{last['step']:,} of {BYTES_A_STEP if kind == 'bytes' else TOKENS_A_STEP:,} tokens" + (" (base included)" if shared else "")),
            ("tokens seen", f"{last['tokens'] / 1e6:.1f} M" + (f", of which {(last['tokens'] - own[0]['tokens']) / 1e6:.1f} M of its own mixture" if shared else "")),
            ("time", f"{last['seconds'] / 60:.0f} minutes on one or two CPU cores" + (" (base included)" if shared else "")),
            ("mixture", ", ".join(f"{d} {s:.0%}" for d, s in mixture.items()) + f"; {TASK_SHARE:.0%} of the windows are instruction tasks, loss on the response only")]
    t += ["| | |", "|---|---|"] + [f"| {a} | {b} |" for a, b in rows]
    t += ["", "## Held-out bits per byte", "",
          "`report` split, the end token of every document counted; the baseline is an interpolated modified Kneser-Ney",
          f"5-gram over the same tokens, trained on the training text of {'this domain' if name in DATA else 'all three domains'}.", "",
          "| text | this checkpoint | Kneser-Ney 5-gram |", "|---|---|---|"]
    for d, v in ev["bits_per_byte"].items():
        t.append(f"| {d} | {v:.3f} | {format(base[d], '.3f') if d in base else '-'} |")
    if "wikitext2_valid" in ev:
        t.append(f"| wikitext2 valid (never trained on) | {ev['wikitext2_valid']:.3f} | - |")
    t += ["", "## Loss curve", "", "Bits per byte on the first window of `fit` documents"
          + (", common base first" if shared else "") + ":", "", "![loss curve](curve.svg)", "",
          "| tokens | training loss (nats a token) | prose | verse | han |", "|---|---|---|---|---|"]
    keep = sorted({round(i * (len(log) - 1) / 9) for i in range(1, 10)})
    for e in (log[i] for i in keep):
        if e["loss"]:
            b = e["bits_per_byte"]
            t.append(f"| {e['tokens'] / 1e6:.1f} M | {e['loss']:.3f} | {b['prose']:.3f} | {b['verse']:.3f} | {b['han']:.3f} |")
    if "coverage" in ev:
        t += ["", "## Control", ""]
        for d, c in ev["coverage"].items():
            t.append(f"- keywords ({'Chinese' if d == 'han' else 'English'}), temperature 0.7: {c['asked']:.0%} of the asked words appear; "
                     f"{c['chance']:.0%} of the words asked of another item do.")
        if "forms" in ev:
            t.append(f"- ci of ten regular tunes, temperature 0.7: {ev['forms']:.0%} have every line length of the form.")
    t += ["", "## Samples", "", "Plain sampling, the first draw of a fixed seed; cut at a token limit."]
    for s in ev["samples"]:
        prompt = s["prompt"].replace("\n", "\\n")
        t += ["", f"**temperature {s['temperature']}**, prompt `{prompt}`", "", "```text", s["text"].strip("\n").replace("```", "'''"), "```"]
    open(out + "/README.md", "w", encoding="utf-8").write("\n".join(t) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
