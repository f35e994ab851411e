"""Clients that put load on a server, and what they meet."""

import contextlib
import json
import random
import selectors
import socket
import threading
import time

SENTENCES = (
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "She sells sea shells by the sea shore every sunny morning.",
    "A journey of a thousand miles begins with a single step.",
    "It was the best of times, and it was the worst of times.",
)
BYTES_A_SECOND = 48000
JSON = {"Content-Type": "application/json"}


class Totals:
    """What all clients met."""

    def __init__(self):
        self.lock = threading.Lock()
        self.first = []      # seconds to the first sound
        self.underruns = []  # longest of a stream, seconds
        self.sound = 0.0     # seconds
        self.counts = {}     # what happened: how often

    def count(self, *happened):
        with self.lock:
            for what in happened:
                self.counts[what] = self.counts.get(what, 0) + 1

    def __getitem__(self, what):
        return self.counts.get(what, 0)


def ask(server, totals, **fields):
    """(connection, response) of a request for speech, of any status."""
    connection = server.connect(timeout=300)
    connection.request("POST", "/v1/audio/speech", json.dumps(
        {"response_format": "pcm", **fields}), JSON)
    response = connection.getresponse()
    totals.count(f"status {response.status}")
    return connection, response


def request_of(rng, **fields):
    return {"input": rng.choice(SENTENCES), "voice": rng.choice(["alloy", "ash"]),
            "seed": rng.randrange(2**32), **fields}


def speak(server, totals, rng, paced=True, **fields):
    """One stream, heard to its end as a player does, unless it is refused.

    paced  reads no faster than half a second ahead of the ear
    """
    start = time.monotonic()
    connection, response = ask(server, totals, **request_of(rng, **fields))
    if response.status == 429:
        connection.close()
        time.sleep(float(response.headers["Retry-After"]) * rng.random())
        return
    assert response.status == 200, response.read()
    first = heard = longest = 0.0
    while block := response.read1(65536):
        now = time.monotonic()
        if not first:
            first = begun = now
        # The player has been dry since what it had was over.
        dry = now - begun - heard
        if dry > 0:
            longest = max(longest, dry)
            begun += dry
        heard += len(block) / BYTES_A_SECOND
        if paced and heard > now - begun + 0.5:
            time.sleep(heard - (now - begun) - 0.5)
    connection.close()
    with totals.lock:
        totals.first.append(first - start)
        totals.underruns.append(longest)
        totals.sound += heard
    totals.count("completed")


def drink(server, requests):
    """Reads the sound of all requests (fields of the body) side by side, with
    as little work as can be; bytes of the answers."""
    room = bytearray(1 << 18)
    n_bytes = 0
    with contextlib.ExitStack() as open_links, \
            selectors.DefaultSelector() as waiting:
        for fields in requests:
            body = json.dumps({"response_format": "pcm", **fields}).encode()
            head = (f"POST /v1/audio/speech HTTP/1.1\r\nHost: {server.host}\r\n"
                    "Content-Type: application/json\r\nConnection: close\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode()
            link = open_links.enter_context(socket.create_connection(
                (server.host, server.port), 120))
            link.sendall(head + body)
            waiting.register(link, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(120)
            assert ready, "nothing came for two minutes"
            for key, _ in ready:
                n = key.fileobj.recv_into(room)
                n_bytes += n
                if not n:
                    waiting.unregister(key.fileobj)
    return n_bytes


def run_clients(n_clients, client):
    """client(random numbers) on so many threads that begin together; what
    went wrong in them."""
    failures = []
    begin = threading.Barrier(n_clients)

    def guarded(number):
        try:
            begin.wait()
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
