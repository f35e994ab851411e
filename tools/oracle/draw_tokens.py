"""Draws codes with live PyTorch from logits in a file, for `csm tokens`.

    python tools/oracle/draw_tokens.py --logits F.npy --draws D --seed S
        --out tokens.npy [--temperature T] [--top-k K] [--sampler torch-f32]
        [--valid-codes N] [--greedy]

Reads float32 [N, V], writes int32 [D, N]: D calls over the batch of all rows,
one generator seeded once. With --valid-codes the codes from N on race without
a chance (codec safety mask-invalid).
"""

import argparse

import numpy as np
import torch
import torch_sampling as ts


def draw(logits, draws, seed, temperature=0.8, top_k=100, sampler="torch-f32",
         valid_codes=0, greedy=False):
    """logits float32 [N, V] -> int32 [draws, N]"""
    rows = torch.from_numpy(np.ascontiguousarray(logits, dtype=np.float32))
    n_valid = valid_codes or rows.shape[1]
    if greedy:
        codes = torch.argmax(rows[:, :n_valid], dim=-1)
        return np.tile(codes.numpy().astype(np.int32), (draws, 1))
    if sampler == "torch-bf16":
        rows = rows.bfloat16()
    gen = ts.generator(seed)
    out = np.empty((draws, len(rows)), dtype=np.int32)
    for number in range(draws):
        if n_valid < rows.shape[1]:
            codes = ts.masked_step(rows, temperature, top_k, gen, n_valid)
        elif sampler == "torch-bf16":
            codes = ts.csm_step(rows, temperature, top_k, gen)
        else:
            codes = ts.hf_step(rows, temperature, top_k, gen)
        out[number] = codes.numpy()
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logits", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--draws", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=100)
    parser.add_argument("--sampler", default="torch-f32",
                        choices=["torch-f32", "torch-bf16"])
    parser.add_argument("--valid-codes", type=int, default=0)
    parser.add_argument("--greedy", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(1)
    codes = draw(np.load(a.logits), a.draws, a.seed, a.temperature, a.top_k,
                 a.sampler, a.valid_codes, a.greedy)
    np.save(a.out, codes)


if __name__ == "__main__":
    main()
