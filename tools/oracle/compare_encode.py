"""Compares csm encode with transformers and moshi, live.

    python tools/oracle/compare_encode.py --csm build/release/bin/csm
        [--model models/demo] [--sounds 20] [--out table.md]

Sounds are sentences spoken by the demo model, one of more than the 10 s that
the codec's attention looks back, noise, and a few that end within a frame or
are shorter than one; as 24 kHz float WAV, so that all read the same samples.
Models are the given one and random models of odd shapes. transformers ends a
last frame that is not full in each convolution, moshi fills it with silence
(`--end-with-silence`); transformers runs with the window that moshi has.

A first difference within a frame where the oracle's code and csm's are equally
near to within rounding is a near-tie; it changes the later codes of its frame,
which are not counted again. Any other difference fails the run.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
import torch
from transformers import CsmForConditionalGeneration

import random_models
from mimi_models import NEAR_TIE, HfEncoder, MoshiEncoder

ROOT = pathlib.Path(__file__).resolve().parents[2]
RATE = 24000
FRAME = 1920


def run(csm, *arguments):
    done = subprocess.run([str(a) for a in (csm, *arguments)],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"{csm} failed")


def make_sounds(csm, count, folder):
    """Files of mono float samples."""
    lines = (ROOT / "tests" / "data" / "prompts.txt").read_text().splitlines()
    spoken = []
    for number in range(count):
        path = folder / "spoken.wav"
        run(csm, "generate", "--text", lines[number % len(lines)], "--speaker",
            number % 2, "--seed", number, "--output", path)
        spoken.append(soundfile.read(path, dtype="float32")[0])
    noise = np.random.default_rng(3).standard_normal(4 * RATE) * 0.1
    joined = np.concatenate(spoken)
    sounds = [*spoken, np.resize(joined, 15 * RATE),
              noise.astype(np.float32), np.zeros(RATE, np.float32)]
    sounds += [joined[:n] for n in (1, 500, 959, 961, FRAME - 1, FRAME,
                                    3 * FRAME + 1, 5 * FRAME - 1)]
    paths = []
    for number, samples in enumerate(sounds):
        paths.append(folder / f"sound{number}.wav")
        soundfile.write(paths[-1], samples, RATE, subtype="FLOAT")
    return paths


class Tally:
    """What a comparison of one model with one oracle came to."""

    def __init__(self):
        self.frames = self.codes = self.equal = self.excused = 0
        self.near_ties, self.defects = [], []

    def row(self, model, oracle, files):
        return (f"| {model} | {oracle} | {files} | {self.frames} "
                f"| {self.codes} | {self.equal} | {len(self.near_ties)} "
                f"| {self.excused} | {len(self.defects)} |")


def judge(tally, name, judge_of, samples, theirs, ours):
    """Counts equal codes and says why the others differ."""
    if theirs.shape != ours.shape:
        tally.defects.append(f"{name}: {ours.shape}, expected {theirs.shape}")
        return
    tally.frames += len(theirs)
    tally.codes += theirs.size
    tally.equal += int((theirs == ours).sum())
    latent = None
    for frame in np.flatnonzero((theirs != ours).any(axis=1)):
        books = np.flatnonzero(theirs[frame] != ours[frame])
        # The two groups of books start anew from the same vector.
        n_semantic = judge_of.codec.config.num_semantic_quantizers
        for group in (books[books < n_semantic], books[books >= n_semantic]):
            if not len(group):
                continue
            if latent is None:
                latent = judge_of.latent(samples)[0]
            margin = judge_of.margin(latent[:, frame], theirs[frame],
                                     group[0], ours[frame, group[0]])
            line = f"{name}: frame {frame} codebook {group[0]}, " \
                   f"margin {margin:.1e}"
            found = tally.near_ties if margin < NEAR_TIE else tally.defects
            found.append(line)
            tally.excused += len(group) - 1


def compare(csm, folder, name, sounds, scratch):
    """A tally for each oracle that has such a codec."""
    codec = CsmForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32).codec_model
    judge_of = HfEncoder(codec)
    oracles = [(judge_of, [])]
    if MoshiEncoder.fits(codec.config):
        oracles.append((MoshiEncoder(codec), ["--end-with-silence"]))
    n_books = codec.config.num_quantizers
    out = scratch / "codes.npy"
    tallies = []
    for oracle, options in oracles:
        tally = Tally()
        for path in sounds:
            samples = soundfile.read(path, dtype="float32")[0]
            run(csm, "encode", "--model", folder, "--input", path, "--output",
                out, "--codebooks", n_books, *options)
            if options:
                samples = np.pad(samples, (0, -len(samples) % FRAME))
            judge(tally, path.stem, judge_of, samples, oracle.encode(samples),
                  np.load(out))
        tallies.append((name, oracle.name, tally))
    return tallies


def summary(n_sounds, tallies):
    """All comparisons in one line."""
    return (f"{n_sounds} sounds, {len(tallies)} comparisons: "
            f"{sum(t.equal for t in tallies)} of "
            f"{sum(t.codes for t in tallies)} codes equal, "
            f"{sum(len(t.near_ties) for t in tallies)} near-tie flips, "
            f"{sum(len(t.defects) for t in tallies)} other differences")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--sounds", type=int, default=20)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tallies = []
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        sounds = make_sounds(arguments.csm, arguments.sounds, scratch)
        tallies += compare(arguments.csm, arguments.model, "demo", sounds,
                           scratch)
        for case in random_models.CASES:
            random_models.write(case, scratch / case)
            tallies += compare(arguments.csm, scratch / case, case, sounds,
                               scratch)
    rows = ["| model | oracle | files | frames | codes | equal "
            "| near-tie flips | later codes of these | other differences |",
            "|---|---|---|---|---|---|---|---|---|"]
    rows += [tally.row(model, oracle, len(sounds))
             for model, oracle, tally in tallies]
    print("\n".join(rows))
    for model, oracle, tally in tallies:
        for line in tally.near_ties + tally.defects:
            print(f"{model}, {oracle}: {line}")
    print(summary(len(sounds), [tally for _, _, tally in tallies]))
    if arguments.out:
        arguments.out.write_text("\n".join(rows) + "\n")
    return 1 if any(tally.defects for _, _, tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
