"""A small Llama in PyTorch with the parameter names of Hugging Face, for training on a CPU."""
import torch
import torch.nn.functional as F


class Head(torch.autograd.Function):
    """Weighted sum of the cross-entropies of h @ emb.T, in chunks: the logits are never all in memory."""

    @staticmethod
    def forward(ctx, h, emb, target, weight):
        gh, ge, loss = torch.empty_like(h), torch.zeros_like(emb), 0.0
        for i in range(0, len(h), 1024):
            x, t, w = h[i:i + 1024], target[i:i + 1024], weight[i:i + 1024]
            z = x @ emb.t()
            z -= z.max(1, keepdim=True).values
            picked = z.gather(1, t[:, None])[:, 0]
            z.exp_()
            total = z.sum(1, keepdim=True)
            loss += float(((total[:, 0].log() - picked) * w).sum())
            z *= w[:, None] / total
            z[torch.arange(len(t)), t] -= w
            torch.mm(z, emb, out=gh[i:i + 1024])
            ge.addmm_(z.t(), x)
        ctx.save_for_backward(gh, ge)
        return h.new_tensor(loss)

    @staticmethod
    def backward(ctx, g):
        gh, ge = ctx.saved_tensors
        return gh * g, ge * g, None, None


class Llama:
    def __init__(self, vocab, hidden=256, ffn=512, layers=2, heads=8, kv=2, seed=1):
        self.config = dict(vocab=vocab, hidden=hidden, ffn=ffn, layers=layers, heads=heads, kv=kv)
        self.d = hidden // heads
        g = torch.Generator().manual_seed(seed)
        init = lambda n, m, s: torch.randn(n, m, generator=g) * s
        p = {"model.embed_tokens.weight": init(vocab, hidden, 0.02), "model.norm.weight": torch.ones(hidden)}
        s = (1 / hidden) ** 0.5
        for i in range(layers):
            n = f"model.layers.{i}."
            p[n + "input_layernorm.weight"] = torch.ones(hidden)
            p[n + "self_attn.q_proj.weight"] = init(hidden, hidden, s)
            p[n + "self_attn.k_proj.weight"] = init(kv * self.d, hidden, s)
            p[n + "self_attn.v_proj.weight"] = init(kv * self.d, hidden, s)
            p[n + "self_attn.o_proj.weight"] = torch.zeros(hidden, hidden)
            p[n + "post_attention_layernorm.weight"] = torch.ones(hidden)
            p[n + "mlp.gate_proj.weight"] = init(ffn, hidden, s)
            p[n + "mlp.up_proj.weight"] = init(ffn, hidden, s)
            p[n + "mlp.down_proj.weight"] = torch.zeros(hidden, ffn)
        self.p = {k: v.requires_grad_() for k, v in p.items()}
        self.rope = {}

    def rotation(self, length):
        if length not in self.rope:
            f = 10000.0 ** (-torch.arange(0, self.d, 2) / self.d)
            a = torch.outer(torch.arange(length).float(), f)
            a = torch.cat((a, a), 1)
            self.rope[length] = a.cos(), a.sin()
        return self.rope[length]

    def hidden(self, ids, mask=None):
        p, c, d = self.p, self.config, self.d
        b, n = ids.shape
        cos, sin = self.rotation(n)
        x = F.embedding(ids, p["model.embed_tokens.weight"])
        for i in range(c["layers"]):
            w = lambda name: p[f"model.layers.{i}.{name}.weight"]
            y = F.rms_norm(x, (c["hidden"],), w("input_layernorm"), 1e-5)
            qkv = F.linear(y, torch.cat([w("self_attn.q_proj"), w("self_attn.k_proj"), w("self_attn.v_proj")]))
            qk, v = qkv.split([(c["heads"] + c["kv"]) * d, c["kv"] * d], -1)
            qk = qk.view(b, n, -1, d).transpose(1, 2)
            v = v.view(b, n, -1, d).transpose(1, 2)
            half = torch.cat((-qk[..., d // 2:], qk[..., :d // 2]), -1)
            q, k = (qk * cos + half * sin).split([c["heads"], c["kv"]], 1)
            k, v = (t.repeat_interleave(c["heads"] // c["kv"], 1) for t in (k, v))
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
            x = x + F.linear(a.transpose(1, 2).reshape(b, n, -1), w("self_attn.o_proj"))
            y = F.rms_norm(x, (c["hidden"],), w("post_attention_layernorm"), 1e-5)
            gate, up = F.linear(y, torch.cat([w("mlp.gate_proj"), w("mlp.up_proj")])).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, w("mlp.down_proj"))
        return F.rms_norm(x, (c["hidden"],), p["model.norm.weight"], 1e-5)

    def logits(self, ids):
        return F.linear(self.hidden(ids), self.p["model.embed_tokens.weight"])

    def load(self, tensors):
        with torch.no_grad():
            for k, v in self.p.items():
                v.copy_(tensors[k].float())
        return self


def orthogonal(g, steps=5):
    """Newton-Schulz iteration to the nearest (semi-)orthogonal matrix"""
    x = g / (g.norm() + 1e-7)
    flip = x.shape[0] > x.shape[1]
    x = x.t() if flip else x
    for _ in range(steps):
        a = x @ x.t()
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.t() if flip else x


class Optimiser:
    """Muon for the matrices of the layers, Adam for the embedding and the norms."""

    def __init__(self, model, muon=0.02, adam=0.003):
        names = model.p.items()
        self.matrices = [v for k, v in names if v.ndim == 2 and "embed" not in k]
        self.momentum = [torch.zeros_like(v) for v in self.matrices]
        self.adam = torch.optim.AdamW([v for k, v in names if v.ndim == 1 or "embed" in k], lr=adam,
                                      betas=(0.9, 0.98), eps=1e-10, weight_decay=0.0, fused=True)
        self.rates = muon, adam

    @torch.no_grad()
    def step(self, scale):
        muon, adam = (r * scale for r in self.rates)
        for v, m in zip(self.matrices, self.momentum):
            m.lerp_(v.grad, 0.05)
            g = orthogonal(v.grad.lerp(m, 0.95))
            v.mul_(1 - muon * 0.05).sub_(g * (muon * max(1, v.shape[0] / v.shape[1]) ** 0.5))
            v.grad = None
        self.adam.param_groups[0]["lr"] = adam
        self.adam.step()
        self.adam.zero_grad()

    def state(self):
        return {"momentum": self.momentum, "adam": self.adam.state_dict()}

    def load(self, s):
        self.momentum = s["momentum"]
        self.adam.load_state_dict(s["adam"])
