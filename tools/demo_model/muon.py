"""Muon: momentum whose matrices are made orthogonal before each step.

Converges in clearly fewer steps than AdamW on small transformers. Our own
short form of the published method (Jordan et al. 2024; the step is scaled as
by Liu et al. 2025, so that AdamW's learning rates fit).
"""

import torch


def orthogonal(matrix, rounds=5):
    """The nearest orthogonal matrix, roughly, by Newton-Schulz steps."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = (x / (x.norm() + 1e-7)).bfloat16()
    for _ in range(rounds):
        gram = x @ x.T
        square = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.addmm(x, square, x, beta=a)
    return (x if wide else x.T).float()


class Muon(torch.optim.Optimizer):
    """For matrices; a convolution's weight counts as [first axis, the rest]."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.0):
        super().__init__(
            parameters,
            dict(lr=lr, momentum=momentum, weight_decay=weight_decay),
        )

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                update = self._momentum(weight, group["momentum"]).flatten(1)
                step = orthogonal(update).view_as(weight)
                scale = 0.2 * max(update.shape) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(step, alpha=-group["lr"] * scale)

    def _momentum(self, weight, momentum):
        state = self.state[weight]
        if "buffer" not in state:
            state["buffer"] = torch.zeros_like(weight)
        state["buffer"].lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(state["buffer"], momentum)
