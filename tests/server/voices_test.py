#!/usr/bin/env python3
"""Voices over HTTP.

    voices_test.py --csm PROGRAM
"""

import fcntl
import os

from serving import Server, form, main, wait_until

TEXT = "This is my voice."


def upload(server, **fields):
    return server.ask("POST", "/v1/audio/voices", *form(fields))


def voices(server, check):
    sample = server.speak(TEXT, voice="echo", response_format="wav",
                          stream=False, max_audio_ms=1600).body
    made = upload(server, name="anna", audio_sample=sample, ref_text=TEXT,
                  speaker="1")
    check.equal("made", (made.status, made.json["id"], made.json["speaker"],
                         made.json["frames"]), (200, "anna", 1, len(sample) // 3840))
    listed = server.ask("GET", "/v1/audio/voices").json
    names = [v["id"] for v in listed["voices"]]
    check.check("listed", {"speaker-0", "speaker-1", "anna"} <= {*names}, names)
    check.check("shape", all(v["name"] for v in listed["data"]))
    check.equal("one", server.ask("GET", "/v1/audio/voices/anna").json["kind"],
                "uploaded")
    bare = server.speak("Hello.", voice="speaker-1", max_audio_ms=800)
    spoken = server.speak("Hello.", voice="anna", max_audio_ms=800)
    again = server.speak("Hello.", voice="anna", max_audio_ms=800)
    check.check("a voice is heard", spoken.body != bare.body)
    check.check("the same each time", spoken.body == again.body)
    check.check("also in a context", spoken.body == server.speak(
        "Hello.", speaker=1, context=[{"voice": "anna"}],
        max_audio_ms=800).body)
    check.equal("taken", upload(server, name="anna", audio_sample=sample,
                                ref_text=TEXT).code, "voice_exists")
    check.equal("replaced", upload(
        server, name="anna", audio_sample=sample, ref_text=TEXT,
        replace="true").json["speaker"], 0)
    for name in ("../anna", "", "a/b", ".anna", "a" * 65, "speaker-7"):
        reply = upload(server, name=name, audio_sample=sample, ref_text=TEXT)
        check.equal(f"name {name!r}", reply.status, 400)
    for fields, code in (
            ({"audio_sample": b"RIFFxxxx", "ref_text": TEXT}, "invalid_audio"),
            ({"audio_sample": sample}, "missing_required_field"),
            ({"ref_text": TEXT}, "missing_required_field"),
            ({"audio_sample": sample, "ref_text": TEXT, "speaker": "x"},
             "invalid_value"),
            ({"audio_sample": sample, "ref_text": " "}, "empty_input")):
        check.equal(code, upload(server, name="b", **fields).code, code)
    large = upload(server, name="b", audio_sample=b"x" * (11 << 20),
                   ref_text=TEXT)
    check.equal("too large", (large.status, large.code),
                (413, "request_too_large"))
    check.equal("files", os.listdir(server.voices), ["anna.csmvoice"])


def part_of(server, name):
    """A file as it looks while a voice is being written."""
    path = os.path.join(server.voices, f".{name}.csmvoice.part-Ab3xYz")
    with open(path, "wb") as file:
        file.write(b"half")
    return path


def after_a_crash(program, server, check):
    """kill -9 leaves voices whole, and half-written ones go."""
    server.process.kill()
    server.process.wait()
    half, held = part_of(server, "anna"), part_of(server, "held")
    with open(held, "rb") as writer:
        # As one who writes it does.
        fcntl.flock(writer, fcntl.LOCK_EX)
        goes_on_after_a_crash(program, server, check)
        check.equal("half-written voices", (os.path.exists(half),
                                            os.path.exists(held)),
                    (False, True))


def goes_on_after_a_crash(program, server, check):
    with Server(program, voices=server.voices) as again:
        check.check("what was half-written is told", wait_until(
            lambda: "removed 1 half-written" in again.log), again.log)
        listed = again.ask("GET", "/v1/audio/voices").json["voices"]
        anna = [v for v in listed if v["id"] == "anna"]
        check.check("after a crash", anna and "unusable" not in anna[0], listed)
        gone = again.ask("DELETE", "/v1/audio/voices/anna").json
        check.equal("removed", gone["deleted"], True)
        check.equal("gone", again.ask("GET", "/v1/audio/voices/anna").status,
                    404)


def run(given, check):
    server = Server(given.csm)
    try:
        voices(server, check)
        after_a_crash(given.csm, server, check)
    finally:
        server.stop()


if __name__ == "__main__":
    main("server voices", run)
