#!/usr/bin/env python3
"""csm encode, csm decode and .csmc files as a user meets them.

    encode_test.py --csm PROGRAM --model FOLDER
"""

import array
import hashlib
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys

from bad_input_test import (
    FAILED, USAGE, Bench, Weights, npy, paths, verdict)

RATE = 24000
FRAME = 1920


def wav(samples, rate=RATE, channels=1):
    """A 16-bit WAV; samples in [-1, 1], the same in all channels."""
    data = array.array("h", (int(s * 32767) for s in samples
                             for _ in range(channels))).tobytes()
    return (b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 1, channels, rate,
                        2 * channels * rate, 2 * channels, 16) +
            b"data" + struct.pack("<I", len(data)) + data)


def tone(n, rate=RATE):
    """A tone that glides, n samples."""
    return [0.4 * math.sin(2000 * t / rate + 900 * (t / rate) ** 2)
            for t in range(n)]


def read_csmc(path):
    """(codebooks, codes) by the documentation alone."""
    data = pathlib.Path(path).read_bytes()
    body, digest = data[:-32], data[-32:]
    assert hashlib.sha256(body).digest() == digest
    magic, version, books, frames, rate, samples = struct.unpack(
        "<4sHHQII", body[:24])
    assert (magic, version, rate, samples) == (b"CSMC", 1, RATE, FRAME)
    stream = int.from_bytes(body[24:], "little")
    return books, [(stream >> (11 * i)) & 2047 for i in range(books * frames)]


def csmc(codes, books, rate=RATE, frame=FRAME):
    """A .csmc file."""
    stream = sum(code << (11 * i) for i, code in enumerate(codes))
    body = struct.pack("<4sHHQII", b"CSMC", 1, books, len(codes) // books,
                       rate, frame)
    body += stream.to_bytes((11 * len(codes) + 7) // 8, "little")
    return body + hashlib.sha256(body).digest()


class Cases(Bench):
    """Runs that must succeed beside those that must not."""

    def run(self, *arguments, **options):
        self.count += 1
        done = subprocess.run(
            [self.program, *map(str, arguments), "--model", str(self.model)],
            capture_output=True, timeout=300, **options)
        if done.returncode:
            self.problems.append(f"{arguments[0]}: {done.stderr.decode()}")
        return done.stdout

    def codes(self, path):
        """(frames, codebooks, codes) of a .npy file."""
        data = pathlib.Path(path).read_bytes()
        start = 10 + struct.unpack("<H", data[8:10])[0]
        shape = data[:start].decode("latin1").split("(")[1].split(")")[0]
        frames, books = (int(n) for n in shape.split(","))
        return frames, books, array.array("i", data[start:]).tolist()

    def encode(self, path, *arguments, **options):
        out = self.root / "codes.npy"
        self.run("encode", "--input", path, "--output", out, *arguments,
                 **options)
        return self.codes(out)


def good_cases(case, books):
    """Codes of files of many kinds, in both formats, and back."""
    sound = case.file("sound.wav", wav(tone(3 * RATE + 777)))
    frames, width, codes = case.encode(sound)
    case.check("frames", (frames, width) == (
        math.ceil((3 * RATE + 777) / FRAME), books))
    case.check("codes vary", len(set(codes)) > 20)
    _, _, silent = case.encode(sound, "--end-with-silence")
    case.check("the last frame alone ends otherwise",
               silent[:-books] == codes[:-books])
    with open(sound, "rb") as stdin:
        case.check("standard input", case.encode("-", stdin=stdin)[2] == codes)
    case.check("standard input is a pipe",
               case.encode("-", input=sound.read_bytes())[2] == codes)

    packed = case.root / "codes.csmc"
    told = json.loads(case.run("encode", "--input", sound, "--output", packed,
                               "--json"))
    case.check("packed", read_csmc(packed) == (books, codes))
    case.check("our packing", csmc(codes, books) == packed.read_bytes())
    case.check("json", (told["frames"], told["codebooks"]) == (frames, books)
               and told["source_rate_hz"] == RATE
               and told["source_channels"] == 1
               and abs(told["audio_ms"] - 3032.375) < 1e-3
               and told["codes_sha256"] == hashlib.sha256(
                   array.array("i", codes).tobytes()).hexdigest())

    for name, rate, channels in (("stereo", RATE, 2), ("8 kHz", 8000, 1),
                                 ("44.1 kHz", 44100, 2), ("96 kHz", 96000, 6)):
        path = case.file("other.wav", wav(tone(2 * rate, rate), rate, channels))
        frames, width, other = case.encode(path)
        case.check(f"{name}: {frames} frames", (frames, width) == (25, books))
        if name == "stereo":
            want = case.encode(case.file("mono.wav", wav(tone(2 * RATE))))[2]
            case.check("equal channels are one", other == want)

    few = case.encode(sound, "--codebooks", "3")
    case.check("a prefix", few[1] == 3 and few[2] == [
        code for i, code in enumerate(codes) if i % books < 3])

    case.run("encode", "--input", sound, "--output", case.root / "codes.npy")
    for suffix in ("wav", "flac", "npy"):
        both = []
        for source in ("codes.npy", "codes.csmc"):
            out = case.root / f"decoded.{suffix}"
            case.run("decode", "--input", case.root / source, "--output", out)
            both.append(out.read_bytes())
        case.check(f"decoded {suffix}", both[0] == both[1])
    case.run("decode", "--input", packed, "--output", case.root / "a.wav")
    case.check("decoded to standard output", (case.root / "a.wav").read_bytes()
               == case.run("decode", "--input", packed, "--output", "-"))
    case.run("encode", "--input", sound, "--output", case.root / "few.csmc",
             "--codebooks", 3)
    case.run("decode", "--input", case.root / "few.csmc", "--output",
             case.root / "few.wav", "--codebooks", 3)
    case.check("decoded a prefix", (case.root / "few.wav").stat().st_size ==
               44 + 2 * FRAME * read_csmc_frames(packed))


def spoken_cases(case, books):
    """Codes that were spoken, in both formats."""
    speech = ["generate", "--text", "Hello.", "--seed", "5", "--max-audio-ms",
              "400"]
    for suffix in ("npy", "csmc"):
        case.run(*speech, "--tokens-out", case.root / f"spoken.{suffix}")
    spoken = case.codes(case.root / "spoken.npy")
    case.check("spoken codes", read_csmc(case.root / "spoken.csmc") ==
               (books, spoken[2]))
    logits = [case.root / name for name in ("a.logits.npy", "b.logits.npy")]
    for suffix, out in zip(("npy", "csmc"), logits):
        case.run("score", "--text", "Hello.", "--tokens",
                 case.root / f"spoken.{suffix}", "--logits-out", out)
    case.check("scored", logits[0].read_bytes() == logits[1].read_bytes())


def read_csmc_frames(path):
    books, codes = read_csmc(path)
    return len(codes) // books


def bad_sounds(case):
    """Sounds that cannot be encoded."""
    good = wav(tone(5000))
    floats = struct.pack("<2f", 0.5, math.nan)
    nan = (b"RIFF" + struct.pack("<I", 36 + 8) + b"WAVEfmt " +
           struct.pack("<IHHIIHH", 16, 3, 1, RATE, 4 * RATE, 4, 32) +
           b"data" + struct.pack("<I", 8) + floats)
    target = str(case.out / "a.npy")

    def encode(name, *arguments, status=FAILED, words=()):
        case.expect(f"encode {name}",
                    ["encode", "--model", str(case.model), "--output", target,
                     *arguments], status, *words)

    for name, content, words in (
            ("empty", b"", []), ("text", b"no sound at all " * 10, []),
            ("no samples", wav([]), ["at least one sample"]),
            ("truncated", good[:-999], ["999 bytes"]),
            ("header only", good[:30], []), ("nan", nan, ["nan", "sample 1"]),
            ("random bytes", bytes(i * 37 % 251 for i in range(5000)), [])):
        path = case.file(f"{name}.wav", content)
        encode(name, "--input", str(path), words=[f"{name}.wav", *words])
    encode("absent", "--input", "/nonexistent/a.wav",
           words=["/nonexistent/a.wav"])
    encode("a folder", "--input", str(case.root), words=["folder"])
    encode("nothing on standard input", "--input", "-",
           words=["standard input"])
    encode("no input", status=USAGE, words=["--input"])
    sound = str(case.file("good.wav", good))
    books = json.loads((case.model / "config.json").read_text())[
        "codec_config"]["num_quantizers"]
    encode("too many codebooks", "--input", sound, "--codebooks",
           str(books + 1), words=[f"1 to {books}"])
    for value in ("0", "-1", "many"):
        encode(f"{value} codebooks", "--input", sound, "--codebooks", value,
               status=USAGE, words=["--codebooks"])
    for path in ("/nonexistent/a.csmc", "/nonexistent/a.npy"):
        case.expect(f"encode to {path}",
                    ["encode", "--input", sound, "--output", path], FAILED,
                    path)
    for suffix in ("csmc", "npy"):
        case.expect(f"full disk {suffix}",
                    ["encode", "--input", sound, "--output",
                     str(case.out / f"a.{suffix}")], FAILED, f"a.{suffix}",
                    file_limit=20)


def bad_codes(case, books):
    """.csmc files that lie."""
    codes = [i % 500 for i in range(4 * books)]
    good = csmc(codes, books)
    flipped = bytearray(good)
    flipped[30] ^= 4
    for name, content, words in (
            ("empty", b"", []), ("short", good[:20], []),
            ("cut", good[:-1], ["bytes for 4 frames"]),
            ("longer", good + b"\0", ["bytes for 4 frames"]),
            ("flipped", bytes(flipped), ["checksum"]),
            ("magic", b"CSMX" + good[4:], ["a .csmc file"]),
            ("a npy", npy("<i4", f"(1, {books})", b"\0" * 4 * books), []),
            ("no frames", csmc([], books), ["shape"]),
            ("other width", csmc(codes, books // 2), [f"{books // 2}]"]),
            ("other rate", csmc(codes, books, rate=16000), ["16000"]),
            ("other frames", csmc(codes, books, frame=960), ["960"]),
            ("large code", csmc([2047] * books, books), ["2047"])):
        path = str(case.file(f"{name}.csmc", content))
        case.expect(f"decode {name}",
                    ["decode", "--input", path, "--output",
                     str(case.out / "a.wav")], FAILED, *words)
        case.expect(f"decode {name} to standard output",
                    ["decode", "--input", path, "--output", "-"], FAILED,
                    *words)


def without_encoder(case):
    """A model folder whose codec can only decode."""
    def strip(folder):
        (folder / "model.safetensors").unlink()
        weights = Weights(case.model / "model.safetensors")
        kept, header = bytearray(), {}
        for name, entry in weights.header.items():
            if any(part in name for part in (
                    "codec_model.encoder", "codec_model.downsample",
                    "input_proj")):
                continue
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                entry = dict(entry, data_offsets=[
                    len(kept), len(kept) + end - begin])
                kept += weights.payload[begin:end]
            header[name] = entry
        weights.payload, weights.header = kept, header
        weights.save(folder / "model.safetensors")

    folder = case.broken_model("decoder only", strip)
    sound = str(case.file("sound.wav", wav(tone(5000))))
    case.expect("encode without encoder",
                ["encode", "--model", str(folder), "--input", sound,
                 "--output", str(case.out / "a.npy")], FAILED, "encoder",
                "codec.encoder.layers.0.conv.weight")
    case.count += 1
    done = subprocess.run([case.program, "generate", "--model", str(folder),
                           "--text", "Hello.", "--max-audio-ms", "160",
                           "--output", str(case.root / "spoken.wav")],
                          capture_output=True, text=True)
    if done.returncode:
        case.problems.append(f"speaking without encoder: {done.stderr}")


def main():
    case = Cases(*paths(__doc__))
    books = json.loads((case.model / "config.json").read_text())[
        "num_codebooks"]
    try:
        good_cases(case, books)
        spoken_cases(case, books)
        bad_sounds(case)
        bad_codes(case, books)
        without_encoder(case)
    finally:
        shutil.rmtree(case.root)
    return verdict("encode", case)


if __name__ == "__main__":
    sys.exit(main())
