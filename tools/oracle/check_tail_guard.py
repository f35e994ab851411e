"""How often speech ends badly, without the tail guard and with it.

    python tools/oracle/check_tail_guard.py --csm build/release/bin/csm
        [--model models/demo] [--sentences 200] [--temperature 1.3]
        [--takes 3] [--json FILE]

The demo model speaks held-out sentences with both speakers, the seed being the
sentence's number, as it is and with --tail-guard. The guard does not judge
itself. What it judges by is flite, the synthesiser that the model learnt from:

    length   shorter than 0.75 or longer than 1.35 of flite's own
    sound    the last 0.6 s are more like the end of another sentence in
             flite's voice, whose last word is another, than like flite's own
    limit    it ran into the limit

The likeness is the mean distance of mel cepstra along the cheapest warping
path. flite's own speech through the model's codec is judged as well: that is
the floor; and so is the same with its last 0.3 s cut off, which ought to be
found. Prints a table, and what the guard did. Needs numpy, scipy and flite's
libraries.
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
REASONS = ("length", "sound", "limit")
END_SECONDS, CUT_SECONDS = 0.6, 0.3
SILENT = np.log(1e-2)  # against the loudest band
HOPS = measures.RATE // measures.HOP


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


def last_sound(audio):
    """(mel cepstra [frames, CEPSTRA] up to the last sound, its sample)."""
    levels = measures.log_mel(audio)
    loud = np.flatnonzero(levels.max(axis=1) > SILENT)
    end = loud[-1] + 1 if len(loud) else len(levels)
    return measures.cepstra(levels[:end]), end * measures.HOP


def end_of(audio):
    return last_sound(audio)[0][-int(END_SECONDS * HOPS):]


def distance(one, other):
    squares = ((one[:, None] - other[None]) ** 2).sum(axis=-1)
    return measures.path_mean(np.sqrt(squares))


class Judge:
    """What flite says, and what is bad about how others say it."""

    def __init__(self, jobs):
        synthesiser = flite.Flite()
        self.jobs = {number: (text, speaker)
                     for number, text, speaker in jobs}
        self.sounds, self.ends = {}, {}
        for number, text, speaker in jobs:
            spoken, _, _ = synthesiser.speak(text, speaker)
            sound = make_data.to_24k(spoken).astype(np.float32) / 32768
            self.sounds[number], self.ends[number] = sound, end_of(sound)

    def others(self, number):
        """Ends of other sentences by the same speaker."""
        word = recognise.normal(self.jobs[number][0])[-1]
        return [end for other, end in self.ends.items()
                if self.jobs[other][1] == self.jobs[number][1]
                and recognise.normal(self.jobs[other][0])[-1] != word]

    def reasons(self, number, audio, stop_reason="eos"):
        """What is bad about how it ends, of REASONS."""
        ratio = len(audio) / len(self.sounds[number])
        end = end_of(audio)
        own = distance(end, self.ends[number])
        faults = {"length": not SHORT <= ratio <= LONG,
                  "sound": any(distance(end, other) <= own
                               for other in self.others(number)),
                  "limit": stop_reason == "length"}
        return [reason for reason in REASONS if faults[reason]]


def jobs(n_sentences):
    """[(number, text, speaker)], the speakers in turn."""
    texts = sentences.held_out()
    return [(number, texts[number // SPEAKERS % len(texts)], number % SPEAKERS)
            for number in range(n_sentences)]


def check(arguments, folder):
    """One row for each sentence."""
    voice, all_jobs = Voice(arguments, folder), jobs(arguments.sentences)
    judge = Judge(all_jobs)
    rows = []
    for seed, text, speaker in all_jobs:
        floor = voice.through_codec(judge.sounds[seed])
        cut = floor[: last_sound(floor)[1] - int(CUT_SECONDS * measures.RATE)]
        plain, audio = voice.speak(text, speaker, seed)
        before = judge.reasons(seed, audio, plain["stop_reason"])
        guarded, audio = voice.speak(text, speaker, seed,
                                     f"--tail-guard={arguments.takes}")
        rows.append({
            "text": text, "speaker": speaker, "before": before,
            "after": judge.reasons(seed, audio, guarded["stop_reason"]),
            "floor": judge.reasons(seed, floor),
            "cut": judge.reasons(seed, cut),
            "another": guarded["seed"] != seed,
            "attempts": guarded["tail_guard"]})
    return rows


def table(rows):
    """Markdown lines."""
    yield "| | ends badly | " + " | ".join(REASONS) + " |"
    yield "|---" * (2 + len(REASONS)) + "|"
    for side, label in (("floor", "flite through the codec"),
                        ("cut", f"the same, {CUT_SECONDS} s cut off"),
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
    parser.add_argument("--temperature", type=float, default=1.3)
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
    print(f"\n{bad['before']} of {len(rows)} end badly without the guard, "
          f"{bad['after']} with it")
    # Where nothing ends badly, nothing can be lowered.
    return 0 if bad["after"] < max(bad["before"], 1) else 1


if __name__ == "__main__":
    sys.exit(main())
