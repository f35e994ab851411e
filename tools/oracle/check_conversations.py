"""Acceptance of conversations and long text, on the demo model.

    python tools/oracle/check_conversations.py --csm build/release/bin/csm
        [--model models/demo] [--conversations 10] [--words 3000]

Conversations of ten turns, two speakers by turns, are spoken once by
`csm generate --conversation` and once sentence by sentence with the same
seeds; pocketsphinx, one recogniser for each way, hears both. The word error
rate of conversations may be 3 points above that of separate sentences.

A long text is spoken by speaker 0 into one file, and a tenth of it too: the
whole must be there, in no more than 16 MiB more memory. Its speaker must stay
the same: the mean cosine of speaker embeddings (PyPI resemblyzer, which carries
its weights) between the first and the last chunks must be nearer to that among
the first ones than to that with the other speaker.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
from scipy.signal import resample_poly

import speech_measures as measures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "demo_model"))
import recognise  # noqa: E402
import sentences  # noqa: E402

TURNS = 10
MOST_POINTS = 3.0
MOST_BYTES = 16 << 20
ENDS = 5  # chunks at either end whose speaker is compared


class Csm:
    def __init__(self, program, model, threads):
        self.base = [str(program), "generate", "--model", str(model),
                     "--threads", str(threads), "--json"]

    def __call__(self, *arguments):
        """What --json tells of a run."""
        done = subprocess.run([*self.base, *map(str, arguments)],
                              stdout=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f"csm ended with {done.returncode}")
        return json.loads(done.stdout)


class Ear:
    """Words and errors of each conversation."""

    def __init__(self):
        self.recogniser = recognise.Recogniser()
        self.counts = []

    def hear(self, texts, sounds):
        pairs = [recognise.heard_errors(self.recogniser, text, sound)
                 for text, sound in zip(texts, sounds)]
        self.counts.append(np.sum(pairs, axis=0))

    def rate(self, weights=None):
        counts = np.array(self.counts, float)
        weights = np.ones(len(counts)) if weights is None else weights
        wrong, words = weights @ counts
        return 100 * wrong / words


def check_words(csm, work, n_conversations):
    """(whether conversations are understood as well as separate sentences,
    that in words)."""
    texts = sentences.held_out()
    together, apart = Ear(), Ear()
    dropped = unended = 0
    for number in range(n_conversations):
        lines = [texts[(number * TURNS + i) % len(texts)]
                 for i in range(TURNS)]
        seed = 100 * number
        script = work / "talk.txt"
        script.write_text("".join(f"{i % 2}: {line}\n"
                                  for i, line in enumerate(lines)))
        folder = work / f"talk{number}"
        told = csm("--conversation", script, "--output-dir", folder,
                   "--seed", seed)
        dropped += told["dropped_segments"]
        unended += sum(t["stop_reason"] != "eos" for t in told["turns"])
        together.hear(lines, [measures.read_wav(folder / f"turn-{i:02}.wav")
                              for i in range(1, TURNS + 1)])
        sounds = []
        for i, line in enumerate(lines):
            csm("--text", line, "--speaker", i % 2, "--seed", seed + i,
                "--output", work / "alone.wav")
            sounds.append(measures.read_wav(work / "alone.wav"))
        apart.hear(lines, sounds)
    draws = measures.resamples(n_conversations)
    gaps = [together.rate(w) - apart.rate(w) for w in draws]
    low, high = measures.interval(gaps)
    gap = together.rate() - apart.rate()
    print(f"| word error rate, {n_conversations} conversations of {TURNS} "
          f"turns | {together.rate():.1f} % |")
    print(f"| the same sentences, separately | {apart.rate():.1f} % |")
    print(f"| difference (95 % interval) | {gap:+.1f} points "
          f"({low:+.1f} to {high:+.1f}), at most +{MOST_POINTS:.0f} |")
    print(f"| turns that did not end, segments dropped | {unended}, "
          f"{dropped} |", flush=True)
    return gap <= MOST_POINTS, (
        f"word error rate {together.rate():.1f} %, separately "
        f"{apart.rate():.1f} %, {gap:+.1f} points")


def long_text(n_words):
    """Sentences without digits, so many words together."""
    rng = random.Random(7)
    lines, count = [], 0
    while count < n_words:
        line = sentences.templated(rng)
        if any(c.isdigit() for c in line):
            continue
        line = line[0].upper() + line[1:]
        lines.append(line if line[-1] in ".?!" else line + ".")
        count += len(line.split())
    return " ".join(lines)


def speaker_encoder():
    """Function from sound at 24 kHz to a speaker embedding of length 1."""
    from resemblyzer import VoiceEncoder

    encoder = VoiceEncoder("cpu", verbose=False)
    return lambda sound: encoder.embed_utterance(
        resample_poly(sound, 2, 3).astype(np.float32))


def likeness(ones, others, same=False):
    """Mean cosine of all pairs; of different ones if both are the same."""
    cosines = np.array(ones) @ np.array(others).T
    if same:
        cosines = cosines[~np.eye(len(cosines), dtype=bool)]
    return float(cosines.mean())


def cut(whole, chunks):
    rate = measures.RATE // 1000
    return [whole[round(c["start_ms"] * rate):
                  round((c["start_ms"] + c["audio_ms"]) * rate)]
            for c in chunks]


def check_long_text(csm, work, n_words):
    """(whether a long text comes out whole, by one speaker, in little memory,
    that in words)."""
    text = long_text(n_words)
    # Long enough to be cut, too.
    tenth = " ".join(text.split()[: max(100, n_words // 10)])
    paths = {}
    for name, content in (("long", text), ("tenth", tenth)):
        paths[name] = work / f"{name}.txt"
        paths[name].write_text(content)
    told = csm("--text-file", paths["long"], "--seed", 1,
               "--output", work / "long.wav")
    small = csm("--text-file", paths["tenth"], "--seed", 1,
                "--output", work / "tenth.wav")
    other = csm("--text-file", paths["tenth"], "--seed", 1, "--speaker", 1,
                "--output", work / "other.wav")
    # The program's own word: ru_maxrss would count this process before exec.
    peak, small_peak = told["peak_rss_bytes"], small["peak_rss_bytes"]
    chunks = told["chunks"]
    spoken = " ".join(c["text"] for c in chunks)
    complete = spoken.split() == text.split()
    unended = sum(c["stop_reason"] != "eos" for c in chunks)
    print(f"| long text | {len(text.split())} words, {len(chunks)} chunks, "
          f"{told['audio_ms'] / 60000:.1f} min, real-time factor "
          f"{told['rtf']:.2f}, {'whole' if complete else 'NOT WHOLE'}, "
          f"{unended} chunks did not end |")
    print(f"| peak memory, and that of a tenth | {peak / 2**20:.0f} MiB, "
          f"{small_peak / 2**20:.0f} MiB |", flush=True)

    whole = measures.read_wav(work / "long.wav")
    parts = cut(whole, chunks)
    tenths = max(1, len(chunks) // 10)
    rates = []
    for begin in (0, len(chunks) - tenths):
        ear = Ear()
        ear.hear([c["text"] for c in chunks[begin: begin + tenths]],
                 parts[begin: begin + tenths])
        rates.append(ear.rate())
    print(f"| word error rate of the first and the last tenth "
          f"| {rates[0]:.1f} %, {rates[1]:.1f} % |")

    embed = speaker_encoder()
    first = [embed(p) for p in parts[:ENDS]]
    last = [embed(p) for p in parts[-ENDS:]]
    others = [embed(p) for p in cut(measures.read_wav(work / "other.wav"),
                                    other["chunks"])[:ENDS]]
    same, far = likeness(first, first, True), likeness(first, others)
    stays = likeness(first, last)
    print(f"| speaker, cosine among the first {ENDS} chunks | {same:.3f} |")
    print(f"| speaker, cosine of the first {ENDS} and the last {ENDS} "
          f"| {stays:.3f} |")
    print(f"| speaker, cosine with the other speaker | {far:.3f} |",
          flush=True)
    good = (complete and peak - small_peak <= MOST_BYTES
            and same - stays < stays - far)
    return good, (
        f"{len(text.split())} words {'whole' if complete else 'NOT WHOLE'} in "
        f"{peak / 2**20:.0f} MiB, a tenth in {small_peak / 2**20:.0f} MiB; "
        f"cosine of first and last chunks {stays:.3f}, of two speakers "
        f"{far:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--conversations", type=int, default=10)
    parser.add_argument("--words", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    csm = Csm(arguments.csm, arguments.model, arguments.threads)
    print("| measure | value |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        found = [check_words(csm, work, arguments.conversations),
                 check_long_text(csm, work, arguments.words)]
    print("; ".join(words for _, words in found))
    return 0 if all(good for good, _ in found) else 1


if __name__ == "__main__":
    sys.exit(main())
