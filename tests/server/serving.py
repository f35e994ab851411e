"""A server to test, and how tests talk to it, with the standard library."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ADDRESS = re.compile(r"speaks at http://([^:]+):(\d+)")


class Reply:
    """An answer that has come whole."""

    def __init__(self, response, body, trailers):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = body
        self.trailers = trailers

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The code of an error, checked for OpenAI's four keys."""
        error = self.json["error"]
        assert sorted(error) == ["code", "message", "param", "type"], error
        return error["code"]


class Server:
    """csm serve in a process of its own, with folders of its own."""

    def __init__(self, program, *arguments, env=None, voices=None):
        self.folder = tempfile.mkdtemp(prefix="csm-server-")
        self.voices = voices or os.path.join(self.folder, "voices")
        self.lines = []
        command = [program, "serve", "--demo", "--port", "0", "--voices",
                   self.voices, *arguments]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "XDG_CACHE_HOME": self.folder, **(env or {})})
        for line in self.process.stderr:
            self.lines.append(line)
            found = ADDRESS.search(line)
            if found:
                self.host, self.port = found[1], int(found[2])
                break
        else:
            raise RuntimeError("no server: " + "".join(self.lines))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def log(self):
        return "".join(self.lines)

    def connect(self, timeout=120):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, timeout=120):
        """One request on a connection of its own; JSON if body is no bytes."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect(timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            return read_reply(connection.getresponse())

    def speak(self, text, **fields):
        return self.ask("POST", "/v1/audio/speech", {
            "input": text, "response_format": "pcm", "seed": 1, **fields})

    def raw(self, data, timeout=10, pause=0):
        """What comes back for bytes that need not be HTTP."""
        with socket.create_connection((self.host, self.port), timeout) as link:
            link.sendall(data)
            answer = b""
            with contextlib.suppress(OSError):
                while block := link.recv(65536):
                    answer += block
            return answer

    def metrics(self):
        """{name with labels: value}"""
        lines = self.ask("GET", "/metrics").body.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines
                 if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def stop(self, number=signal.SIGTERM, timeout=60):
        """Its exit status after a signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout)
        self.reader.join(10)
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
            return
        self.process.kill()
        self.process.wait()


def wait_until(holds, seconds=120):
    """Whether holds() at last, on a machine that may be slow."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def read_reply(response):
    """Reads an answer with its trailers, which http.client throws away."""
    if response.chunked:
        body = b""
        while True:
            size = int(response.fp.readline().split(b";")[0], 16)
            if size == 0:
                break
            body += response.fp.read(size)
            response.fp.readline()
        trailers = {}
        while (line := response.fp.readline().strip()):
            name, value = line.decode().split(":", 1)
            trailers[name.lower()] = value.strip()
        return Reply(response, body, trailers)
    return Reply(response, response.read(), {})


def form(fields):
    """(body, headers) of a form; a bytes value is a file."""
    body = b""
    for name, value in fields.items():
        head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, bytes):
            head += '; filename="a.wav"\r\nContent-Type: audio/wav'
        else:
            value = value.encode()
        body += head.encode() + b"\r\n\r\n" + value + b"\r\n"
    return body + b"--xyz--\r\n", {
        "Content-Type": "multipart/form-data; boundary=xyz"}


class WebSocket:
    """As much of RFC 6455 as a client needs."""

    GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    def __init__(self, server, path, headers=None, timeout=300):
        self.link = socket.create_connection((server.host, server.port),
                                             timeout)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {server.host}:{server.port}",
                 "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *(f"{k}: {v}" for k, v in (headers or {}).items()), "", ""]
        self.link.sendall("\r\n".join(lines).encode())
        self.file = self.link.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()
        if self.status == 101:
            want = base64.b64encode(hashlib.sha1(
                (key + self.GUID).encode()).digest()).decode()
            assert self.headers["sec-websocket-accept"] == want

    def send(self, message, opcode=1):
        data = message if isinstance(message, bytes) else (
            message if isinstance(message, str) else json.dumps(message)
        ).encode()
        mask = secrets.token_bytes(4)
        head = bytes([0x80 | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += bytes([0xFE]) + struct.pack(">H", len(data))
        else:
            head += bytes([0xFF]) + struct.pack(">Q", len(data))
        self.link.sendall(head + mask + bytes(
            b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        """A dict, bytes, or the code of a close; None at the end."""
        while True:
            head = self.file.read(2)
            if len(head) < 2:
                return None
            size = head[1] & 127
            if size == 126:
                size = struct.unpack(">H", self.file.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.file.read(8))[0]
            data = self.file.read(size)
            opcode = head[0] & 15
            if opcode == 1:
                return json.loads(data)
            if opcode == 2:
                return data
            if opcode == 8:
                return struct.unpack(">H", data[:2])[0] if data else 1005
            if opcode == 9:
                self.send(data, 10)

    def until(self, kind):
        """All messages up to the first of a type, which is the last."""
        messages = []
        while True:
            messages.append(self.receive())
            last = messages[-1]
            assert last is not None and not isinstance(last, int), messages
            if isinstance(last, dict) and last.get("type") == kind:
                return messages

    def close(self):
        self.file.close()
        self.link.close()


class Checks:
    """Counts what is expected and notes what is not so."""

    def __init__(self):
        self.count = 0
        self.problems = []

    def check(self, what, holds, got=""):
        self.count += 1
        if not holds:
            self.problems.append(f"{what}: {str(got)[:300]}")

    def equal(self, what, got, want):
        self.check(what, got == want, f"got {got!r}, want {want!r}")

    def verdict(self, name):
        """The exit status of a test, after saying what it came to."""
        for problem in self.problems:
            print("FAILED", problem)
        print(f"{name}: {self.count} checks, {len(self.problems)} failed")
        return 1 if self.problems or not self.count else 0


def main(name, run, *arguments):
    """Runs a test with the program that --csm names."""
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--csm", required=True)
    for argument, options in arguments:
        parser.add_argument(argument, **options)
    checks = Checks()
    given = parser.parse_args()
    run(given, checks)
    sys.exit(checks.verdict(name))
