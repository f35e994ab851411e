#!/usr/bin/env python3
"""Everything at once, for a long time.

    soak.py --csm PROGRAM [--seconds N] [--clients N] [--crashes N]

Clients that hear whole streams, leave in the middle, ask for what is refused,
read slowly, interrupt conversations, and make and remove voices. At the end
the server's counters must be what the clients have counted, its memory level,
its log without errors, and its voices whole: also after kill -9 in the middle
of writing them, again and again. Refusals of a busy server (429) and underruns
are counted, and no failure: the machine may have other work.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import sys
import threading
import time

from clients import (JSON, SENTENCES, Totals, ask, percentile, request_of,
                     run_clients, speak)
from serving import Server, WebSocket, form

# The machine may do something else for a minute.
PATIENT = ["--client-requests", "1000000", "--stall-seconds", "300",
           "--head-seconds", "300", "--idle-seconds", "300"]

BAD = [  # what is wrong, status
    ({}, 400), ({"input": ""}, 400), ({"input": "a", "speed": 3}, 400),
    (b"{", 400), ({"input": "a", "model": "gpt-9"}, 404),
    ({"input": "a", "voice": "nobody"}, 400),
    ({"input": "Good morning.", "max_audio_ms": 160, "seed": 1,
      "expect_codes_sha256": "0" * 64}, 409)]


def leave(server, totals, rng):
    """Hears a little, and goes."""
    connection, response = ask(server, totals, input=" ".join(SENTENCES) * 4)
    if response.status == 200:
        response.read1(rng.choice([1, 4000, 40000]))
        totals.count("left")
    connection.close()


def bad(server, totals, rng):
    body, status = rng.choice(BAD)
    reply = server.ask("POST", "/v1/audio/speech", body, JSON, timeout=300)
    totals.count(f"status {reply.status}", "bad")
    # What comes whole needs a place, too.
    if reply.status == 409:
        totals.count("completed")
    assert reply.status in (status, 429), (body, reply.status)


def slow(server, totals, rng):
    """Reads more slowly than sound plays."""
    connection, response = ask(server, totals,
                               **request_of(rng, max_audio_ms=1600))
    if response.status == 200:
        while response.read1(4800):
            time.sleep(0.15)
        totals.count("completed")
    connection.close()


def converse(server, totals, rng):
    """A conversation; some of its turns are interrupted."""
    link = WebSocket(server, "/v1/audio/speech/stream", timeout=300)
    link.send({"type": "session.config", "conversation": True,
               "max_audio_ms": 2400, "seed": rng.randrange(2**32)})
    assert link.receive()["type"] == "session.configured"
    for _ in range(rng.randint(1, 4)):
        link.send({"type": "input.text", "text": rng.choice(SENTENCES)})
        link.send({"type": "input.done"})
        interrupted = rng.random() < 0.4
        done = False
        while not done:
            message = link.receive()
            if isinstance(message, bytes):
                if interrupted:
                    link.send({"type": "input.cancel", "played_ms": 240})
                    interrupted = False
                continue
            assert isinstance(message, dict), message
            if message["type"] == "error":
                assert message["status"] == 429, message
                totals.count("socket refused")
                done = "session.done" not in message
            elif message["type"] == "session.done":
                cut = message["finish_reason"] == "cancelled"
                totals.count("socket cut" if cut else "socket completed")
                done = True
    if rng.random() < 0.3:
        link.send({"type": "input.text", "text": " ".join(SENTENCES) * 4})
    link.close()


def voices(server, totals, rng, sample):
    """Makes a voice, speaks with it and removes it."""
    name = f"soak-{rng.randrange(8)}"
    reply = server.ask("POST", "/v1/audio/voices", *form(
        {"name": name, "audio_sample": sample, "ref_text": SENTENCES[0],
         "replace": "true"}))
    totals.count("voice " + str(reply.status))
    assert reply.status in (200, 429), reply.body
    speak(server, totals, rng, paced=False, voice="anna", max_audio_ms=800)
    gone = server.ask("DELETE", f"/v1/audio/voices/{name}").status
    assert gone in (200, 404, 429), gone


def resident_mb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def watch(server, until, memory, seconds):
    while time.monotonic() < until:
        memory.append(resident_mb(server))
        time.sleep(max(0.2, seconds / 600))


def settle(server):
    """/metrics when nothing goes on any more."""
    for _ in range(600):
        metrics = server.metrics()
        if metrics["csm_streams_active"] == 0 and \
                metrics["csm_connections"] == 1:
            return metrics
        time.sleep(0.1)
    raise AssertionError(f"streams do not end: {metrics}")


def compare(totals, metrics):
    """What the server's counters tell otherwise than the clients'."""
    def streams(outcome):
        return metrics.get(f'csm_streams_total{{outcome="{outcome}"}}', 0)

    wrong = []
    route = 'csm_requests_total{route="/v1/audio/speech",status="%s"}'
    for status in (200, 400, 404, 409, 429):
        theirs = metrics.get(route % status, 0)
        # Who leaves at the right moment is one whose connection broke.
        if status == 200:
            theirs += metrics.get(route % 499, 0)
        if theirs != totals[f"status {status}"]:
            wrong.append(f"status {status}: {theirs} there, "
                         f"{totals[f'status {status}']} here")
    if streams("failed"):
        wrong.append(f"{streams('failed')} streams failed")
    # Who leaves may find that all was sent already; conversations that end
    # with a turn in the air add one that was cancelled.
    completed = totals["completed"] + totals["socket completed"]
    if not completed <= streams("completed") <= completed + totals["left"]:
        wrong.append(f"completed: {streams('completed')} there, {completed} "
                     f"here and {totals['left']} that left")
    if streams("cancelled") < totals["socket cut"]:
        wrong.append("fewer cancelled than were cut")
    bad_status = [name for name in metrics
                  if name.startswith("csm_requests_total") and
                  re.search(r'status="5', name)]
    return wrong + bad_status


def level(memory):
    """Means of the second and the last quarter, in MB."""
    n = len(memory) // 4
    return statistics.mean(memory[n:2 * n]), statistics.mean(memory[-n:])


def soak(server, given, totals, sample):
    until = time.monotonic() + given.seconds
    memory = []
    watcher = threading.Thread(
        target=watch, args=(server, until, memory, given.seconds))
    watcher.start()

    def client(rng):
        while time.monotonic() < until:
            kind = rng.random()
            if kind < 0.5:
                speak(server, totals, rng, rng.random() < 0.5,
                      max_audio_ms=4000)
            elif kind < 0.62:
                leave(server, totals, rng)
            elif kind < 0.76:
                bad(server, totals, rng)
            elif kind < 0.84:
                slow(server, totals, rng)
            elif kind < 0.96:
                converse(server, totals, rng)
            else:
                voices(server, totals, rng, sample)

    failures = run_clients(given.clients, client)
    watcher.join()
    metrics = settle(server)
    before, after = level(memory)
    wrong = compare(totals, metrics)
    if after > 1.1 * before + 4:
        wrong.append(f"memory grew from {before:.1f} to {after:.1f} MB")
    if "error=" in server.log:
        wrong.append("errors in the log")
    return {"seconds": given.seconds, "clients": given.clients,
            "counted": dict(sorted(totals.counts.items())),
            "first_audio_ms_p95": 1000 * percentile(totals.first, 0.95),
            "underruns_above_100_ms": sum(u > 0.1 for u in totals.underruns),
            "memory_mb_second_quarter": before, "memory_mb_last_quarter": after,
            "memory_mb": [round(memory[i * len(memory) // 20], 1)
                          for i in range(20)],
            "memory_mb_max": max(memory),
            "frames": metrics["csm_frames_total"],
            "wrong": wrong + failures}


def crashes(given, server, sample):
    """kill -9 while voices are written: what is listed is whole."""
    wrong = []
    for number in range(given.crashes):
        def write(rng, server=server):
            with contextlib.suppress(OSError, EOFError, ValueError):
                while True:
                    server.ask("POST", "/v1/audio/voices", *form(
                        {"name": f"crash-{rng.randrange(4)}", "replace": "true",
                         "audio_sample": sample, "ref_text": SENTENCES[0]}))

        killer = threading.Timer(0.5 + 0.13 * number, server.process.kill)
        killer.start()
        run_clients(4, write)
        server.process.wait()
        server = Server(given.csm, "--quiet", voices=server.voices)
        listed = {voice["id"]: "unusable" not in voice for voice in
                  server.ask("GET", "/v1/audio/voices").json["voices"]}
        if "anna" not in listed or not all(listed.values()):
            wrong.append(f"voices after crash {number}: {listed}")
        reply = server.speak("Hello.", voice="anna", max_audio_ms=400)
        if reply.status != 200:
            wrong.append(f"speech after crash {number}: {reply.body}")
    left = [name for name in os.listdir(server.voices)
            if not name.endswith(".csmvoice")]
    if left:
        wrong.append(f"files after all crashes: {left}")
    server.stop()
    return {"crashes": given.crashes, "wrong": wrong}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csm", required=True)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--crashes", type=int, default=10)
    given = parser.parse_args()
    with Server(given.csm, *PATIENT) as server:
        totals = Totals()
        reply = server.speak(SENTENCES[0], response_format="wav", stream=False,
                             max_audio_ms=1600)
        totals.count("status 200", "completed")
        made = server.ask("POST", "/v1/audio/voices", *form(
            {"name": "anna", "audio_sample": reply.body,
             "ref_text": SENTENCES[0]}))
        assert made.status == 200, made.body
        reports = [soak(server, given, totals, reply.body)]
        print(json.dumps(reports[0]), flush=True)
        reports.append(crashes(given, server, reply.body))
        print(json.dumps(reports[1]), flush=True)
    return 1 if any(report["wrong"] for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
