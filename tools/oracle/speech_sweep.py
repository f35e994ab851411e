"""Speech by temperature and top-k: what the demo model's settings rest on.

    python tools/oracle/speech_sweep.py --csm build/release/bin/csm
        --out speech.json [--work DIR] [--sentences 100]
        [--temperatures 0.5,0.6] [--top-ks 50,100] [--restart]

Every cell speaks the same held-out sentences with both speakers (one process
a sentence, the seed is its number) and compares with flite's own audio: word
error rate by pocketsphinx, share that ended by itself, duration, mel-cepstral
distortion; 95 % intervals by bootstrap over sentences. The file is written
after every cell, and a second call goes on there. DIR is the folder of
tools/demo_model/make_data.py; without it flite speaks now. `csm tokens sweep
--speech speech.json` puts the figures into its report.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

import speech_measures as measures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "demo_model"))
import make_data  # noqa: E402
import recognise  # noqa: E402

FORMAT = "csm-speech-sweep 1"
FRAME = 1920
LIMIT_MS = 20000  # the longest held-out sentence has less than 6.4 s
TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
TOP_KS = (10, 20, 50, 100, 200, 400)
DEFAULT = (0.8, 100)
SPEAKERS = 2


def held_out(work, n_sentences):
    """[(text, speaker, int16 audio at 24 kHz)], speakers side by side."""
    if work:
        entries, sound = make_data.load_shard(work / "data", "held")
    else:
        import flite
        import sentences

        # All, in make_data's order: flite's noise depends on what came before.
        jobs = [(t, s) for t in sentences.held_out() for s in range(SPEAKERS)]
        entries, sound = make_data.speak_all(flite.Flite(), jobs)
    if len(entries) < SPEAKERS * n_sentences:
        raise SystemExit(f"speech_sweep: {len(entries) // SPEAKERS} held-out "
                         f"sentences, {n_sentences} asked for")
    step = len(entries) // SPEAKERS / n_sentences
    chosen = []
    for i in range(n_sentences):
        for s in range(SPEAKERS):
            entry = entries[SPEAKERS * int(i * step) + s]
            assert entry["speaker"] == s
            start = entry["offset"]
            audio = np.array(sound[start: start + entry["samples"]])
            chosen.append((entry["text"], s, audio))
    return chosen


class Listener:
    """What a worker process keeps: the recogniser, a folder, the program."""

    ear = folder = base = None

    @classmethod
    def start(cls, base):
        os.nice(5)
        cls.ear = recognise.Recogniser()
        cls.folder = tempfile.TemporaryDirectory(prefix="speech-sweep-")
        cls.base = base

    @classmethod
    def speak(cls, text, speaker, seed, temperature, top_k):
        """(audio float [N], ended by itself, frames)"""
        out = pathlib.Path(cls.folder.name) / "speech.wav"
        command = [*cls.base, "--text", text, "--speaker", str(speaker),
                   "--seed", str(seed), "--temperature", str(temperature),
                   "--top-k", str(top_k), "--max-audio-ms", str(LIMIT_MS),
                   "--output", str(out), "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        result = json.loads(done.stdout)
        ended = result["stop_reason"] == "eos"
        return measures.read_wav(out), ended, result["frames"]


def measure_utterance(job):
    """One row of measures.COLUMNS."""
    (text, speaker, reference), seed, temperature, top_k = job
    audio, ended, frames = Listener.speak(text, speaker, seed, temperature,
                                          top_k)
    return [*recognise.heard_errors(Listener.ear, text, audio), int(ended),
            frames, len(reference) // FRAME,
            round(measures.mel_cepstral_distortion(audio, reference), 4)]


def flite_errors(utterance):
    """(errors, words) of flite's own audio."""
    text, _, audio = utterance
    return recognise.heard_errors(Listener.ear, text,
                                  audio.astype(np.float32) / 32768)


class Results:
    """The output file, which is also the state that a second call goes on."""

    def __init__(self, path, head, restart):
        self.path, self.head, self.cells = path, head, {}
        self.flite = None
        if restart or not path.exists():
            return
        try:
            state = json.loads(path.read_text())
            same = {k: state.get(k) for k in head} == head
            if same:
                self.flite = state["flite_word_error_rate"]
                for cell in state["cells"]:
                    key = (cell["temperature"], cell["top_k"])
                    self.cells[key] = cell["utterances"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SystemExit(f"speech_sweep: {path} is not a file of this "
                             "tool; --restart replaces it")
        if not same:
            raise SystemExit(f"speech_sweep: {path} belongs to another model, "
                             "program or set of sentences; --restart replaces "
                             "it")

    def document(self):
        shape = (-1, SPEAKERS, len(measures.COLUMNS))
        tables = {key: np.array(rows, float).reshape(shape)
                  for key, rows in sorted(self.cells.items())}
        described = measures.describe(tables)
        cells = []
        for (temperature, top_k), table in tables.items():
            speech = described[temperature, top_k]
            for s in range(SPEAKERS):
                top, bottom = table[:, s, 0].sum(), table[:, s, 1].sum()
                speech[f"word_error_rate_speaker_{s}"] = float(top / bottom)
            cells.append({"temperature": temperature, "top_k": top_k,
                          "speech": speech,
                          "utterances": self.cells[temperature, top_k]})
        return {**self.head, "flite_word_error_rate": self.flite,
                "default": {"temperature": DEFAULT[0], "top_k": DEFAULT[1]},
                "verdict": measures.verdict(described, DEFAULT),
                "columns": measures.COLUMNS, "cells": cells}

    def write(self):
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.write_text(json.dumps(self.document()))
        os.replace(temporary, self.path)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def version(csm):
    done = subprocess.run([csm, "--version"], capture_output=True, text=True)
    return done.stdout.strip()


class Progress:
    """A line on standard error, with the time left."""

    def __init__(self, total):
        self.total, self.done, self.start = total, 0, time.monotonic()

    def step(self, what):
        self.done += 1
        used = time.monotonic() - self.start
        left = used * (self.total - self.done) / self.done
        print(f"\r{self.done}/{self.total}, {used / 60:.1f} min, "
              f"{left / 60:.1f} min left, {what}  ", end="", file=sys.stderr,
              flush=True)


def run(arguments):
    if not 1 <= arguments.sentences <= 100:
        raise SystemExit("speech_sweep: expected 1 to 100 sentences")
    utterances = held_out(arguments.work, arguments.sentences)
    digest = hashlib.sha256()
    for text, speaker, audio in utterances:
        digest.update(f"{speaker} {text}\n".encode() + audio.tobytes())
    head = {
        "format": FORMAT,
        "model_sha256": sha256(arguments.model / "model.safetensors"),
        "csm": version(arguments.csm),
        "sentences": arguments.sentences,
        "speakers": SPEAKERS,
        "sentences_sha256": digest.hexdigest(),
        "sampler": "torch-f32",
        "limit_ms": LIMIT_MS,
    }
    results = Results(arguments.out, head, arguments.restart)
    grid = [(t, k) for t in arguments.temperatures for k in arguments.top_ks]
    missing = [cell for cell in grid if cell not in results.cells]
    base = [str(arguments.csm), "generate", "--model", str(arguments.model),
            "--threads", "1"]
    progress = Progress(len(missing) * len(utterances))
    with concurrent.futures.ProcessPoolExecutor(
            arguments.workers, initializer=Listener.start,
            initargs=(base,)) as pool:
        if results.flite is None:
            errors, words = zip(*pool.map(flite_errors, utterances))
            results.flite = sum(errors) / sum(words)
        for temperature, top_k in missing:
            jobs = [(u, i, temperature, top_k)
                    for i, u in enumerate(utterances)]
            rows = []
            for row in pool.map(measure_utterance, jobs):
                rows.append(row)
                progress.step(f"temperature {temperature}, top-k {top_k}")
            results.cells[temperature, top_k] = rows
            results.write()
    print(file=sys.stderr)
    results.write()
    return results.document()


def print_table(document):
    print("| temperature | top-k | word error rate % | ended % "
          "| duration ratio | duration error s | MCD dB |")
    print("|---|---|---|---|---|---|---|")
    for cell in document["cells"]:
        speech = cell["speech"]

        def text(name, scale=1, digits=2):
            low, high = (scale * v for v in speech[name + "_95"])
            return (f"{scale * speech[name]:.{digits}f} "
                    f"({low:.{digits}f}..{high:.{digits}f})")

        print(f"| {cell['temperature']} | {cell['top_k']} "
              f"| {text('word_error_rate', 100, 1)} "
              f"| {text('eos_rate', 100, 1)} | {text('duration_ratio')} "
              f"| {text('duration_error_s')} | {text('mcd_db')} |")
    print(f"flite's own word error rate: "
          f"{100 * document['flite_word_error_rate']:.1f} %")
    for entry in document["verdict"] or []:
        low, high = entry["difference_95"]
        best = entry["best"]
        print(f"{entry['measure']}: {DEFAULT[0]} / {DEFAULT[1]} "
              f"{'holds' if entry['holds'] else 'DOES NOT HOLD'}: "
              f"{entry['value']:.4g}, best {best['value']:.4g} at "
              f"{best['temperature']} / {best['top_k']}, difference "
              f"{entry['difference']:.4g} ({low:.4g}..{high:.4g})")


def main():
    numbers = lambda kind: lambda text: [kind(v) for v in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--temperatures", type=numbers(float),
                        default=list(TEMPERATURES))
    parser.add_argument("--top-ks", type=numbers(int), default=list(TOP_KS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--restart", action="store_true")
    try:
        print_table(run(parser.parse_args()))
    except (OSError, RuntimeError) as error:
        print(f"speech_sweep: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
