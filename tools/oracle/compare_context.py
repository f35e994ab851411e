"""Compares csm with transformers on conversations, live.

    python tools/oracle/compare_context.py --bin build/release/bin
        [--model models/demo] [--conversations 20] [--seeds 2]

Each conversation has 1 to 5 earlier turns of two speakers, spoken by the model
itself. For each, the prompt (csm_prompt, a program of the developer build)
must equal what transformers' processor makes of it, position by position, and
`csm generate --context-...` must give the codes of transformers' `generate`,
frame by frame. Earlier turns are given once as codes and once as 16-bit WAV,
which both then encode. A code that differs where the oracle's own two best
candidates are closer than 1e-5 (relative) counts as a near-tie. Codes of the
codec's encoder that differ are counted too; a conversation with such codes is
not compared further, as it is another conversation.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import wave

import numpy as np
import torch

from compare_generate import NEAR_TIE, first_difference, margin
from hf_context import HfContext
from speech_measures import read_wav

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "demo_model"))
import sentences  # noqa: E402

FRAMES = 60
MAX_TURNS = 5
RATE = 24000
TOP_K = 100


class Csm:
    """The programs under test."""

    def __init__(self, folder, model, work):
        self.program = str(folder / "csm")
        self.prompt_program = str(folder / "csm_prompt")
        self.model, self.work = str(model), pathlib.Path(work)

    def run(self, command, *arguments):
        done = subprocess.run(
            [self.program, command, "--model", self.model, "--threads", "1",
             *arguments], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f"csm {command}: {done.stderr.strip()}")

    def generate(self, text, speaker, files, context, seed):
        out = self.work / "tokens.npy"
        extra = []
        for (who, what, _), file in zip(context, files):
            extra += ["--context-speaker", str(who), "--context-text", what,
                      "--context-audio", str(file)]
        self.run("generate", "--text", text, "--speaker", str(speaker),
                 "--seed", str(seed), "--max-audio-ms", str(FRAMES * 80),
                 "--tokens-out", str(out), *extra)
        return np.load(out)

    def encode(self, file):
        out = self.work / "encoded.npy"
        self.run("encode", "--input", str(file), "--output", str(out))
        return np.load(out)

    def prompt(self, text, speaker, context):
        """The prompt's parts, the context being codes."""
        line = json.dumps({"speaker": speaker, "text": text, "context": [
            {"speaker": who, "text": what,
             "codes": codes.flatten().tolist()} for who, what, codes in context
        ]})
        done = subprocess.run([self.prompt_program, self.model], input=line,
                              text=True, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)


class Bound:
    """An oracle whose score() knows the context; for margin()."""

    def __init__(self, oracle, context):
        self.oracle, self.context = oracle, context
        self.n_codebooks = oracle.n_codebooks

    def score(self, text, speaker, codes):
        return self.oracle.score_after(text, speaker, self.context, codes)


def write_wav(path, audio):
    samples = np.clip(np.round(audio * 32767), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def same_prompt(oracle, parts, text, speaker, context):
    """Whether csm's prompt is the processor's: ids, frames and mask."""
    config = oracle.model.config
    inputs = oracle.inputs(text, speaker, context)
    ids, codes = [], []
    for part in parts:
        if "ids" in part:
            ids += part["ids"]
            continue
        rows = np.array(part["codes"]).reshape(-1, oracle.n_codebooks)
        ids += [config.audio_token_id] * (len(rows) - 1)
        ids.append(config.audio_eos_token_id)
        if (rows[-1] != config.codebook_eos_token_id).any():
            return False
        codes.append(rows[:-1])
    return (inputs["input_ids"][0].tolist() == ids
            and bool((inputs["attention_mask"] == 1).all())
            and len(codes) == len(context)
            and all(np.array_equal(ours, theirs)
                    for ours, (*_, theirs) in zip(codes, context)))


def conversation(oracle, number, texts):
    """(next text, its speaker, earlier turns as codes)."""
    n_turns = 1 + number % MAX_TURNS
    lines = [texts[(number * 7 + i * 3) % len(texts)]
             for i in range(n_turns + 1)]
    context = []
    for turn, text in enumerate(lines[:-1]):
        # Two speakers by turns, or one of them twice in a row.
        speaker = (turn + number) % 2 if number % 3 else (turn // 2) % 2
        codes = oracle.generate(text, speaker, 1000 + 10 * number + turn,
                                FRAMES)
        codes = np.minimum(codes, oracle.n_codec_codes - 1)
        context.append((speaker, text, codes))
    return lines[-1], (n_turns + number) % 2, context


class Tally:
    def __init__(self, name):
        self.name = name
        self.runs = self.equal = self.frames = 0
        self.prompts = self.conversations = 0
        self.segments = self.same_segments = 0
        self.near_ties, self.defects = [], []

    def compare(self, csm, oracle, case, files, context, seeds):
        number, text, speaker = case
        for seed in seeds:
            theirs = oracle.speak(text, speaker, context, seed, FRAMES,
                                  top_k=TOP_K)
            given = [(who, what, None) for who, what, _ in context]
            ours = csm.generate(text, speaker, files, given, seed)
            self.runs += 1
            self.frames += len(theirs)
            place = first_difference(ours, theirs)
            if place is None:
                self.equal += 1
                continue
            gap = margin(Bound(oracle, context), (text, speaker), seed, place,
                         theirs, TOP_K)
            line = f"conversation {number} seed {seed}: frame {place[0]} " \
                   f"codebook {place[1]}, margin {gap:.1e}"
            (self.near_ties if gap < NEAR_TIE else self.defects).append(line)

    def print(self):
        print(f"| {self.name} | {self.prompts}/{self.conversations} "
              f"| {self.same_segments}/{self.segments} "
              f"| {self.equal}/{self.runs} | {self.frames} "
              f"| {len(self.near_ties)} | {len(self.defects)} |")

    def words(self):
        return f"as {self.name}: {self.prompts} of {self.conversations} " \
               f"prompts and {self.equal} of {self.runs} generations equal, " \
               f"{len(self.near_ties)} near-ties, {len(self.defects)} defects"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, type=pathlib.Path,
                        help="folder of csm and csm_prompt")
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--conversations", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--forms", nargs="+", default=["codes", "sound"],
                        choices=["codes", "sound"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    oracle = HfContext(arguments.model)
    texts = sentences.held_out()
    tallies = {form: Tally(form) for form in arguments.forms}
    with tempfile.TemporaryDirectory() as work:
        csm = Csm(arguments.bin, arguments.model, work)
        for number in range(arguments.conversations):
            run_conversation(csm, oracle, number, texts, arguments.seeds,
                             tallies)
    print("| earlier turns as | prompts equal | encoded segments equal "
          "| generations equal | frames | near-ties | defects |")
    print("|---|---|---|---|---|---|---|")
    for tally in tallies.values():
        tally.print()
    for tally in tallies.values():
        for line in tally.near_ties + tally.defects:
            print(f"{tally.name}: {line}")
    print("; ".join(tally.words() for tally in tallies.values()))
    complete = all(t.prompts == t.conversations and t.runs > 0
                   and not t.defects for t in tallies.values())
    return 0 if complete else 1


def run_conversation(csm, oracle, number, texts, n_seeds, tallies):
    text, speaker, context = conversation(oracle, number, texts)
    case = (number, text, speaker)
    for form, tally in tallies.items():
        files, heard = [], []
        for turn, (who, what, codes) in enumerate(context):
            file = csm.work / f"{turn}.{'npy' if form == 'codes' else 'wav'}"
            if form == "codes":
                np.save(file, codes)
                heard.append((who, what, codes))
            else:
                write_wav(file, oracle.decode(codes))
                heard.append((who, what, read_wav(file)))
            files.append(file)
        coded = [(who, what, sound if form == "codes" else
                  oracle.encode(sound)) for who, what, sound in heard]
        tally.conversations += 1
        parts = csm.prompt(text, speaker, coded)
        tally.prompts += same_prompt(oracle, parts, text, speaker, coded)
        same = [form == "codes" or np.array_equal(csm.encode(file), codes)
                for file, (*_, codes) in zip(files, coded)]
        tally.segments += len(same)
        tally.same_segments += sum(same)
        if all(same):
            seeds = range(number, number + n_seeds)
            tally.compare(csm, oracle, case, files, heard, seeds)


if __name__ == "__main__":
    sys.exit(main())
