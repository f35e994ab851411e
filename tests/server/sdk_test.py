#!/usr/bin/env python3
"""The server with clients that others wrote: openai, websockets, curl and
schemathesis, which asks what the API's description allows and forbids.

    sdk_test.py --csm PROGRAM [--examples N]
"""

import io
import json
import pathlib
import subprocess
import sys
import wave

import openai
import websockets.sync.client

from serving import Server, main

TEXT = "Good morning."


def openai_sdk(server, check):
    client = openai.OpenAI(
        base_url=f"http://{server.host}:{server.port}/v1", api_key="none")
    extra = {"seed": 1, "max_audio_ms": 800}
    want = server.speak(TEXT, voice="alloy", max_audio_ms=800)
    speech = client.audio.speech
    reply = speech.create(model="tts-1", voice="alloy", input=TEXT,
                          response_format="pcm", extra_body=extra)
    check.check("create", reply.content == want.body)
    with speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="alloy", input=TEXT,
            response_format="pcm", extra_body=extra) as stream:
        check.check("streaming response",
                    b"".join(stream.iter_bytes(1000)) == want.body)
        check.equal("headers", stream.headers["x-csm-seed"], "1")
    wav = speech.create(model="csm", voice="alloy", input=TEXT,
                        response_format="wav",
                        extra_body={**extra, "stream": False}).content
    with wave.open(io.BytesIO(wav)) as sound:
        check.equal("wave", (sound.getframerate(), sound.getnframes()),
                    (24000, 19200))
    check.check("mp3", len(speech.create(
        model="tts-1", voice="nova", input=TEXT, extra_body=extra).content) >
        1000)
    check.equal("models", [model.id for model in client.models.list()],
                ["csm-demo"])
    for error, fields in (
            (openai.BadRequestError, {"speed": 2.0}),
            (openai.NotFoundError, {"model": "gpt-9"}),
            (openai.BadRequestError, {"input": ""})):
        try:
            speech.create(**{"model": "csm", "voice": "alloy", "input": TEXT,
                             **fields})
            check.check(f"refused {fields}", False)
        except error as refused:
            check.check(f"error {fields}", refused.code is not None)


def websocket_client(server, check):
    address = f"ws://{server.host}:{server.port}/v1/audio/speech/stream"
    with websockets.sync.client.connect(address) as link:
        link.send(json.dumps({"type": "session.config", "seed": 1,
                              "max_audio_ms": 800, "split": "none",
                              "voice": "alloy"}))
        link.send(json.dumps({"type": "input.text", "text": TEXT}))
        link.send(json.dumps({"type": "input.done"}))
        sound = b""
        while True:
            message = link.recv(30)
            if isinstance(message, bytes):
                sound += message
            elif json.loads(message)["type"] == "session.done":
                break
        check.check("websockets", sound == server.speak(
            TEXT, voice="alloy", max_audio_ms=800).body)
        link.ping().wait(5)


def curl(server, check):
    done = subprocess.run(
        ["curl", "-sS", "-D", "/dev/stderr",
         f"http://{server.host}:{server.port}/v1/audio/speech", "-H",
         "Content-Type: application/json", "-d", json.dumps(
             {"input": TEXT, "response_format": "pcm", "seed": 1,
              "max_audio_ms": 800})], capture_output=True, check=True)
    check.check("curl", done.stdout ==
                server.speak(TEXT, max_audio_ms=800).body)
    check.check("curl sees trailers", b"x-csm-frames: 10" in done.stderr)
    # Above 1 MB curl asks whether it may go on.
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
         f"http://{server.host}:{server.port}/v1/audio/speech", "-H",
         "Content-Type: application/json", "--data-binary", "@-"],
        input=b'{"input": "Hi.", "max_audio_ms": 80, "x": "' +
        b"a" * (2 << 20) + b'"}', capture_output=True, check=True)
    check.equal("curl with a large body", done.stdout, b"200")


def schemathesis(server, check, examples):
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "schemathesis"), "run",
         f"http://{server.host}:{server.port}/openapi.json",
         "--max-examples", str(examples), "--seed", "1",
         "--request-timeout", "60", "--phases", "examples,coverage,fuzzing",
         # Text that nobody has typed may well be refused, and what is odd may
         # be taken; what is answered must be as described, and never 5xx.
         "--exclude-checks", "positive_data_acceptance,"
         "negative_data_rejection,unsupported_method"],
        capture_output=True, text=True, check=False)
    check.check("schemathesis", done.returncode == 0, done.stdout[-3000:])
    print(done.stdout[-1500:])


def run(given, check):
    with Server(given.csm, "--quiet", "--max-audio-ms", "800") as server:
        openai_sdk(server, check)
        websocket_client(server, check)
        curl(server, check)
        schemathesis(server, check, given.examples)
        check.equal("the server lives", server.ask("GET", "/health").status, 200)


if __name__ == "__main__":
    main("server and other clients", run,
         ("--examples", {"type": int, "default": 30}))
