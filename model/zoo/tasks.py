"""Instruction tasks made from the text itself: (instruction, response[, the words asked for]) for each domain."""
import collections, json, math, random, re

STOP = set("""about above after again against ahead almost alone along already also although always among another anyone
anything around away back became because become been before began begin behind being below beside besides best better
between beyond both bring brought call called came cannot come could days dear does doing done down each either else enough
even ever every everything except felt find first five found four from full gave getting give given goes going gone good great
half have having heard hence here herself himself into itself just keep kept knew know known last least leave left less
like little long longer look looked looking made make making many might mine more most much must myself near nearly neither
never next nobody none nothing often once only other others ought over part perhaps place poor put quite rather really
said same saying says seem seemed seems seen shall should since some somebody something soon still such sure take taken
than that thee their them themselves then there therefore these they thing things think this those thou though thought
three through thus till together told took toward towards turn turned under until unto upon used very want wanted well
went were what whatever when where whether which while whole whom whose will with within without would yesterday your
yours yourself hath doth thine shalt wilt tis""".split())
HAN_FUNCTION = set("的了着是不一有在我你他她它也就都而之其以与于为则者所矣乎焉哉这那个们说道来去上下么儿又只便把得被向此何如若且即已将要可我无")
SENTENCE = re.compile(r"[^.!?]+(?:[.!?]+[\"'\u201d\u2019]*|$)\s*")
HAN_SENTENCE = re.compile(r"[^。！？]+[。！？]*[”’]*")


def read(path):
    return open(path, encoding="utf-8").read().rstrip("\n").split("\n\f\n")


def choose(rng, found):
    """Two to eight of the words, in the order of the text: what a small model can learn to follow"""
    found = list(dict.fromkeys(found))
    k = min(len(found), rng.choice((2, 3, 3, 4, 4, 5, 6, 8)))
    return [found[i] for i in sorted(rng.sample(range(len(found)), k))] if k >= 2 else None


class Maker:
    def __init__(self, texts, split="train"):
        load = lambda d, s: read(f"{texts}/train/{d}.txt" if s == "train" else f"{texts}/heldout/{d}.{s}.txt")
        self.docs = {d: load(d, split) for d in ("prose", "verse", "han")}
        words = collections.Counter()
        for d in ("prose", "verse"):
            for doc in load(d, "train"):
                words.update(re.findall(r" ([a-z]{4,})\b", doc))
        self.words = {w for w, n in words.items() if n >= 15 and w not in STOP and not w.endswith("ly")}
        chars, pairs = collections.Counter(), collections.Counter()
        for doc in load("han", "train"):
            for run in re.findall(r"[\u4e00-\u9fff]+", doc):
                chars.update(run)
                pairs.update(run[i:i + 2] for i in range(len(run) - 1))
        total = sum(chars.values())
        self.pairs = {p for p, n in pairs.items() if n >= 50 and not set(p) & HAN_FUNCTION
                      and math.log2(n * total / (chars[p[0]] * chars[p[1]])) > 4}
        ci = [json.loads(l) for l in open(f"{texts}/ci.train.jsonl", encoding="utf-8")]
        often = collections.Counter(c["tune"] for c in ci)
        self.tunes = {t for t, n in often.items() if n >= 20 and t != "失调名"}
        if split != "train":
            ci = [json.loads(l) for l in open(f"{texts}/ci.{split}.jsonl", encoding="utf-8")]
        self.ci = [c for c in ci if c["tune"] in self.tunes]
        self.forms = collections.defaultdict(list)
        self.speeches = [[s.split("\n") for s in d.split("\n\n")] for d in self.docs["verse"]]
        for doc in self.speeches:
            for i, s in enumerate(doc):
                self.verse_forms(s[1:])
                for n in (2, 3, 4):
                    text = "\n\n".join("\n".join(x) for x in doc[i:i + n])
                    if len(doc) >= i + n and len(text) < 420:
                        self.forms["dialogue"].append(text)

    def verse_forms(self, lines):
        last = [re.sub("[^a-z]", "", l.lower().split(" ")[-1]) for l in lines]
        rhyme = [len(a) > 2 and len(b) > 2 and a != b and a[-3:] == b[-3:] for a, b in zip(last, last[1:])]
        for i, r in enumerate(rhyme):
            if r and all(25 < len(l) < 62 for l in lines[i:i + 2]):
                self.forms["couplet"].append("\n".join(lines[i:i + 2]))
        for n in (4, 5, 6, 7, 8):
            for i in range(0, len(lines) - n + 1, 2):
                if not any(rhyme[i:i + n - 1]) and all(30 < len(l) < 60 and l[0].isupper() for l in lines[i:i + n]) \
                        and lines[i + n - 1][-1] in ".!?":
                    self.forms["blank verse"].append("\n".join(lines[i:i + n]))

    # one task, or None where this piece of text does not give one

    def keywords(self, rng, domain):
        doc = rng.choice(self.docs[domain])
        if domain == "han":
            lines = [l for l in doc.split("\n") if len(l) > 8 and l[-1] in "。！？”’"]    # no titles
            if not lines:
                return None
            parts = HAN_SENTENCE.findall("\n".join(lines))
            i, n = rng.randrange(len(parts)), rng.choice((1, 1, 2, 2, 3))
            text = "".join(parts[i:i + n]).strip()
            found, j = [], 0
            while j < len(text) - 1:
                known = text[j:j + 2] in self.pairs
                found += [text[j:j + 2]] if known else []
                j += 2 if known else 1
            words = choose(rng, found)
            return (f"用这些词写一段话：{'、'.join(words)}。", text, words) if words and 8 <= len(text) <= 80 else None
        if domain == "verse":
            lines = rng.choice(rng.choice(self.speeches))[1:]
            if len(lines) < 2:
                return None
            i, n = rng.randrange(len(lines)), rng.randint(2, 6)
            text = "\n".join(lines[i:i + n])
        else:
            parts = SENTENCE.findall(rng.choice(doc.split("\n")))
            if not parts:
                return None
            i, n = rng.randrange(len(parts)), rng.choice((1, 1, 2, 2, 3, 4))
            text = "".join(parts[i:i + n]).strip()
        words = choose(rng, [w for w in re.findall(r" ([a-z]{4,})\b", text) if w in self.words])
        return (f"Write a passage with these words: {', '.join(words)}.", text, words) if words and 30 <= len(text) <= 320 else None

    def first_line(self, rng, domain):
        doc = rng.choice(self.docs[domain])
        if domain == "verse":
            lines = rng.choice(rng.choice(self.speeches))[1:]
            n = rng.randint(3, 7)
            if len(lines) < 4:
                return None
            i = rng.randrange(len(lines) - 3)
            return f"Continue the verse: {lines[i]}", "\n".join(lines[i + 1:i + 1 + n])
        paras = doc.split("\n")
        if domain == "han":
            paras = [l for l in paras if l and l[-1] in "。！？”’"] or paras
            i = rng.randrange(len(paras))
            parts = [p for p in HAN_SENTENCE.findall("\n".join(paras[i:]))]
            if not parts or not 5 <= len(parts[0].strip()) <= 50:
                return None
            rest, limit, name = parts[1:], rng.randint(40, 180), "续写："
        else:
            i = rng.randrange(len(paras))
            parts = SENTENCE.findall(" ".join(paras[i:i + 2]))
            if not parts or not 20 <= len(parts[0]) <= 200:
                return None
            rest, limit, name = parts[1:], rng.randint(150, 700), "Continue: "
        text = ""
        for p in rest:
            if len(text) + len(p) > limit:
                break
            text += p
        return (name + parts[0].strip(), text.strip()) if len(text) > 10 else None

    def form(self, rng, domain):
        if domain == "prose":
            return None
        if domain == "han":
            c = rng.choice(self.ci)
            return f"填词：{c['tune']}。", c["text"]
        kind = rng.choice(("couplet", "blank verse", "dialogue"))
        return f"Write a verse in the form: {kind}.", rng.choice(self.forms[kind])

    SHARES = {"prose": (0.8, 0.2, 0.0), "verse": (0.6, 0.2, 0.2), "han": (0.6, 0.15, 0.25)}

    def make(self, domain, count, seed):
        rng, out = random.Random(f"{domain} {seed}"), []
        while len(out) < count:
            task = rng.choices((self.keywords, self.first_line, self.form), self.SHARES[domain])[0](rng, domain)
            if task and task[1]:
                out.append(task)
        return out
