#!/usr/bin/env python3
"""The server with clients that others wrote: openai, websockets, curl and
schemathesis, which asks what the API's description allows and forbids.

    sdk_test.py --csm PROGRAM [--examples N]
"""

import base64
import io
import json
import os
import pathlib
import subprocess
import sys
import wave

import openai
import websockets.exceptions
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
    talk = Socket(server, "/v1/audio/speech/stream")
    talk.send({"type": "session.config", "seed": 1, "max_audio_ms": 800,
               "split": "none", "voice": "alloy"},
              {"type": "input.text", "text": TEXT}, {"type": "input.done"})
    sound = sound_of(talk.until("session.done"))
    check.check("websockets", sound == server.speak(
        TEXT, voice="alloy", max_audio_ms=800).body)
    talk.link.ping().wait(60)


class Socket:
    """A connection of the websockets package, and what to say on it."""

    def __init__(self, server, path):
        self.link = websockets.sync.client.connect(
            f"ws://{server.host}:{server.port}{path}", max_size=None)

    def send(self, *messages):
        for message in messages:
            self.link.send(json.dumps(message))

    def receive(self):
        message = self.link.recv(120)
        return message if isinstance(message, bytes) else json.loads(message)

    def until(self, kind):
        messages = [self.receive()]
        while isinstance(messages[-1], bytes) or messages[-1]["type"] != kind:
            messages.append(self.receive())
        return messages

    def say(self, text):
        """Text as an LLM writes it; what comes back."""
        for word in text.split(" "):
            self.send({"type": "input.text", "text": word + " "})
        self.send({"type": "input.done"})
        return self.until("session.done")


def sound_of(messages):
    return b"".join(m for m in messages if isinstance(m, bytes))


def codes_of(messages):
    return [frame for m in messages
            if isinstance(m, dict) and m["type"] == "audio.codes"
            for frame in m["codes"]]


def conversation(server, check):
    """Turns hear what was heard of those before them."""
    talk = Socket(server, "/v1/audio/speech/stream")
    talk.send({"type": "session.config", "conversation": True, "seed": 5,
               "max_audio_ms": 800, "codes": True})
    talk.until("session.configured")
    first = talk.say("Good morning to you.")
    talk.send({"type": "session.config", "speaker": 1, "seed": 5,
               "max_audio_ms": 800})
    talk.until("session.configured")
    second = talk.say("How are you doing today?")
    talk.send({"type": "input.cancel", "played_ms": 330})
    cut = talk.until("audio.cancelled")[-1]
    check.equal("kept", (cut["kept_frames"], cut["kept_text"]), (4, "How are"))
    third = talk.say("Very well.")
    want = server.speak("Very well.", speaker=1, seed=7, max_audio_ms=800,
                        context=[
                            {"speaker": 0, "text": "Good morning to you.",
                             "codes": codes_of(first)},
                            {"speaker": 1, "text": "How are",
                             "codes": codes_of(second)[:4]}])
    check.check("the third turn", sound_of(third) == want.body)
    # Barging in while it speaks.
    talk.send({"type": "session.config", "max_audio_ms": 60000,
               "temperature": 3},
              {"type": "input.text", "text": "And so it goes on. " * 60},
              {"type": "input.done"})
    talk.until("audio.start")
    talk.send({"type": "input.cancel", "played_ms": 0})
    cut = talk.until("audio.cancelled")[-1]
    check.equal("nothing was heard", cut["kept_frames"], 0)
    talk.until("session.done")
    check.check("and on it goes", sound_of(talk.say("Sorry.")) != b"")
    talk.send({"type": "session.close"})
    try:
        talk.receive()
        check.check("close", False)
    except websockets.exceptions.ConnectionClosedOK:
        check.check("close", True)


def eleven(server, check):
    """Messages as ElevenLabs' client sends them."""
    talk = Socket(server, "/v1/text-to-speech/alloy/stream-input?"
                          "model_id=eleven_flash_v2_5&output_format=pcm_24000"
                          "&seed=5")
    talk.send({"text": " ", "voice_settings": {"stability": 0.5},
               "generation_config": {"chunk_length_schedule": [50]}})
    text = "This is a test of it."
    for word in text.split():
        talk.send({"text": word + " ", "try_trigger_generation": True})
    talk.send({"text": ""})
    sound = b""
    while not (message := talk.receive())["isFinal"]:
        sound += base64.b64decode(message["audio"])
    check.check("ElevenLabs' messages", sound == server.speak(
        text, voice="alloy", seed=5).body)


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
    """Requests of all kinds, and voices from their making to their end."""
    sample = pathlib.Path(server.folder, "sample.wav")
    sample.write_bytes(server.speak(TEXT, response_format="wav", stream=False,
                                    max_audio_ms=800).body)
    here = pathlib.Path(__file__).parent
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "schemathesis"), "run",
         f"http://{server.host}:{server.port}/openapi.json",
         "--max-examples", str(examples), "--seed", "1",
         "--request-timeout", "60", "--phases", "examples,coverage,fuzzing,stateful",
         # Text that nobody has typed may well be refused, and what is odd may
         # be taken; what is answered must be as described, and never 5xx.
         "--exclude-checks", "positive_data_acceptance,"
         "negative_data_rejection,unsupported_method"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "CSM_SAMPLE": str(sample), "PYTHONPATH": str(here),
             "SCHEMATHESIS_HOOKS": "schemathesis_hooks"})
    check.check("schemathesis", done.returncode == 0, done.stdout[-3000:])
    print(done.stdout[-1500:])
    made = [voice for voice in
            server.ask("GET", "/v1/audio/voices").json["voices"]
            if voice["kind"] == "uploaded"]
    check.check("it has made voices", made)


def run(given, check):
    with Server(given.csm, "--quiet", "--max-audio-ms", "60000") as server:
        openai_sdk(server, check)
        websocket_client(server, check)
        conversation(server, check)
        eleven(server, check)
        curl(server, check)
        schemathesis(server, check, given.examples)
        check.equal("the server lives", server.ask("GET", "/health").status, 200)


if __name__ == "__main__":
    main("server and other clients", run,
         ("--examples", {"type": int, "default": 30}))
