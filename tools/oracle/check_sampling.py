"""Compares csm's noise and codes with live torch, draw by draw.

    python tools/oracle/check_sampling.py [--probe build/release/bin/sampling_probe]
        [--f32-draws 200000] [--bf16-draws 50000] [--logits F.npy ...]

Noise must be bit-equal and codes must be the same in every draw: exit 1 and
the first differences otherwise. --logits adds real logits, float32 [N, V] or
[frames, K, V] (csm score --logits-out), to the synthetic ones.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import numpy as np
import torch
import torch_sampling as ts

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = [0, 1, 2, 3, 5, 7, 11, 42, 99, 1234, 31337, 65536, 2**31 - 1, 2**31,
         2**32 - 1, 2**32 + 5, 2**40 + 3, 2**63 - 1, 2**63 + 77, 2**64 - 1]
SHAPES = [(1, 2051), (4, 2051), (32, 2051), (1, 1), (1, 15), (1, 16), (3, 17),
          (1, 799), (1, 801), (7, 515), (1, 65552)]
VOCAB, N_VALID = 2051, 2048


def check_noise(probe):
    """Three consecutive calls for each seed and shape; returns differences."""
    bad = 0
    for seed in SEEDS:
        for rows, vocab in SHAPES:
            n = rows * vocab
            out = subprocess.run(
                [probe, "noise", "torch-cpu", str(seed), "3", str(n)],
                check=True, capture_output=True).stdout
            ours = np.frombuffer(out, dtype=np.uint32).reshape(3, n)
            gen = ts.generator(seed)
            for call in range(3):
                q = torch.empty(rows, vocab).exponential_(1, generator=gen)
                theirs = q.numpy().view(np.uint32).ravel()
                bad += int((ours[call] != theirs).sum())
    print(f"noise: {len(SEEDS)} seeds x {len(SHAPES)} shapes x 3 calls: "
          f"{bad} values differ")
    return bad


def normal(rng, n):
    return rng.standard_normal((n, VOCAB)) * rng.uniform(0.5, 5.0, (n, 1))


def on_bf16_grid(rng, n):
    return torch.from_numpy(normal(rng, n)).bfloat16().float().numpy()


def tied_at_k(rng, n):
    """Few levels, so that dozens of codes tie with the k-th."""
    return np.round(normal(rng, n) * 2) / 2


def peaked(rng, n):
    """A few likely codes, the invalid ones often among them."""
    x = normal(rng, n)
    for row in x:
        row[rng.integers(0, VOCAB, 6)] += rng.uniform(4, 12)
        row[N_VALID + rng.integers(0, 3)] += rng.uniform(0, 12)
    return x


class RealLogits:
    def __init__(self, paths):
        rows = [np.load(p).astype(np.float32) for p in paths]
        self.rows = [r.reshape(-1, r.shape[-1]) for r in rows]

    def __call__(self, rng, n):
        rows = self.rows[rng.integers(0, len(self.rows))]
        return rows[rng.integers(0, len(rows), n)]


def torch_codes(kind, safety, logits, temperature, top_k, gen, n_valid):
    if kind == "torch-bf16":
        logits = logits.bfloat16()
    if safety == "mask-invalid":
        return ts.masked_step(logits, temperature, top_k, gen, n_valid)
    step = ts.csm_step if kind == "torch-bf16" else ts.hf_step
    return step(logits, temperature, top_k, gen)


class Probe:
    """A sampling_probe process that turns blocks of logits into codes."""

    def __init__(self, probe, mode, kind, safety, temperature, top_k, seed,
                 rows, vocab, n_valid):
        self.process = subprocess.Popen(
            [probe, mode, "torch-cpu", str(seed), kind, repr(temperature),
             str(top_k), safety, str(n_valid), str(rows), str(vocab)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def codes(self, logits):
        out, _ = self.process.communicate(logits.tobytes())
        if self.process.returncode:
            sys.exit("sampling_probe failed")
        return np.frombuffer(out, dtype=np.int32)


def check_block(probe, mode, kind, safety, source, setting, seed, rows, calls):
    """One generator over `calls` calls of `rows` rows; returns differences."""
    temperature, top_k = setting
    rng = np.random.default_rng(seed)
    logits = np.ascontiguousarray(source(rng, calls * rows), dtype=np.float32)
    vocab = logits.shape[1]
    n_valid = vocab - 3
    ours = Probe(probe, mode, kind, safety, temperature, top_k, seed, rows,
                 vocab, n_valid).codes(logits)
    gen = ts.generator(seed)
    blocks = torch.from_numpy(logits).reshape(calls, rows, vocab)
    theirs = torch.cat([torch_codes(kind, safety, b, temperature, top_k, gen,
                                    n_valid) for b in blocks]).numpy()
    different = np.flatnonzero(ours != theirs)
    for i in different[:3]:
        print(f"  {kind} {safety} T={temperature} k={top_k} seed={seed} "
              f"row {i}: csm {ours[i]}, torch {theirs[i]}")
    return len(different)


def check_codes(probe, kind, draws, sources):
    settings = [(0.8, 100), (0.9, 50), (1.0, 50), (0.5, 10), (1.2, 400),
                (0.7, 1), (1.0, 2051), (1.5, 200)]
    block, done, bad, number, start = 240, 0, 0, 0, time.time()
    while done < draws:
        mode = ("words", "codes")[number % 2]
        safety = ("torch", "mask-invalid")[number // 2 % 2]
        rows = (1, 1, 4)[number % 3]
        setting = settings[number % len(settings)]
        source = sources[number % len(sources)]
        bad += check_block(probe, mode, kind, safety, source, setting,
                           1000 + number, rows, block // rows)
        done, number = done + block, number + 1
        if sys.stderr.isatty():
            print(f"\r{kind}: {done}/{draws}", end="", file=sys.stderr)
    print(f"{kind}: {done} draws in {number} runs: {bad} codes differ "
          f"({time.time() - start:.0f} s)")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probe", default=str(
        ROOT / "build/release/bin/sampling_probe"))
    parser.add_argument("--f32-draws", type=int, default=200000)
    parser.add_argument("--bf16-draws", type=int, default=50000)
    parser.add_argument("--logits", nargs="*", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("torch", torch.__version__, torch.backends.cpu.get_cpu_capability())
    sources = [normal, on_bf16_grid, tied_at_k, peaked, on_bf16_grid]
    if arguments.logits:
        sources += [RealLogits(arguments.logits)] * 4
    bad = check_noise(arguments.probe)
    bad += check_codes(arguments.probe, "torch-f32", arguments.f32_draws,
                       sources)
    bad += check_codes(arguments.probe, "torch-bf16", arguments.bf16_draws,
                       sources)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
