"""Compares csm with transformers, live: tokens, logits and audio.

    python tools/oracle/compare_generate.py --csm build/release/bin/csm
        [--model models/demo] [--prompts 50] [--seeds 2] [--random-models]

For every prompt and seed `csm generate --tokens-out` must equal transformers'
`generate` at every position until the end; for every prompt the logits of
`csm score` must lie within 2e-4 and the audio of `csm decode` within 1e-4.
A token that differs where the oracle's own top two candidates are closer than
1e-5 (relative) is listed as a near-tie; any other difference fails the run.
Prompts are those of tests/data/prompts.txt, then the demo model's held-out
sentences: 150 in all.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch

import random_models
from hf_model import FRAMES, HfModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "demo_model"))
import sentences  # noqa: E402

MAX_LOGIT_ERROR = 2e-4
MAX_AUDIO_ERROR = 1e-4
WINDOW_FRAMES = 125  # transformers' codec has no window beyond 250 steps
NEAR_TIE = 1e-5


class Csm:
    """The program under test."""

    def __init__(self, program, model, folder, extra):
        self.base = [str(program)]
        self.model = ["--model", str(model), "--threads", "1"]
        self.folder = pathlib.Path(folder)
        self.extra = extra

    def run(self, command, *arguments):
        subprocess.run([*self.base, command, *self.model, *arguments],
                       check=True, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)

    def generate(self, text, speaker, seed, frames):
        out = self.folder / "tokens.npy"
        self.run("generate", "--text", text, "--speaker", str(speaker),
                 "--seed", str(seed), "--tokens-out", str(out),
                 "--max-audio-ms", str(frames * 80), *self.extra)
        return np.load(out)

    def score(self, text, speaker, codes):
        tokens, out = self.folder / "in.npy", self.folder / "logits.npy"
        np.save(tokens, codes.astype(np.int32))
        self.run("score", "--text", text, "--speaker", str(speaker),
                 "--tokens", str(tokens), "--logits-out", str(out))
        return np.load(out)

    def decode(self, codes):
        tokens, out = self.folder / "in.npy", self.folder / "audio.npy"
        np.save(tokens, codes.astype(np.int32))
        self.run("decode", "--input", str(tokens), "--output", str(out))
        return np.load(out)


def first_difference(ours, theirs):
    """(frame, codebook) of the first differing code, or None."""
    n = min(len(ours), len(theirs))
    unequal = np.argwhere(ours[:n] != theirs[:n])
    if len(unequal):
        return tuple(int(i) for i in unequal[0])
    return None if len(ours) == len(theirs) else (n, 0)


def margin(oracle, prompt, seed, place, theirs, top_k):
    """How close the oracle's two best candidates are at a place (relative)."""
    text, speaker = prompt
    frame, codebook = place
    if frame >= len(theirs):
        theirs = np.concatenate([theirs, np.zeros((1, oracle.n_codebooks))])
    logits = oracle.score(text, speaker, theirs[: frame + 1])[frame, codebook]
    generator = torch.Generator().manual_seed(seed)
    shape = (frame * oracle.n_codebooks + codebook + 1, len(logits))
    noise = torch.empty(shape).exponential_(1, generator=generator)[-1]
    scaled = torch.tensor(logits) / 0.8
    kept = scaled >= torch.topk(scaled, top_k)[0][-1]
    ratio = torch.softmax(scaled.masked_fill(~kept, -torch.inf), 0) / noise
    best = torch.topk(ratio, 2)[0]
    return float((best[0] - best[1]) / best[0])


class Tally:
    """What one model's comparison came to."""

    def __init__(self):
        self.runs = self.equal = self.frames = 0
        self.logit_error = self.audio_error = 0.0
        self.near_ties, self.defects = [], []

    def passed(self):
        return (not self.defects and self.logit_error <= MAX_LOGIT_ERROR
                and self.audio_error <= MAX_AUDIO_ERROR)

    def print(self, name):
        print(f"{name:16} generations equal {self.equal}/{self.runs} "
              f"({self.frames} frames), logits within {self.logit_error:.1e}, "
              f"audio within {self.audio_error:.1e}"
              f"{'' if self.passed() else '  FAILED'}", flush=True)
        for line in self.near_ties + self.defects:
            print("   ", line)


def compare(csm, oracle, prompts, seeds, frames, top_k=100, codec=True):
    """Runs every prompt and seed through both and compares."""
    tally = Tally()
    for number, prompt in enumerate(prompts):
        for seed in seeds:
            theirs = oracle.generate(*prompt, seed, frames, top_k=top_k)
            ours = csm.generate(*prompt, seed, frames)
            tally.runs += 1
            tally.frames += len(theirs)
            place = first_difference(ours, theirs)
            if place is None:
                tally.equal += 1
                continue
            gap = margin(oracle, prompt, seed, place, theirs, top_k)
            line = f"prompt {number} seed {seed}: frame {place[0]} " \
                   f"codebook {place[1]}, margin {gap:.1e}"
            (tally.near_ties if gap < NEAR_TIE else tally.defects).append(line)
        if len(theirs) == 0:
            continue
        error = np.abs(csm.score(*prompt, theirs) -
                       oracle.score(*prompt, theirs)).max()
        tally.logit_error = max(tally.logit_error, float(error))
        short = theirs[:WINDOW_FRAMES]
        if codec and (short < oracle.n_codec_codes).all():
            error = np.abs(csm.decode(short) - oracle.decode(short)).max()
            tally.audio_error = max(tally.audio_error, float(error))
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--random-models", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    lines = (ROOT / "tests" / "data" / "prompts.txt").read_text().splitlines()
    lines += sentences.held_out()
    if not 1 <= arguments.prompts <= len(lines):
        parser.error(f"--prompts: expected 1 to {len(lines)}")
    prompts = [(text, number % 2) for number, text in enumerate(lines)]
    prompts = prompts[: arguments.prompts]
    tallies = []
    with tempfile.TemporaryDirectory() as folder:
        csm = Csm(arguments.csm, arguments.model, folder, [])
        tallies.append(compare(csm, HfModel(arguments.model), prompts,
                               range(arguments.seeds), FRAMES))
        tallies[-1].print("demo")
        if arguments.random_models:
            for name in random_models.CASES:
                model = pathlib.Path(folder) / name
                random_models.write(name, model)
                top_k = random_models.top_k(name)
                csm = Csm(arguments.csm, model, folder,
                          ["--codec-safety", "torch", "--top-k", str(top_k)])
                tallies.append(compare(csm, HfModel(model), prompts[:5],
                                       range(2), 20, top_k, codec=False))
                tallies[-1].print(name)
    return 0 if all(t.passed() for t in tallies) else 1


if __name__ == "__main__":
    sys.exit(main())
