"""Compares `csm tokens draw` with live PyTorch, code by code.

    python tools/oracle/check_draw.py --csm build/release/bin/csm
        [--logits REAL.npy ...] [--scale 1]

Synthetic logits of several shapes, with ties at the k-th place, extreme
values and -infinity, and real ones from files of `csm score` ([F, K, V]).
Scale 1 draws at least 200,000 codes with torch-f32 and 50,000 with torch-bf16.
Exits with 1 if any code differs.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from draw_tokens import draw


def bell(rng, rows, vocab, spread=3.0):
    return rng.normal(size=(rows, vocab), scale=spread).astype(np.float32)


def with_ties(rng, rows, vocab, levels=8):
    """Logits on a coarse grid: many equal ones at the k-th place."""
    return np.round(bell(rng, rows, vocab) * levels).astype(np.float32) / levels


def extreme(rng, rows, vocab):
    """Huge, tiny, equal and -infinite logits."""
    x = bell(rng, rows, vocab, 40.0)
    x[:, ::7] = -np.inf
    x[0] = 0.0
    x[1, 5:] = -np.inf
    x[2] *= 1e-30
    return x


def on_bf16_grid(x):
    return torch.from_numpy(x).bfloat16().float().numpy()


def cases(rng, scale):
    """(name, logits, draws, options)"""
    two = {"top_k": 50, "temperature": 0.9}
    for sampler, n in (("torch-f32", 4 * scale), ("torch-bf16", scale)):
        base = {"sampler": sampler}
        yield "one row", bell(rng, 1, 2051)[0], 7000 * n, {**base}
        yield "batch", bell(rng, 32, 2051), 250 * n, {**base, **two}
        yield "ties at k", with_ties(rng, 4, 2051), 2500 * n, {**base, **two}
        yield "ties, k 1", with_ties(rng, 4, 2051), 500 * n, \
            {**base, "top_k": 1}
        yield "bf16 grid", on_bf16_grid(bell(rng, 4, 2051)), 2500 * n, \
            {**base, "temperature": 0.7}
        yield "odd sizes", bell(rng, 3, 515), 2000 * n, \
            {**base, "temperature": 1.0, "top_k": 10}
        yield "k above V", bell(rng, 5, 37), 1000 * n, {**base, "top_k": 400}
        yield "extreme", extreme(rng, 4, 515), 500 * n, \
            {**base, "temperature": 1.3}
        yield "masked", bell(rng, 8, 515), 500 * n, \
            {**base, "valid_codes": 480, **two}
        yield "greedy", with_ties(rng, 8, 515), 3, {**base, "greedy": True}


def real_cases(paths, scale):
    for path in paths:
        logits = np.load(path)
        logits = logits.reshape(-1, logits.shape[-1])
        draws = max(1, 60000 * scale // len(logits))
        yield f"real {pathlib.Path(path).name}", logits, draws, {}
        yield f"real {pathlib.Path(path).name}", logits, \
            max(1, draws // 3), {"sampler": "torch-bf16"}


class Csm:
    """The program under test."""

    def __init__(self, program, folder):
        self.program, self.folder = str(program), pathlib.Path(folder)

    def draw(self, logits, draws, seed, options):
        source, out = self.folder / "logits.npy", self.folder / "tokens.npy"
        np.save(source, logits)
        arguments = ["--logits", source, "--draws", draws, "--seed", seed,
                     "--out", out]
        if "valid_codes" not in options:
            arguments += ["--codec-safety", "torch"]
        for name, value in options.items():
            arguments.append("--" + name.replace("_", "-"))
            if value is not True:
                arguments.append(value)
        subprocess.run([self.program, "tokens", "draw", *map(str, arguments)],
                       check=True, stderr=subprocess.DEVNULL)
        return np.load(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--logits", nargs="*", default=[])
    parser.add_argument("--scale", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(2026)
    totals, n_unequal = {"torch-f32": 0, "torch-bf16": 0}, 0
    with tempfile.TemporaryDirectory() as folder:
        csm = Csm(arguments.csm, folder)
        every = [*cases(rng, arguments.scale),
                 *real_cases(arguments.logits, arguments.scale)]
        for number, (name, logits, draws, options) in enumerate(every):
            seed = (0, 42, 2**32 - 1, 2**40 + 7)[number % 4] + number
            ours = csm.draw(logits, draws, seed, options)
            theirs = draw(np.atleast_2d(logits), draws, seed, **options)
            unequal = int((ours != theirs).sum()) \
                if ours.shape == theirs.shape else theirs.size
            sampler = options.get("sampler", "torch-f32")
            totals[sampler] += theirs.size
            n_unequal += unequal
            print(f"{sampler:10} {name:24} {theirs.size - unequal}/"
                  f"{theirs.size} equal{'  FAILED' if unequal else ''}",
                  flush=True)
    print(f"draws: {totals}, unequal {n_unequal}")
    return 1 if n_unequal else 0


if __name__ == "__main__":
    sys.exit(main())
