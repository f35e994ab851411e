"""Simple encoders of ggml's K blocks, which PyPI gguf can only decode.

    python tools/layouts/kquants.py      compares them with gguf's decoder

Rounding to the nearest step of each sub-block's range; no search.
"""

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

BLOCK = 256


def _half(x):
    """As float16, and back."""
    return x.astype(np.float16), x.astype(np.float16).astype(np.float32)


def _divide(a, b):
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def _six_bits(scales, mins):
    """Eight pairs of 6-bit numbers [n, 8] each in 12 bytes."""
    low = scales[:, :4] | (scales[:, 4:] >> 4) << 6
    middle = mins[:, :4] | (mins[:, 4:] >> 4) << 6
    high = (scales[:, 4:] & 15) | (mins[:, 4:] & 15) << 4
    return np.concatenate([low, middle, high], axis=1)


def _ranges(x, most):
    """Scales, minima and integers of eight sub-blocks: x ~ d sc q - dmin m."""
    least = np.minimum(x.min(axis=2), 0)
    step = (np.maximum(x.max(axis=2), 0) - least) / most
    d16, d = _half(step.max(axis=1, keepdims=True) / 63)
    m16, dmin = _half((-least).max(axis=1, keepdims=True) / 63)
    scales = np.clip(np.rint(_divide(step, d + 0 * step)), 0, 63)
    mins = np.clip(np.rint(_divide(-least, dmin + 0 * least)), 0, 63)
    offset = (dmin * mins)[:, :, None]
    factor = (d * scales)[:, :, None] + 0 * x
    q = np.clip(np.rint(_divide(x + offset, factor)), 0, most)
    head = np.concatenate([d16.view(np.uint8), m16.view(np.uint8),
                           _six_bits(scales.astype(np.uint8),
                                     mins.astype(np.uint8))], axis=1)
    return head, q.astype(np.uint8)


def _nibbles(q):
    """[n, 8, 32] numbers below 16: sub-blocks 2i low and 2i + 1 high."""
    return (q[:, 0::2] | q[:, 1::2] << 4).reshape(len(q), -1)


def q4_k(x):
    head, q = _ranges(x.reshape(-1, 8, 32), 15)
    return np.concatenate([head, _nibbles(q)], axis=1)


def q5_k(x):
    head, q = _ranges(x.reshape(-1, 8, 32), 31)
    fifth = np.zeros((len(q), 32), np.uint8)
    for i in range(8):
        fifth |= (q[:, i] >> 4) << i
    return np.concatenate([head, fifth, _nibbles(q & 15)], axis=1)


def q6_k(x):
    x = x.reshape(-1, 16, 16)
    step = np.abs(x).max(axis=2) / 31
    d16, d = _half(step.max(axis=1, keepdims=True) / 127)
    scales = np.clip(np.rint(_divide(step, d + 0 * step)), 0, 127)
    factor = (d * scales)[:, :, None] + 0 * x
    q = np.clip(np.rint(_divide(x, factor)) + 32, 0, 63).astype(np.uint8)
    q = q.reshape(-1, 2, 4, 32)  # halves, quarters
    low = np.concatenate([q[:, :, 0] & 15 | (q[:, :, 2] & 15) << 4,
                          q[:, :, 1] & 15 | (q[:, :, 3] & 15) << 4], axis=2)
    high = sum((q[:, :, i] >> 4) << (2 * i) for i in range(4))
    n = len(q)
    return np.concatenate([low.reshape(n, -1), high.reshape(n, -1),
                           scales.astype(np.int8).view(np.uint8),
                           d16.view(np.uint8)], axis=1)


ENCODERS = {Kind.Q4_K: q4_k, Kind.Q5_K: q5_k, Kind.Q6_K: q6_k}


def encode(x, kind):
    """Bytes [..., row bytes] of float32 rows that are whole blocks."""
    if kind not in ENCODERS:
        return gguf.quantize(x, kind)
    blocks = ENCODERS[kind](np.ascontiguousarray(x, np.float32))
    return blocks.reshape(*x.shape[:-1], -1)


def main():
    x = np.random.default_rng(1).standard_normal((4, 512)).astype(np.float32)
    x[0, :256] = 0
    x[1, :40] = 3
    for kind, most in ((Kind.Q4_K, 0.2), (Kind.Q5_K, 0.1), (Kind.Q6_K, 0.06)):
        error = np.abs(gguf.dequantize(encode(x, kind), kind) - x).max()
        print(f"{kind.name}: largest error {error:.3f}")
        assert error < most * np.abs(x).max() / 2


if __name__ == "__main__":
    main()
