"""The tensors of two model.safetensors, compared byte for byte: tensors.py FOLDER FOLDER [NAME]

Prints what differs, and ends with 1 then; with NAME only that tensor is looked at."""
import json
import sys


def tensors(folder):
    with open(folder + "/model.safetensors", "rb") as file:
        data = file.read()
    n = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + n])
    head.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], data[8 + n + v["data_offsets"][0] : 8 + n + v["data_offsets"][1]]) for k, v in head.items()}


one, other = tensors(sys.argv[1]), tensors(sys.argv[2])
if len(sys.argv) > 3:
    one, other = ({sys.argv[3]: t[sys.argv[3]]} for t in (one, other))
differ = sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))
print(f"{len(one)} tensors, {len(differ)} differ: {' '.join(differ)}")
sys.exit(1 if differ or not one else 0)
