#!/usr/bin/env python3
"""POST /v1/audio/speech and what is around it, as clients use it.

    speech_test.py --csm PROGRAM
"""

import base64
import json
import struct
import subprocess
import tempfile

from serving import Server, main

TEXT = "Good morning."
SHORT = {"max_audio_ms": 800}


def generate(program, text, seed, folder, *arguments):
    """(WAV bytes, digest) of csm generate."""
    wav = f"{folder}/speech.wav"
    done = subprocess.run(
        [program, "generate", "--text", text, "--seed", str(seed), "--output",
         wav, "--json", *arguments], check=True, capture_output=True)
    with open(wav, "rb") as file:
        return file.read(), json.loads(done.stdout)["codes_sha256"]


def same_as_the_command_line(server, program, check):
    with tempfile.TemporaryDirectory() as folder:
        for text, seed in ((TEXT, 3), ("It rains. [pause 200ms] Still.", 4)):
            wav, digest = generate(program, text, seed, folder)
            whole = server.speak(text, seed=seed, response_format="wav",
                                 stream=False)
            check.check(f"whole WAV of {text!r}", whole.body == wav)
            streamed = server.speak(text, seed=seed, response_format="wav")
            check.equal("a streamed WAV has no sizes",
                        streamed.body[4:8] + streamed.body[40:44], b"\xff" * 8)
            check.check("its samples", streamed.body[44:] == wav[44:])
            if "pause" not in text:
                check.equal("digest as a trailer",
                            streamed.trailers["x-csm-codes-sha256"], digest)
                check.equal("digest as a header",
                            whole.headers["x-csm-codes-sha256"], digest)


def formats(server, check):
    magic = {"mp3": b"", "opus": b"OggS", "flac": b"fLaC", "wav": b"RIFF",
             "pcm": b"", "pcmu": b"", "pcma": b""}
    types = {"mp3": "audio/mpeg", "opus": "audio/ogg", "wav": "audio/wav"}
    frames = 10
    for name, start in magic.items():
        reply = server.speak(TEXT, response_format=name, **SHORT)
        check.equal(f"{name} status", reply.status, 200)
        check.check(f"{name} magic", reply.body.startswith(start), reply.body[:8])
        check.equal(f"{name} frames", reply.trailers.get("x-csm-frames"),
                    str(frames))
        if name in types:
            check.equal(f"{name} type", reply.headers["content-type"],
                        types[name])
    check.equal("pcm length", len(server.speak(TEXT, **SHORT).body),
                frames * 1920 * 2)
    check.equal("pcmu length", len(server.speak(
        TEXT, response_format="pcmu", **SHORT).body), frames * 640)
    mp3 = server.speak(TEXT, response_format="mp3", **SHORT).body
    check.check("mp3 frame sync", mp3[0] == 0xFF and mp3[1] & 0xE0 == 0xE0)
    resampled = server.speak(TEXT, sample_rate=16000, **SHORT).body
    check.equal("pcm at 16 kHz", len(resampled), frames * 1280 * 2)
    rate = struct.unpack("<I", server.speak(
        TEXT, sample_rate=48000, response_format="wav", **SHORT).body[24:28])
    check.equal("rate of a WAV", rate[0], 48000)


def sse(server, check):
    pcm = server.speak(TEXT, **SHORT)
    reply = server.speak(TEXT, stream_format="sse", **SHORT)
    check.equal("sse type", reply.headers["content-type"], "text/event-stream")
    events = [json.loads(block.removeprefix("data: "))
              for block in reply.body.decode().split("\n\n") if block]
    sound = b"".join(base64.b64decode(event["audio"]) for event in events
                     if event["type"] == "speech.audio.delta")
    check.check("deltas are the sound", sound == pcm.body)
    last = events[-1]
    check.equal("last event", last["type"], "speech.audio.done")
    check.equal("usage", sorted(last["usage"]),
                ["input_tokens", "output_tokens", "total_tokens"])
    check.equal("frames", last["usage"]["output_tokens"], 10)
    check.equal("digest", last["codes_sha256"],
                pcm.trailers["x-csm-codes-sha256"])


def expectations(server, check):
    reply = server.speak(TEXT, **SHORT)
    digest = reply.trailers["x-csm-codes-sha256"]
    same = server.speak(TEXT, expect_codes_sha256=digest, **SHORT)
    check.equal("expected codes", (same.status, same.body),
                (200, reply.body))
    other = server.speak(TEXT, expect_codes_sha256=digest, seed=2,
                         max_audio_ms=800)
    check.equal("other codes", (other.status, other.code),
                (409, "codes_mismatch"))
    check.equal("seed", reply.headers["x-csm-seed"], "1")
    check.check("request id", reply.headers["x-request-id"].startswith("req_"))
    drawn = server.ask("POST", "/v1/audio/speech",
                       {"input": TEXT, "response_format": "pcm", **SHORT})
    again = server.speak(TEXT, seed=int(drawn.headers["x-csm-seed"]), **SHORT)
    check.check("a drawn seed repeats", drawn.body == again.body)
    odd = server.speak(TEXT, surprise=1, **SHORT)
    check.equal("ignored fields", odd.headers.get("x-csm-ignored-fields"),
                "surprise")
    other = server.speak(TEXT, temperature=0.3, top_k=5, **SHORT)
    check.check("settings matter", other.body != reply.body)
    check.check("voices matter",
                server.speak(TEXT, voice="echo", **SHORT).body !=
                server.speak(TEXT, voice={"id": "fable"}, **SHORT).body)
    check.check("negative seeds",
                server.speak(TEXT, seed=-1, **SHORT).body ==
                server.speak(TEXT, seed=2**64 - 1, **SHORT).body)


def batch(server, check):
    reply = server.ask("POST", "/v1/audio/speech/batch", {
        "response_format": "pcm", "seed": 1, "max_audio_ms": 800,
        "items": [{"input": TEXT}, {"input": ""}, {"input": TEXT, "seed": 2}]})
    body = reply.json
    check.equal("batch", (body["total"], body["succeeded"], body["failed"]),
                (3, 2, 1))
    check.check("first item", base64.b64decode(
        body["results"][0]["audio_data"]) == server.speak(TEXT, **SHORT).body)
    check.equal("second item", body["results"][1]["error"]["code"],
                "empty_input")
    check.check("third item", base64.b64decode(
        body["results"][2]["audio_data"]) ==
        server.speak(TEXT, seed=2, max_audio_ms=800).body)


def information(server, check):
    for path in ("/health", "/ready", "/version"):
        check.equal(path, server.ask("GET", path).status, 200)
    models = server.ask("GET", "/v1/models").json
    check.equal("models", models["data"][0]["id"], "csm-demo")
    check.equal("model", server.ask("GET", "/v1/models/csm-demo").json["object"],
                "model")
    check.equal("no model", server.ask("GET", "/v1/models/x").code,
                "model_not_found")
    page = server.ask("GET", "/")
    check.check("page", page.headers["content-type"].startswith("text/html"))
    api = server.ask("GET", "/openapi.json").json
    check.check("openapi", "/v1/audio/speech" in api["paths"])
    head = server.ask("HEAD", "/v1/models")
    check.equal("HEAD", (head.status, head.body), (200, b""))
    metrics = server.metrics()
    check.check("requests are counted", metrics[
        'csm_requests_total{route="/v1/audio/speech",status="200"}'] > 10)
    check.equal("streams are over", metrics["csm_streams_active"], 0)
    check.check("no text in the log", TEXT not in server.log)


def run(given, check):
    with Server(given.csm) as server:
        same_as_the_command_line(server, given.csm, check)
        formats(server, check)
        sse(server, check)
        expectations(server, check)
        batch(server, check)
        information(server, check)


if __name__ == "__main__":
    main("server speech", run)
