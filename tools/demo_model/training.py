"""What the trainings of the codec and of the language model share."""

import time

import numpy as np
import torch
from together import Together
from torch import nn


class Training:
    """Lasts some minutes of its own time, and goes on where it stopped.

    The parts have `one_step()`, which gives the numbers to report, `state()`,
    what a checkpoint holds besides the optimisers and the time used, and
    `report(numbers)`, a line about their means over 50 steps.
    """

    SAVE_SECONDS = 120

    def __init__(self, path, minutes, seed):
        self.path, self.minutes, self.seed = path, minutes, seed
        self.together = Together()
        self.optimisers = ()
        self.step, self.used = 0, 0.0

    def load(self):
        return torch.load(self.path, map_location="cpu", weights_only=False)

    def resume_time(self, saved):
        """Optimisers and time used; not for another kind of training."""
        for optimiser, state in zip(
            self.optimisers, saved["optimisers"], strict=True
        ):
            optimiser.load_state_dict(state)
        self.used = saved["used"]

    def say_resumed(self):
        print(
            f"going on from step {self.step}, {self.used:.0f} s used",
            flush=True,
        )

    def start_random(self):
        """Random numbers that differ between processes and parts of a run."""
        seed = [self.seed, self.step, self.together.rank]
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(int(self.rng.integers(2**31)))

    def save(self):
        state = {
            **self.state(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "step": self.step,
            "used": self.used,
        }
        temporary = self.path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.path)

    def share(self):
        """Of the minutes, how much is used."""
        return min(1.0, self.used / (60 * self.minutes))

    def descend(self, total, parameters, most):
        """One step of all optimisers; gradients no longer than `most`."""
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.together.average_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, most)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1

    def run(self):
        sums, mark, saved = 0.0, time.time(), time.time()
        while self.used < 60 * self.minutes:
            sums = sums + np.array(self.one_step())
            self.used = self.together.agreed(self.used + time.time() - mark)
            mark = time.time()
            if not self.together.leads:
                continue
            if self.step % 50 == 0:
                self.report(sums / 50)
                sums = 0.0
            if time.time() - saved > self.SAVE_SECONDS:
                self.save()
                saved = time.time()
        if self.together.leads:
            self.save()
