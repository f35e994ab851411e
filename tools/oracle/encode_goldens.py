"""Codes of sounds by transformers and moshi, on the tiny random models.

    python tools/oracle/encode_goldens.py

Reads the models that tiny_models.py wrote and writes, for each of them,
tests/data/encode/<case>.safetensors:

    samples [n] f32           longer than the window, ends within a frame
    codes [F, K] i64          transformers' (with moshi's window)
    silence_codes [F, K] i64  moshi's, which ends with silence
    lengths [m] i64, short_codes [m, K] i64   of the first `length` samples,
                              at most a frame

moshi has no codec like plain_heads; there silence_codes are transformers' for
samples that were filled up. Where both oracles apply they must agree.
"""

import pathlib

import manifest
import numpy as np
import torch
from mimi_models import HfEncoder, MoshiEncoder
from safetensors.torch import save_file
from tiny_models import CASES
from transformers import CsmForConditionalGeneration

DATA = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"
MIN_MARGIN = 1e-4  # of the second-best entry: no test hangs on rounding


def make_sound(n, seed):
    """Noise that grows louder and softer, and a tone."""
    generator = np.random.default_rng(seed)
    t = np.arange(n)
    noise = generator.standard_normal(n) * np.sin(t * 0.011)
    return (0.4 * noise + 0.5 * np.sin(t * 0.21)).astype(np.float32)


def check_margins(oracle, samples, codes):
    """Every code is clearly the nearest."""
    latent = oracle.latent(samples)[0]
    size = oracle.codec.config.codebook_size
    least = min(
        oracle.margin(latent[:, f], codes[f], book, code)
        for f in range(0, len(codes), 7) for book in range(codes.shape[1])
        for code in range(size) if code != codes[f, book])
    print(f"  {codes.size} codes, {len(np.unique(codes))} of {size} occur, "
          f"nearest second choice {least:.1e}")
    assert least > MIN_MARGIN


def write_case(name):
    print(name)
    codec = CsmForConditionalGeneration.from_pretrained(
        DATA / "tiny" / name, dtype=torch.float32).codec_model
    oracle = HfEncoder(codec)
    hop = int(np.prod(codec.config.upsampling_ratios))
    samples = make_sound(2 * hop * CASES[name]["codec_frames"] + hop // 2 + 1,
                         CASES[name]["seed"])
    codes = oracle.encode(samples)
    check_margins(oracle, samples, codes)
    padded = np.pad(samples, (0, -len(samples) % (2 * hop)))
    silence = oracle.encode(padded)
    if MoshiEncoder.fits(codec.config):
        moshi = MoshiEncoder(codec).encode(samples)
        print(f"  moshi: {(moshi != silence).sum()} codes differ")
        assert (moshi == silence).all()
    assert (codes[:-1] == silence[:-1]).all()
    lengths = [1, 2, hop - 1, hop, hop + 1, 2 * hop - 1, 2 * hop]
    short = np.concatenate([oracle.encode(samples[:n]) for n in lengths])
    path = DATA / "encode" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({"samples": torch.tensor(samples),
               "codes": torch.tensor(codes).long(),
               "silence_codes": torch.tensor(silence).long(),
               "lengths": torch.tensor(lengths),
               "short_codes": torch.tensor(short).long()}, path)
    manifest.record([path], __file__,
                    packages=("torch", "transformers", "moshi"),
                    seed=CASES[name]["seed"])


def main():
    torch.set_num_threads(1)
    for name in CASES:
        write_case(name)


if __name__ == "__main__":
    main()
