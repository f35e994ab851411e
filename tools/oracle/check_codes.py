"""Counts codes that the codec has no entry for, and compares digests of codes.

    python tools/oracle/check_codes.py invalid --csm build/release/bin/csm
        [--frames 100000] [--workers 2]
    python tools/oracle/check_codes.py digests --csm build/release/bin/csm
        [--prompts 4] [--seeds 2] [--repeats 2] [--dtypes f32,bf16]
        [--threads 1,2] [--isas scalar,avx2,avx512] [--frames 50]

`invalid` speaks prompts with ever new seeds and the default codec safety until
the frames are there. Such codes are counted by csm (`--json`) and here, in the
files of codes; exit status 1 unless both are 0.

`digests` speaks every prompt and seed with every number of threads and every
instruction set (CSM_ISA), several times: one line for each, with codes_sha256;
exit status 1 if a digest differs within a type of weights. Instruction sets
that this machine lacks are named and left out.
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

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEAKERS = 2


def prompts():
    path = ROOT / "tests" / "data" / "prompts.txt"
    return path.read_text().splitlines()


def speak(arguments, text, speaker, seed, extra, environment=None):
    """(what csm says as JSON, its codes int32 [F, K])"""
    with tempfile.TemporaryDirectory() as folder:
        tokens = pathlib.Path(folder) / "tokens.npy"
        command = [arguments.csm, "generate", "--model", arguments.model,
                   "--text", text, "--speaker", speaker, "--seed", seed,
                   "--tokens-out", tokens, "--json", *extra]
        done = subprocess.run([str(c) for c in command], capture_output=True,
                              text=True, env=environment)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:]
            raise RuntimeError(last[0] if last else f"{command[0]} failed")
        return json.loads(done.stdout), np.load(tokens)


def count_invalid(arguments):
    config = json.loads((arguments.model / "config.json").read_text())
    n_valid = config["codec_config"]["codebook_size"]
    texts = prompts()
    frames = codes = said = found = runs = 0

    def job(number):
        return speak(arguments, texts[number % len(texts)],
                     number % SPEAKERS, number, ["--threads", "1"])

    with concurrent.futures.ThreadPoolExecutor(arguments.workers) as pool:
        block = 8 * arguments.workers
        while frames < arguments.frames:
            before = frames
            for result, table in pool.map(job, range(runs, runs + block)):
                frames += len(table)
                codes += table.size
                said += result["invalid_codes"]
                found += int(((table < 0) | (table >= n_valid)).sum())
                if len(table) != result["frames"]:
                    raise RuntimeError("frames of --json and of the file")
            runs += block
            if frames == before:
                raise RuntimeError("the model speaks no frames")
            print(f"\r{frames} of {arguments.frames} frames", end="",
                  file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{frames} frames, {codes} codes, {runs} generations: codes without "
          f"a codec entry {said} (csm), {found} (in the files)")
    return 1 if said or found else 0


def has_isa(arguments, isa):
    environment = {**os.environ, "CSM_ISA": isa}
    try:
        speak(arguments, "Hello.", 0, 0, ["--max-audio-ms", "80"],
              environment)
    except RuntimeError as error:
        print(f"left out: {error}")
        return False
    return True


def compare_digests(arguments):
    isas = [isa for isa in arguments.isas if has_isa(arguments, isa)]
    if not isas:
        raise RuntimeError("none of the instruction sets is here")
    jobs = [(text, n % SPEAKERS, seed)
            for n, text in enumerate(prompts()[: arguments.prompts])
            for seed in range(arguments.seeds)]
    print("| dtype | isa | threads | run | generations | frames | sha256 of "
          "their codes_sha256 | wrong |\n|---|---|---|---|---|---|---|---|")
    n_wrong = 0
    for dtype in arguments.dtypes:
        wanted = {}
        for isa in isas:
            for threads in arguments.threads:
                for repeat in range(arguments.repeats):
                    total, frames, wrong = hashlib.sha256(), 0, 0
                    for job in jobs:
                        result, codes = speak(
                            arguments, *job,
                            ["--dtype", dtype, "--threads", threads,
                             "--max-audio-ms", arguments.frames * 80],
                            {**os.environ, "CSM_ISA": isa})
                        digest = result["codes_sha256"]
                        wrong += wanted.setdefault(job, digest) != digest
                        total.update(digest.encode())
                        frames += len(codes)
                    n_wrong += wrong
                    print(f"| {dtype} | {isa} | {threads} | {repeat + 1} "
                          f"| {len(jobs)} | {frames} "
                          f"| {total.hexdigest()[:16]} | {wrong} |",
                          flush=True)
    print(f"digests that differ: {n_wrong}")
    return 1 if n_wrong else 0


def listed(kind):
    return lambda text: [kind(value) for value in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    invalid, digests = (modes.add_parser(n) for n in ("invalid", "digests"))
    for mode in (invalid, digests):
        mode.add_argument("--csm", required=True, type=pathlib.Path)
        mode.add_argument("--model", type=pathlib.Path,
                          default=ROOT / "models" / "demo")
    invalid.add_argument("--frames", type=int, default=100000)
    invalid.add_argument("--workers", type=int, default=2)
    digests.add_argument("--frames", type=int, default=50)
    digests.add_argument("--prompts", type=int, default=4)
    digests.add_argument("--seeds", type=int, default=2)
    digests.add_argument("--repeats", type=int, default=2)
    digests.add_argument("--dtypes", type=listed(str),
                         default=["f32", "bf16"])
    digests.add_argument("--threads", type=listed(int), default=[1, 2])
    digests.add_argument("--isas", type=listed(str), default=[
        "scalar", "avx2", "avx512", "avx512-vnni", "neon", "neon-dot"])
    arguments = parser.parse_args()
    run = count_invalid if arguments.mode == "invalid" else compare_digests
    try:
        return run(arguments)
    except (OSError, RuntimeError) as error:
        print(f"check_codes: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
