#!/usr/bin/env python3
"""A request alone and among others of random start: the same bytes.

    equality_test.py --csm PROGRAM [--requests N] [--others N] [--seed N]

Speaks every request once while nobody else does, then all of them again, in
another order, two at a time, while --others begin at random moments, speak
something else, and leave in the middle. Compares all bytes.
"""

import contextlib
import json
import random
import threading
import time

from serving import Server, main

WORDS = ("the rain in spain falls mainly on a plain and nobody knows why it "
         "should not fall somewhere else for a change said the old man").split()


def make_request(rng):
    """A speech request of a few frames, with settings of its own."""
    return {
        "input": " ".join(rng.choices(WORDS, k=rng.randint(1, 9))) + ".",
        "voice": rng.choice(["alloy", "echo"]),
        "seed": rng.randrange(2**32),
        "temperature": rng.choice([0.6, 0.8, 1.0]),
        "top_k": rng.choice([5, 50, 100]),
        "max_audio_ms": rng.choice([240, 480, 800]),
        "response_format": "pcm",
        "stream": rng.random() < 0.9,
    }


def ask(server, request):
    while True:
        reply = server.ask("POST", "/v1/audio/speech", request)
        if reply.status != 429:
            return reply
        time.sleep(float(reply.headers["retry-after"]) / 10)


def chatter(server, number, until):
    """One of the others, who stay or leave in the middle."""
    rng = random.Random(number)
    while not until.is_set():
        request = {**make_request(rng), "temperature": 3, "stream": True,
                   "max_audio_ms": 4000}
        with contextlib.closing(server.connect()) as connection:
            connection.request("POST", "/v1/audio/speech", json.dumps(request),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            if rng.random() < 0.5:
                time.sleep(rng.random() * 0.1)
            else:
                response.read()


def among_others(server, requests, alone, others, rng, check):
    order = list(range(len(requests)))
    rng.shuffle(order)
    lock = threading.Lock()
    until = threading.Event()

    def work():
        while True:
            with lock:
                if not order:
                    return
                index = order.pop()
            reply = ask(server, requests[index])
            with lock:
                check.check(f"request {index}",
                            reply.status == 200 and reply.body == alone[index],
                            f"status {reply.status}, {len(reply.body)} bytes, "
                            f"alone {len(alone[index])}")

    crowd = [threading.Thread(target=chatter, args=(server, i, until))
             for i in range(others)]
    workers = [threading.Thread(target=work) for _ in range(2)]
    for thread in crowd + workers:
        thread.start()
    for thread in workers:
        thread.join()
    until.set()
    for thread in crowd:
        thread.join()


def run(given, check):
    rng = random.Random(given.seed)
    requests = [make_request(rng) for _ in range(given.requests)]
    with Server(given.csm, "--max-load", "50") as server:
        alone = []
        for request in requests:
            reply = ask(server, request)
            check.equal("status", reply.status, 200)
            alone.append(reply.body)
        before = server.metrics()
        among_others(server, requests, alone, given.others, rng, check)
        after = server.metrics()
        steps, rows, few = (
            after[name] - before[name] for name in
            ("csm_batch_size_count", "csm_batch_size_sum",
             'csm_batch_size_bucket{le="8"}'))
        check.check("most steps are of many streams", few < steps / 2,
                    f"{few} of {steps} are not")
        print(f"{steps:.0f} steps of {rows / steps:.1f} streams, "
              f"{steps - few:.0f} of more than 8")


if __name__ == "__main__":
    main("server equality", run,
         ("--requests", {"type": int, "default": 60}),
         ("--others", {"type": int, "default": 16}),
         ("--seed", {"type": int, "default": 1}))
