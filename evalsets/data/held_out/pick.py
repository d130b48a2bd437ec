#!/usr/bin/env python3
"""Pick the pieces of the evalset held_out from the held-out texts that model/zoo/prepare.py writes.

usage: pick.py HELDOUT > items.jsonl

Takes 40 pieces of 400 to 600 bytes for each domain (prose, verse, han) and split (fit, report), evenly over the
documents, each from the beginning of a document to the end of a sentence (of a line, for verse).  The last 52
documents of prose are left out: they are TinyStories, whose licence asks for share-alike.
"""
import json
import re
import sys

COUNT, LEAST, MOST = 40, 400, 600
TINYSTORIES = 52
LONG = 1200  # bytes: documents of the Chinese novels are longer, poems and arias shorter
ENDS = {
    "prose": r'[^.!?\n]+(?:[.!?]+["\'\u201d\u2019)]*|\n|$)\s*',
    "verse": r"[^\n]*\n+|[^\n]+$",
    "han": r"[^。！？\n]+[。！？]*[”’]*\n*",
}


def pieces(doc, domain):
    """Consecutive pieces of a document, until one would not fit."""
    text = ""
    for part in re.findall(ENDS[domain], doc):
        if len((text + part).rstrip().encode()) > MOST:
            return
        text += part
        if len(text.rstrip().encode()) >= LEAST:
            yield text.rstrip()
            text = ""


def evenly(pool, n):
    if len(pool) < n:
        sys.exit(f"only {len(pool)} pieces, want {n}")
    return [pool[i * len(pool) // n] for i in range(n)]


def choose(docs, domain):
    if domain == "verse":  # few documents: every piece of them is in the pool
        return evenly([p for d in docs for p in pieces(d, domain)], COUNT)
    if domain == "prose":
        docs = docs[:-TINYSTORIES]
    first = [(len(d.encode()) >= LONG, p) for d in docs for p in list(pieces(d, domain))[:1]]
    if domain == "prose":
        return evenly([p for _, p in first], COUNT)
    novels, poems = [p for long, p in first if long], [p for long, p in first if not long]
    return evenly(novels, COUNT // 2) + evenly(poems, COUNT // 2)


for domain in ("prose", "verse", "han"):
    for split in ("fit", "report"):
        with open(f"{sys.argv[1]}/{domain}.{split}.txt", encoding="utf-8") as f:
            docs = f.read().rstrip("\n").split("\n\f\n")
        for i, text in enumerate(choose(docs, domain)):
            item = {"id": f"{domain}-{split}-{i + 1:02}", "lang": "zh" if domain == "han" else "en", "split": split,
                    "text": text}
            print(json.dumps(item, ensure_ascii=False))
