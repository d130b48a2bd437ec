#!/usr/bin/env python3
"""What differs between two results.h5 but for what they cost, a line a dataset; nothing where they are the same.

    same_results.py A B
"""
import sys

import h5py
import numpy


def datasets(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, o: found.update({name: o[()]}) if isinstance(o, h5py.Dataset) else None)
    return {name: numpy.asarray(value) for name, value in found.items() if not name.startswith("cost")}


def same(x, y):
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if x.dtype == object:
        return all(numpy.array_equal(p, q) for p, q in zip(x.ravel(), y.ravel()))
    return x.tobytes() == y.tobytes()


a, b = datasets(sys.argv[1]), datasets(sys.argv[2])
different = sorted(a.keys() ^ b.keys()) + [name for name in a if name in b and not same(a[name], b[name])]
print("".join(f"{name}\n" for name in different), end="")
