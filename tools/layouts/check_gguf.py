"""Reads with PyPI gguf what csm convert --to gguf writes.

    python tools/layouts/check_gguf.py --csm build/release/bin/csm

Of the demo model in every type: names and shapes are CrispASR's as
gguf_files.py writes them, keys and values too, floats are the model's, blocks
are bytes as gguf.quantize makes them, tokens and merges are tokenizer.json's.
Needs what check_matrix.py needs.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import gguf_files
import numpy as np
from gguf import GGMLQuantizationType as Kind
from source_model import CODEC, DEPTH_TABLE, TYPES, SourceModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "models" / "demo"
KINDS = {"f32": Kind.F32, "f16": Kind.F16, "bf16": Kind.BF16,
         "q8_0": Kind.Q8_0, "q4_0": Kind.Q4_0}
# csm quantize keeps v, o, projection and heads at 8 bits too; tables are
# looked up.
EIGHT_BITS = (".attn_v.weight", ".attn_output.weight", "_embd.weight",
              "projection.weight", "codebook0_head.weight")


def kind_of(name, shape, dtype, stored):
    """What type a tensor is expected to have."""
    if len(shape) < 2 or "_codebook" in name:
        return Kind.F32
    if name.startswith("mimi."):
        return KINDS[stored]
    kind = KINDS[dtype]
    if kind not in (Kind.Q8_0, Kind.Q4_0):
        return kind
    if name.endswith(EIGHT_BITS):
        kind = Kind.Q8_0
    return kind if len(shape) == 2 and gguf_files.fits(shape, kind) \
        else Kind.F16


def expected(values, kind):
    """The bytes of a tensor."""
    if kind == Kind.F16:
        return values.astype(np.float16).tobytes()
    return gguf.quantize(values, kind).tobytes()


def strings(reader, key):
    field = reader.fields[key]
    return [bytes(field.parts[i]).decode() for i in field.data]


def check_tokens(reader, problems):
    tokenizer = json.loads((DEMO / "tokenizer.json").read_text())
    tokens, merges = gguf_files.tokens_and_merges(tokenizer)
    if strings(reader, "tokenizer.ggml.tokens") != tokens:
        problems.append("tokens")
    if strings(reader, "tokenizer.ggml.merges") != merges:
        problems.append("merges")


class Keys:
    """Takes what gguf_files.py would write: name -> (type, value)."""

    def __init__(self):
        self.wanted = {}

    def add_uint32(self, key, value):
        self.wanted[key] = (gguf.GGUFValueType.UINT32, value)

    def add_float32(self, key, value):
        self.wanted[key] = (gguf.GGUFValueType.FLOAT32, np.float32(value))


def check_keys(reader, model, problems):
    """All of them are there; csm adds keys of its own."""
    keys = Keys()
    gguf_files.crisp_keys(model, keys)
    got = {key: (field.types[0], field.parts[field.data[0]][0])
           for key, field in reader.fields.items() if key.startswith("csm.")}
    problems += [f"{key}: {got.get(key)} instead of {keys.wanted[key]}"
                 for key in keys.wanted if got.get(key) != keys.wanted[key]]


def check(reader, want, dtype, stored):
    problems = []
    got = {t.name: t for t in reader.tensors}
    if got.keys() != want.keys():
        problems.append(f"names {sorted(got.keys() ^ want.keys())[:4]}")
    for name in got.keys() & want.keys():
        values = np.ascontiguousarray(want[name].float().numpy())
        kind = kind_of(name, values.shape, dtype, stored)
        tensor = got[name]
        if tensor.tensor_type != kind:
            problems.append(f"{name}: {tensor.tensor_type.name}")
        elif tuple(reversed(tensor.shape)) != values.shape:
            problems.append(f"{name}: {tensor.shape}")
        elif tensor.data.tobytes() != expected(values, kind):
            problems.append(f"{name}: values")
    check_tokens(reader, problems)
    return problems


def stored_type(model):
    """Of the codec's matrices, which stay as they are."""
    types = {t.dtype for n, t in model.stored.items()
             if n.startswith(CODEC) and t.dim() > 1}
    (one,) = types
    return next(name for name, dtype in TYPES.items() if dtype == one)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True)
    arguments = parser.parse_args()
    model = SourceModel(DEMO)
    want = gguf_files.crisp_tensors(model)
    # Of a tied table the frames' name only.
    del want[gguf_files.TOP[DEPTH_TABLE]]
    stored = stored_type(model)
    failed = 0
    for dtype in KINDS:
        with tempfile.TemporaryDirectory() as scratch:
            out = pathlib.Path(scratch) / "out"
            subprocess.run([arguments.csm, "convert", "--model", DEMO, "--to",
                            "gguf", "--dtype", dtype, "--output", out],
                           check=True, capture_output=True)
            reader = gguf.GGUFReader(out / "model.gguf")
            problems = check(reader, want, dtype, stored)
            check_keys(reader, model, problems)
            print(f"{dtype}: {len(reader.tensors)} tensors, "
                  f"{len(problems)} problems")
            for problem in problems[:8]:
                print("   ", problem)
            failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
