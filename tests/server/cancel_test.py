#!/usr/bin/env python3
"""Who leaves or cancels costs one frame more at most.

    cancel_test.py --csm PROGRAM

Counted in frames, not in seconds: /metrics is asked behind the client's last
word. The server hears the two in this order, so what it counts from there on
was spoken for nobody.
"""

import contextlib
import json

from serving import Server, WebSocket, main, wait_until

# So hot that no stream ends before its limit, which no test waits for.
SETTINGS = {"temperature": 3, "max_audio_ms": 60000, "seed": 1}
TEXT = "And so it goes on and on."
ROUNDS = 8
SPEECH = "/v1/audio/speech"


class Counters:
    """/metrics, on a connection that is there already."""

    def __init__(self, server):
        self.connection = server.connect()
        self.read()

    def read(self):
        self.connection.request("GET", "/metrics")
        lines = self.connection.getresponse().read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line[0] != "#")
        self.values = {name: float(value) for name, value in pairs}
        return self

    @property
    def frames(self):
        return self.values["csm_frames_total"]

    @property
    def active(self):
        return self.values["csm_streams_active"]

    @property
    def cancelled(self):
        return self.values.get('csm_streams_total{outcome="cancelled"}', 0)


def ask(server, path, body):
    connection = server.connect()
    connection.request("POST", path, json.dumps(body),
                       {"Content-Type": "application/json"})
    return connection


def heard(connection):
    """What leaves when some of the answer is here."""
    response = connection.getresponse()
    response.read(4000)

    def leave():
        response.close()
        connection.close()
    return leave


# What a client does until it speaks; each gives what it does then, for the
# last time.

def http(server, counters, **fields):
    return heard(ask(server, SPEECH, {"input": TEXT, **SETTINGS, **fields}))


def sse(server, counters):
    return http(server, counters, stream_format="sse")


def whole(server, counters):
    """Nothing comes before the end."""
    before = counters.read().frames
    connection = ask(server, SPEECH, {"input": TEXT, "stream": False,
                                      **SETTINGS})
    assert wait_until(lambda: counters.read().frames > before + 3)
    return connection.close


def ahead(server, counters):
    """The next request is on its way already."""
    connection = ask(server, SPEECH, {"input": TEXT, **SETTINGS})
    connection.sock.sendall(b"\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n")
    return heard(connection)


def batch(server, counters):
    before = counters.read().frames
    connection = ask(server, SPEECH + "/batch",
                     {"items": [{"input": TEXT}] * 3, **SETTINGS})
    assert wait_until(lambda: counters.read().frames > before + 9)
    return connection.close


def talking(server, path=SPEECH + "/stream"):
    link = WebSocket(server, path)
    link.send({"type": "session.config", **SETTINGS})
    link.send({"type": "input.text", "text": TEXT})
    link.send({"type": "input.done"})
    while not isinstance(link.receive(), bytes):
        pass
    return link


def socket_gone(server, counters):
    return talking(server).close


def socket_closed(server, counters):
    """With a goodbye, as RFC 6455 wants it."""
    link = talking(server)
    return lambda: link.send(b"\x03\xe8", 8)


def socket_cancelled(server, counters):
    link = talking(server)
    return lambda: link.send({"type": "input.cancel"})


def barge_in(server, counters):
    link = talking(server)
    return lambda: link.send({"type": "input.cancel", "played_ms": 80})


def eleven(server, counters):
    link = WebSocket(server, "/v1/text-to-speech/alloy/stream-input")
    link.send({"text": " "})
    link.send({"text": "A story that goes on. " * 100, "flush": True})
    assert isinstance(link.receive(), dict)
    return link.close


def last_frames(server, counters, check, client, n_streams=1):
    before = counters.read().cancelled
    last_word = client(server, counters)
    last_word()
    seen = counters.read()
    frames = seen.frames
    ended = wait_until(lambda: counters.read().active == 0)
    name = client.__name__
    check.check(f"{name}: ends", ended)
    check.check(f"{name}: frames for nobody",
                counters.frames - frames <= n_streams,
                counters.frames - frames)
    check.check(f"{name}: was cancelled", wait_until(
        lambda: counters.read().cancelled == before + n_streams),
        counters.cancelled - before)


def run(given, check):
    with Server(given.csm, "--quiet") as server, \
            contextlib.closing(server.connect()):
        counters = Counters(server)
        for client in (http, sse, whole, ahead, socket_gone, socket_closed,
                       socket_cancelled, barge_in, eleven):
            for _ in range(ROUNDS):
                last_frames(server, counters, check, client)
        for _ in range(ROUNDS):
            last_frames(server, counters, check, batch, 3)


if __name__ == "__main__":
    main("server cancels", run)
