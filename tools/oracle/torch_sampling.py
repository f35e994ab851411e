"""The two samplers that csm reproduces, in PyTorch's own operations.

hf_step    transformers' generate: float32, temperature skipped at 1.0
csm_step   the original CSM: everything in the logits' dtype (bfloat16)
"""

import torch


def generator(seed):
    return torch.Generator().manual_seed(seed)


def _filtered(x, top_k):
    k = min(top_k, x.shape[-1])
    kth = torch.topk(x, k)[0][..., -1, None]
    return x.masked_fill(x < kth, -float("inf"))


def hf_step(logits, temperature, top_k, gen):
    """logits [N, V] float32 -> [N] codes."""
    x = logits if temperature == 1.0 else logits / temperature
    p = torch.softmax(_filtered(x, top_k), dim=-1)
    return torch.multinomial(p, 1, generator=gen)[:, 0]


def csm_step(logits, temperature, top_k, gen):
    """logits [N, V] bfloat16 -> [N] codes."""
    x = _filtered(logits / temperature, top_k)
    p = torch.softmax(torch.log_softmax(x, dim=-1), dim=-1)
    q = torch.empty_like(p).exponential_(1, generator=gen)
    return torch.argmax(p / q, dim=-1)


def masked_step(logits, temperature, top_k, gen, n_valid):
    """mask-invalid: noise for all V codes, the first n_valid of them race."""
    q = torch.empty_like(logits).exponential_(1, generator=gen)
    valid = logits[:, :n_valid]
    x = valid if temperature == 1.0 and valid.dtype == torch.float32 \
        else valid / temperature
    x = _filtered(x, top_k)
    if logits.dtype == torch.bfloat16:
        x = torch.log_softmax(x, dim=-1)
    return torch.argmax(torch.softmax(x, dim=-1) / q[:, :n_valid], dim=-1)
