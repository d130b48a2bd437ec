"""/trace of results.h5 read without this program, as docs/traces.md says.  Usage: trace_interop.py results.h5 LEVEL"""
import sys

import h5py
import numpy as np

path, level = sys.argv[1:3]

with h5py.File(path) as f:
    n = len(f["record/arm"])
    token_at = f["tokens/offsets"][:].astype(int)
    ids, logp, kept, entropy_final = (f[f"tokens/{k}"][:] for k in ("ids", "logp", "kept", "entropy_final"))
    if level == "token":
        assert "trace" not in f
        sys.exit(0)
    length = f["trace/steps/length"][:]
    step_at = f["trace/steps/offsets"][:].astype(int)
    step = {k: f[f"trace/steps/{k}"][:] for k in ("kept", "mass", "entropy", "kl")}
    assert all(isinstance(f[f"trace/steps/{k}"].attrs["long_name"], str) for k in step)
    chains = [c.decode() for c in f["arm_chain"][:]]
    checked = 0
    for i in range(n):
        steps = token_at[i + 1] - token_at[i]
        chain = chains[f["record/arm"][i]]
        assert length[i] == (chain.count(" | ") + 1 if chain else 0)
        if length[i] == 0:
            continue
        of = {k: x[step_at[i] : step_at[i + 1]].reshape(-1, length[i]) for k, x in step.items()}
        assert len(of["kept"]) == steps
        assert (of["kept"][:, -1] == kept[token_at[i] : token_at[i + 1]]).all()
        assert np.allclose(of["entropy"][:, -1], entropy_final[token_at[i] : token_at[i + 1]], atol=1e-6)
        assert (np.diff(of["kept"].astype(int), axis=1) <= 0).all() and (of["kl"] >= 0).all()
        checked += steps
    if level == "steps":
        assert checked > 0 and "rows" not in f["trace"]
        sys.exit(0)
    row_at, log_z = f["trace/rows/offsets"][:].astype(int), f["trace/rows/log_z"][:]
    full = level == "full"
    part = f["trace/full" if full else "trace/top"]
    at, score = part["offsets"][:].astype(int), part["score"][:]
    for i in range(n):
        rows = int(row_at[i + 1] - row_at[i])
        if rows == 0:
            continue
        said = ids[token_at[i] : token_at[i + 1]]
        x = score[at[i] : at[i + 1]].reshape(rows, -1)
        p = np.exp(x.astype(float) - log_z[row_at[i] : row_at[i + 1], None])
        own = logp[token_at[i] : token_at[i + 1]]
        if full:
            assert np.allclose(p.sum(axis=1), 1, atol=1e-6)
            assert np.allclose(np.log(p[np.arange(len(said)), said]), own, atol=1e-5)
            continue
        best = part["ids"][at[i] : at[i + 1]].reshape(rows, -1)
        tail = part["tail"][row_at[i] : row_at[i + 1]]
        chosen = part["chosen"][row_at[i] : row_at[i + 1]].astype(float)
        assert np.allclose(p.sum(axis=1) + tail, 1, atol=1e-6)
        assert (np.diff(x, axis=1) <= 0).all() and best.max() < 2**32 - 1
        assert np.allclose(chosen[: len(said)] - log_z[row_at[i] : row_at[i] + len(said)], own, atol=1e-5)
