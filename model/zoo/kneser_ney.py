#!/usr/bin/env python3
"""Interpolated modified Kneser-Ney 5-gram over the tokens of a tokenizer: the baseline of the READMEs.

usage: kneser_ney.py TEXTS bpe|bytes DOMAIN[,DOMAIN...]

Trained on the training text of the domains, it prints JSON: bits per byte on the `report` text of each of them
and on all together. Documents are <s> text </s>; </s> is predicted and counted, <s> is not.
"""
import json, math, sys

import numpy as np

from train import encode

ORDER = 5


class KneserNey:
    def __init__(self, tokens, vocab):
        self.vocab, self.tables = vocab, []
        tokens = tokens.astype(np.int64)
        ids, counts, sample = [tokens], [np.bincount(tokens, minlength=vocab)], []
        starts = tokens == 0
        first = [starts]                 # does the n-gram that ends here begin with <s>?
        keys = [None]
        for k in range(2, ORDER + 1):    # ids[k - 1][p]: the k-gram that ends at p, -1 where a document is shorter
            before = np.concatenate(([-1], ids[-1][:-1]))
            ok = (before >= 0) & (tokens != 0)
            uniq, where, inverse, count = np.unique(before[ok] * vocab + tokens[ok], return_index=True,
                                                    return_inverse=True, return_counts=True)
            this = np.full(len(tokens), -1)
            this[ok] = inverse
            ids.append(this)
            counts.append(count)
            keys.append(uniq)
            sample.append(np.flatnonzero(ok)[where])
            first.append(np.concatenate(([False], first[-1][:-1])))
        for k in range(1, ORDER + 1):
            c = counts[k - 1].astype(np.float64)
            if k < ORDER:                # continuation counts, except for n-grams that begin a document
                c2 = np.bincount(ids[k - 1][sample[k - 1]], minlength=len(c)).astype(np.float64)
                if k > 1:
                    opens = first[k - 1][sample[k - 2]]
                    c2[opens] = c[opens]
                else:
                    c2[0] = 0
                c = c2
            n = [max(1, (c == i).sum()) for i in range(5)]
            y = n[1] / (n[1] + 2 * n[2])
            d = np.array([0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]])
            context = keys[k - 1] // vocab if k > 1 else np.zeros(len(c), np.int64)
            size = len(counts[k - 2]) if k > 1 else 1
            off = d[np.minimum(c, 3).astype(int)]
            total = np.bincount(context, c, size)
            self.tables.append((keys[k - 1], np.maximum(c - off, 0), total, np.bincount(context, off, size) / np.maximum(total, 1)))

    def probabilities(self, tokens):
        """of every token after what stands before it in its document"""
        tokens = tokens.astype(np.int64)
        _, c, total, gamma = self.tables[0]
        p = c[tokens] / total[0] + gamma[0] / self.vocab
        ids = tokens
        for k in range(2, ORDER + 1):
            keys, c, total, gamma = self.tables[k - 1]
            before = np.concatenate(([-1], ids[:-1]))
            before[tokens == 0] = -1
            key = before * self.vocab + tokens
            at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            hit = (before >= 0) & (keys[at] == key)
            known = (before >= 0) & (total[before] > 0)
            num = np.where(hit, c[at], 0)
            p = np.where(known, num / np.where(known, total[before], 1) + gamma[before] * p, p)
            ids = np.where(hit, at, -1)
        return p


def main(texts, kind, domains):
    vocab = {"bpe": 7296, "bytes": 260}[kind]
    names = domains.split(",")
    lm = KneserNey(np.concatenate([encode(texts, kind, d, "train")[0] for d in names]), vocab)
    out, nats, size = {}, 0.0, 0
    for d in names:
        ids, _, sizes = encode(texts, kind, d, "report")
        p = lm.probabilities(ids)[ids != 0]
        assert p.min() > 0
        out[d] = round(-np.log(p).sum() / math.log(2) / sizes.sum(), 4)
        nats, size = nats - np.log(p).sum(), size + sizes.sum()
    if len(names) > 1:
        out["all"] = round(nats / math.log(2) / size, 4)
    print(json.dumps(out))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
