#!/usr/bin/env python3
"""Load on a server: how soon sound comes, whether it runs dry, what it costs.

    load.py --csm PROGRAM [--bare PROGRAM] [--streams 1,8,32] [--part PART]

paced     so many clients at once, each a player: time to first audio, longest
          underrun, refusals
fast      so many clients that read as fast as they can: sound a second
overhead  what --bare (tests/server/bare_engine.cpp) needs for the same streams
          without a server, in turns with it

Exit status 1 if a bar is missed: at 8 streams first audio within 300 ms (p95)
and at most 5 % more time than the bare engine; no underrun above 100 ms.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from clients import BYTES_A_SECOND, Totals, drink, percentile, run_clients, speak
from serving import Server

TEXT = "Hello there, my friend."
BYTES_A_FRAME = 3840
# So hot that hardly a stream ends before its limit.
TEMPERATURE = 3
MODEL = os.path.join(os.path.dirname(__file__), "../../models/demo")


def paced(server, n_clients, given):
    totals = Totals()

    def client(rng):
        for _ in range(given.rounds):
            speak(server, totals, rng, max_audio_ms=given.max_audio_ms,
                  input=rng.choice(["", "Well, "]) + "this goes on, " * 8 +
                  "until it ends.")

    failures = run_clients(n_clients, client)
    row = {"part": "paced", "clients": n_clients, "failures": failures,
           **totals.counts,
           "first_audio_ms_p50": 1000 * statistics.median(totals.first),
           "first_audio_ms_p95": 1000 * percentile(totals.first, 0.95),
           "underrun_ms_max": 1000 * max(totals.underruns),
           "sound_s_mean": totals.sound / len(totals.first)}
    missed = []
    if n_clients == 8 and row["first_audio_ms_p95"] >= 300:
        missed.append("first audio")
    if row["underrun_ms_max"] > 100:
        missed.append("underrun")
    return row, missed + failures


def streams(server, n_clients, max_audio_ms, stream):
    """(seconds, bytes) of so many streams at once, with seeds 0, 1, ..."""
    start = time.monotonic()
    n_bytes = drink(server, [
        {"input": TEXT, "seed": seed, "temperature": TEMPERATURE,
         "max_audio_ms": max_audio_ms, "stream": stream}
        for seed in range(n_clients)])
    return time.monotonic() - start, n_bytes


def fast(server, n_clients, given):
    runs = [streams(server, n_clients, given.max_audio_ms, True)
            for _ in range(given.repetitions)]
    return {"part": "fast", "clients": n_clients,
            "sound_a_second": statistics.median(
                n_bytes / BYTES_A_SECOND / seconds
                for seconds, n_bytes in runs)}, []


def overhead(server, n_clients, given):
    """Server and bare engine in turns: the machine's mood is the same."""
    ratios = {True: [], False: []}
    bare_seconds = []
    streams(server, n_clients, given.max_audio_ms, True)  # warm
    for _ in range(given.repetitions):
        done = subprocess.run(
            [given.bare, MODEL, str(n_clients), str(given.max_audio_ms),
             str(TEMPERATURE), TEXT], check=True, capture_output=True)
        frames, seconds = done.stdout.split()
        bare_seconds.append(float(seconds))
        for stream, found in ratios.items():
            seconds, n_bytes = streams(server, n_clients, given.max_audio_ms,
                                       stream)
            # The same sound; heads and the like are little.
            assert 1 <= n_bytes / (int(frames) * BYTES_A_FRAME) < 1.05, n_bytes
            found.append(seconds / bare_seconds[-1])
    row = {"part": "overhead", "clients": n_clients,
           "bare_s": statistics.median(bare_seconds),
           "whole_percent": 100 * (statistics.median(ratios[False]) - 1),
           "streamed_percent": 100 * (statistics.median(ratios[True]) - 1)}
    too_much = n_clients == 8 and row["streamed_percent"] > 5
    return row, ["overhead"] if too_much else []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csm", required=True)
    parser.add_argument("--bare")
    parser.add_argument("--streams", default="1,8,32")
    parser.add_argument("--part", default="all",
                        choices=["all", "paced", "fast", "overhead"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--max-audio-ms", type=int, default=8000)
    given = parser.parse_args()
    parts = {"paced": paced, "fast": fast}
    if given.bare:
        parts["overhead"] = overhead
    missed = []
    with Server(given.csm, "--quiet") as server:
        for name, part in parts.items():
            if given.part not in ("all", name):
                continue
            for n_clients in map(int, given.streams.split(",")):
                row, wrong = part(server, n_clients, given)
                print(json.dumps({k: round(v, 2) if isinstance(v, float) else v
                                  for k, v in row.items()}), flush=True)
                missed += wrong
    for what in missed:
        print("MISSED", what)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
