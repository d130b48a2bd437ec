#!/usr/bin/env python3
"""An experiment script of everything that may stand together, over the bundled checkpoints: lms, chains, searches, selections and
a trace, as a seed chooses them.  A script that the program refuses is one too.

    random_plan.py SEED
"""
import random
import sys

TOKENS = ["zoo:prose", "zoo:verse", "zoo:mixed", "zoo:han"]
STEPS = """
temperature=0|temperature=0.3|temperature=1.5|temperature=3|dynatemp=0.9|edt=0.2|edt=2|quadratic(0.1, curve=2)|skew=-0.5|skew(2, order=id)
normalise|top_k=1|top_k(5, ties=all)|top_k=100000|top_p=0|top_p(0.3, min_keep=3)|top_p(0.95, bound=over)|top_p(0.9, bound=below)|min_p=0.2
top_a=0.1|typical=0.2|typical=0.9|epsilon=0.001|eta=0.002|tfs=0.5|tfs=0.95|top_n_sigma=0.5|top_h=0.4|p_less|p_less_norm|min_k|ees|diff=0.5
xtc(0.3, threshold=0.1)|xtc(1, threshold=0.1, form=expected)|conformal(0.1, entropy=[2, 4], mass=[0.8, 0.9, 0.95])
repetition_penalty(1.1, last_n=4)|repetition_penalty(2, decay=9)|repetition_penalty_norm=1.2|frequency_penalty=-0.5|presence_penalty=0.5
no_repeat_ngram=1|no_repeat_ngram=3|prompt_reward=1.3|dry=0.8|min_tokens=3|min_tokens=50|length_decay(3, factor=1.2)|mirostat1|mirostat2=1
adaptive_p=0.4|loop=20|bias=[17:2.5, 4:-inf]|sequence_bias=[17+4:2.5, 9:-1]|ban=[17+4, 9]|suppress=[17, 4, 9]|force([17, 20], from=2)
budget(5, text=17+4)|green|green(scheme=self)|synthid=[654, 400, 836]
"""
STEPS = [step for line in STEPS.split("\n") for step in line.split("|") if step]
BYTE_STEPS = ["temperature=0.7", "top_p=0.9", "min_p=0.1", "typical=0.9", "mirostat2=2", "xtc=0.5", "repetition_penalty=1.1", "green"]
SEARCHES = ["sample(draw=cdf)", "sample(draw=arithmetic, n=4)", "greedy", "beam(3)", "beam(3, length_penalty=-1, early=first, n=3)",
            "beam(2, length_penalty=0, early=never)", "beam(3, early=t5, n=2)", "beam_sample(3, n=2)", "diverse_beam(4, groups=2)",
            "stochastic_beam(3)", "contrastive(3)", "best_first(children=4, queue=32, steps=60)", "speculative(ahead=1)",
            "speculative(ahead=4, rule=rejection)"]
RULES = {"linear": 0, "log": 0, "product": 0, "power(r=-1)": 0, "power(r=2)": 0, "min": 0, "max": 0, "gated(0.3)": 0,
         "gated(0.7, rule=log)": 0, "sampled": 0, "linear(mode=global)": 0, "log(mode=global)": 0, "power(r=0.5, mode=global)": 0,
         "contrast": 2, "cfg": 2, "cad": 2, "strength": 2, "dexperts": 3}  # voices; 0: any number
WEIGHED = ["linear", "log", "product", "power(r=2)", "sampled", "gated(0.3)", "linear(mode=global)"]
LEARNT = {"linear": ["bayes", "share(0.01)", "prompt"], "product": ["logistic"], "log": ["prompt"]}


def voice(r, lm):
    options = [o for o, p in (("temperature = 1.3", 0.3), ('chain = "top_k=20"', 0.2), ('drop = { "context" }', 0.15))
               if r.random() < p]
    return f"voice {{ {lm}, {', '.join(options)} }}" if options else lm


def ensemble(r, tokens):
    rule = r.choice(list(RULES))
    voices = r.sample(tokens, RULES[rule] or r.choice([2, 2, 3, 4]))
    options = [f'rule = "{rule}"']
    if rule in WEIGHED and r.random() < 0.4:
        options.append(f"weights = {{ {', '.join(str(r.choice([0.1, 0.5, 1, 2])) for _ in voices)} }}")
    if rule in LEARNT and r.random() < 0.4:
        options.append(f'weighting = "{r.choice(LEARNT[rule])}"')
    return f"ensemble {{ {', '.join([voice(r, v) for v in voices] + options)} }}"


def over_bytes(r, lm):
    options = r.choice(["", ', kind = "all"', ', kind = "canonical"', ", lazy = 0.0001", ", lazy = 0.01, ahead = 8", ", ahead = 2"])
    return f"bytes {{ {lm}{options} }}"


def lm_of(r, tokens):
    """A declaration, and whether its symbols are bytes."""
    kind = r.random()
    if kind < 0.3:
        return r.choice(tokens), False
    if kind < 0.75:
        return ensemble(r, tokens), False
    if kind < 0.88:
        return over_bytes(r, r.choice(tokens)), True
    rule = r.choice(["linear", "log", "min", "gated(0.5)", "sampled"])
    return f'ensemble {{ {over_bytes(r, r.choice(tokens))}, bytes {{ letters }}, rule = "{rule}" }}', True


def arm(r, lms):
    name, is_bytes = r.choice(lms)
    steps = [r.choice(BYTE_STEPS if is_bytes else STEPS) for _ in range(r.choice([0, 1, 1, 2, 3, 4]))]
    fields = [f"lm = {name}", f'chain = "{" | ".join(steps)}"']
    search = r.choice(SEARCHES) if r.random() < 0.7 else None
    if search:
        fields.append(f'search = "{search}"')
    if search and search.startswith("speculative") and not is_bytes and r.random() < 0.6:
        fields.append("draft = draft")
    return f"{{ {', '.join(fields)} }}"


def script(seed):
    r = random.Random(seed)
    tokens = [f"m[{i + 1}]" for i in range(len(TOKENS))]
    lines = [f"local m = {{ {', '.join(f'model {chr(34)}{t}{chr(34)}' for t in TOKENS)} }}",
             'local draft, letters = model "zoo:draft", model "zoo:bytes"']
    lms = []
    for i in range(r.choice([1, 1, 2, 3])):
        declared, is_bytes = lm_of(r, tokens)
        lines.append(f"local l{i + 1} = {declared}")
        lms.append((f"l{i + 1}", is_bytes))
    both = len({is_bytes for _, is_bytes in lms}) > 1
    limit = f"bytes = {r.choice([20, 50])}" if both else f"symbols = {r.choice([6, 16, 30])}"
    evalset = r.choice(["openings", "keywords", "cloze", "held_out"])
    items = f'"{evalset}", items = {r.choice([1, 2, 3])}' + (", bytes = 400" if evalset == "held_out" else "")
    more = f', trace = "{r.choice(["token", "token", "steps", "topk=5", "full"])}"'
    more += ', select = { "best", "mbr(utility=chrf)", "vote" }' if r.random() < 0.3 else ""
    arms = ",\n    ".join(arm(r, lms) for _ in range(r.choice([1, 2, 4])))
    lines.append(f'experiment {{ name = "r{seed}", draws = {r.choice([1, 2, 4])}, limit = {{ {limit} }}, '
                 f"evalsets = {{ {{ {items} }} }}{more},\n  arms = {{ {arms} }} }}")
    return "\n".join(lines)


print(script(int(sys.argv[1])))
