#!/usr/bin/env python3
"""Receipts: csm replay agrees with what was spoken and notices changes.

    receipt_test.py --csm PROGRAM
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder = str(program), pathlib.Path(folder)
        self.problems = []
        self.count = 0

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def expect(self, name, run, status, *words):
        self.count += 1
        if run.returncode != status:
            self.problems.append(f"{name}: exit {run.returncode}, expected "
                                 f"{status}: {run.stderr.strip()}")
        self.problems += [f"{name}: message lacks '{word}': {run.stderr}"
                          for word in words if word not in run.stderr]

    def changed(self, receipt, **fields):
        """Path of a copy of the receipt with other fields."""
        copy = json.loads(json.dumps(receipt))
        copy["settings"].update(fields.pop("settings", {}))
        copy.update(fields)
        path = self.folder / "changed.json"
        path.write_text(json.dumps(copy))
        return str(path)


def cases(bench):
    path = str(bench.folder / "r.json")
    spoken = bench.run("generate", "--text", "Good morning.", "--seed", "77",
                       "--max-audio-ms", "1600", "--receipt", path, "--json")
    bench.expect("generate", spoken, 0)
    receipt = json.loads(pathlib.Path(path).read_text())
    bench.count += 1
    if receipt["codes_sha256"] != json.loads(spoken.stdout)["codes_sha256"]:
        bench.problems.append("receipt and --json have other digests")
    bench.expect("replay", bench.run("replay", path), 0, "the same")
    for threads in ("1", "3"):
        bench.expect(f"replay with {threads} threads",
                     bench.run("replay", path, "--threads", threads), 0)

    digests = list(receipt["frame_digests"])
    digests[1] = "0" * 16
    bench.expect("one frame changed", bench.run("replay", bench.changed(
        receipt, frame_digests=digests, codes_sha256="0" * 64)), 1,
        "first other frame is 1")
    bench.expect("other seed", bench.run("replay", bench.changed(
        receipt, settings={"seed": "78"})), 1, "first other frame is")
    bench.expect("other weights", bench.run("replay", bench.changed(
        receipt, weights_sha256="0" * 64)), 1, "model")
    for field in ("format", "text", "weights_sha256", "frames", "dtype",
                  "frame_digests", "codes_sha256"):
        bench.expect(f"bad {field}", bench.run("replay", bench.changed(
            receipt, **{field: [1]})), 1, field)
    bench.expect("no receipt", bench.run("replay", "/nonexistent.json"), 1,
                 "/nonexistent.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.csm, folder)
        cases(bench)
    for problem in bench.problems:
        print(problem)
    print(f"receipts: {bench.count} cases, {len(bench.problems)} problems")
    return 1 if bench.problems or bench.count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
