"""Writes tests/data/sampling.json: noise and codes drawn by live torch.

    python tools/oracle/sampling_goldens.py

Noise: for every seed and size the sha256 of the float32 and bfloat16 values of
one exponential_ call, and the 31-bit integer that the generator gives next.
Codes: rows of logits that the tests rebuild from integers (`logits_row`), and
the codes that torch draws from them with one generator a case.
"""

import hashlib
import json
import pathlib

import manifest
import numpy as np
import torch
import torch_sampling as ts

SEEDS = [0, 1, 2, 3, 7, 42, 99, 123, 1234, 31337, 2**16, 2**31 - 1, 2**31,
         2**32 - 1, 2**32 + 5, 2**40 + 3, 2**63 - 1, 2**63 + 77,
         0xDEADBEEFCAFEBABE, 2**64 - 1]
SIZES = [1, 17, 311, 801, 2051, 4 * 2051, 32 * 2051]
MASK64 = 2**64 - 1


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def noise_case(seed, n):
    gen = ts.generator(seed)
    f32 = torch.empty(n).exponential_(1, generator=gen)
    following = torch.empty(1, dtype=torch.int32).random_(generator=gen)
    bf16 = torch.empty(n, dtype=torch.bfloat16).exponential_(
        1, generator=ts.generator(seed))
    bits = f32.numpy().view(np.uint32)
    return dict(seed=str(seed), n=n, first=int(bits[0]), last=int(bits[-1]),
                next31=int(following[0]), f32=sha(bits),
                bf16=sha(bf16.view(torch.int16).numpy()))


def splitmix(state):
    state = (state + 0x9E3779B97F4A7C15) & MASK64
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return state, z ^ (z >> 31)


def logits_row(seed, vocab, levels):
    """Bell-shaped integers / levels: exact in float32, ties when few levels.

    The sum of four 16-bit numbers, standardised to about +-4 * levels steps.
    """
    row, state = np.empty(vocab, dtype=np.float32), seed
    for i in range(vocab):
        state, z = splitmix(state)
        total = sum((z >> s) & 0xFFFF for s in (0, 16, 32, 48)) - 131070
        row[i] = (total * levels >> 14) / levels
    return torch.from_numpy(row)


def codes_case(kind, safety, vocab, n_valid, batch, temperature, top_k, levels,
               seed, draws):
    gen = ts.generator(seed)
    codes = []
    for d in range(draws):
        rows = [logits_row(seed * 1000003 + d * batch + b, vocab, levels)
                for b in range(batch)]
        logits = torch.stack(rows)
        if kind == "torch-bf16":
            logits = logits.bfloat16()
        if safety == "mask-invalid":
            c = ts.masked_step(logits, temperature, top_k, gen, n_valid)
        elif kind == "torch-bf16":
            c = ts.csm_step(logits, temperature, top_k, gen)
        else:
            c = ts.hf_step(logits, temperature, top_k, gen)
        codes += c.tolist()
    return dict(kind=kind, safety=safety, vocab=vocab, n_valid=n_valid,
                batch=batch, temperature=temperature, top_k=top_k,
                levels=levels, seed=seed, codes=codes)


def codes_cases():
    fine, coarse = 4096, 16
    for kind in ("torch-f32", "torch-bf16"):
        for safety, n_valid in (("torch", 0), ("mask-invalid", 2048)):
            for levels in (fine, coarse):
                yield codes_case(kind, safety, 2051, n_valid, 1, 0.8, 100,
                                 levels, 11, 12)
                yield codes_case(kind, safety, 2051, n_valid, 4, 0.9, 50,
                                 levels, 12, 3)
        yield codes_case(kind, "torch", 515, 0, 1, 1.0, 50, fine, 13, 24)
        yield codes_case(kind, "torch", 515, 0, 1, 1.3, 515, fine, 14, 24)
        yield codes_case(kind, "torch", 515, 0, 1, 0.5, 1, coarse, 15, 24)
        yield codes_case(kind, "mask-invalid", 67, 60, 2, 1.2, 20, coarse, 16,
                         40)
        yield codes_case(kind, "mask-invalid", 67, 3, 1, 1.0, 60, coarse, 17,
                         40)


def main():
    torch.set_num_threads(1)
    out = dict(noise=[noise_case(s, n) for s in SEEDS for n in SIZES],
               codes=list(codes_cases()))
    path = pathlib.Path(__file__).resolve().parents[2] / "tests/data"
    path = path / "sampling.json"
    lines = []
    for key, cases in out.items():
        rows = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
        lines.append(f'"{key}": [\n{rows}\n]')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    manifest.record([path], __file__, ("torch", "numpy"), "in the cases")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
