"""Writes tests/data/weights/goldens.json: what torch, safetensors and numpy
make of values that the weights part converts, reads and writes.

    python tools/oracle/weights_goldens.py

conversions   sha256 of torch's conversion of well-known bit patterns
models        for each folder of tests/data/tiny: sha256 over all tensors in the
              order of their names, as float32 and as bfloat16
npy           numpy.save's bytes (hex) for some arrays

Reads the models that tools/oracle/tiny_models.py wrote; run it behind that.
"""

import argparse
import hashlib
import io
import json
import pathlib

import manifest
import numpy
import torch
from safetensors import safe_open

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/data/weights/goldens.json"
TINY = ROOT / "tests/data/tiny"


def sha(tensors):
    digest = hashlib.sha256()
    for t in tensors:
        digest.update(t.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def conversions():
    """Every finite 16-bit pattern, and 2^20 patterns of 32 bits."""
    bits16 = torch.arange(0x10000, dtype=torch.int32).to(torch.int16)
    f16 = bits16.view(torch.float16)
    bf16 = bits16.view(torch.bfloat16)
    bits32 = (torch.arange(1 << 20, dtype=torch.int64) * 0x9E3779B1)
    # Every second one a tie between two bfloat16 values, or just beside it.
    bits32[1::2] = (bits32[1::2] & ~0xFFFF) + 0x7FFF + torch.arange(
        1 << 19, dtype=torch.int64) % 3
    f32 = (bits32 & 0xFFFFFFFF).to(torch.uint32).view(torch.float32)

    def finite(x):
        return x[torch.isfinite(x.float()) & torch.isfinite(x.bfloat16())]

    return {
        "f16_to_f32": sha([finite(f16).float()]),
        "f16_to_bf16": sha([finite(f16).bfloat16()]),
        "bf16_to_f32": sha([finite(bf16).float()]),
        "f32_to_bf16": sha([finite(f32).bfloat16()]),
        "f32_count": len(finite(f32)),
    }


def models():
    out = {}
    for folder in sorted(p for p in TINY.iterdir() if p.is_dir()):
        tensors = {}
        for path in folder.glob("model*.safetensors"):
            with safe_open(path, "pt") as file:
                tensors |= {k: file.get_tensor(k) for k in file.keys()}
        names = sorted(k for k, t in tensors.items() if t.is_floating_point())
        values = [tensors[k] for k in names]
        out[folder.name] = {
            "tensors": len(names),
            "f32": sha([t.float() for t in values]),
            "bf16": sha([t.float().bfloat16() for t in values])}
    return out


def npy_bytes(array, version=None):
    buffer = io.BytesIO()
    numpy.lib.format.write_array(buffer, array, version=version)
    return buffer.getvalue().hex()


def npy():
    int_data = numpy.arange(-3, 9, dtype="<i4")
    cases = []
    for shape in [(12,), (3, 4), (2, 3, 2), (0,), (2, 0), (1, 12, 1, 1)]:
        size = int(numpy.prod(shape))
        ints = int_data[:size].reshape(shape)
        for kind, array in (("i4", ints), ("f4", ints.astype("<f4") / 4)):
            cases.append({"dtype": kind, "shape": list(shape),
                          "file": npy_bytes(array)})
    return {
        "written": cases,
        "scalar_i4": npy_bytes(numpy.array(7, dtype="<i4")),
        "version_2": npy_bytes(int_data, (2, 0)),
        "version_3": npy_bytes(int_data, (3, 0)),
        "i8": npy_bytes(int_data.astype("<i8")),
        "i8_large": npy_bytes(numpy.array([1 << 31], dtype="<i8")),
        "big_endian": npy_bytes(int_data.astype(">i4")),
        "f8": npy_bytes(int_data.astype("<f8")),
        "fortran": npy_bytes(numpy.asfortranarray(int_data.reshape(3, 4))),
        "bool": npy_bytes(int_data > 0),
        "record": npy_bytes(numpy.zeros(2, dtype=[("a", "<i4")])),
    }


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(
        {"conversions": conversions(), "models": models(), "npy": npy()},
        indent=1) + "\n")
    manifest.record([OUT], __file__, ["torch", "numpy", "safetensors"])


if __name__ == "__main__":
    main()
