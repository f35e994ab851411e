#!/usr/bin/env python3
"""csm voice, --voice, --resume-from and --tail-guard as a user meets them.

    voice_test.py --csm PROGRAM --model FOLDER
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from bad_input_test import FAILED, USAGE, Bench, npy, paths, verdict

TEXT = "This is my voice."


class Cases(Bench):
    """Runs with folders of their own for voices and digests."""

    def __init__(self, program, model):
        super().__init__(program, model)
        self.env = {**os.environ, "XDG_DATA_HOME": str(self.root / "data"),
                    "XDG_CACHE_HOME": str(self.root / "cache")}
        self.env.pop("CSM_VOICES", None)
        self.voices = self.root / "data" / "csm" / "voices"

    def run(self, *arguments, **env):
        """(stdout, stderr) of a run that must succeed."""
        self.count += 1
        done = subprocess.run(
            [self.program, *map(str, arguments), "--model", str(self.model)],
            capture_output=True, timeout=300, text=True,
            env={**self.env, **env})
        if done.returncode:
            self.problems.append(f"{arguments[:3]}: {done.stderr}")
        return done.stdout, done.stderr

    def generate(self, *arguments, seed=3, **env):
        """The JSON and the messages of a short speech."""
        out, messages = self.run(
            "generate", "--text", "Good morning.", "--seed", seed,
            "--max-audio-ms", 800, "--json", *arguments, **env)
        return (json.loads(out) if out else {}), messages

    def refuse(self, name, status, arguments, *words):
        self.expect(name, [*map(str, arguments), "--model", str(self.model)],
                    status, *words, env=self.env)


def make_codes(case):
    """Codes of TEXT, which voices are made of."""
    codes = case.root / "voice.npy"
    case.run("generate", "--text", TEXT, "--speaker", "1", "--seed", "1",
             "--max-audio-ms", "800", "--tokens-out", codes, "--output",
             case.root / "voice.wav")
    return codes


def create_cases(case, codes):
    """csm voice create and what it makes."""
    case.run("voice", "create", "anna", "--codes", codes, "--text", TEXT,
             "--speaker", "1")
    pack = case.voices / "anna.csmvoice"
    case.check("the pack is where voices are", pack.is_file())
    create = ["voice", "create", "anna", "--codes", codes, "--text", TEXT]
    case.refuse("name is taken", FAILED, create, "taken")
    case.run(*create, "--speaker", "1", "--replace", "--no-cache")
    small = pack.stat().st_size
    case.run(*create, "--speaker", "1", "--replace")
    case.check("keys and values take room", pack.stat().st_size > 4 * small)

    for name in ("../anna", ".anna", "a/b", "", "a b", "x" * 65, "a.csmvoice"):
        case.refuse(f"name {name!r}", FAILED,
                    ["voice", "create", name, *create[3:]], "name")
    case.refuse("no source", USAGE, ["voice", "create", "b", "--text", TEXT],
                "--audio")
    case.refuse("two sources", USAGE, [*create, "--audio", "a.wav"], "--audio")
    case.refuse("no text", USAGE, ["voice", "create", "b", "--codes", codes],
                "--text")
    case.refuse("empty text", FAILED, ["voice", "create", "b", "--codes",
                                       codes, "--text", ""], "text")
    case.refuse("no such audio", FAILED, ["voice", "create", "b", "--audio",
                                          "/nonexistent.wav", "--text", TEXT],
                "/nonexistent.wav")
    bad = case.file("bad.wav", (case.root / "voice.wav").read_bytes()[:50])
    case.refuse("broken audio", FAILED, ["voice", "create", "b", "--audio",
                                         bad, "--text", TEXT], "bad.wav")
    wrong = case.file("wrong.npy", npy("<i4", (1, 3), bytes(12)))
    case.refuse("codes of another model", FAILED,
                ["voice", "create", "b", "--codes", wrong, "--text", TEXT],
                "wrong.npy")
    long = case.file("long.npy", npy("<i4", (3000, 8), bytes(4 * 24000)))
    case.refuse("beyond the context", FAILED,
                ["voice", "create", "b", "--codes", long, "--text", TEXT],
                "2048")
    case.check("nothing was left", [path.name for path in
                                    case.voices.iterdir()] == [pack.name])


def audio_cases(case):
    """A voice of a recording."""
    case.run("voice", "create", "bob", "--audio", case.root / "voice.wav",
             "--text", TEXT, "--speaker", "1")
    told = json.loads(case.run("voice", "show", "bob", "--json")[0])
    case.check("10 frames of audio", told["frames"] == 10)
    case.check("its cache", told["cache_state"] == "of these weights")
    case.check("it speaks", case.generate("--voice", "bob")[0]["frames"] > 0)
    _, messages = case.run("voice", "remove", "bob")
    case.check("removed", "removed" in messages)
    case.refuse("removed twice", FAILED, ["voice", "remove", "bob"], "anna")


def half_written_cases(case, codes):
    """What a writer that was killed has left goes when the next one writes."""
    half = case.voices / ".anna.csmvoice.part-Ab3xYz"
    create = ["voice", "create", "short", "--codes", codes, "--text", TEXT]
    for arguments, stays in ((["voice", "list"], True), (create, False),
                             (["voice", "remove", "short"], False)):
        half.write_bytes(b"half")
        case.run(*arguments)
        case.check(f"half-written after {arguments[1]}",
                   half.exists() == stays)


def look_cases(case):
    """csm voice list, show and remove."""
    listed = case.run("voice", "list")[0]
    case.check("list", "anna\tuser\tspeaker 1\t0.8 s\t" + TEXT in listed)
    names = {voice["name"]: voice for voice in
             json.loads(case.run("voice", "list", "--json")[0])}
    case.check("list --json", names["anna"]["frames"] == 10)
    told = json.loads(case.run("voice", "show", "anna")[0])
    case.check("show", told["text"] == TEXT and told["from"] == "user" and
               told["cache"]["dtype"] == "f32" and
               told["cache_state"] == "of these weights")
    case.refuse("show nobody", FAILED, ["voice", "show", "nobody"], "anna")
    case.refuse("no command", USAGE, ["voice"])

    shipped = sorted((case.model / "voices").glob("*.csmvoice"))
    case.check("the demo model has two voices",
               [path.stem for path in shipped] == ["man", "woman"])
    for path in shipped:
        told = json.loads(case.run("voice", "show", path.stem)[0])
        case.check(f"{path.stem} is small", "cache" not in told)
        speech, _ = case.generate("--voice", path.stem)
        case.check(f"{path.stem} speaks",
                   speech.get("voice", {}).get("from_cache") is False)
        case.refuse(f"remove {path.stem}", FAILED,
                    ["voice", "remove", path.stem], "of the model")


def speak_cases(case, codes):
    """--voice gives one speech, whatever the pack holds."""
    pack = case.voices / "anna.csmvoice"
    fast, messages = case.generate("--voice", "anna")
    case.check("the cache is used", fast["voice"]["from_cache"] and
               "itself" not in messages)
    case.check("the voice matters", fast["codes_sha256"] !=
               case.generate("--speaker", "1")[0]["codes_sha256"])
    case.run("voice", "create", "slow", "--codes", codes, "--text", TEXT,
             "--speaker", "1", "--no-cache")
    slow, messages = case.generate("--voice", "slow")
    case.check("without a cache the same",
               slow["codes_sha256"] == fast["codes_sha256"])
    case.check("and it is said", not slow["voice"]["from_cache"] and
               "no cache" in messages)
    case.check("the speaker is the voice's", fast["codes_sha256"] ==
               case.generate("--voice", pack, "--speaker", "1")[0]
               ["codes_sha256"])
    case.check("unless another is asked for", fast["codes_sha256"] !=
               case.generate("--voice", "anna", "--speaker", "0")[0]
               ["codes_sha256"])
    other, messages = case.generate("--voice", "anna", "--dtype", "bf16")
    case.check("another dtype reads it anew",
               not other["voice"]["from_cache"] and "bf16" in messages)

    folder = case.root / "elsewhere"
    shutil.copytree(case.voices, folder)
    for arguments, env in ((("--voices", folder), {}),
                           ((), {"CSM_VOICES": str(folder)})):
        case.check("voices elsewhere", case.generate(
            "--voice", "anna", *arguments, XDG_DATA_HOME="/nonexistent", **env)
            [0].get("codes_sha256") == fast["codes_sha256"])


def bad_pack_cases(case):
    """Packs that are none, are damaged or cannot be had."""
    good = (case.voices / "anna.csmvoice").read_bytes()
    damaged = bytearray(good)
    damaged[-1] ^= 1
    for name, content, word in (
            ("text", b"not a voice pack at all", "header"),
            ("empty", b"", "empty"),
            ("short", good[:-9], "bytes"),
            ("damaged", bytes(damaged), "damaged"),
            ("weights", (case.model / "model.safetensors").read_bytes(),
             "format")):
        path = case.file(f"{name}.csmvoice", content)
        case.refuse(f"pack: {name}", FAILED, case.speak("--voice", path),
                    word, path.name)
    case.refuse("pack: none", FAILED,
                case.speak("--voice", "/nonexistent.csmvoice"), "/nonexistent")
    case.refuse("voice: none", FAILED, case.speak("--voice", "nobody"),
                "nobody", "anna")
    shutil.copy(case.root / "text.csmvoice", case.voices / "broken.csmvoice")
    listed = case.run("voice", "list")[0]
    case.check("list goes on past a broken pack",
               "broken\tuser\tunusable" in listed and "anna" in listed)
    case.refuse("receipt", USAGE, case.speak(
        "--voice", "anna", "--receipt", case.out / "r.json"), "--receipt")


def resume_cases(case):
    """What is resumed is what was never interrupted, to the byte."""
    whole, part = case.root / "whole", case.root / "part"
    case.generate("--output", f"{whole}.wav", "--tokens-out", f"{whole}.npy")
    case.generate("--tokens-out", f"{whole}.csmc")
    frames = []
    for source, arguments in (("npy", ()), ("csmc", ("--resume-frame", "4")),
                              ("npy", ("--resume-frame", "0"))):
        told, _ = case.generate(
            "--output", f"{part}.wav", "--tokens-out", f"{part}.npy",
            "--resume-from", f"{whole}.{source}", *arguments)
        frames.append(told.get("resumed_frames"))
        for kind in ("wav", "npy"):
            case.check(f"resumed {source} {arguments} {kind}",
                       pathlib.Path(f"{whole}.{kind}").read_bytes() ==
                       pathlib.Path(f"{part}.{kind}").read_bytes())
    case.check("resumed frames are told", frames == [10, 4, None])

    codes = f"{whole}.npy"
    case.refuse("more frames than there are", USAGE, case.speak(
        "--resume-from", codes, "--resume-frame", "11"), "10")
    case.refuse("frame alone", USAGE, case.speak("--resume-frame", "1"),
                "--resume-from")
    case.refuse("resume and guard", USAGE, case.speak(
        "--resume-from", codes, "--tail-guard"), "--tail-guard")
    case.refuse("no such codes", FAILED, case.speak(
        "--resume-from", "/nonexistent.npy"), "/nonexistent.npy")
    for name, shape, data in (("width", (1, 3), bytes(12)),
                              ("range", (1, 8), b"\xff" * 32)):
        path = case.file(f"{name}.npy", npy("<i4", shape, data))
        case.refuse(f"codes: {name}", FAILED,
                    case.speak("--resume-from", path), "expected codes")


def guard_cases(case):
    """The guard reports, and its seed alone gives what it took."""
    plain, _ = case.generate()
    told, _ = case.generate("--tail-guard=2")
    attempts = told["tail_guard"]
    case.check("off unless asked", "tail_guard" not in plain)
    # 0.8 s are the limit here, so every attempt runs into it.
    case.check("all attempts", [a["seed"] for a in attempts] == [3, 4, 5])
    case.check("with reasons",
               all("too_long" in a["problems"] for a in attempts))
    again, _ = case.generate(seed=told["seed"])
    case.check("its seed gives the same",
               again["codes_sha256"] == told["codes_sha256"])
    none, _ = case.generate("--tail-guard=0")
    case.check("no retries", len(none["tail_guard"]) == 1)
    three, messages = case.generate("--tail-guard")
    case.check("three retries", len(three["tail_guard"]) == 4)
    case.check("said on stderr", "tail guard: seed 3: " in messages)
    for number in ("-1", "101", "x"):
        case.refuse(f"--tail-guard={number}", USAGE,
                    case.speak(f"--tail-guard={number}"))


def main():
    case = Cases(*paths(__doc__))
    try:
        codes = make_codes(case)
        create_cases(case, codes)
        audio_cases(case)
        half_written_cases(case, codes)
        look_cases(case)
        speak_cases(case, codes)
        bad_pack_cases(case)
        resume_cases(case)
        guard_cases(case)
    finally:
        shutil.rmtree(case.root)
    return verdict("voices", case)


if __name__ == "__main__":
    sys.exit(main())
