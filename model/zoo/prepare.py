#!/usr/bin/env python3
"""Clean the corpora and write the training and held-out texts of the bundled checkpoints.

usage: prepare.py CORPORA OUT

Writes OUT/train/{prose,verse,han}.txt, OUT/heldout/{prose,verse,han}.{fit,report}.txt (documents separated
by a blank line with a form feed), OUT/ci.{train,fit,report}.jsonl (tune and text) and OUT/ci_forms.json.
The split is fixed: the last part of every source is held out, first half `fit`, second half `report`.
"""
import collections, csv, glob, gzip, io, json, os, re, sys, tarfile, unicodedata

SEP = "\n\f\n"
HELD = {"shakespeare": 0.05}   # small source: a larger share; everything else 2 %


def archive(path):
    """name -> text of every file in a tar.gz"""
    with tarfile.open(path) as tar:
        return {m.name: tar.extractfile(m).read().decode("utf-8-sig") for m in tar.getmembers() if m.isfile()}


def gz(path):
    return gzip.open(path, "rt", encoding="utf-8").read()


def plain(text):
    text = text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(c for c in text if c in "\n\f" or unicodedata.category(c)[0] != "C")


# --- English ---------------------------------------------------------------------------------------------

def paragraphs(text):
    """Undo the line wrapping of a novel; a stanza (short, capitalised lines) keeps its lines."""
    lines = [l.rstrip() for l in text.split("\n")]
    full = [l for l in lines if l]
    unblanked = sum(not l for l in lines) < len(full) // 50
    long_lines = sum(len(l) for l in full) / len(full) > 100     # one line a paragraph already
    out, block = [], []

    def flush():
        if not block:
            return
        stripped = [l.strip() for l in block]
        short = max(map(len, stripped)) < 56
        if 3 <= len(block) <= 40 and short and all(l[0].isupper() or not l[0].isalpha() for l in stripped):
            out.append("\n".join(stripped))
        else:
            out.append(re.sub(r"\s+", " ", " ".join(stripped)))
        block.clear()

    for l in lines:
        if not l:
            flush()
            continue
        block.append(l)
        if long_lines or (unblanked and len(l) < 55 and l[-1] in ".!?'\"-:"):
            flush()
    flush()
    return [p for p in out if re.search("[a-z]", p) or len(p) > 60]    # drops bare headings in capitals


def documents(paras, size=1500):
    """Consecutive paragraphs as documents of about `size` characters."""
    docs, cur, n = [], [], 0
    for p in paras:
        cur.append(p)
        n += len(p)
        if n >= size:
            docs.append("\n".join(cur))
            cur, n = [], 0
    if cur:
        docs.append("\n".join(cur))
    return docs


def novels(root):
    for name, text in sorted(archive(f"{root}/english_prose/english_prose.tar.gz").items()):
        yield name, documents(paragraphs(plain(text)))


def fairytales(root, split):
    tales = collections.OrderedDict()
    for row in csv.DictReader(io.StringIO(gz(f"{root}/fairytales/sentence_level_{split}.csv.gz"))):
        tales.setdefault(row["document_id"], []).append(plain(row["text"]).strip())
    docs = []
    for sents in tales.values():
        paras = [" ".join(sents[i:i + 4]) for i in range(0, len(sents), 4)]
        docs += documents(paras, 1300)
    return docs


def truecase(stories, names):
    """TinyStories come in lower case: sentence starts, I and names get their capitals back."""
    out = []
    for s in stories:
        own = {w for w in re.findall(r"named ([a-z]+)", s)} & names | COMMON_NAMES & set(re.findall(r"[a-z]+", s))
        s = re.sub(r"\b[a-z]+\b", lambda m: m[0].capitalize() if m[0] in own or m[0] == "i" else m[0], s)
        s = re.sub(r'(^|[.!?]["\u201d]? +|\n|(?:, |\n|^|[.!?:] )["\u201c])([a-z])', lambda m: m[1] + m[2].upper(), s)
        out.append(re.sub(r"\n\n+", "\n", s))
    return out


COMMON_NAMES = set()


def tinystories(root):
    text = plain(gz(f"{root}/tinystories/tinystories_lower_4MiB.txt.gz")).replace(" \n", "\n")
    stories = [s.strip() for s in re.split(r"(?<!\n)\n(?!\n)", text)][:-1]    # the last one is cut off
    stories = [s for s in stories if len(s) > 120]
    named = collections.Counter(re.findall(r"named ([a-z]+)", " ".join(stories)))
    words = collections.Counter(re.findall(r"[a-z]+", " ".join(stories)))
    names = {w for w, n in named.items() if n >= 2 or words[w] < 40}
    COMMON_NAMES.update(w for w, n in named.items() if n >= 8 and n > 0.02 * words[w])
    return truecase(stories, names)


def shakespeare(root):
    speeches = plain(gz(f"{root}/shakespeare/input.txt.gz")).strip().split("\n\n")
    docs, cur, n = [], [], 0
    for s in speeches:
        cur.append(s)
        n += len(s)
        if n > 900:
            docs.append("\n\n".join(cur))
            cur, n = [], 0
    return docs + (["\n\n".join(cur)] if cur else [])


# --- Chinese ---------------------------------------------------------------------------------------------

def quotes(p):
    """Straight quotes in Chinese paragraphs become opening and closing ones in turn."""
    turn = [0]

    def one(_):
        turn[0] ^= 1
        return "\u201c" if turn[0] else "\u201d"
    return re.sub('"', one, p)


def han_clean(text):
    text = plain(text).replace("\u3000", " ").replace("\uff0e", "\u3002")
    text = re.sub("[\u300c\u300e]", "\u201c", re.sub("[\u300d\u300f]", "\u201d", text))
    text = text.translate(str.maketrans(",;:?!()", "，；：？！（）"))
    return re.sub(r" *\n *", "\n", text).strip()


def han_novels(root):
    for name, text in sorted(archive(f"{root}/chinese_prose/four_novels_utf8.tar.gz").items()):
        if not name.endswith(".txt"):
            continue
        paras = [quotes(p.strip()) for p in han_clean(text).split("\n")]
        merged = []
        for p in paras:      # a paragraph that breaks inside a sentence is joined with the next one
            p = p.replace(" ", "，") if len(p) > 60 else p
            if not p:
                continue
            if merged and re.search(r"[\u4e00-\u9fff，、]$", merged[-1]) and not merged[-1].startswith("第"):
                merged[-1] += p
            else:
                merged.append(p)
        yield name, documents(merged, 450)


def poem(title, lines):
    lines = [han_clean(l) for l in lines if l and l.strip()]
    text = "\n".join(lines)
    if not text or re.search("[□○●?？]{2}|□|\ufffd|[A-Za-z0-9<>{}]", text):
        return None
    return (title + "\n" + text) if title else text


def han_verse(root):
    """Yields (name, [(tune or None, document)])"""
    try:
        from opencc import OpenCC
        simple = OpenCC("t2s").convert
    except ImportError:
        sys.exit("prepare.py needs the package opencc-python-reimplemented")
    files = archive(f"{root}/chinese_verse/chinese_verse_json.tar.gz")
    skip = ("三百首.json", "authors", "intro", "preface", "wenzimengqiu", "baijiaxing", "traditional", "youmengying")
    for name, raw in sorted(files.items()):
        if not name.endswith(".json") or any(s in name for s in skip):
            continue
        data = json.loads(raw)
        old = "蒙学" in name or "四书五经" in name
        docs = []

        def walk(x, title):
            if isinstance(x, list):
                for y in x:
                    walk(y, title)
                return
            if not isinstance(x, dict):
                return
            t = x.get("rhythmic") or x.get("title") or x.get("chapter") or title
            t = re.sub(r"[\s・·/].*$", "", t) if "宋词" in name else t
            body = x.get("paragraphs") or x.get("para") or x.get("content")
            if isinstance(body, list) and body and all(isinstance(b, str) for b in body):
                if name.endswith("纳兰性德诗集.json"):
                    body = [b if b[-1] in "。？！" else b + "。" for b in body if b]
                size, cur, parts = 0, [], []
                for b in body:
                    cur.append(b)
                    size += len(b)
                    if size > 380:
                        parts.append(cur)
                        cur, size = [], 0
                for part in parts + ([cur] if cur else []):
                    p = poem(t, part)
                    if p:
                        p = simple(p) if old else p
                        docs.append((t if "宋词" in name else None, p))
            elif body is not None:
                walk(body, t)
        walk(data, "")
        yield name, docs


# --- split -----------------------------------------------------------------------------------------------

def main(root, out):
    os.makedirs(out + "/train", exist_ok=True)
    os.makedirs(out + "/heldout", exist_ok=True)
    parts = {d: {"train": [], "fit": [], "report": []} for d in ("prose", "verse", "han")}
    ci = {"train": [], "fit": [], "report": []}

    def put(domain, docs, share=0.02, tagged=False):
        n = len(docs)
        held = max(2, round(n * share)) if n >= 20 else 0
        for i, d in enumerate(docs):
            which = "train" if i < n - held else "fit" if i < n - held + held // 2 else "report"
            tune, d = d if tagged else (None, d)
            parts[domain][which].append(d)
            if tune:
                ci[which].append({"tune": tune, "text": d[len(tune) + 1:]})

    for _, docs in novels(root):
        put("prose", docs)
    parts["prose"]["train"] += fairytales(root, "train")
    val = fairytales(root, "val")
    parts["prose"]["fit"] += val[:len(val) // 2]
    parts["prose"]["report"] += val[len(val) // 2:]
    put("prose", tinystories(root))
    put("verse", shakespeare(root), HELD["shakespeare"])
    for _, docs in han_novels(root):
        put("han", docs)
    seen = set()
    for _, docs in han_verse(root):
        fresh = []
        for tune, d in docs:
            key = re.sub(r"[^\u4e00-\u9fff]", "", d.split("\n", 1)[-1])[:12]
            if key not in seen:
                seen.add(key)
                fresh.append((tune, d))
        put("han", fresh, tagged=True)

    for domain, by in parts.items():
        for which, docs in by.items():
            path = f"{out}/train/{domain}.txt" if which == "train" else f"{out}/heldout/{domain}.{which}.txt"
            with open(path, "w", encoding="utf-8", newline="\n") as f:
                f.write(SEP.join(docs) + "\n")
            print(f"{domain:6} {which:6} {len(docs):6} documents {sum(len(d.encode()) for d in docs):10} bytes")
    for which, items in ci.items():
        with open(f"{out}/ci.{which}.jsonl", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(i, ensure_ascii=False) + "\n" for i in items)
    forms(ci["train"], f"{out}/ci_forms.json")


def lengths(text):
    return tuple(len(l) for l in re.split(r"[，。、；？！：\s]+", text) if l)


def forms(items, path):
    """The forty most frequent tunes with the share of their dominant pattern of line lengths."""
    by = collections.defaultdict(collections.Counter)
    for i in items:
        by[i["tune"]][lengths(i["text"])] += 1
    table = []
    for tune, c in sorted(by.items(), key=lambda kv: (-sum(kv[1].values()), kv[0]))[:60]:
        pattern, n = c.most_common(1)[0]
        table.append({"tune": tune, "poems": sum(c.values()), "lengths": list(pattern),
                      "share": round(n / sum(c.values()), 4)})
    with open(path, "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(t, ensure_ascii=False) for t in table) + "\n]\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
