"""Writes tests/data/weights/mlx_affine.safetensors: matrices that MLX has
quantised, and what its integers stand for.

    python tools/oracle/mlx_affine_goldens.py

NAME.weight, .scales, .biases   as mx.quantize gives them; NAME is
                                bits_group_dtype
NAME.values                     float32: scale * q + bias with the q that
                                mx.dequantize reads, in numpy's float32
"""

import argparse
import pathlib

import manifest
import mlx.core as mx
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/data/weights/mlx_affine.safetensors"
SEED = 20267
ROWS, COLUMNS = 3, 256
DTYPES = {"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16}


def wide(x):
    return np.array(x.astype(mx.float32))


def golden(values, bits, group):
    words, scales, biases = mx.quantize(values, group_size=group, bits=bits)
    q = mx.dequantize(words, mx.ones_like(scales).astype(mx.float32),
                      mx.zeros_like(biases).astype(mx.float32),
                      group_size=group, bits=bits)
    each = [np.repeat(wide(x), group, axis=-1) for x in (scales, biases)]
    assert wide(q).min() == 0 and wide(q).max() == 2 ** bits - 1
    return {"weight": words, "scales": scales, "biases": biases,
            "values": mx.array(each[0] * wide(q) + each[1])}


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    mx.set_default_device(mx.cpu)
    rng = np.random.default_rng(SEED)
    arrays = {}
    for bits in (2, 3, 4, 5, 6, 8):
        for group, (name, dtype) in zip((32, 64, 128), DTYPES.items()):
            values = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
            parts = golden(mx.array(values).astype(dtype), bits, group)
            arrays |= {f"{bits}_{group}_{name}.{part}": array
                       for part, array in parts.items()}
    mx.save_safetensors(str(OUT), arrays)
    manifest.record([OUT], __file__, ["mlx", "numpy"], SEED)


if __name__ == "__main__":
    main()
