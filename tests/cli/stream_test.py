#!/usr/bin/env python3
"""Streaming: csm generate --stream and --play as a shell meets them.

    stream_test.py --csm PROGRAM --model FOLDER

Streamed bytes equal those of the one-shot file; sound leaves frame by frame;
a reader that goes away and Ctrl-C end the program within a frame, with the
documented exit status, and leave whole files or none.
"""

import fcntl
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time

from bad_input_test import paths, verdict

FRAME = 1920 * 2  # bytes
HEADER = 44
GONE, INTERRUPTED = 128 + signal.SIGPIPE, 128 + signal.SIGINT
UNKNOWN = b"\xff\xff\xff\xff"
# Far more speech than a pipe holds (64 KiB are 1.4 s).
LONG = ["--text", "One two three four five six seven eight nine ten eleven "
        "twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
        "twenty one two three four five six seven eight nine ten.",
        "--seed", "3", "--max-audio-ms"]


class Bench:
    def __init__(self, program, model, folder):
        self.program, self.model = str(program), str(model)
        self.folder = pathlib.Path(folder)
        self.problems = []
        self.count = 0

    def command(self, *arguments):
        return [self.program, "generate", "--model", self.model,
                *map(str, arguments)]

    def run(self, *arguments, status=0, **options):
        self.count += 1
        run = subprocess.run(self.command(*arguments), timeout=600,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             **options)
        if run.returncode != status:
            self.problems.append(f"{arguments}: exit {run.returncode}, "
                                 f"expected {status}: {run.stderr.decode()}")
        return run

    def start(self, *arguments, **options):
        self.count += 1
        return subprocess.Popen(self.command(*arguments),
                                stderr=subprocess.PIPE, **options)

    def expect(self, truth, problem):
        self.count += 1
        if not truth:
            self.problems.append(problem)

    def path(self, name):
        return self.folder / name

    def leftovers(self):
        return sorted(p.name for p in self.folder.iterdir()
                      if ".part" in p.name)


def small_pipe():
    """A pipe that holds one frame and little more."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


def open_sizes(wav):
    """A WAV as it is written when its length is not known."""
    return wav[:4] + UNKNOWN + wav[8:40] + UNKNOWN + wav[44:]


def same_bytes(bench):
    """What is streamed is what a file holds."""
    short = ["--text", "Good morning.", "--seed", "11", "--max-audio-ms",
             "1200"]
    once = bench.path("once.wav")
    report = json.loads(bench.run(*short, "-o", once, "--json").stdout)
    wav = once.read_bytes()
    bench.expect(len(wav) == HEADER + FRAME * report["frames"],
                 f"{len(wav)} bytes of {report['frames']} frames")
    bench.expect("first_output" not in report["ms"], "first_output unasked")

    streamed = bench.path("streamed.wav")
    live = json.loads(bench.run(*short, "--stream", "-o", streamed,
                                "--json").stdout)
    bench.expect(streamed.read_bytes() == wav, "streamed file differs")
    bench.expect(live["codes_sha256"] == report["codes_sha256"],
                 "streamed codes differ")
    bench.expect(live["ms"]["first_output"] >= live["ms"]["first_audio"] > 0,
                 f"first output: {live['ms']}")

    piped = bench.run(*short, "--stream", "-o", "-")
    bench.expect(piped.stdout == open_sizes(wav), "streamed pipe differs")
    bench.expect(b"first audio after" in piped.stderr,
                 f"no first audio: {piped.stderr.decode()}")
    bench.expect(bench.run(*short, "-o", "-").stdout == wav,
                 "one-shot pipe differs")
    for extra in ([], ["--stream"]):
        raw = bench.run(*short, *extra, "-o", "-", "--format", "pcm").stdout
        bench.expect(raw == wav[HEADER:], f"raw samples differ {extra}")
    with open(bench.path("stdout.wav"), "wb") as out:
        subprocess.run(bench.command(*short, "--stream", "-o", "-"),
                       stdout=out, stderr=subprocess.DEVNULL, check=True)
    bench.expect(bench.path("stdout.wav").read_bytes() == wav,
                 "a file at standard output differs")
    for name in ("flac", "mp3"):
        files = [bench.path(f"{kind}.{name}") for kind in ("once", "live")]
        bench.run(*short, "-o", files[0])
        bench.run(*short, "--stream", "-o", files[1])
        bench.expect(files[0].read_bytes() == files[1].read_bytes(),
                     f"streamed {name} differs")


def frame_by_frame(bench):
    """Sound leaves long before the speech is over."""
    report = json.loads(bench.run(*LONG, "4000", "--stream", "-o",
                                  bench.path("long.wav"), "--json").stdout)
    if report["frames"] >= 20:
        bench.expect(report["ms"]["first_output"] <
                     report["ms"]["total"] / 3, f"late: {report['ms']}")
    # A pipe that holds one frame: the program can be at most a frame ahead.
    reader, writer = small_pipe()
    process = bench.start(*LONG, "4000", "--stream", "-o", "-", stdout=writer)
    os.close(writer)
    got = b""
    while len(got) < HEADER + FRAME:
        got += os.read(reader, HEADER + FRAME - len(got))
    bench.expect(process.poll() is None, "all was said before it was heard")
    while block := os.read(reader, 65536):
        got += block
    bench.expect(process.wait(60) == 0, "slow reader: failed")
    bench.expect(got == open_sizes(bench.path("long.wav").read_bytes()),
                 "slow reader: other bytes")
    os.close(reader)


def gone_reader(bench):
    """A closed pipe ends the work quietly."""
    for output in ([], ["--format", "pcm"]):
        process = bench.start(*LONG, "90000", "--stream", "-o",
                              "-", *output, stdout=subprocess.PIPE)
        process.stdout.read(FRAME)
        process.stdout.close()
        status = process.wait(120)
        words = process.stderr.read()
        bench.expect(status == GONE and words == b"",
                     f"gone reader: exit {status}, {words.decode()}")
    closed, writer = os.pipe()
    os.close(closed)
    process = bench.start(*LONG, "800", "-o", "-", stdout=writer)
    os.close(writer)
    status, words = process.wait(120), process.stderr.read()
    bench.expect(status == 1 and b"Broken pipe" in words,
                 f"gone reader, one-shot: exit {status}, {words.decode()}")


def interrupted(bench):
    """Ctrl-C leaves a whole file of what was heard, or none."""
    # Behind a full pipe, so that it is in the middle of the speech.
    reader, writer = small_pipe()
    process = bench.start(*LONG, "4000", "--stream", "-o", "-", stdout=writer)
    os.close(writer)
    got = os.read(reader, 4096)
    process.send_signal(signal.SIGINT)
    while block := os.read(reader, 65536):
        got += block
    os.close(reader)
    status, words = process.wait(60), process.stderr.read().decode()
    whole = open_sizes(bench.path("long.wav").read_bytes())
    bench.expect(status == INTERRUPTED, f"interrupted: exit {status}: {words}")
    bench.expect("ended by cancelled" in words, f"interrupted: {words}")
    bench.expect(whole.startswith(got) and len(got) < len(whole) and
                 (len(got) - HEADER) % FRAME == 0,
                 f"interrupted: {len(got)} bytes")

    for extra, exists in ((["--stream"], True), ([], False)):
        target = bench.path(f"cut{len(extra)}.wav")
        process = bench.start(*LONG, "90000", *extra, "-o", target)
        until = time.monotonic() + 120
        while not begun(bench, process, exists) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        status, words = process.wait(60), process.stderr.read().decode()
        bench.expect(status == INTERRUPTED, f"{extra}: exit {status}: {words}")
        bench.expect(target.exists() == exists, f"{extra}: wrong file: {words}")
        bench.expect(not bench.leftovers(), f"left: {bench.leftovers()}")
        if exists and target.exists():
            data = target.read_bytes()
            (size,) = struct.unpack("<I", data[40:44])
            bench.expect(size == len(data) - HEADER > 0 and size % FRAME == 0,
                         f"interrupted file: {size} of {len(data)} bytes")


def begun(bench, process, streams):
    """Whether a process is past its first frames."""
    if process.poll() is not None:
        return True
    if streams:
        return any((bench.folder / name).stat().st_size > HEADER + FRAME
                   for name in bench.leftovers())
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    threads = int(status.split("Threads:")[1].split()[0])
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return threads > 1 and caught >> (signal.SIGINT - 1) & 1 == 1


def usage(bench):
    """What cannot be meant."""
    short = ["--text", "Hello.", "--seed", "1", "--max-audio-ms", "160"]
    for arguments, status, word in (
            (["--stream"], 2, "--output"),
            (["--stream", "-o", "-", "--json"], 2, "--json"),
            (["-o", bench.path("a.wav"), "--format", "aac"], 1, "aac"),
            (["--stream", "-o", "/nonexistent/a.wav"], 1, "/nonexistent"),
            (["--stream", "-o", "/dev/full"], 1, "file name ending in"),
            (["--stream", "-o", "/dev/full", "--format", "wav"], 1,
             "No space")):
        run = bench.run(*short, *arguments, status=status)
        words = run.stderr.decode()
        bench.expect(word in words, f"{arguments}: lacks {word}: {words}")
        bench.expect(words.count("\n") == 1 and words.startswith("csm: "),
                     f"{arguments}: {words}")
    # A loudspeaker is there, or one line says why not.
    run = subprocess.run(bench.command(*short, "--play", "--json"),
                         capture_output=True, timeout=120)
    if run.returncode == 0:
        played = json.loads(run.stdout)["playback"]
        bench.expect(played["samples"] == 2 * 1920, f"played: {played}")
    else:
        words = run.stderr.decode()
        bench.expect(words.startswith("csm: [audio.play] expected ") and
                     words.count("\n") == 1, f"no loudspeaker: {words}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(*paths(__doc__), folder)
        for test in (same_bytes, frame_by_frame, gone_reader, interrupted,
                     usage):
            test(bench)
    return verdict("streaming", bench, "checks")


if __name__ == "__main__":
    sys.exit(main())
