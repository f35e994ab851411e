#!/usr/bin/env python3
"""Conversations, context, long text and pauses, as a user meets them.

    conversation_test.py --csm PROGRAM --model models/demo
"""

import array
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import wave

from bad_input_test import FAILED, USAGE, npy, paths, verdict

RATE = 24000
FRAME = 1920
MOST_BYTES = 8 << 20
SHORT = ("--max-audio-ms", "640")  # enough to tell one speech from another


class Bench:
    def __init__(self, program, model, folder):
        self.program, self.model = str(program), str(model)
        self.folder = pathlib.Path(folder)
        self.problems = []
        self.count = 0
        config = json.loads((model / "config.json").read_text())
        self.n_codebooks = config["num_codebooks"]
        self.max_positions = config["max_position_embeddings"]

    def run(self, *arguments, command="generate"):
        return subprocess.run(
            [self.program, command, "--model", self.model, "--threads", "1",
             *map(str, arguments)], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def json(self, name, *arguments, seed=5):
        """What --json tells; {} if the run failed."""
        run = self.run("--seed", seed, "--json", *arguments)
        self.check(name, run.returncode == 0, run.stderr.strip())
        return json.loads(run.stdout) if run.returncode == 0 else {}

    def check(self, name, good, detail=""):
        self.count += 1
        if not good:
            self.problems.append(f"{name}: {detail}")

    def refuse(self, name, status, words, *arguments):
        run = self.run(*arguments, "--output", self.path("refused.wav"))
        self.check(name, run.returncode == status,
                   f"exit {run.returncode}, expected {status}: {run.stderr}")
        self.check(name, run.stderr.count("\n") == 1, run.stderr)
        for word in words:
            self.check(name, word in run.stderr,
                       f"message lacks '{word}': {run.stderr}")
        self.check(name, not os.path.exists(self.path("refused.wav")),
                   "left a file")

    def path(self, name):
        return str(self.folder / name)

    def file(self, name, content):
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        return self.path(name)

    def codes(self, name, n_frames, first=1):
        """A .npy file of some valid codes."""
        values = [(first + i * 37) % 500
                  for i in range(n_frames * self.n_codebooks)]
        return self.file(name, npy("<i4", f"({n_frames}, {self.n_codebooks})",
                                   struct.pack(f"<{len(values)}i", *values)))


def samples(path):
    with wave.open(str(path)) as file:
        assert file.getframerate() == RATE
        return array.array("h", file.readframes(file.getnframes()))


def said(speaker, text, file):
    return ("--context-speaker", str(speaker), "--context-text", text,
            "--context-audio", file)


def context_cases(bench):
    """--context-text, --context-speaker, --context-audio."""
    file = bench.codes("a.npy", 20)
    other = bench.codes("b.npy", 15, first=7)
    base = ("--text", "I am well.", *SHORT)
    alone = bench.json("no context", *base)
    one = bench.json("one segment", *base, *said(1, "How are you?", file))
    again = bench.json("again", *base, *said(1, "How are you?", file))
    two = bench.json("two segments", *base, *said(1, "How are you?", file),
                     *said(0, "[Well, yes]", other))
    swapped = bench.json("other order", *base, *said(0, "[Well, yes]", other),
                         *said(1, "How are you?", file))
    digests = [run["codes_sha256"] for run in (alone, one, two, swapped)]
    bench.check("context is heard", len(set(digests)) == 4, digests)
    bench.check("repeatable", one["codes_sha256"] == again["codes_sha256"])
    bench.check("no segments", "context_segments" not in alone)
    bench.check("segments", one["context_segments"] == 1
                and two["context_segments"] == 2, two)
    added = [one["prompt_positions"] - alone["prompt_positions"],
             two["prompt_positions"] - one["prompt_positions"]]
    bench.check("positions", added[0] > 21 and added[1] > 16, added)

    # Sound is encoded as csm encode does it.
    speech = bench.path("speech.wav")
    bench.json("speech", "--text", "How are you?", "--output", speech, *SHORT)
    coded = bench.run("-i", speech, "-o", bench.path("coded.csmc"),
                      command="encode")
    bench.check("encode", coded.returncode == 0, coded.stderr)
    as_sound = bench.json("sound", *base, *said(1, "How are you?", speech))
    as_codes = bench.json("packed codes", *base,
                          *said(1, "How are you?", bench.path("coded.csmc")))
    bench.check("sound as its codes",
                as_sound["codes_sha256"] == as_codes["codes_sha256"])

    for name, short in (("--context-text", 1), ("--context-speaker", 0),
                        ("--context-audio", 2)):
        given = list(said(1, "Hm.", file) + said(0, "Yes.", other))
        at = given.index(name)
        bench.refuse(f"short {name}", USAGE, [name, "expected 2", "got 1"],
                     *base, *given[:at], *given[at + 2:])
    bench.refuse("speaker", USAGE, ["--context-speaker"], *base,
                 *said("bob", "Hm.", file))
    # The second segment is too long to be a reference, and too old to stay.
    n_frames = bench.max_positions // 2 + 50
    long, longer = bench.codes("c.npy", n_frames), bench.codes("d.npy",
                                                               n_frames, 9)
    full = bench.run(*base, "--seed", "5", "--json", *said(0, "One.", long),
                     *said(0, "Two.", longer))
    told = json.loads(full.stdout or "{}")
    bench.check("full context", full.returncode == 0
                and told.get("dropped_segments") == 1
                and told.get("context_segments") == 1
                and told.get("dropped_positions", 0) > n_frames, full.stderr)
    bench.check("full context is told", "1 earlier segment" in full.stderr
                and full.stderr.count("\n") == 1, full.stderr)
    newest = bench.json("newest", *base, *said(0, "Two.", longer))
    bench.check("the newest stays",
                told.get("codes_sha256") == newest["codes_sha256"])


def bad_recording_cases(bench):
    base = ("--text", "I am well.", *SHORT)

    def refuse(name, words, file, status=FAILED):
        bench.refuse(name, status, words, *base, *said(0, "Hm.", file))

    refuse("absent sound", ["absent.wav"], bench.path("absent.wav"))
    refuse("absent codes", ["absent.npy"], bench.path("absent.npy"))
    refuse("text as sound", ["t.wav"], bench.file("t.wav", "not sound"))
    refuse("empty sound", ["e.wav"], bench.file("e.wav", b""))
    refuse("folder", [str(bench.folder)], str(bench.folder))
    good = pathlib.Path(bench.codes("g.npy", 4)).read_bytes()
    refuse("codes cut off", ["cut.npy"], bench.file("cut.npy", good[:-3]))
    refuse("large code", ["99999"], bench.file(
        "large.npy", good[:-4] + struct.pack("<i", 99999)))
    with wave.open(bench.path("none.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    refuse("no samples", ["none.wav"], bench.path("none.wav"))
    with wave.open(bench.path("long.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000 * 200))
    refuse("longer than the context", ["long.wav", "context"],
           bench.path("long.wav"))
    bench.refuse("empty text", FAILED, ["text"], *base,
                 *said(0, "", bench.path("g.npy")))


def split_codes(path, counts, n_codebooks):
    """Raw codes of each turn from the .npy file of all."""
    data = pathlib.Path(path).read_bytes()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    parts = []
    for count in counts:
        size = 4 * count * n_codebooks
        parts.append(data[start: start + size])
        start += size
    return parts, start == len(data), data[:start]


def conversation_cases(bench):
    turns = [(0, "Hello there."), (1, "Good day."), (0, "Is it late?"),
             (1, "No.")]
    script = bench.file("talk.txt", "# two people\n\n" + "\n".join(
        f"{speaker}: {text}" for speaker, text in turns))
    folder, whole = bench.folder / "turns", bench.path("whole.wav")
    told = bench.json(
        "conversation", "--conversation", script, "--output", whole,
        "--output-dir", folder, "--turn-gap-ms", "250", "--tokens-out",
        bench.path("all.npy"), *SHORT)
    bench.check("turns", [(t["speaker"], t["text"], t["turn"], t["seed"])
                          for t in told["turns"]]
                == [(s, t, i + 1, 5 + i) for i, (s, t) in enumerate(turns)],
                told)
    bench.check("context grows", [t["context_segments"]
                                  for t in told["turns"]] == [0, 1, 2, 3])
    counts = [t["frames"] for t in told["turns"]]
    bench.check("totals", told["frames"] == sum(counts)
                and all(0 < n <= 8 for n in counts), counts)
    gap = RATE // 4
    sound = samples(whole)
    bench.check("length", len(sound) == sum(counts) * FRAME + 3 * gap,
                len(sound))
    bench.check("audio_ms", abs(told["audio_ms"] - len(sound) / 24) < 1e-6)
    at = 0
    for number, (turn, count) in enumerate(zip(told["turns"], counts), 1):
        file = folder / f"turn-{number:02}.wav"
        mine = samples(file)
        at = round(turn["start_ms"] * 24)
        bench.check(f"turn file {number}", len(mine) == count * FRAME
                    and sound[at: at + len(mine)] == mine)
        bench.check(f"gap {number}", not any(sound[at - gap: at])
                    if number > 1 else at == 0)
    bench.check("no other files", len(list(folder.iterdir())) == len(turns))

    # A turn is what generate says with the earlier ones as context.
    codes, complete, _ = split_codes(bench.path("all.npy"), counts,
                                     bench.n_codebooks)
    bench.check("codes of all turns", complete)
    context = []
    for number, ((speaker, text), raw) in enumerate(zip(turns, codes)):
        single = bench.json(f"turn {number} alone", "--text", text,
                            "--speaker", speaker, *context, *SHORT,
                            seed=5 + number)
        bench.check(f"turn {number} as generate", single["codes_sha256"]
                    == told["turns"][number]["codes_sha256"])
        bench.check(f"turn {number} prompt", single["prompt_positions"]
                    == told["turns"][number]["prompt_positions"])
        header = (f"{{'descr': '<i4', 'fortran_order': False, 'shape': "
                  f"({counts[number]}, {bench.n_codebooks}), }}")
        header += " " * (-(len(header) + 11) % 64) + "\n"
        file = bench.file(f"turn{number}.npy", b"\x93NUMPY\x01\x00"
                          + struct.pack("<H", len(header)) + header.encode()
                          + raw)
        context += said(speaker, text, file)

    # The same as JSON; then with a recording, a pause and no gaps.
    listed = [{"speaker": s, "text": t} for s, t in turns]
    same = bench.json("JSON", "--conversation",
                      bench.file("talk.json", json.dumps(listed)), *SHORT)
    bench.check("JSON says the same",
                same["codes_sha256"] == told["codes_sha256"])
    listed[1]["audio"] = "turns/turn-02.wav"
    listed[2]["pause"] = 0.5
    recorded = bench.json(
        "recording", "--conversation",
        bench.file("recorded.json", json.dumps(listed)), "--output", whole,
        *SHORT)
    bench.check("recording is named", recorded["turns"][1].get(
        "recording", "").endswith("turns/turn-02.wav"), recorded["turns"][1])
    bench.check("first turn as before", recorded["turns"][0]["codes_sha256"]
                == told["turns"][0]["codes_sha256"])
    first = recorded["turns"][0]["frames"] * FRAME
    second = samples(folder / "turn-02.wav")
    sound = samples(whole)
    bench.check("recording is played",
                sound[first: first + len(second)] == second)
    pause = sound[first + len(second): first + len(second) + RATE // 2]
    bench.check("pause", len(pause) == RATE // 2 and not any(pause))
    bench.check("turn 3 starts behind the pause", round(
        recorded["turns"][2]["start_ms"] * 24) == first + len(second)
        + RATE // 2)


def bad_script_cases(bench):
    good = bench.file("good.txt", "0: Hello.\n")
    for name, content, words in (
            ("no colon", "0: Hello.\nHi there\n", ["line 2", "speaker: text"]),
            ("name", "# x\nBob: Hi\n", ["line 2"]),
            ("no text", "0: Hello.\n\n1:\n", ["line 3"]),
            ("bytes", b"0: \xff\xfe\n", ["line 1", "UTF-8"]),
            ("empty", "", ["empty.txt"]), ("comments", "# a\n", ["one turn"]),
            ("pause", "0: Well [pause 9 weeks] yes.\n", ["9 weeks"])):
        script = bench.file(f"{name}.txt", content)
        bench.refuse(f"script {name}", FAILED, words, "--conversation", script)
    for name, content, words in (
            ("broken", "[{]", ["JSON"]), ("object", "{}", ["list"]),
            ("none", "[]", ["one turn"]),
            ("field", '[{"speaker": 0, "text": "a"}, {"speaker": 0}]',
             ["turn 2", "text"]),
            ("unknown", '[{"speaker": 0, "text": "a", "tone": 1}]', ["tone"]),
            ("absent", '[{"speaker": 0, "text": "a", "audio": "no.wav"}]',
             ["no.wav"])):
        script = bench.file(f"{name}.json", content)
        bench.refuse(f"script {name}", FAILED, words, "--conversation", script)
    bench.refuse("no script", FAILED, ["none.txt"], "--conversation",
                 bench.path("none.txt"))
    bench.refuse("other suffix", FAILED, [".json"], "--conversation",
                 bench.file("talk.doc", "0: Hello."))
    for name, extra in (("text", ("--text", "Hello.")),
                        ("speaker", ("--speaker", "1")),
                        ("turn-gap-ms", ("--turn-gap-ms", "-1")),
                        ("receipt", ("--receipt", bench.path("r.json"))),
                        ("output-dir", ("--output-dir", bench.path("d"),
                                        "--stream")),
                        ("resume-from", ("--resume-from",
                                         bench.codes("r.npy", 2)))):
        bench.refuse(f"script and {name}", USAGE, [f"--{name}"],
                     "--conversation", good, *extra)
    bench.refuse("output-dir alone", USAGE, ["--conversation"], "--text",
                 "Hello.", "--output-dir", bench.path("d"))
    bench.refuse("output-dir is a file", FAILED, ["good.txt"],
                 "--conversation", good, "--output-dir", good)


def long_text_cases(bench):
    sentences = ["The first sentence of these is here.",
                 "The second one comes after it.",
                 "And the third is the very last."]
    text = " ".join(sentences)
    fits = bench.json("text that fits", "--text", text, *SHORT)
    uncut = bench.json("never cut", "--text", text, "--max-chunk-ms", "0",
                       *SHORT)
    bench.check("one utterance", "chunks" not in fits
                and fits["codes_sha256"] == uncut["codes_sha256"])

    limit = ("--max-chunk-ms", "3000")
    whole = bench.path("long.wav")
    told = bench.json("long text", "--text-file",
                      bench.file("long.txt", text + "\n"), "--output", whole,
                      *limit, *SHORT)
    bench.check("chunks", [c["text"] for c in told["chunks"]] == sentences)
    bench.check("chunk seeds",
                [c["seed"] for c in told["chunks"]] == [5, 6, 7])
    bench.check("chunks hear each other",
                [c["context_segments"] for c in told["chunks"]] == [0, 1, 2])
    first = bench.json("first sentence", "--text", sentences[0], *SHORT)
    bench.check("first chunk as generate", first["codes_sha256"]
                == told["chunks"][0]["codes_sha256"])
    bench.check("whole file",
                len(samples(whole)) == told["frames"] * FRAME)
    # Streamed it is the same file, and its header knows the length.
    streamed = bench.path("streamed.wav")
    bench.json("streamed", "--text", text, "--output", streamed, "--stream",
               *limit, *SHORT)
    bench.check("streamed as written", pathlib.Path(streamed).read_bytes()
                == pathlib.Path(whole).read_bytes())
    piped = subprocess.run(
        [bench.program, "generate", "--model", bench.model, "--threads", "1",
         "--seed", "5", "--text", text, *limit, *SHORT, "--output", "-",
         "--format", "pcm"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    bench.check("piped as written", piped.stdout
                == samples(whole).tobytes(), piped.stderr)

    # The first chunk is the voice, the newest are what was just said.
    held = bench.json("held", "--text", text + " But there is a fourth.",
                      "--max-context", "110", *limit, *SHORT)
    bench.check("held context", all(c["prompt_positions"] < 160
                                    for c in held["chunks"])
                and held["dropped_segments"] > 0
                and held["chunks"][3]["context_segments"] == 2, held)

    # A chunk that does not end by itself ends at twice --max-chunk-ms.
    capped = bench.json("cap", "--text", "Aa bb. " * 3, "--max-chunk-ms",
                        "200")
    bench.check("cap", all(c["frames"] <= 400 // 80
                           for c in capped["chunks"]), capped)
    for option, value in (("--max-chunk-ms", "-1"),
                          ("--max-chunk-ms", "many")):
        bench.refuse(f"{option} {value}", USAGE, [option], "--text", "a",
                     option, value)


def memory_cases(bench):
    """Ten times the text takes no more memory."""
    peaks = []
    for n_sentences in (25, 250):
        told = bench.json(
            f"{n_sentences} sentences", "--text", "I was here again. " *
            n_sentences, "--output", bench.path("memory.wav"),
            "--max-chunk-ms", "800", "--max-context", "64",
            "--max-audio-ms", "640")
        peaks.append(told["peak_rss_bytes"])
    bench.check("sound that would take more, if it were kept",
                told["frames"] * FRAME * 4 > 3 * MOST_BYTES, told["frames"])
    bench.check("memory", 0 < peaks[0] and peaks[1] < peaks[0] + MOST_BYTES,
                peaks)


def pause_cases(bench):
    whole = bench.path("pause.wav")
    told = bench.json("pauses", "--text", "[pause 100ms]Good day. "
                      "[pause 0.5s] I am here. [PAUSE:1 s]", "--output",
                      whole, *SHORT)
    bench.check("never spoken", [c["text"] for c in told["chunks"]]
                == ["Good day.", "I am here."])
    sound = samples(whole)
    starts = [round(c["start_ms"] * 24) for c in told["chunks"]]
    first = told["chunks"][0]["frames"] * FRAME
    second = told["chunks"][1]["frames"] * FRAME
    bench.check("where", starts == [2400, 2400 + first + 12000], starts)
    bench.check("length", len(sound) == 2400 + first + 12000 + second + RATE)
    silent = (sound[:2400], sound[2400 + first: starts[1]], sound[-RATE:])
    bench.check("silence", not any(map(any, silent)))
    alone = bench.json("alone", "--text", "Good day.", *SHORT)
    bench.check("as without", alone["codes_sha256"]
                == told["chunks"][0]["codes_sha256"])
    bench.refuse("bad pause", FAILED, ["[pause soon]"], "--text",
                 "Well [pause soon]")
    bench.refuse("only pauses", FAILED, ["pauses"], "--text", "[pause 1s]")


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(*paths(__doc__), folder)
        for cases in (context_cases, bad_recording_cases, conversation_cases,
                      bad_script_cases, long_text_cases, memory_cases,
                      pause_cases):
            cases(bench)
    return verdict("conversations", bench, "checks")


if __name__ == "__main__":
    sys.exit(main())
