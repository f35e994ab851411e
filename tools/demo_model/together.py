"""Several processes that train one model, each on its own batches.

Small models keep one core busier with a process than with a second thread.
Start a training with `torchrun --nproc-per-node N script.py ...`; without
torchrun everything here does nothing.
"""

import os

import torch
import torch.distributed as dist


class Together:
    """Gradients are averaged; process 0 decides and writes files."""

    def __init__(self):
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        if self.count > 1:
            dist.init_process_group("gloo")

    @property
    def leads(self):
        return self.rank == 0

    def average_gradients(self, parameters):
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        sizes = [g.numel() for g in gradients]
        for gradient, part in zip(gradients, flat.split(sizes), strict=True):
            gradient.copy_(part.view_as(gradient))

    def copy_from_leader(self, tensors):
        if self.count == 1:
            return
        flat = torch.cat([t.flatten() for t in tensors])
        dist.broadcast(flat, 0)
        for tensor, part in zip(
            tensors, flat.split([t.numel() for t in tensors]), strict=True
        ):
            tensor.copy_(part.view_as(tensor))

    def agreed(self, number):
        """Process 0's `number`, in every process."""
        value = torch.tensor([number], dtype=torch.float64)
        self.copy_from_leader([value])
        return float(value)
