#!/usr/bin/env python3
"""Both WebSockets, with a client written from RFC 6455.

    socket_test.py --csm PROGRAM
"""

import base64
import hashlib
import struct
import time

from serving import Server, WebSocket, main

SPEECH = "/v1/audio/speech/stream"
ELEVEN = "/v1/text-to-speech/alloy/stream-input"


def sound_of(messages):
    return b"".join(m for m in messages if isinstance(m, bytes))


def of_type(messages, kind):
    return [m for m in messages if isinstance(m, dict) and m["type"] == kind]


def configured(server, **fields):
    link = WebSocket(server, SPEECH)
    link.send({"type": "session.config", "seed": 5, "max_audio_ms": 800,
               **fields})
    return link, link.receive()


def say(link, text):
    """The messages of one utterance."""
    for word in text.split(" "):
        link.send({"type": "input.text", "text": word + " "})
    link.send({"type": "input.done"})
    return link.until("session.done")


def sentences(server, check):
    link, reply = configured(server)
    check.equal("answer to config", (reply["type"], reply["format"],
                                     reply["sample_rate"], reply["seed"]),
                ("session.configured", "pcm", 24000, "5"))
    first, second = "This is the first sentence.", "And here comes another one."
    messages = say(link, f"{first} {second}")
    starts = of_type(messages, "audio.start")
    check.equal("sentences", [m["sentence_text"] for m in starts],
                [first, second])
    check.equal("seeds", [m["seed"] for m in starts], ["5", "6"])
    done = of_type(messages, "audio.done")
    check.equal("bytes", sum(m["total_bytes"] for m in done),
                len(sound_of(messages)))
    check.equal("end", (messages[-1]["total_sentences"],
                        messages[-1]["usage"]["output_tokens"]),
                (2, sum(m["frames"] for m in done)))
    again = say(link, f"{first} {second}")
    check.check("an utterance hears no other one",
                sound_of(again) == sound_of(messages))
    link.close()


def whole(server, check):
    """split: none speaks what REST speaks."""
    link, _ = configured(server, split="none", codes=True)
    text = "One sentence. And a second sentence behind it."
    link.send({"type": "input.text", "text": text})
    link.send({"type": "input.done"})
    messages = link.until("session.done")
    reply = server.speak(text, seed=5, max_audio_ms=800)
    check.check("bytes as REST", sound_of(messages) == reply.body)
    check.equal("digest as REST",
                of_type(messages, "audio.done")[0]["codes_sha256"],
                reply.trailers["x-csm-codes-sha256"])
    check.equal("and of the whole", messages[-1]["codes_sha256"],
                reply.trailers["x-csm-codes-sha256"])
    codes = of_type(messages, "audio.codes")
    check.equal("codes of all frames",
                (len(codes), len(codes[0]["codes"][0])), (10, 8))
    check.equal("frames in order", [m["first_frame"] for m in codes],
                list(range(10)))
    link.close()


def conversation(server, check):
    """Turns hear those before them; a cut turn is heard as far as played."""
    texts = "Good morning to you.", "How are you doing today?"
    link, _ = configured(server, conversation=True, codes=True)
    first = say(link, texts[0])
    second = say(link, texts[1])
    codes = [m["codes"][0] for m in of_type(first, "audio.codes")]
    settings = {"seed": 6, "max_audio_ms": 800}
    reply = server.speak(texts[1], context=[
        {"speaker": 0, "text": texts[0], "codes": codes}], **settings)
    check.check("the second turn heard the first",
                sound_of(second) == reply.body)
    check.check("which made a difference", reply.body != server.speak(
        texts[1], **settings).body)
    link.send({"type": "input.cancel", "played_ms": 330})
    cancelled = link.receive()
    check.equal("kept of a turn that was sent",
                (cancelled["type"], cancelled["kept_frames"],
                 cancelled["kept_text"]), ("audio.cancelled", 4, "How are"))
    third = say(link, texts[0])
    heard = [m["codes"][0] for m in of_type(second, "audio.codes")][:4]
    reply = server.speak(texts[0], seed=7, max_audio_ms=800, context=[
        {"speaker": 0, "text": texts[0], "codes": codes},
        {"speaker": 0, "text": "How are", "codes": heard}])
    check.check("the third heard what was played", sound_of(third) == reply.body)
    link.close()


def barge_in(server, check):
    link, _ = configured(server, conversation=True, max_audio_ms=60000,
                         temperature=1.5, codes=True)
    link.send({"type": "input.text",
               "text": "This is a long story that goes on and on. " * 20})
    link.send({"type": "input.done"})
    messages = link.until("audio.start")
    while not isinstance(messages[-1], bytes):
        messages.append(link.receive())
    link.send({"type": "input.cancel", "played_ms": 80})
    messages += link.until("session.done")
    cancelled = of_type(messages, "audio.cancelled")
    check.equal("kept", cancelled[0]["kept_frames"], 1)
    codes = [code for m in of_type(messages, "audio.codes")
             for frame in m["codes"] for code in frame]
    check.equal("sound of what was told", messages[-1]["frames"],
                len(sound_of(messages)) // 3840)
    check.equal("codes of what was told", messages[-1]["codes_sha256"],
                hashlib.sha256(struct.pack(f"<{len(codes)}i", *codes))
                .hexdigest())
    after = say(link, "And now something else.")
    check.check("goes on", len(sound_of(after)) > 0)
    link.close()


def leaving(server, check):
    """A stream ends within one frame of its client's leaving."""
    link, _ = configured(server, max_audio_ms=60000)
    link.send({"type": "input.text", "text": "Something long. " * 200})
    link.until("audio.start")
    link.close()
    start = time.monotonic()
    while server.metrics()["csm_streams_active"] and \
            time.monotonic() < start + 5:
        time.sleep(0.02)
    check.equal("streams", server.metrics()["csm_streams_active"], 0)


def eleven(server, check):
    link = WebSocket(server, ELEVEN + "?output_format=pcm_24000&seed=5")
    link.send({"text": " ", "voice_settings": {"stability": 0.5},
               "generation_config": {"chunk_length_schedule": [50]}})
    text = "This is a test of it."
    for word in text.split():
        link.send({"text": word + " ", "try_trigger_generation": True})
    link.send({"text": ""})
    sound, final = b"", None
    while isinstance(message := link.receive(), dict):
        if message["audio"]:
            sound += base64.b64decode(message["audio"])
        final = message["isFinal"]
    check.equal("final", final, True)
    check.equal("close", message, 1000)
    check.check("sound as REST", sound == server.speak(text, seed=5).body)
    link.close()
    link = WebSocket(server, ELEVEN + "?output_format=flac_9")
    check.equal("output format", link.receive()["error"]["code"],
                "unsupported_output_format")
    link.close()
    link = WebSocket(server, "/v1/text-to-speech/nobody/stream-input")
    link.send({"text": "Hello."})
    link.send({"text": ""})
    check.equal("voice", link.receive()["error"], "voice_not_found")
    link.close()


def run(given, check):
    with Server(given.csm) as server:
        sentences(server, check)
        whole(server, check)
        conversation(server, check)
        barge_in(server, check)
        leaving(server, check)
        eleven(server, check)


if __name__ == "__main__":
    main("server sockets", run)
