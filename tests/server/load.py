#!/usr/bin/env python3
"""Load on a server: how soon sound comes, whether it runs dry, what it costs.

    load.py --csm PROGRAM [--streams 1,8,32] [--rounds N] [--json]
    load.py --csm PROGRAM --soak SECONDS

Each of so many clients asks for speech again and again and reads it as a
player does, at the pace of the sound (--fast: as fast as it comes). Reports
for each number of clients the time to first audio, underruns, sound a second,
refusals, and how much longer the server's steps take than those of `csm bench`
with the same batch (--bench). A soak mixes in clients that leave, bad requests
and slow readers, and compares the server's counters and memory with its own.
"""

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import threading
import time

from serving import Server

SENTENCES = (
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "She sells sea shells by the sea shore every sunny morning.",
    "A journey of a thousand miles begins with a single step.",
    "It was the best of times, and it was the worst of times.",
)
BYTES_A_SECOND = 48000


class Totals:
    """What all clients met."""

    def __init__(self):
        self.lock = threading.Lock()
        self.first = []      # seconds to the first sound
        self.underruns = []  # longest of a stream, seconds
        self.sound = 0.0     # seconds
        self.counts = {}     # outcome: number

    def count(self, outcome):
        with self.lock:
            self.counts[outcome] = self.counts.get(outcome, 0) + 1


def speak(server, totals, rng, paced, max_audio_ms):
    """One stream, read to its end. False: refused."""
    connection = server.connect()
    start = time.monotonic()
    connection.request("POST", "/v1/audio/speech", json.dumps({
        "input": rng.choice(SENTENCES), "voice": rng.choice(["alloy", "ash"]),
        "seed": rng.randrange(2**32), "response_format": "pcm",
        "max_audio_ms": max_audio_ms}), {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status == 429:
        response.read()
        connection.close()
        totals.count("refused")
        time.sleep(float(response.headers["Retry-After"]))
        return
    assert response.status == 200, response.read()
    first = heard = longest = 0.0
    while block := response.read1(16384):
        now = time.monotonic()
        if not first:
            first = now
        # The player has been dry since what it had was over.
        dry = now - first - heard
        if dry > 0:
            longest = max(longest, dry)
            first += dry
        heard += len(block) / BYTES_A_SECOND
        if paced and heard > now - first + 0.5:
            time.sleep(heard - (now - first) - 0.5)
    connection.close()
    with totals.lock:
        totals.first.append(first - start)
        totals.underruns.append(longest)
        totals.sound += heard
    totals.count("completed")


def leave(server, totals, rng):
    connection = server.connect()
    connection.request("POST", "/v1/audio/speech", json.dumps({
        "input": " ".join(SENTENCES), "response_format": "pcm"}),
        {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status == 429:
        totals.count("refused")
    else:
        response.read1(rng.choice([1, 4000, 40000]))
        totals.count("cancelled")
    connection.close()


def bad(server, totals, rng):
    reply = server.ask("POST", "/v1/audio/speech", rng.choice(
        [{}, {"input": ""}, {"input": "a", "speed": 3}, b"{"]),
        {"Content-Type": "application/json"})
    assert reply.status == 400, reply.status
    totals.count("bad")


def slow(server, totals, rng):
    """Reads a stream more slowly than it is to be heard."""
    connection = server.connect()
    connection.request("POST", "/v1/audio/speech", json.dumps({
        "input": rng.choice(SENTENCES), "response_format": "pcm",
        "max_audio_ms": 1600}), {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status == 429:
        totals.count("refused")
    else:
        while response.read1(4800):
            time.sleep(0.15)
        totals.count("completed")
    connection.close()


def run_clients(n_clients, client):
    """client(random numbers) on so many threads."""
    failures = []

    def guarded(number):
        try:
            client(random.Random(number))
        except Exception as error:  # pylint: disable=broad-except
            failures.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(i,))
               for i in range(n_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(server, n_clients, rounds, paced, max_audio_ms):
    totals = Totals()
    before = server.metrics()
    start = time.monotonic()

    def client(rng):
        time.sleep(rng.random() * 0.05)
        for _ in range(rounds):
            speak(server, totals, rng, paced, max_audio_ms)

    failures = run_clients(n_clients, client)
    seconds = time.monotonic() - start
    after = server.metrics()
    steps = after["csm_frame_seconds_count"] - before["csm_frame_seconds_count"]
    busy = after["csm_frame_seconds_sum"] - before["csm_frame_seconds_sum"]
    rows = after["csm_batch_size_sum"] - before["csm_batch_size_sum"]
    return {"clients": n_clients, "failures": failures, **totals.counts,
            "first_audio_ms_p50": 1000 * statistics.median(totals.first),
            "first_audio_ms_p95": 1000 * percentile(totals.first, 0.95),
            "underrun_ms_max": 1000 * max(totals.underruns),
            "sound_a_second": totals.sound / seconds,
            "batch_mean": rows / max(1, steps),
            "step_ms_mean": 1000 * busy / max(1, steps),
            "busy": busy / seconds}


def resident_mb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def soak(server, seconds, n_clients):
    """Everything at once, for so long."""
    totals = Totals()
    end = time.monotonic() + seconds
    memory = []

    def client(rng):
        while time.monotonic() < end:
            kind = rng.random()
            if kind < 0.6:
                speak(server, totals, rng, rng.random() < 0.5, 4000)
            elif kind < 0.75:
                leave(server, totals, rng)
            elif kind < 0.9:
                bad(server, totals, rng)
            else:
                slow(server, totals, rng)

    def watch():
        while time.monotonic() < end:
            memory.append(resident_mb(server))
            time.sleep(min(5, seconds / 20))

    watcher = threading.Thread(target=watch)
    watcher.start()
    failures = run_clients(n_clients, client)
    watcher.join()
    time.sleep(1)
    metrics = server.metrics()
    streams = {outcome: metrics.get(
        f'csm_streams_total{{outcome="{outcome}"}}', 0)
        for outcome in ("completed", "cancelled", "failed")}
    settled = memory[len(memory) // 4:]
    report = {"seconds": seconds, "failures": failures, "ours": totals.counts,
              "server": streams, "active": metrics["csm_streams_active"],
              "memory_mb_first_last": [settled[0], settled[-1]],
              "memory_mb_max": max(memory)}
    ours = totals.counts
    # Who leaves may find that all was sent already.
    report["consistent"] = (
        streams["failed"] == 0 and metrics["csm_streams_active"] == 0 and
        streams["completed"] + streams["cancelled"] ==
        ours.get("completed", 0) + ours.get("cancelled", 0) and
        streams["completed"] >= ours.get("completed", 0))
    return report


def bench_ms(program, batch):
    """The bare engine's step, in milliseconds."""
    done = subprocess.run([program, "bench", "--batch", str(batch), "--json",
                           "--repetitions", "3", "--frames", "30"],
                          check=True, capture_output=True)
    return json.loads(done.stdout)["frame_ms_median"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csm", required=True)
    parser.add_argument("--streams", default="1,8,32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-audio-ms", type=int, default=4000)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--soak", type=float, default=0)
    given = parser.parse_args()
    with Server(given.csm, "--quiet") as server:
        if given.soak:
            report = soak(server, given.soak, 12)
            print(json.dumps(report))
            return 0 if report["consistent"] and not report["failures"] else 1
        for n_clients in map(int, given.streams.split(",")):
            row = measure(server, n_clients, given.rounds, not given.fast,
                          given.max_audio_ms)
            if given.bench:
                row["bench_ms"] = bench_ms(given.csm, n_clients)
            print(json.dumps({k: round(v, 3) if isinstance(v, float) else v
                              for k, v in row.items()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
