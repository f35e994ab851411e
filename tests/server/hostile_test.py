#!/usr/bin/env python3
"""Malformed and hostile requests: the right 4xx each, and the server lives.

    hostile_test.py --csm PROGRAM
"""

import contextlib
import socket
import struct
import time

from serving import Server, WebSocket, main

SPEECH = "/v1/audio/speech"
JSON = {"Content-Type": "application/json"}


def deep(n):
    return b"[" * n + b"]" * n


# name, fields of a speech request, status, code
FIELDS = [
    ("no input", {"input": None}, 400, "missing_required_field"),
    ("empty input", {"input": ""}, 400, "empty_input"),
    ("blank input", {"input": " \n\t "}, 400, "empty_input"),
    ("long input", {"input": "a" * 4097}, 400, "input_too_long"),
    ("input of another type", {"input": 7}, 400, "invalid_type"),
    ("bad pause", {"input": "Hi [pause 99999s]"}, 400, "invalid_value"),
    ("pauses alone", {"input": "[pause 1s]"}, 400, "invalid_value"),
    ("unknown model", {"model": "gpt-9"}, 404, "model_not_found"),
    ("unknown voice", {"voice": "nobody"}, 400, "voice_not_found"),
    ("voice as a path", {"voice": "../../etc/passwd"}, 400, "voice_not_found"),
    ("voice with a NUL", {"voice": "a\0b"}, 400, "voice_not_found"),
    ("voice of another type", {"voice": ["alloy"]}, 400, "invalid_type"),
    ("voice without id", {"voice": {}}, 400, "missing_required_field"),
    ("aac", {"response_format": "aac"}, 400, "unsupported_response_format"),
    ("format as a path", {"response_format": "../wav"}, 400,
     "unsupported_response_format"),
    ("speed", {"speed": 1.5}, 400, "unsupported_speed"),
    ("speed out of range", {"speed": 9}, 400, "invalid_value"),
    ("instructions", {"instructions": "whisper"}, 400,
     "unsupported_instructions"),
    ("stream format", {"stream_format": "websocket"}, 400, "invalid_value"),
    ("sample rate", {"sample_rate": 7999}, 400, "unsupported_sample_rate"),
    ("rate of mp3", {"response_format": "mp3", "sample_rate": 12345}, 400,
     "unsupported_sample_rate"),
    ("rate of pcmu", {"response_format": "pcmu", "sample_rate": 16000}, 400,
     "unsupported_sample_rate"),
    ("temperature below 0", {"temperature": -0.1}, 400, "invalid_value"),
    ("temperature as text", {"temperature": "hot"}, 400, "invalid_type"),
    ("top_k 0", {"top_k": 0}, 400, "invalid_value"),
    ("top_k beyond all", {"top_k": 10**9}, 400, "invalid_value"),
    ("top_k beyond 64 bits", {"top_k": 2**63}, 400, "invalid_value"),
    ("seed as a fraction", {"seed": 1.5}, 400, "invalid_type"),
    ("speaker below 0", {"speaker": -1}, 400, "invalid_value"),
    ("no sound at all", {"max_audio_ms": 10}, 400, "invalid_value"),
    ("sound for ever", {"max_audio_ms": 2**31 - 1}, 400, "invalid_value"),
    ("digest", {"expect_codes_sha256": "abc"}, 400, "invalid_value"),
    ("context of another type", {"context": "hello"}, 400, "invalid_type"),
    ("context without text", {"context": [{}]}, 400, "missing_required_field"),
    ("context that is no base64",
     {"context": [{"text": "a", "audio": "%%%"}]}, 400, "invalid_value"),
    ("context that is no sound",
     {"context": [{"text": "a", "audio": "AAAA"}]}, 400, "invalid_audio"),
    ("context of too many turns", {"context": [{}] * 33}, 400, "invalid_type"),
    ("codes out of range", {"context": [
        {"text": "a", "codes": [[99999] * 32]}]}, 400, "invalid_value"),
    ("frames of another width", {"context": [
        {"text": "a", "codes": [[1, 2]]}]}, 400, "invalid_value"),
]

# name, method, path, body, headers, status, code
REQUESTS = [
    ("no JSON", "POST", SPEECH, b"{", JSON, 400, "invalid_json"),
    ("no object", "POST", SPEECH, b"[1]", JSON, 400, "invalid_type"),
    ("deep JSON", "POST", SPEECH, deep(100000), JSON, 400, "invalid_json"),
    ("keys twice", "POST", SPEECH, b'{"input":"a","input":"b"}', JSON, 400,
     "invalid_json"),
    ("no UTF-8", "POST", SPEECH, b'{"input":"\xff\xfe"}', JSON, 400,
     "invalid_json"),
    ("a form", "POST", SPEECH, b"input=a",
     {"Content-Type": "application/x-www-form-urlencoded"}, 415,
     "unsupported_media_type"),
    ("no type", "POST", SPEECH, b"{}", {}, 415, "unsupported_media_type"),
    ("a large body", "POST", SPEECH, b" " * (9 << 20), JSON, 413,
     "request_too_large"),
    ("another origin", "POST", SPEECH, b"{}",
     {**JSON, "Origin": "https://evil.example"}, 403, "forbidden_origin"),
    ("another host", "POST", SPEECH, b"{}",
     {**JSON, "Host": "evil.example"}, 403, "forbidden_host"),
    ("a host that begins like this machine", "POST", SPEECH, b"{}",
     {**JSON, "Host": "127.evil.example"}, 403, "forbidden_host"),
    ("another method", "PUT", SPEECH, b"{}", JSON, 405, "method_not_allowed"),
    ("nothing there", "GET", "/v1/nothing", None, {}, 404, "not_found"),
    ("a path upwards", "GET", "/page/../../etc/passwd", None, {}, 404,
     "not_found"),
    ("a coded path upwards", "GET", "/page/%2e%2e%2fCMakeLists.txt", None, {},
     404, "not_found"),
    ("a NUL in the path", "GET", "/%00", None, {}, 400, "malformed_request"),
    ("a broken code", "GET", "/%zz", None, {}, 400, "malformed_request"),
    ("voice upwards", "DELETE", "/v1/audio/voices/..%2f..%2fx", None, {}, 404,
     "not_found"),
    ("no such voice", "DELETE", "/v1/audio/voices/nobody", None, {}, 404,
     "voice_not_found"),
    ("upload without form", "POST", "/v1/audio/voices", b"{}", JSON, 415,
     "unsupported_media_type"),
    ("form without boundary", "POST", "/v1/audio/voices", b"x",
     {"Content-Type": "multipart/form-data"}, 400, "invalid_form"),
    ("form without end", "POST", "/v1/audio/voices", b"--b\r\n\r\n",
     {"Content-Type": "multipart/form-data; boundary=b"}, 400, "invalid_form"),
    ("form without fields", "POST", "/v1/audio/voices", b"--b--",
     {"Content-Type": "multipart/form-data; boundary=b"}, 400,
     "missing_required_field"),
    ("empty batch", "POST", SPEECH + "/batch", b'{"items":[]}', JSON, 400,
     "invalid_value"),
    ("batch of too many", "POST", SPEECH + "/batch",
     b'{"items":[' + b",".join([b"{}"] * 33) + b"]}", JSON, 400,
     "invalid_value"),
    ("batch of no objects", "POST", SPEECH + "/batch", b'{"items":[1]}', JSON,
     400, "invalid_type"),
]

# name, bytes, the beginning of the answer (nothing: no answer needed)
RAW = [
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"HTTP/1.1 400"),
    ("an old method", b"BREW / COFFEE\r\n\r\n", b"HTTP/1.1 400"),
    ("long headers", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " +
     b"a" * 20000 + b"\r\n\r\n", b"HTTP/1.1 431"),
    ("two lengths", b"POST " + SPEECH.encode() + b" HTTP/1.1\r\n"
     b"Host: localhost\r\nContent-Type: application/json\r\n"
     b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"HTTP/1.1 400"),
    ("length and chunks", b"POST " + SPEECH.encode() + b" HTTP/1.1\r\n"
     b"Host: localhost\r\nContent-Type: application/json\r\n"
     b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     b"HTTP/1.1 400"),
    ("a length below 0", b"POST " + SPEECH.encode() + b" HTTP/1.1\r\n"
     b"Host: localhost\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 400"),
    ("a broken chunk", b"POST " + SPEECH.encode() + b" HTTP/1.1\r\n"
     b"Host: localhost\r\nContent-Type: application/json\r\n"
     b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 400"),
    ("another socket", b"GET /v1/audio/speech/stream HTTP/1.1\r\n"
     b"Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     b"Origin: https://evil.example\r\nSec-WebSocket-Key: "
     b"AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
     b"HTTP/1.1 403"),
    ("a socket elsewhere", b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\n"
     b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
     b"AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
     b"HTTP/1.1 404"),
]


def refused_fields(server, check):
    for name, fields, status, code in FIELDS:
        body = {"input": "Hello.", "response_format": "pcm", **fields}
        reply = server.ask("POST", SPEECH, body)
        check.equal(name, (reply.status, reply.code), (status, code))


def refused_requests(server, check):
    for name, method, path, body, headers, status, code in REQUESTS:
        reply = server.ask(method, path, body, headers)
        check.equal(name, (reply.status, reply.code), (status, code))


def refused_bytes(server, check):
    for name, data, start in RAW:
        answer = server.raw(data)
        check.check(name, answer.startswith(start), answer[:100])


def sockets(server, check):
    """What is wrong with messages is answered, and the socket goes on."""
    link = WebSocket(server, "/v1/audio/speech/stream")
    for message, code in (
            ("{", "invalid_json"), ("[]", "invalid_type"),
            ({"type": "nothing"}, "unknown_message"), ({}, "missing_required_field"),
            ({"type": "input.text"}, "missing_required_field"),
            ({"type": "input.done"}, "empty_input"),
            ({"type": "session.config", "speed": 2}, "unsupported_speed"),
            ({"type": "session.config", "split": 1}, "invalid_type"),
            ({"type": "input.text", "text": "a" * 70000}, "input_too_long"),
            ({"type": "input.cancel", "played_ms": -1}, "invalid_value")):
        link.send(message)
        reply = link.receive()
        check.equal(f"socket {code}", (reply["type"], reply["code"]),
                    ("error", code))
    link.send(b"\0" * 100, opcode=2)
    check.equal("binary message", link.receive(), 1003)
    link.close()
    # A frame that claims 2^62 bytes.
    link = WebSocket(server, "/v1/audio/speech/stream")
    link.link.sendall(b"\x81\xff" + struct.pack(">Q", 2**62) + b"\0" * 4)
    check.equal("a huge frame", link.receive(), 1009)
    link.close()
    # A frame without mask.
    link = WebSocket(server, "/v1/audio/speech/stream")
    link.link.sendall(b"\x81\x02{}")
    check.equal("no mask", link.receive(), 1002)
    link.close()


def leaving(server, check):
    """Clients that go in the middle of everything."""
    request = (b"POST " + SPEECH.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Type: application/json\r\nContent-Length: 57\r\n\r\n"
               b'{"input":"Hello there, my friend.","max_audio_ms": 60000}')
    for size in (5, 60, 150, len(request)):
        with contextlib.closing(socket.create_connection(
                (server.host, server.port))) as link:
            link.sendall(request[:size])
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
    # The last of them may be about to begin: it must stay at none.
    active = [1]
    while len(active) < 1200 and any(active[-10:]):
        active.append(server.metrics()["csm_streams_active"])
        time.sleep(0.05)
    check.equal("streams of those who left", active[-1], 0)


def in_a_row(server, check):
    """Requests that do not wait for answers get them in turn, also if they
    come in bits."""
    body = (b'{"input":"Hello.","response_format":"pcm","seed":1,'
            b'"max_audio_ms":%d,"stream":false}')
    want = []
    data = b""
    for ms in (800, 400, 160):
        fields = body % ms
        want.append(server.ask("POST", SPEECH, fields, JSON).body)
        data += (b"POST " + SPEECH.encode() + b" HTTP/1.1\r\nHost: localhost"
                 b"\r\nContent-Type: application/json\r\nContent-Length: " +
                 str(len(fields)).encode() + b"\r\n\r\n" + fields)
    for bits in ([0, len(data)], [0, len(data) // 3 + 9, len(data)],
                 [0, len(data) - 5, len(data)], [*range(0, len(data), 90),
                                                 len(data)]):
        with socket.create_connection((server.host, server.port), 60) as link:
            got = []
            for begin, end in zip(bits, bits[1:]):
                link.sendall(data[begin:end])
                time.sleep(0.01)  # a bit of its own
            file = link.makefile("rb")
            for _ in want:
                size = 0
                while line := file.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                got.append(file.read(size))
        check.check(f"in a row, in {len(bits) - 1} bits", got == want,
                    [len(answer) for answer in got])


def run(given, check):
    with Server(given.csm) as server:
        refused_fields(server, check)
        refused_requests(server, check)
        refused_bytes(server, check)
        sockets(server, check)
        in_a_row(server, check)
        leaving(server, check)
        check.equal("the server lives", server.ask("GET", "/health").status, 200)
        check.equal("and speaks",
                    server.speak("Hello.", max_audio_ms=400).status, 200)
        check.equal("and ends well", server.stop(), 0)


if __name__ == "__main__":
    main("server hostile requests", run)
