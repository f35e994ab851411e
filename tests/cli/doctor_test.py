#!/usr/bin/env python3
"""csm doctor as a user meets it.

    doctor_test.py --csm PROGRAM --model FOLDER
"""

import json
import os
import shutil
import subprocess
import sys
import time

from bad_input_test import FAILED, USAGE, Bench, paths, verdict


def run(case, *arguments, **env):
    """(stdout, seconds) of a run that must succeed."""
    begin = time.monotonic()
    done = subprocess.run([case.program, "doctor", *arguments],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HF_HUB_CACHE":
                               str(case.root / "hub"), **env})
    case.check(f"{arguments}: {done.stderr}",
               done.returncode == 0 and not done.stderr)
    return done.stdout, time.monotonic() - begin


def put_in_cache(case):
    """The model as a hub's cache holds it, and one that is none of ours."""
    commit = "0" * 40
    for owner, names in (("owner", None), ("other", ["config.json"])):
        folder = case.root / "hub" / f"models--{owner}--model"
        snapshot = folder / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs/main").write_text(commit)
        for path in case.model.iterdir():
            if path.is_file() and (not names or path.name in names):
                os.symlink(path.resolve(), snapshot / path.name)


def main():
    case = Bench(*paths(__doc__))
    put_in_cache(case)
    text, seconds = run(case, "--json")
    report = json.loads(text)
    # Sanitizers and a busy machine take longer than the five seconds that it
    # is meant to take.
    case.check(f"took {seconds} s", seconds < 30)
    case.check("processors", report["processors"] ==
               len(os.sched_getaffinity(0)))
    case.check("isa", report["isa"] == report["isas"][-1] or
               "CSM_ISA" in os.environ)
    case.check("memory", 1 << 26 < report["free_memory_bytes"] < 1 << 48)
    case.check("MLX", report["mlx_version"].count(".") >= 2)
    case.check("models", [m["name"] for m in report["models"]] ==
               ["demo", "owner/model"])
    case.check("speed", [s["threads"] for s in report["speed"]] == sorted(
        {1, (report["processors"] + 1) // 2, report["processors"]}))
    for speed in report["speed"]:
        case.check(f"{speed}", 0.1 < speed["bandwidth_gb_s"] < 5000)
    for advice in report["advice"]:
        types = advice["expected"]
        case.check("types", [t["dtype"] for t in types][-3:] ==
                   ["bf16", "int8", "int4"])
        case.check("memory falls", sorted(
            (t["memory_bytes"] for t in types), reverse=True) ==
            [t["memory_bytes"] for t in types])
        for entry in types:
            case.check("rtf", abs(entry["rtf"] - entry["frame_ms"] / 80) <
                       0.02 * entry["rtf"])
        best = advice["recommended"]
        case.check("recommended", any(
            (t["dtype"], t["threads"]) == (best["dtype"], best["threads"])
            for t in types))
    # csm-1b reads 9.11 GB a frame at bf16: no machine is faster than that.
    best = max(s["bandwidth_gb_s"] for s in report["speed"])
    case.check("csm-1b is not faster than the memory",
               report["advice"][0]["expected"][0]["frame_ms"] > 9110 / best)

    text, _ = run(case)
    for words in ("csm-1b", "demo", "GB/s", "<- --dtype", "MLX",
                  "owner/model"):
        case.check(f"text lacks {words}", words in text)
    case.check("80 columns", max(
        len(line) for line in text.splitlines()
        if not line.startswith(("models", " ", "speed"))) <= 100)
    case.expect("an unknown ISA", ["doctor"], FAILED, "mmx",
                env={**os.environ, "CSM_ISA": "mmx"})
    case.expect("an unknown option", ["doctor", "--x"], USAGE, "--x")
    shutil.rmtree(case.root, ignore_errors=True)
    return verdict("doctor", case)


if __name__ == "__main__":
    sys.exit(main())
