"""What was fitted, from results.h5 without this program.  Usage: fits_interop.py results.h5"""
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1]) as f:
    fits = {f["calibration"][k].attrs["what"]: f["calibration"][k] for k in f["calibration"]}
    assert set(fits) == {"temperature", "weights", "entropy", "conformal"}, set(fits)
    assert all(x.attrs["n"] > 30 and isinstance(x.attrs["lm"], str) for x in fits.values())
    x = fits["temperature"]
    assert x.attrs["value"] > 0 and x["before_n"][:].sum() == x.attrs["n"]
    x = fits["weights"]
    assert x["weights"].shape == (2,) and abs(x["weights"][:].sum() - 1) < 1e-9
    assert [v.decode() for v in x["voices"][:]] == ["a", "b"] and x["nll_voices"].shape == (2,)
    assert np.isnan(x.attrs["value"]) and x.attrs["nll_after"] <= x.attrs["nll_before"]
    assert x.attrs["nll_after"] <= x["nll_voices"][:].min() + 1e-9
    x = fits["entropy"]
    assert x.attrs["target"] == 0.8 and abs(x.attrs["entropy"] - 0.8) < 1e-2 and 0.1 < x.attrs["value"] < 5
    assert x.attrs["entropy_from"] < 0.8 < x.attrs["entropy_to"] and x.attrs["chain"].startswith("temperature=fit")
    x = fits["conformal"]
    assert x["mass"].shape == (3,) and x["edges"].shape == (2,) and x.attrs["alpha"] == 0.2
    chains = [c.decode() for c in f["arm_chain"][:]]
    value = fits["entropy"].attrs["value"]
    assert float(chains[1].split(" | ")[0].split("=")[1]) == value, chains[1]
    masses = [float(m) for m in chains[2].split("mass=[")[1].split("]")[0].split(", ")]
    assert masses == list(x["mass"][:]), chains[2]
print(f"interop: {len(fits)} kinds of fits in {len(chains)} arms")
