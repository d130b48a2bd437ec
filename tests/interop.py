"""results.h5 opened without this program: h5py, pandas, xarray.  Usage: interop.py results.h5"""
import sys

import h5py
import numpy as np
import pandas as pd
import xarray as xr

path = sys.argv[1]

# h5py: coordinates are dimension scales, ragged arrays are flat arrays with offsets
with h5py.File(path) as f:
    arms = [a.decode() for a in f["arm"][:]]
    items = [i.decode() for i in f["item"][:]]
    metric = f["metric/distinct_1"]
    assert metric.dims[0][0].name == "/arm" and metric.dims[1][0].name == "/item", "dimension scales"
    assert all(h5py.h5ds.is_scale(f[k].id) and h5py.h5ds.is_attached(metric.id, f[k].id, i)
               for i, k in enumerate(["arm", "item"]))
    assert isinstance(metric.attrs["long_name"], str) and isinstance(f.attrs["plan"], str)
    assert np.isnan(metric.fillvalue)
    assert metric.compression == "gzip" and metric.shuffle and metric.fletcher32
    text, offsets = f["text/bytes"][:], f["text/offsets"][:]
    texts = [text[offsets[i] : offsets[i + 1]].tobytes().decode() for i in range(len(offsets) - 1)]
    n = len(f["record/arm"])
    assert len(texts) == n
    ids, at = f["tokens/ids"][:], f["tokens/offsets"][:]
    space = f["arm_space"][0].decode()
    piece_bytes, piece_at = f[f"space/{space}/bytes"][:], f[f"space/{space}/offsets"][:]
    for i in range(n):
        spelled = b"".join(piece_bytes[piece_at[s] : piece_at[s + 1]].tobytes() for s in ids[at[i] : at[i + 1]])
        assert spelled.decode() == texts[i], (spelled, texts[i])
    nll = f["record/nll"][:]
    logp = f["tokens/logp_final"][:].astype(float)
    for i in range(n):
        assert abs(nll[i] + logp[at[i] : at[i + 1]].sum()) < 1e-5
    ensemble = np.repeat(f["record/n_voices"][:], np.diff(at.astype(int))) > 0
    mutual, rmi, epkl = (f[f"tokens/{k}"][:] for k in ("disagreement", "rmi", "epkl"))
    told = ensemble & np.isfinite(rmi)
    assert np.isnan(mutual[~ensemble]).all() and (np.abs(epkl - mutual - rmi)[told] < 1e-5).all()
    assert len(f["tokens/voice_weight"]) == len(f["tokens/voice_logp"]) == f["tokens/voice_offsets"][-1]
    record = pd.DataFrame({k: f["record"][k][:] for k in ("arm", "item", "draw", "n_symbols")})
    unit = f["unit/record"][:]
    length = f["metric/length_chars"][:]

# pandas: a table of records
record["arm"] = record["arm"].map(dict(enumerate(arms)))
assert set(record["arm"]) == set(arms)
assert (record.groupby("arm").size() > 0).all()

# xarray: metrics by name of arm and item
root = xr.open_dataset(path, engine="netcdf4")
metrics = xr.open_dataset(path, engine="netcdf4", group="metric").assign_coords(
    arm=root["arm"], item=root["item"], draw=root["draw"])
assert metrics["length_chars"].dims == ("arm", "item", "draw"), metrics["length_chars"].dims
assert metrics["distinct_1"].dims == ("arm", "item"), metrics["distinct_1"].dims
one = metrics["length_chars"].sel(arm="a: top_p=0.9", item=items[1])
assert (one.values == length[arms.index("a: top_p=0.9"), 1]).all()
for draw in range(2):
    first = unit[arms.index("a: top_p=0.9"), 1, draw]
    assert len(texts[first]) == one.values[draw]
assert metrics["length_chars"].attrs["units"] == "characters", metrics["length_chars"].attrs
print(f"interop: {len(arms)} arms, {len(items)} items, {n} records: h5py {h5py.__version__}, "
      f"pandas {pd.__version__}, xarray {xr.__version__}")
