"""How often speech ends badly, without the tail guard and with it.

    python tools/oracle/check_tail_guard.py --csm build/release/bin/csm
        [--model models/demo] [--sentences 200] [--temperature 0.8]
        [--takes 3] [--json FILE]

The demo model speaks held-out sentences with both speakers, the seed being the
sentence's number, as it is and with --tail-guard. The guard does not judge
itself. What it judges by is flite, the synthesiser that the model learnt from,
and pocketsphinx:

    length   shorter than 0.75 or longer than 1.35 of flite's own
    words    of the last two words pocketsphinx hears neither among the last
             four, though it hears one in flite's own

A sentence ends badly if either is so or it ran into the limit. As pocketsphinx
mishears whole words too, flite's own speech through the model's codec is judged
as well: that is the floor. Prints a table, and what the guard did. Needs numpy,
scipy, pocketsphinx and flite's libraries.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from scipy.io import wavfile

import speech_measures as measures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "demo_model"))
import flite  # noqa: E402
import make_data  # noqa: E402
import recognise  # noqa: E402
import sentences  # noqa: E402

SPEAKERS = 2
LIMIT_MS = 12000
SHORT, LONG = 0.75, 1.35
REASONS = ("length", "words", "limit")


class Voice:
    """The program, and what it said."""

    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.sound = pathlib.Path(folder) / "speech.wav"

    def csm(self, command, *options):
        """What the program prints."""
        done = subprocess.run(
            [str(self.arguments.csm), command, "--model",
             str(self.arguments.model), *map(str, options)],
            capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr.strip())
        return done.stdout

    def speak(self, text, speaker, seed, *options):
        """(JSON of the program, samples)."""
        told = self.csm(
            "generate", "--text", text, "--speaker", speaker, "--seed", seed,
            "--temperature", self.arguments.temperature, "--max-audio-ms",
            LIMIT_MS, "--output", self.sound, "--json", *options)
        return json.loads(told), measures.read_wav(self.sound)

    def through_codec(self, audio):
        """The same sound, as well as the codec has it."""
        codes = self.sound.with_suffix(".csmc")
        wavfile.write(self.sound, measures.RATE,
                      np.round(audio * 32767).astype(np.int16))
        self.csm("encode", "--input", self.sound, "--output", codes)
        self.csm("decode", "--input", codes, "--output", self.sound)
        return measures.read_wav(self.sound)


def hears_end(ear, text, audio):
    """Whether one of the last two words is among the last four heard."""
    heard = ear.words(audio)[-4:]
    return any(word in heard for word in recognise.normal(text)[-2:])


def bad_reasons(told, audio, model_hears, flite_audio, flite_hears):
    """What is bad about how it ends, of REASONS."""
    ratio = len(audio) / len(flite_audio)
    faults = {"length": not SHORT <= ratio <= LONG,
              "words": flite_hears and not model_hears,
              "limit": told["stop_reason"] == "length"}
    return [reason for reason in REASONS if faults[reason]]


def jobs(n_sentences):
    """[(number, text, speaker)], the speakers in turn."""
    texts = sentences.held_out()
    return [(number, texts[number // SPEAKERS % len(texts)], number % SPEAKERS)
            for number in range(n_sentences)]


def check(arguments, folder):
    """One row for each sentence."""
    voice, synthesiser = Voice(arguments, folder), flite.Flite()
    # pocketsphinx adapts to what it hears, so each side has its own.
    flite_ear, ear, codec_ear = (recognise.Recogniser() for _ in range(3))
    rows = []
    for seed, text, speaker in jobs(arguments.sentences):
        spoken, _, _ = synthesiser.speak(text, speaker)
        reference = make_data.to_24k(spoken).astype(np.float32) / 32768
        reference_hears = hears_end(flite_ear, text, reference)

        def judge(told, audio, by=ear):
            return bad_reasons(told, audio, hears_end(by, text, audio),
                               reference, reference_hears)

        floor = judge({"stop_reason": "eos"}, voice.through_codec(reference),
                      codec_ear)
        guarded, audio = voice.speak(text, speaker, seed,
                                     f"--tail-guard={arguments.takes}")
        after = before = judge(guarded, audio)
        attempts = guarded["tail_guard"]
        if guarded["seed"] != seed:
            before = judge(*voice.speak(text, speaker, seed))
        rows.append({"text": text, "speaker": speaker, "floor": floor,
                     "before": before, "after": after,
                     "another": guarded["seed"] != seed, "attempts": attempts})
    return rows


def table(rows):
    """Markdown lines."""
    yield "| | ends badly | " + " | ".join(REASONS) + " |"
    yield "|---" * (2 + len(REASONS)) + "|"
    for side, label in (("floor", "flite through the codec"),
                        ("before", "without the guard"),
                        ("after", "with it")):
        bad = sum(bool(row[side]) for row in rows)
        counts = [str(sum(reason in row[side] for row in rows))
                  for reason in REASONS]
        yield f"| {label} | {bad} of {len(rows)} " \
              f"({100 * bad / len(rows):.1f} %) | " + " | ".join(counts) + " |"
    caught = [row for row in rows if row["attempts"][0]["problems"]]
    kinds = sorted({problem for row in caught
                    for problem in row["attempts"][0]["problems"]})
    yield ""
    yield f"The guard took another take than the first in " \
          f"{sum(row['another'] for row in rows)} of {len(rows)}; it found " \
          f"something wrong with {len(caught)} first ones " \
          f"({', '.join(kinds) or 'nothing'})."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--takes", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = check(arguments, folder)
    for line in table(rows):
        print(line)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    bad = {side: sum(bool(row[side]) for row in rows)
           for side in ("before", "after")}
    return 0 if bad["after"] < bad["before"] else 1


if __name__ == "__main__":
    sys.exit(main())
