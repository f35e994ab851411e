"""Are the codes the same for every number of threads, ISA and run?

    python tools/oracle/digest_table.py --csm build/release/bin/csm
        [--model models/demo] [--dtypes f32,bf16] [--isas ISA,...]
        [--threads 1,2] [--runs 2] [--prompts 5]

Prints the first digits of `codes_sha256` by prompt, dtype, ISA, threads and
run. Exits with 1 if, for one prompt and dtype, two of them differ. ISAs that
this machine lacks are listed as such. Needs nothing but Python.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ISAS = ("scalar", "avx2", "avx512", "avx512-vnni", "neon", "neon-dot")
DIGITS = 12


class NotHere(Exception):
    """The program refuses this ISA."""


def digest(arguments, text, speaker, dtype, isa, threads):
    """codes_sha256 of one run."""
    command = [str(arguments.csm), "generate", "--model", str(arguments.model),
               "--text", text, "--speaker", str(speaker), "--seed", "7",
               "--dtype", dtype, "--threads", str(threads), "--json"]
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, "CSM_ISA": isa})
    if done.returncode:
        message = done.stderr.strip().splitlines()[-1]
        if "this machine has no" in message:
            raise NotHere(message)
        raise SystemExit(f"digest_table: {message}")
    return json.loads(done.stdout)["codes_sha256"]


def one_row(arguments, prompt, dtype, isa):
    """{(threads, run): digest}, or None if the ISA is not here."""
    text, speaker = prompt
    try:
        return {(threads, run): digest(arguments, text, speaker, dtype, isa,
                                       threads)
                for threads in arguments.threads
                for run in range(arguments.runs)}
    except NotHere:
        return None


def table(arguments, prompts):
    """Prints every row; whether all agree within prompt and dtype."""
    columns = [f"{t} threads, run {r + 1}" for t in arguments.threads
               for r in range(arguments.runs)]
    print("| prompt | dtype | ISA | " + " | ".join(columns) + " |")
    print("|---" * (3 + len(columns)) + "|")
    agree, n_runs = True, 0
    for number, prompt in enumerate(prompts):
        for dtype in arguments.dtypes:
            found = set()
            for isa in arguments.isas:
                row = one_row(arguments, prompt, dtype, isa)
                cells = ["not here"] * len(columns) if row is None else \
                    [d[:DIGITS] for d in row.values()]
                print(f"| {number} | {dtype} | {isa} | "
                      + " | ".join(cells) + " |", flush=True)
                found.update((row or {}).values())
                n_runs += len(row or {})
            if not found:
                raise SystemExit("digest_table: none of the ISAs is here")
            if len(found) > 1:
                agree = False
                print(f"prompt {number}, {dtype}: {len(found)} digests")
    print(f"{n_runs} runs, digests {'agree' if agree else 'DIFFER'}")
    return agree


def main():
    listed = lambda text: text.split(",")
    numbers = lambda text: [int(v) for v in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--dtypes", type=listed, default=["f32", "bf16"])
    parser.add_argument("--isas", type=listed, default=list(ISAS))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=5)
    arguments = parser.parse_args()
    lines = (ROOT / "tests" / "data" / "prompts.txt").read_text().splitlines()
    prompts = [(text, i % 2) for i, text in enumerate(lines)]
    return 0 if table(arguments, prompts[: arguments.prompts]) else 1


if __name__ == "__main__":
    sys.exit(main())
