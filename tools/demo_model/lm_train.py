"""Trains the demo model's language model on the codec's codes.

    python lm_train.py --work DIR [--minutes 60]

Loss as transformers' CSM (codebook 0 at every step with the all-zero EOS
frame, codebooks 1.. of a random part of the frames) plus two training aids:
the phones of the next frame, and the place in the text for one attention
head. Some rows are conversations of several sentences, so that the model can
be given context. The learning rate follows the share of --minutes that is used up.
Writes DIR/lm.pt every few minutes and goes on from it when rerun.
"""

import argparse
import math
from pathlib import Path

import codec_train
import lm_model
import numpy as np
import shape
import torch
import torch.nn.functional as F
from muon import Muon
from torch import nn
from training import Training


MAX_TURNS = 8  # of a conversation


def load_rows(work, names):
    """[(ids, codes [T, K], places [T], phones [T, 2])] of some shards."""
    rows = []
    for name in names:
        with np.load(work / "codes" / f"{name}.npz") as shard:
            codes, ids = shard["codes"], shard["ids"]
            where, phones, sizes = (
                shard["places"],
                shard["phones"],
                shard["sizes"],
            )
        text, frame = 0, 0
        for tokens, frames in sizes:
            span = slice(frame, frame + frames)
            rows.append(
                (
                    ids[text : text + tokens],
                    codes[span],
                    where[span],
                    phones[span],
                )
            )
            text, frame = text + tokens, frame + frames
    return rows


def conversations(rows, rng, share):
    """Lists of rows in random order: a share of them, by number, are 2 to
    MAX_TURNS of them, the others are one."""
    order, at = rng.permutation(len(rows)), 0
    while at < len(order):
        several = rng.random() < share
        turns = int(rng.integers(2, MAX_TURNS + 1)) if several else 1
        yield [rows[i] for i in order[at : at + turns]]
        at += turns


def length(turns):
    """Positions of a conversation, the end of the last turn's audio less."""
    return sum(len(r[0]) + len(r[1]) + 1 for r in turns) - 1


def batches(rows, rng, positions, share=0.0):
    """Endless batches of conversations of like length, about `positions` in
    all; `share` of the conversations have several turns."""
    while True:
        talks = list(conversations(rows, rng, share))
        for first in range(0, len(talks), 2048):
            groups, group, longest = [], [], 0
            for talk in sorted(talks[first : first + 2048], key=length):
                longest = max(longest, length(talk))
                if (len(group) + 1) * longest > positions and group:
                    groups.append(group)
                    group = []
                group.append(talk)
            groups.append(group)
            for index in rng.permutation(len(groups)):
                yield groups[index]


class Batch:
    """Flat index tensors of several conversations, padded on the right."""

    def __init__(self, talks):
        self.count = len(talks)
        self.width = max(length(talk) for talk in talks)
        text_at, audio_at, end_at, target_at = [], [], [], []
        rows, starts = [], []
        for i, talk in enumerate(talks):
            start = 0
            for ids, codes, *_ in talk:
                tokens, frames = len(ids), len(codes)
                base = i * self.width + start
                text_at.append(base + np.arange(tokens))
                audio_at.append(base + tokens + np.arange(frames))
                target_at.append(base + tokens - 1 + np.arange(frames + 1))
                end_at.append(base + tokens + frames)
                starts.append(start)
                start += tokens + frames + 1
            rows.extend(talk)
            end_at.pop()  # the last turn's end is predicted, not read
        self.end_at = torch.tensor(end_at, dtype=torch.int64)
        end = np.zeros((1, shape.K), np.int64)
        join = lambda parts: torch.from_numpy(
            np.concatenate(parts).astype(np.int64)
        )
        self.text_at, self.audio_at = join(text_at), join(audio_at)
        self.target_at = join(target_at)
        self.ids = join([r[0] for r in rows])
        self.codes = join([r[1] for r in rows])
        self.targets = join([np.concatenate((r[1], end)) for r in rows])
        self.places = join(
            [
                np.append(r[2], len(r[0]) - 1) + start
                for r, start in zip(rows, starts, strict=True)
            ]
        )
        self.phones = join(
            [np.concatenate((r[3], np.zeros((1, 2)))) for r in rows]
        )
        self.turn = join(
            [np.full(len(r[1]) + 1, i) for i, r in enumerate(rows)]
        )
        self.text_start = torch.tensor(starts)
        self.text_end = self.text_start + torch.tensor(
            [len(r[0]) for r in rows]
        )


def corrupted(codes, shares):
    """Codes [N, K] with a share of the entries of codebook 0 and of the others
    (`shares`) replaced by those of another frame."""
    swap = torch.rand(codes.shape)
    swap[:, 0] = swap[:, 0] < shares[0]
    swap[:, 1:] = swap[:, 1:] < shares[1]
    return torch.where(swap.bool(), codes[torch.randperm(len(codes))], codes)


class Learner(nn.Module):
    """The model with its training aids. In training a share of the codes that
    the backbone reads is wrong (`corrupt`: of codebook 0, of the others), as
    sampled codes are: it then trusts the text more than the last frames."""

    def __init__(self, corrupt=(0.0, 0.0)):
        super().__init__()
        self.csm, self.corrupt = lm_model.Csm(), corrupt
        width = shape.BACKBONE["hidden_size"]
        self.reader = nn.Linear(width, 2 * len(codec_train.PHONES), bias=False)

    def _inputs(self, batch):
        codes = batch.codes
        if self.training:
            codes = corrupted(codes, self.corrupt)
        text, frames = self.csm.text(batch.ids), self.csm.frames(codes)
        x = text.new_zeros(batch.count * batch.width, text.shape[1])
        x = x.index_copy(0, batch.text_at, text).index_copy(
            0, batch.audio_at, frames
        )
        if len(batch.end_at):
            ends = codes.new_zeros(len(batch.end_at), shape.K)
            x = x.index_copy(0, batch.end_at, self.csm.frames(ends))
        return x.view(batch.count, batch.width, -1)

    def _place_loss(self, batch, q, k):
        """Cross entropy of head 0's attention with the place in the text."""
        scores = (q[:, 0] @ k[:, 0].mT).float() * q.shape[-1] ** -0.5
        steps = torch.arange(batch.width)
        scores = scores.masked_fill(steps[None, :] > steps[:, None], -math.inf)
        log = scores.log_softmax(-1).view(-1, batch.width)[batch.target_at]
        gap = (steps[None] - batch.places[:, None]).float()
        soft = torch.exp(-gap.square() / (2 * 1.2**2))
        soft = soft * (steps[None] >= batch.text_start[batch.turn][:, None])
        soft = soft * (steps[None] < batch.text_end[batch.turn][:, None])
        soft = soft / soft.sum(-1, keepdim=True)
        return -(soft * log.clamp(min=-30)).sum(-1).mean()

    def forward(self, batch, share):
        """(c0 loss, mean loss of the other codebooks, phone loss, place loss,
        per-codebook losses); `share` of the frames trains the depth decoder."""
        hidden, seen = self.csm.backbone(self._inputs(batch))
        hidden = hidden.reshape(-1, hidden.shape[-1])[batch.target_at]
        first = F.cross_entropy(
            self.csm.c0_head(hidden).float(), batch.targets[:, 0]
        )
        middle = seen[lm_model.READ_LAYER][0]
        middle = middle.reshape(-1, middle.shape[-1])[batch.target_at]
        read = self.reader(F.rms_norm(middle, middle.shape[-1:])).float()
        phones = F.cross_entropy(
            read.view(-1, len(codec_train.PHONES)), batch.phones.flatten()
        )
        place = self._place_loss(batch, *seen[lm_model.GUIDED_LAYER][1:])
        some = torch.randperm(len(hidden))[: int(share * len(hidden))]
        codes = batch.targets[some]
        logits = self.csm.depth_logits(hidden[some], codes[:, :-1])
        rest = F.cross_entropy(
            logits.float().flatten(0, 1),
            codes[:, 1:].flatten(),
            reduction="none",
        ).view(-1, shape.K - 1)
        return first, rest.mean(), phones, place, rest.mean(0)


class Trainer(Training):
    def __init__(self, args):
        torch.manual_seed(args.seed)
        super().__init__(args.work / "lm.pt", args.minutes, args.seed)
        self.args = args
        self.learner = Learner(args.corrupt)
        matrices, others = [], []
        for name, weight in self.learner.named_parameters():
            inside = ".layers." in name and weight.ndim == 2
            (matrices if inside else others).append(weight)
        self.optimisers = [
            Muon(matrices, lr=1.0, weight_decay=0.05),
            torch.optim.AdamW(
                others, lr=1.0, betas=(0.9, 0.98), weight_decay=0.01, fused=True
            ),
        ]
        if self.path.exists():
            self._resume()
        elif args.start_from:
            saved = torch.load(args.start_from, map_location="cpu")
            self.learner.load_state_dict(saved["learner"])
        names = sorted(p.stem for p in (args.work / "codes").glob("[0-9]*.npz"))
        self.start_random()
        self.rows = load_rows(args.work, names)
        self.held = load_rows(args.work, ["held"])
        self.stream = batches(
            self.rows, self.rng, args.positions, args.conversations
        )
        frames = sum(len(r[1]) for r in self.rows)
        print(f"{len(self.rows)} rows, {frames} frames", flush=True)

    def _resume(self):
        saved = self.load()
        self.learner.load_state_dict(saved["learner"])
        self.step = saved["step"]
        self.resume_time(saved)
        self.say_resumed()

    def state(self):
        return {
            "model": self.learner.csm.exported(),
            "learner": self.learner.state_dict(),
        }

    def _set_rates(self):
        warm = min(1.0, (self.step + 1) / 100)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.share()))
        for optimiser, rate in zip(
            self.optimisers, self.args.rates, strict=True
        ):
            for group in optimiser.param_groups:
                group["lr"] = rate * warm * fall

    def one_step(self):
        self._set_rates()
        batch = Batch(next(self.stream))
        with torch.autocast("cpu", torch.bfloat16):
            first, rest, phones, place, _ = self.learner(
                batch, self.args.depth_share
            )
        aid = 1.0 - 0.8 * self.share()
        total = (
            first
            + self.args.rest_weight * rest
            + aid * (0.3 * phones + 0.3 * place)
        )
        self.descend(total, list(self.learner.parameters()), 1.0)
        return [float(x.detach()) for x in (first, rest, phones, place)]

    @torch.no_grad()
    def held_out_losses(self):
        rng = np.random.default_rng(0)
        torch_state = torch.get_rng_state()
        self.learner.eval()
        sums, stream, count = 0.0, batches(self.held, rng, 4000), 4
        for _ in range(count):
            with torch.autocast("cpu", torch.bfloat16):
                parts = self.learner(Batch(next(stream)), 1.0)
            sums = sums + torch.cat((torch.stack(parts[:4]), parts[4])).float()
        self.learner.train()
        torch.set_rng_state(torch_state)
        return (sums / count).tolist()

    def report(self, numbers):
        text = " ".join(f"{x:.3f}" for x in numbers)
        print(
            f"step {self.step} {self.used:.0f} s: c0 rest phones place {text}",
            flush=True,
        )
        if self.step % 500 == 0:
            text = " ".join(f"{x:.3f}" for x in self.held_out_losses())
            print(f"  held out: c0 rest phones place, c1.. {text}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--positions", type=int, default=2400)
    parser.add_argument("--rates", type=float, nargs=2, default=(4e-3, 3e-3))
    parser.add_argument("--rest-weight", type=float, default=1.0)
    parser.add_argument("--depth-share", type=float, default=0.5)
    parser.add_argument(
        "--corrupt", type=float, nargs=2, default=(0.05, 0.15)
    )
    parser.add_argument("--conversations", type=float, default=0.3)
    parser.add_argument("--start-from", type=Path, help="weights to begin with")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    Trainer(args).run()


if __name__ == "__main__":
    main()
