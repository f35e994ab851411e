#!/usr/bin/env python3
"""API keys, limits, and how the server goes down.

    limits_test.py --csm PROGRAM
"""

import contextlib
import signal
import socket

from serving import Server, WebSocket, main, wait_until

KEY, OTHER = "0123456789abcdef-alice", "0123456789abcdef-bob"


# Longer than any test takes.
STORY = "A long story. " * 2000


def tell(server, path="/v1/audio/speech/stream"):
    """A WebSocket on which a story has begun that nobody listens to."""
    link = WebSocket(server, path)
    link.send({"type": "input.text", "text": STORY})
    link.until("audio.start")
    return link


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
        check.equal("a part of a key", speak(KEY[:-1]).status, 401)
        check.equal("key", speak(KEY).status, 200)
        check.equal("X-API-Key", speak(None, **{"X-API-Key": OTHER}).status,
                    200)
        check.equal("xi-api-key", speak(None, **{"xi-api-key": OTHER}).status,
                    200)
        check.equal("metrics", server.ask("GET", "/metrics").status, 401)
        for path in ("/health", "/ready", "/version", "/", "/openapi.json"):
            check.equal(path, server.ask("GET", path).status, 200)
        for path in ("/v1/audio/speech/stream",
                     "/v1/text-to-speech/alloy/stream-input"):
            check.equal("socket without key", WebSocket(server, path).status,
                        401)
        link = tell(server, f"/v1/audio/speech/stream?api_key={KEY}")
        check.equal("a second stream", (speak(KEY).status, speak(KEY).code),
                    (429, "too_many_streams"))
        check.equal("of another client", speak(OTHER).status, 200)
        link.close()
        check.check("room again", wait_until(lambda: speak(KEY).status == 200))

        def models(key):
            return server.ask("GET", "/v1/models", None, {"X-API-Key": key})

        check.check("too many requests",
                    wait_until(lambda: models(OTHER).status == 429))
        late = models(OTHER)
        if late.status == 429:
            check.check("when to ask again",
                        late.code == "rate_limit_exceeded" and
                        int(late.headers["retry-after"]) >= 1)
        check.equal("not of another client", models(KEY).status, 200)
        check.check("keys cannot be guessed for long",
                    wait_until(lambda: models(OTHER + "x").status == 429))
        check.check("names, no keys in the log",
                    "client=alice" in server.log and KEY not in server.log)


def pages(program, check):
    origin = "https://app.example"
    with Server(program) as server:
        check.equal("another origin", server.ask(
            "GET", "/v1/models", None, {"Origin": origin}).code,
            "forbidden_origin")
        reply = server.ask("OPTIONS", "/v1/audio/speech", None,
                           {"Origin": origin})
        check.check("CORS is off", not any(
            name.startswith("access-control") for name in reply.headers))
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


def is_closed(link):
    """Whether the server has closed a connection."""
    link.settimeout(0.02)
    try:
        return link.recv(4096) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def slow_requests(program, check):
    """Who sends a byte now and then is cut off, and holds nobody up."""
    head = (b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n")
    body = head + b"Content-Length: 1000\r\n\r\n"
    with Server(program, "--head-seconds", "2", "--body-seconds", "2",
                "--idle-seconds", "2", "--max-connections", "20") as server:
        for name, begin in (("a slow head", head), ("a slow body", body),
                            ("nothing", b"")):
            link = socket.create_connection((server.host, server.port))
            link.sendall(begin)

            def is_cut(link=link, begin=begin):
                with contextlib.suppress(OSError):
                    if begin:
                        link.sendall(b"a")
                return is_closed(link)

            check.check(f"{name}: others are served", server.speak(
                "Hello.", max_audio_ms=80).status == 200)
            check.check(name, wait_until(is_cut))
            link.close()
        # More connections than there may be: the rest is closed.
        links = [socket.create_connection((server.host, server.port))
                 for _ in range(40)]
        check.check("connections beyond the limit", wait_until(
            lambda: sum(map(is_closed, links)) >= 20))
        for one in links:
            one.close()
        check.check("and the server lives", wait_until(
            lambda: is_served(server)))


def is_served(server):
    with contextlib.suppress(OSError):
        return server.ask("GET", "/health").status == 200
    return False


def slow_readers(program, check):
    """Who reads nothing is given up; the stream ends."""
    with Server(program, "--stall-seconds", "1") as server:
        link = socket.create_connection((server.host, server.port))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = (b'{"input":"' + b"A long story. " * 200 +
                b'","response_format":"wav","sample_rate":48000,"seed":1}')
        link.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Type: application/json\r\nContent-Length: " +
                     str(len(body)).encode() + b"\r\n\r\n" + body)
        cut = 'csm_streams_total{outcome="cancelled"}'
        check.check("a reader that stalls",
                    wait_until(lambda: cut in server.metrics()))
        link.close()
        link = tell(server)
        check.check("a socket that stalls",
                    wait_until(lambda: server.metrics().get(cut) == 2))
        link.close()


def crowded(program, check):
    """Streams beyond the limit are refused with a time to ask again."""
    with Server(program, "--max-streams", "1") as server:
        link = tell(server)
        for fields in ({}, {"stream": False}):
            reply = server.speak("Hello.", **fields)
            check.equal("no room", (reply.status, reply.code),
                        (429, "overloaded"))
            check.check("Retry-After",
                        1 <= int(reply.headers["retry-after"]) <= 60)
        check.equal("ready", server.ask("GET", "/ready").status, 503)
        second = WebSocket(server, "/v1/audio/speech/stream")
        second.send({"type": "input.text", "text": "Hello."})
        second.send({"type": "input.done"})
        refused = second.receive()
        check.equal("a second socket", (refused["status"], refused["code"]),
                    (429, "overloaded"))
        second.close()
        link.close()
        check.check("ready again", wait_until(
            lambda: server.ask("GET", "/ready").status == 200))
        check.equal("room again",
                    server.speak("Hello.", max_audio_ms=400).status, 200)


def batches(program, check):
    """Items of a batch wait for room."""
    with Server(program, "--client-streams", "2", "--max-streams",
                "2") as server:
        reply = server.ask("POST", "/v1/audio/speech/batch", {
            "response_format": "pcm", "max_audio_ms": 160,
            "items": [{"input": "Hello."}] * 9 + [{"input": ""}]}).json
        check.equal("items", (reply["succeeded"], reply["failed"]), (9, 1))


def going_down(program, check):
    with Server(program, "--drain-seconds", "60") as server:
        talk = WebSocket(server, "/v1/audio/speech/stream")
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
        check.equal("a silent socket is told", talk.receive(), 1001)
        talk.close()
        check.equal("status", server.process.wait(120), 0)
        check.check("a stream ends well", len(first + rest) % 3840 == 0 and
                    len(rest) > 3840, len(rest))
    with Server(program, "--drain-seconds", "600") as server:
        link = tell(server)
        server.process.send_signal(signal.SIGTERM)
        check.check("the first one is heard",
                    wait_until(lambda: "draining streams=1" in server.log))
        with contextlib.suppress(ConnectionError):
            server.connect().request("GET", "/health")
            check.check("nobody is let in any more", False)
        server.process.send_signal(signal.SIGTERM)
        check.equal("a second one ends it", server.process.wait(120), 0)
        link.close()


def run(given, check):
    keys(given.csm, check)
    pages(given.csm, check)
    slow_requests(given.csm, check)
    slow_readers(given.csm, check)
    crowded(given.csm, check)
    batches(given.csm, check)
    going_down(given.csm, check)


if __name__ == "__main__":
    main("server limits", run)
