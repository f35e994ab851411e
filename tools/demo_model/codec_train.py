"""Trains the demo model's Mimi codec on the synthesised speech.

    python codec_train.py --work DIR [--minutes 40]

transformers' MimiModel supplies encoder and decoder; quantiser.py trains the
codebooks. Losses: spectra at several scales, cepstra, commitment, and the
phones of the frame read from codebook 0 (so that the language model's first
code says what is spoken). The learning rate follows the share of --minutes that is
used up, so that a run ends well whatever the machine. Writes DIR/codec.pt
every few minutes and goes on from it when rerun.
"""

import argparse
import math
from pathlib import Path

import fast_mimi
import make_data
import numpy as np
import shape
import torch
import torch.nn.functional as F
from losses import SpectralLoss
from muon import Muon
from quantiser import TrainQuantiser
from torch import nn
from training import Training
from transformers import MimiConfig, MimiModel

PHONES = (
    "pau aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng "
    "ow oy p r s sh t th uh uw v w y z zh"
).split()
STEP = 240  # samples per phone label (10 ms)
SHARES = (0.65, 0.35)  # of the crops; speaker 0 is the harder one


def phone_track(entries, samples):
    """Phone label of every 10 ms of a shard, uint8."""
    number = {p: i for i, p in enumerate(PHONES)}
    track = np.zeros(samples // STEP, np.uint8)
    for entry in entries:
        base = entry["offset"] // STEP
        start = 0
        for phone, end in entry["phones"]:
            stop = round(end * 100)
            track[base + start : base + stop] = number[phone]
            start = stop
    return track


class Speech:
    """Random crops of all shards made so far."""

    def __init__(self, folder, shards):
        self.audio, self.tracks, self.turns = [], [], []
        for name in make_data.shard_names(folder)[:shards]:
            entries, audio = make_data.load_shard(folder, name)
            self.audio.append(audio)
            self.tracks.append(phone_track(entries, len(audio)))
            self.turns.append(
                (
                    np.array([e["offset"] for e in entries]),
                    np.array([e["speaker"] for e in entries]),
                )
            )

    def _start(self, rng, length, speaker):
        """(shard, first label) of a crop that begins with `speaker`."""
        while True:
            shard = int(rng.integers(len(self.audio)))
            last = (len(self.audio[shard]) - length) // STEP
            first = int(rng.integers(last))
            offsets, speakers = self.turns[shard]
            turn = np.searchsorted(offsets, first * STEP, side="right") - 1
            if speakers[turn] == speaker:
                return shard, first

    def crops(self, rng, batch, frames):
        """float [B, samples] and phones [B, frames, 2] (half frames)."""
        length = frames * shape.FRAME
        audio, phones = [], []
        for _ in range(batch):
            speaker = int(rng.random() >= SHARES[0])
            shard, first = self._start(rng, length, speaker)
            piece = self.audio[shard][first * STEP : first * STEP + length]
            audio.append(piece.astype(np.float32) / 32768)
            half = np.arange(frames * 2) * (shape.FRAME // STEP // 2) + 2
            phones.append(self.tracks[shard][first + half])
        labels = torch.from_numpy(np.stack(phones).astype(np.int64))
        return torch.from_numpy(np.stack(audio)), labels.view(batch, frames, 2)


def initialise(mimi):
    """Variance-keeping weights and no biases.

    transformers' default biases drown speech of usual loudness: the latent
    would hardly depend on the sound at first.
    """
    for name, module in mimi.named_modules():
        if name.endswith("layer_scale"):
            nn.init.constant_(module.scale, 0.3)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, module.in_features**-0.5)
        if not isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            continue
        outs, ins, taps = module.weight.shape
        if isinstance(module, nn.ConvTranspose1d):
            ins, taps = outs // module.groups, taps // module.stride[0]
        gain = 1.0 if "quantizer" in name or "sample" in name else 1.3
        if ".block.3" in name:
            gain = 0.3  # the end of a residual branch
        nn.init.normal_(module.weight, 0, gain * (ins * taps) ** -0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    mimi.encoder.layers[0].conv.weight.data *= 8  # speech is about 0.06
    mimi.decoder.layers[-1].conv.weight.data *= 0.1


class Codec(nn.Module):
    """Mimi with the trainable quantiser and the phone reader."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.dtype = dtype
        options = {k: v for k, v in shape.CODEC.items() if k != "model_type"}
        self.mimi = MimiModel(MimiConfig(**options))
        initialise(self.mimi)
        self.quantiser = TrainQuantiser(self.mimi.quantizer)
        width = shape.CODEC["codebook_dim"]
        self.reader = nn.Sequential(
            nn.Conv1d(width, 128, 1),
            nn.GELU(),
            nn.Conv1d(128, 2 * len(PHONES), 1),
        )

    def encode(self, audio):
        """[B, samples] -> latent [B, H, frames]; keeps the sizes of the
        transformer's input and of the latent for `size_loss`."""
        hidden = fast_mimi.run(
            self.mimi.encoder, audio[:, :, None].to(self.dtype)
        )
        self._sizes = [hidden]
        hidden = self.mimi.encoder_transformer(hidden)[0]
        latent = self.mimi.downsample(hidden.transpose(1, 2))
        self._sizes.append(latent)
        return latent

    def size_loss(self):
        """Holds root mean squares near 1: nothing else does, as the
        quantiser's input is normalised."""
        logs = [x.float().square().mean().log() for x in self._sizes]
        return sum(x.square() for x in logs)

    def decode(self, latent):
        """Latent [B, H, frames] -> [B, samples]."""
        hidden = self.mimi.upsample(latent)
        hidden = self.mimi.decoder_transformer(hidden.transpose(1, 2))[0]
        return fast_mimi.run(self.mimi.decoder, hidden.to(self.dtype))[:, :, 0]

    def phones(self, vectors):
        """Semantic vectors [B, 64, T] -> logits [B, T, 2, phones]."""
        logits = self.reader(vectors).transpose(1, 2)
        return logits.reshape(*logits.shape[:2], 2, len(PHONES))


def active_books(batch, share):
    """How many codebooks each row keeps: a share all, the others 1..K-1."""
    full = torch.rand(batch) < share
    some = torch.randint(1, shape.K, (batch,))
    return torch.where(full, torch.tensor(shape.K), some)


class Trainer(Training):
    def __init__(self, args):
        torch.manual_seed(args.seed)
        super().__init__(args.work / "codec.pt", args.minutes, args.seed)
        self.args = args
        self.codec = Codec(torch.bfloat16 if args.bf16 else torch.float32)
        self.loss = SpectralLoss()
        fixed = ("encoder", "downsample", "input_proj", "reader")
        trained = [
            weight
            for name, weight in self.codec.named_parameters()
            if not (args.decoder_only and any(part in name for part in fixed))
        ]
        matrices = [w for w in trained if w.dim() > 1]
        others = [w for w in trained if w.dim() <= 1]
        self.optimisers = (
            Muon(matrices, lr=args.rate, weight_decay=0.01),
            torch.optim.AdamW(
                others,
                lr=args.rate,
                betas=(0.85, 0.98),
                weight_decay=0.01,
                fused=True,
            ),
        )
        self.quantised = False
        self.first = 0  # step at which this optimiser began
        self.pool = []
        if self.path.exists():
            self._resume()
        self.start_random()

    def _resume(self):
        saved = self.load()
        self.codec.load_state_dict(saved["codec"])
        self.step, self.quantised = saved["step"], saved["quantised"]
        if saved.get("decoder_only", False) == self.args.decoder_only:
            self.resume_time(saved)
            self.first = saved.get("first", 0)
        else:
            self.first = self.step
        self.say_resumed()

    def state(self):
        model = dict(self.codec.mimi.state_dict())
        self.codec.quantiser.publish(model)
        return {
            "model": model,
            "counts": self.codec.quantiser.use.clone(),
            "codec": self.codec.state_dict(),
            "first": self.first,
            "quantised": self.quantised,
            "decoder_only": self.args.decoder_only,
        }

    def _rate(self):
        warm = min(1.0, (self.step - self.first + 1) / 200)
        fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.share()))
        return self.args.rate * warm * fall

    def _forward(self, audio, phones):
        bf16 = torch.autocast("cpu", torch.bfloat16, enabled=self.args.bf16)
        with bf16, torch.set_grad_enabled(not self.args.decoder_only):
            latent = self.codec.encode(audio)
        latent = latent.float()
        self.pool.append(
            latent.detach().transpose(1, 2).reshape(-1, latent.shape[1])
        )
        self.pool = self.pool[-60:]
        share = 0.9 if self.args.decoder_only else 0.6
        active = active_books(len(audio), share) if self.quantised else None
        latent, _, commitment, vectors = self.codec.quantiser(
            latent, active, self.quantised
        )
        with bf16:
            output = self.codec.decode(latent)
        mel, line, cepstral = self.loss(output.float(), audio)
        read = F.cross_entropy(
            self.codec.phones(vectors).flatten(0, 2), phones.flatten()
        )
        total = 2.5 * mel + 0.5 * line + 5 * cepstral
        if not self.args.decoder_only:
            total = total + 0.25 * commitment + self.args.phone_weight * read
            total = total + 0.1 * self.codec.size_loss()
        parts = (mel, line, cepstral, commitment, read)
        return total, [torch.as_tensor(p).detach() for p in parts]

    def one_step(self):
        frames, batch = self.args.frames, self.args.batch
        if self.step % 8 == 7:  # long crops, so that long speech holds up
            frames, batch = 4 * frames, max(1, batch // 4)
        audio, phones = self.speech.crops(self.rng, batch, frames)
        total, parts = self._forward(audio, phones)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self._rate()
        self.descend(total, list(self.codec.parameters()), 2.0)
        self._schedule(batch * frames)
        self.together.copy_from_leader(list(self.codec.quantiser.buffers()))
        return [float(p) for p in parts]

    def _schedule(self, vectors):
        """Codebooks from k-means, several times; then slower averages."""
        if self.args.decoder_only:
            self.pool = []
            return
        quantiser, free = self.codec.quantiser, self.args.free_steps
        if self.step in [free + later for later in (0, 200, 500)]:
            quantiser.initialise(torch.cat(self.pool), vectors / shape.CODES)
            self.quantised = True
        since = self.step - free
        quantiser.decay = (
            0.96 if since < 1500 else 0.98 if since < 3000 else 0.99
        )
        if since > 500:
            self.pool = []

    def run(self):
        self.speech = Speech(self.args.work / "data", self.args.shards)
        self.codec.train()
        self.codec.quantiser.frozen = self.args.decoder_only
        super().run()

    def report(self, numbers):
        mel, line, cepstral, commitment, read = numbers
        print(
            f"step {self.step} {self.used:.0f} s "
            f"mel {mel:.4f} line {line:.4f} cepstra {cepstral:.4f} "
            f"commit {commitment:.4f} "
            f"phones {read:.4f} rate {self._rate():.2e}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--free-steps", type=int, default=300)
    parser.add_argument("--phone-weight", type=float, default=0.7)
    parser.add_argument("--decoder-only", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    Trainer(args).run()


if __name__ == "__main__":
    main()
