#!/usr/bin/env python3
"""Voices over HTTP, API keys, limits, and how the server goes down.

    voices_test.py --csm PROGRAM
"""

import os
import signal
import socket
import time

from serving import Server, WebSocket, form, main

TEXT = "This is my voice."
KEY, OTHER = "0123456789abcdef-alice", "0123456789abcdef-bob"


def upload(server, **fields):
    return server.ask("POST", "/v1/audio/voices", *form(fields))


def voices(server, check):
    sample = server.speak(TEXT, voice="echo", response_format="wav",
                          stream=False, max_audio_ms=1600).body
    made = upload(server, name="anna", audio_sample=sample, ref_text=TEXT,
                  speaker="1")
    check.equal("made", (made.status, made.json["id"], made.json["speaker"],
                         made.json["frames"]), (200, "anna", 1, len(sample) // 3840))
    listed = server.ask("GET", "/v1/audio/voices").json
    names = [v["id"] for v in listed["voices"]]
    check.check("listed", {"speaker-0", "speaker-1", "anna"} <= {*names}, names)
    check.check("shape", all(v["name"] for v in listed["data"]))
    check.equal("one", server.ask("GET", "/v1/audio/voices/anna").json["kind"],
                "uploaded")
    bare = server.speak("Hello.", voice="speaker-1", max_audio_ms=800)
    spoken = server.speak("Hello.", voice="anna", max_audio_ms=800)
    again = server.speak("Hello.", voice="anna", max_audio_ms=800)
    check.check("a voice is heard", spoken.body != bare.body)
    check.check("the same each time", spoken.body == again.body)
    check.check("also in a context", spoken.body == server.speak(
        "Hello.", speaker=1, context=[{"voice": "anna"}],
        max_audio_ms=800).body)
    check.equal("taken", upload(server, name="anna", audio_sample=sample,
                                ref_text=TEXT).code, "voice_exists")
    check.equal("replaced", upload(
        server, name="anna", audio_sample=sample, ref_text=TEXT,
        replace="true").json["speaker"], 0)
    for name in ("../anna", "", "a/b", ".anna", "a" * 65, "speaker-7"):
        reply = upload(server, name=name, audio_sample=sample, ref_text=TEXT)
        check.equal(f"name {name!r}", reply.status, 400)
    for fields, code in (
            ({"audio_sample": b"RIFFxxxx", "ref_text": TEXT}, "invalid_audio"),
            ({"audio_sample": sample}, "missing_required_field"),
            ({"ref_text": TEXT}, "missing_required_field"),
            ({"audio_sample": sample, "ref_text": TEXT, "speaker": "x"},
             "invalid_value"),
            ({"audio_sample": sample, "ref_text": " "}, "empty_input")):
        check.equal(code, upload(server, name="b", **fields).code, code)
    large = upload(server, name="b", audio_sample=b"x" * (11 << 20),
                   ref_text=TEXT)
    check.equal("too large", (large.status, large.code),
                (413, "request_too_large"))
    check.equal("files", os.listdir(server.voices), ["anna.csmvoice"])


def after_a_crash(program, server, check):
    """kill -9 leaves voices whole."""
    server.process.kill()
    server.process.wait()
    with Server(program, voices=server.voices) as again:
        listed = again.ask("GET", "/v1/audio/voices").json["voices"]
        anna = [v for v in listed if v["id"] == "anna"]
        check.check("after a crash", anna and "unusable" not in anna[0], listed)
        gone = again.ask("DELETE", "/v1/audio/voices/anna").json
        check.equal("removed", gone["deleted"], True)
        check.equal("gone", again.ask("GET", "/v1/audio/voices/anna").status,
                    404)


def keys(program, check):
    lines = f"# keys\n{KEY} alice\n{OTHER} bob\n"
    with Server(program, "--client-streams", "1", "--client-requests", "60",
                env={"CSM_API_KEYS": lines}) as server:
        body = {"input": "Hello.", "response_format": "pcm",
                "max_audio_ms": 400}

        def speak(key, **headers):
            named = {"Authorization": f"Bearer {key}"} if key else {}
            return server.ask("POST", "/v1/audio/speech", body,
                              {**named, **headers})

        check.equal("no key", (speak(None).status, speak(None).code),
                    (401, "invalid_api_key"))
        check.equal("another key", speak(KEY + "x").status, 401)
        check.equal("key", speak(KEY).status, 200)
        check.equal("X-API-Key", speak(None, **{"X-API-Key": OTHER}).status,
                    200)
        check.equal("metrics", server.ask("GET", "/metrics").status, 401)
        check.equal("health", server.ask("GET", "/health").status, 200)
        check.equal("socket without key",
                    WebSocket(server, "/v1/audio/speech/stream").status, 401)
        link = WebSocket(server, f"/v1/audio/speech/stream?api_key={KEY}")
        check.equal("socket with key", link.status, 101)
        link.send({"type": "session.config", "max_audio_ms": 60000})
        link.receive()
        link.send({"type": "input.text", "text": "A long story. " * 100})
        link.until("audio.start")
        check.equal("a second stream", (speak(KEY).status, speak(KEY).code),
                    (429, "too_many_streams"))
        check.equal("of another client", speak(OTHER).status, 200)
        link.close()
        statuses = [speak(OTHER + "x").status for _ in range(3)]
        check.equal("strangers", statuses, [401] * 3)
        statuses = {server.ask("GET", "/v1/models", None,
                               {"X-API-Key": OTHER}).status
                    for _ in range(70)}
        check.equal("too many requests", statuses, {200, 429})
        check.check("names, no keys in the log",
                    "client=alice" in server.log and KEY not in server.log)


def pages(program, check):
    origin = "https://app.example"
    with Server(program, "--cors-origin", origin) as server:
        reply = server.ask("GET", "/v1/models", None, {"Origin": origin})
        check.equal("allowed origin",
                    reply.headers.get("access-control-allow-origin"), origin)
        reply = server.ask("OPTIONS", "/v1/audio/speech", None,
                           {"Origin": origin})
        check.check("preflight", reply.status == 204 and
                    "access-control-allow-methods" in reply.headers)
        reply = server.ask("OPTIONS", "/v1/audio/speech", None,
                           {"Origin": "https://evil.example"})
        check.check("preflight of others", "access-control-allow-origin"
                    not in reply.headers)


def slow_clients(program, check):
    with Server(program, "--stall-seconds", "1", "--max-connections",
                "20") as server:
        # Who reads nothing is given up; the stream ends.
        link = socket.create_connection((server.host, server.port))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = (b'{"input":"' + b"A long story. " * 200 +
                b'","response_format":"wav","sample_rate":48000,"seed":1}')
        link.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Type: application/json\r\nContent-Length: " +
                     str(len(body)).encode() + b"\r\n\r\n" + body)
        start = time.monotonic()
        cut = 'csm_streams_total{outcome="cancelled"}'
        while cut not in server.metrics() and time.monotonic() < start + 60:
            time.sleep(0.1)
        check.check("a reader that stalls", cut in server.metrics())
        link.close()
        # More connections than there may be: the rest is closed.
        links = [socket.create_connection((server.host, server.port))
                 for _ in range(30)]
        closed = 0
        for one in links:
            one.settimeout(0.2)
            try:
                closed += one.recv(1) == b""
            except OSError:
                pass
        check.check("connections beyond the limit", closed >= 10, closed)
        for one in links:
            one.close()


def crowded(program, check):
    """Streams beyond the limit are refused with a time to ask again."""
    with Server(program, "--max-streams", "1") as server:
        link = WebSocket(server, "/v1/audio/speech/stream")
        link.send({"type": "input.text", "text": "A long story. " * 100})
        link.until("audio.start")
        for fields in ({}, {"stream": False}):
            reply = server.speak("Hello.", **fields)
            check.equal("no room", (reply.status, reply.code),
                        (429, "overloaded"))
            check.check("Retry-After",
                        1 <= int(reply.headers["retry-after"]) <= 60)
        check.equal("ready", server.ask("GET", "/ready").status, 503)
        link.close()
        start = time.monotonic()
        while server.ask("GET", "/ready").status != 200 and \
                time.monotonic() < start + 10:
            time.sleep(0.05)
        check.equal("room again",
                    server.speak("Hello.", max_audio_ms=400).status, 200)


def going_down(program, check):
    with Server(program, "--drain-seconds", "20") as server:
        connection = server.connect()
        connection.request(
            "POST", "/v1/audio/speech",
            '{"input": "Good morning to you all, dear friends.", '
            '"response_format": "pcm", "seed": 1}',
            {"Content-Type": "application/json"})
        response = connection.getresponse()
        first = response.read(1920)
        server.process.send_signal(signal.SIGTERM)
        rest = response.read()
        check.equal("status", server.process.wait(30), 0)
        check.check("a stream ends well", len(first + rest) % 3840 == 0 and
                    len(rest) > 3840, len(rest))


def run(given, check):
    server = Server(given.csm)
    try:
        voices(server, check)
        after_a_crash(given.csm, server, check)
    finally:
        server.stop()
    keys(given.csm, check)
    pages(given.csm, check)
    slow_clients(given.csm, check)
    crowded(given.csm, check)
    going_down(given.csm, check)


if __name__ == "__main__":
    main("server voices and limits", run)
