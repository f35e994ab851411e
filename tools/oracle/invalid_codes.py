"""Counts codes that the codec has no entry for, over many frames.

    python tools/oracle/invalid_codes.py --csm build/release/bin/csm
        [--model models/demo] [--frames 100000]

Speaks prompts with one seed after another at default settings and counts
codes at or above the codec's entries twice: in the file of --tokens-out, and
as the program itself reports. Exits with 1 if there is any.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def speak(arguments, text, speaker, seed, tokens):
    """(codes [T, K], the program's --json)"""
    command = [str(arguments.csm), "generate", "--model", str(arguments.model),
               "--text", text, "--speaker", str(speaker), "--seed", str(seed),
               "--threads", "1", "--tokens-out", str(tokens), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit("invalid_codes: "
                         + done.stderr.strip().splitlines()[-1])
    return np.load(tokens), json.loads(done.stdout)


def count(arguments, n_entries):
    """(frames, codes, invalid in the files, as reported, changed)"""
    lines = (ROOT / "tests" / "data" / "prompts.txt").read_text().splitlines()
    frames = codes = invalid = reported = changed = run = 0
    with tempfile.TemporaryDirectory() as folder:
        tokens = pathlib.Path(folder) / "tokens.npy"
        while frames < arguments.frames:
            text = lines[run % len(lines)]
            found, result = speak(arguments, text, run % 2, run, tokens)
            if len(found) != result["frames"]:
                raise SystemExit(f"invalid_codes: {result['frames']} frames "
                                 f"reported, {len(found)} in the file")
            frames, codes = frames + len(found), codes + found.size
            invalid += int(((found >= n_entries) | (found < 0)).sum())
            reported += result["invalid_codes"]
            changed += result["codes_changed_by_safety"]
            run += 1
            if run % 20 == 0:
                print(f"\r{frames}/{arguments.frames} frames, {invalid} "
                      "invalid ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return run, frames, codes, invalid, reported, changed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--frames", type=int, default=100000)
    arguments = parser.parse_args()
    config = json.loads((arguments.model / "config.json").read_text())
    n_entries = config["codec_config"]["codebook_size"]
    run, frames, codes, invalid, reported, changed = count(arguments,
                                                           n_entries)
    print(f"{run} utterances, {frames} frames, {codes} codes, vocabulary "
          f"{config['vocab_size']}, codec entries {n_entries}: {invalid} "
          f"without an entry, {reported} reported by csm, {changed} codes "
          "changed by the codec-safety rule")
    return 1 if invalid or reported else 0


if __name__ == "__main__":
    sys.exit(main())
