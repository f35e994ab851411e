#!/usr/bin/env python3
"""A request alone and among others of random start: the same bytes.

    equality_test.py --csm PROGRAM [--requests N] [--lanes N] [--seed N]

Speaks every request once while nobody else does, then all of them again, in
another order, on --lanes connections that begin at random moments; some of
the others leave in the middle. Compares all bytes.
"""

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


def leave(server, request):
    """Asks for much, and leaves in the middle."""
    connection = server.connect()
    try:
        connection.request("POST", "/v1/audio/speech", str({
            "input": request["input"] * 5, "max_audio_ms": 9000}).replace(
                "'", '"'), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read(1000)
    finally:
        connection.close()


def among_others(server, requests, alone, lanes, rng, check):
    order = list(range(len(requests)))
    rng.shuffle(order)
    lock = threading.Lock()

    def work(number):
        lane = random.Random(number)
        time.sleep(lane.random() * 0.2)
        while True:
            with lock:
                if not order:
                    return
                index = order.pop()
            if lane.random() < 0.1:
                leave(server, requests[index])
            time.sleep(lane.random() * 0.02)
            reply = ask(server, requests[index])
            with lock:
                check.check(f"request {index}",
                            reply.status == 200 and reply.body == alone[index],
                            f"status {reply.status}, {len(reply.body)} bytes, "
                            f"alone {len(alone[index])}")

    threads = [threading.Thread(target=work, args=(rng.random(),))
               for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
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
        among_others(server, requests, alone, given.lanes, rng, check)
        batches = server.metrics()
        steps = batches["csm_batch_size_count"]
        crowded = steps - batches['csm_batch_size_bucket{le="8"}']
        check.check("steps of many streams", crowded > steps / 100,
                    f"{crowded} of {steps}")
        print(f"{steps:.0f} steps, {crowded:.0f} of more than 8 streams")


if __name__ == "__main__":
    main("server equality", run,
         ("--requests", {"type": int, "default": 60}),
         ("--lanes", {"type": int, "default": 16}),
         ("--seed", {"type": int, "default": 1}))
