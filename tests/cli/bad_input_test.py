#!/usr/bin/env python3
"""Bad input of every kind: one clear line, exit 1 or 2, no output left.

    bad_input_test.py --csm PROGRAM --model FOLDER

Each case runs the program on a broken model, text, option or target and
checks: exit status, exactly one line on stderr that begins with `csm: ` and
names the culprit, nothing on stdout, and no file in the output folder.
"""

import argparse
import hashlib
import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import tempfile

FAILED, USAGE = 1, 2


def npy(descr, shape, payload, order="False"):
    """Bytes of a .npy file, version 1.0."""
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, " \
             f"'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
            header.encode() + payload)


def parser(description):
    """Of a command line with the program and the model."""
    out = argparse.ArgumentParser(description=description.splitlines()[0])
    out.add_argument("--csm", required=True, type=pathlib.Path)
    out.add_argument("--model", required=True, type=pathlib.Path)
    return out


def paths(description):
    """The program and the model of the command line."""
    arguments = parser(description).parse_args()
    return arguments.csm, arguments.model


def verdict(what, bench, unit="cases"):
    """Prints what failed and the counts; the exit status."""
    for problem in bench.problems:
        print(problem)
    print(f"{what}: {bench.count} {unit}, {len(bench.problems)} problems")
    return 1 if bench.problems or bench.count == 0 else 0


class Weights:
    """A safetensors file taken apart, to be put together wrongly."""

    def __init__(self, path):
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        self.header = json.loads(data[8: 8 + length])
        self.payload = bytearray(data[8 + length:])

    def first(self, *words):
        """A tensor whose name holds all words."""
        return next(name for name in self.header
                    if all(word in name for word in words))

    def save(self, path, header=None):
        text = json.dumps(self.header) if header is None else header
        path.write_bytes(struct.pack("<Q", len(text)) + text.encode() +
                         self.payload)


class Bench:
    """Runs cases and counts them."""

    def __init__(self, program, model):
        self.program = str(program)
        self.model = pathlib.Path(model)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="csm-bad-input-"))
        self.out = self.root / "out"
        self.out.mkdir()
        self.count = 0
        self.problems = []

    def broken_model(self, name, breaks):
        """A copy of the model (files linked) after breaks(folder)."""
        folder = self.root / name
        folder.mkdir()
        for path in self.model.iterdir():
            if path.is_file():
                os.symlink(path.resolve(), folder / path.name)
        breaks(folder)
        return folder

    def file(self, name, content):
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes)
                         else content.encode())
        return path

    def expect(self, name, arguments, status, *words, **options):
        """One case: status and words that the message must hold."""
        self.count += 1
        limits = {resource.RLIMIT_FSIZE: options.pop("file_limit", None),
                  resource.RLIMIT_AS: options.pop("memory_limit", None)}

        def prepare():
            for kind, limit in limits.items():
                if limit is not None:
                    resource.setrlimit(kind, (limit, limit))

        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stdin", subprocess.DEVNULL)
        run = subprocess.run([self.program, *map(os.fsencode, arguments)],
                             stderr=subprocess.PIPE, preexec_fn=prepare,
                             timeout=300, **options)
        stderr = run.stderr.decode(errors="replace")
        faults = []
        if run.returncode != status:
            faults.append(f"exit {run.returncode}, expected {status}")
        lines = stderr.splitlines()
        if len(lines) != 1 or not lines[0].startswith("csm: "):
            faults.append(f"expected one line 'csm: ...', got {lines[:8]}")
        faults += [f"message lacks '{word}': {stderr.strip()}"
                   for word in words if word not in stderr]
        if run.stdout:
            faults.append(f"wrote to stdout: {run.stdout[:80]}")
        left = sorted(path.name for path in self.out.iterdir())
        if left:
            faults.append(f"left behind: {left}")
            shutil.rmtree(self.out)
            self.out.mkdir()
        self.problems += [f"{name}: {fault}" for fault in faults]
        if os.environ.get("CSM_TEST_VERBOSE"):
            print(f"{name}: {stderr.strip()}")

    def run(self, arguments):
        """The program, whatever comes of it."""
        return subprocess.run([self.program, *map(os.fsencode, arguments)],
                              capture_output=True, text=True, timeout=300)

    def check(self, name, condition):
        """One case: a condition that must hold."""
        self.count += 1
        if not condition:
            self.problems.append(name)

    def speak(self, *arguments, text="Hello."):
        """Arguments of a short generation into the output folder."""
        return ["generate", "--text", text, "--seed", "1", "--max-audio-ms",
                "160", "--output", str(self.out / "a.wav"), "--tokens-out",
                str(self.out / "a.npy"), *arguments]


def model_cases(bench):
    """Model folders with something missing or broken."""
    def case(name, breaks, *words):
        folder = bench.broken_model(name, breaks)
        bench.expect(name, bench.speak("--model", str(folder)), FAILED, *words)

    def replace(file, content):
        def breaks(folder):
            (folder / file).unlink()
            (folder / file).write_bytes(content)
        return breaks

    bench.expect("no such model", bench.speak("--model", "/nonexistent/m"),
                 FAILED, "/nonexistent/m")
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        case(f"without {file}", lambda f, n=file: (f / n).unlink(),
             "model.safetensors" if file == "model.safetensors" else file)
        case(f"empty {file}", replace(file, b""), file)
        case(f"binary {file}", replace(file, b"\x00\xff" * 50), file)

        def loop(folder, name=file):
            (folder / name).unlink()
            os.symlink(name, folder / name)
        case(f"cyclic {file}", loop, file)
    for file in ("config.json", "tokenizer.json", "generation_config.json"):
        whole = (bench.model / file).read_bytes()
        case(f"truncated {file}", replace(file, whole[: len(whole) // 2]),
             file)
        case(f"list as {file}", replace(file, b"[1, 2]"), file)
        case(f"deep {file}", replace(file, b"[" * 100000), file)

    config = json.loads((bench.model / "config.json").read_text())
    changes = [
        ("hidden_size", 10**12), ("hidden_size", "wide"), ("hidden_size", 0),
        ("hidden_size", -8), ("hidden_size", 2.5), ("hidden_size", [256]),
        ("num_hidden_layers", -1), ("num_hidden_layers", 10**9),
        ("num_attention_heads", 0), ("num_key_value_heads", 3),
        ("num_codebooks", 0), ("vocab_size", -5), ("rms_norm_eps", "small"),
        ("rope_scaling", 7), ("hidden_act", "relu"), ("head_dim", 63),
        ("max_position_embeddings", 0), ("depth_decoder_config", None),
        ("codec_config", "mimi"), ("text_vocab_size", 10),
        ("model_type", "llama")]
    for number, (field, value) in enumerate(changes):
        changed = dict(config, **{field: value})
        words = [] if field in ("depth_decoder_config", "text_vocab_size") \
            else [field]
        case(f"config {number} {field}={value}",
             replace("config.json", json.dumps(changed).encode()), *words)
    nan = json.dumps(dict(config, rms_norm_eps=float("nan")))
    case("config NaN", replace("config.json", nan.encode()), "config.json")


def weight_cases(bench):
    """safetensors files with lies in them."""
    source = bench.model / "model.safetensors"

    def case(name, change, *words):
        def breaks(folder):
            (folder / "model.safetensors").unlink()
            change(folder / "model.safetensors")
        folder = bench.broken_model(name, breaks)
        bench.expect(name, bench.speak("--model", str(folder)), FAILED,
                     "model.safetensors", *words)
        shutil.rmtree(folder)

    def edited(edit):
        def change(path):
            weights = Weights(source)
            edit(weights)
            weights.save(path)
        return change

    whole = source.read_bytes()
    for size in (1, 7, 8, 9, 1000, len(whole) // 2, len(whole) - 1):
        case(f"weights cut to {size}",
             lambda path, n=size: path.write_bytes(whole[:n]))
    case("weights too long", lambda path: path.write_bytes(whole + b"tail"))
    for length in (0, 2, 2**31, 2**63, 2**64 - 1):
        case(f"header length {length}", lambda path, n=length:
             path.write_bytes(struct.pack("<Q", n) + whole[8:]))
    case("header not JSON", lambda path: Weights(source).save(path, "{oops"))
    case("header a list", lambda path: Weights(source).save(path, "[]"))

    name = Weights(source).first("layers.0", "q_proj")

    def set_field(field, value):
        return edited(lambda w: w.header[name].__setitem__(field, value))

    case("shape transposed", set_field("shape", [1, 1]), name)
    case("shape huge", set_field("shape", [2**40, 2**40]), name)
    case("shape negative", set_field("shape", [-1, 256]), name)
    case("dtype unknown", set_field("dtype", "F17"), name)
    case("dtype integer", set_field("dtype", "I16"), name)
    case("dtype missing", edited(lambda w: w.header[name].pop("dtype")), name)
    case("offsets reversed", set_field("data_offsets", [8, 0]), name)
    case("offsets outside", set_field("data_offsets", [0, 2**50]), name)
    case("offsets text", set_field("data_offsets", "all"), name)
    case("tensor missing", edited(lambda w: w.header.pop(name)))

    def extra(weights):
        end = len(weights.payload)
        weights.payload += b"\0\0\0\0"
        weights.header["surprise.weight"] = {
            "dtype": "F32", "shape": [1], "data_offsets": [end, end + 4]}
    case("tensor unknown", edited(extra), "surprise.weight")

    def poison(weights):
        begin = weights.header[name]["data_offsets"][0]
        weights.payload[begin: begin + 4] = b"\xff\x7f\xff\x7f"
    case("values NaN", edited(poison))

    def overlap(weights):
        other = weights.first("layers.0", "k_proj")
        weights.header[other]["data_offsets"] = [0, 2]
        weights.header[other]["shape"] = [1]
    case("offsets overlap", edited(overlap))


def shard_cases(bench):
    """Index files that point nowhere good."""
    name = Weights(bench.model / "model.safetensors").first("q_proj")
    index = "model.safetensors.index.json"
    for case, text in (
            ("not JSON", "weight_map"), ("no map", "{}"),
            ("map a list", '{"weight_map": []}'),
            ("missing shard", json.dumps({"weight_map": {name: "b.sf"}})),
            ("itself", json.dumps({"weight_map": {name: index}})),
            ("outside", json.dumps(
                {"weight_map": {name: "../model.safetensors"}})),
            ("absolute", json.dumps({"weight_map": {name: "/etc/passwd"}})),
            ("number", json.dumps({"weight_map": {name: 3}}))):
        def breaks(folder, content=text):
            (folder / "model.safetensors").unlink()
            (folder / index).write_text(content)
        folder = bench.broken_model(f"index {case}", breaks)
        bench.expect(f"index {case}", bench.speak("--model", str(folder)),
                     FAILED, "safetensors" if case != "missing shard"
                     else "b.sf")


def text_cases(bench):
    """Texts that cannot be spoken."""
    base = bench.speak()
    del base[1:3]
    long_text = "word " * 4000
    bench.expect("no text", base, USAGE, "--text")
    bench.expect("empty text", bench.speak(text=""), FAILED, "text")
    bench.expect("bad UTF-8", bench.speak(text=b"ab\xff\xfe"), FAILED, "UTF-8")
    uncut = ("--max-chunk-ms", "0")
    bench.expect("long text", bench.speak(*uncut, text=long_text), FAILED,
                 "context")
    bench.expect("two texts", bench.speak("-"), USAGE, "exactly one")
    for name, content, words in (
            ("empty file", b"", ["text"]),
            ("surrogate", b"\xed\xa0\x80", ["UTF-8"]),
            ("overlong", b"\xc0\xaf", ["UTF-8"]),
            ("cut", "schön".encode()[:-2], ["UTF-8"]),
            ("huge", b"a" * (17 << 20), ["text"])):
        path = bench.file(f"{name}.txt", content)
        bench.expect(f"text file {name}",
                     [*base, "--text-file", str(path)], FAILED, *words)
    path = bench.file("long.txt", long_text)
    bench.expect("text file long", [*base, *uncut, "--text-file", str(path)],
                 FAILED, "context")
    bench.expect("text file absent",
                 [*base, "--text-file", "/nonexistent.txt"], FAILED,
                 "/nonexistent.txt")
    bench.expect("text file a folder",
                 [*base, "--text-file", str(bench.root)], FAILED)
    bench.expect("empty stdin", [*base, "-"], FAILED, "text")
    bench.expect("word for stdin", [*base, "hello"], USAGE, "hello")


def option_cases(bench):
    """Values outside their range."""
    vocab = json.loads((bench.model / "config.json").read_text())["vocab_size"]
    usage = [
        ("--temperature", "warm"), ("--top-k", "many"), ("--top-k", "1.5"),
        ("--speaker", "bob"), ("--speaker", "-1"), ("--seed", "lucky"),
        ("--seed", "1.5"), ("--seed", "18446744073709551616"),
        ("--threads", "-1"), ("--threads", "9999"), ("--dtype", "f17"),
        ("--device", "tpu"), ("--rng", "dice"), ("--sampler", "nucleus"),
        ("--codec-safety", "none"), ("--max-audio-ms", "long"),
        ("--no-such-option", "1")]
    for option, value in usage:
        arguments = bench.speak(option, value)
        if option == "--seed":
            arguments.remove("--seed")
            arguments.remove("1")
        bench.expect(f"{option} {value}", arguments, USAGE, option)
    failed = [
        ("--temperature", "0"), ("--temperature", "-0.5"),
        ("--temperature", "nan"), ("--temperature", "inf"), ("--top-k", "0"),
        ("--top-k", "-3"), ("--top-k", str(vocab + 1))]
    for option, value in failed:
        bench.expect(f"{option} {value}", bench.speak(option, value), FAILED,
                     option.strip("-").replace("-", "_"))
    arguments = [a for a in bench.speak() if a not in ("--max-audio-ms", "160")]
    for value in ("0", "-80", "79", "999999999"):
        bench.expect(f"--max-audio-ms {value}",
                     [*arguments, "--max-audio-ms", value], FAILED,
                     "max_audio_ms")
    bench.expect("no command", [], USAGE)
    bench.expect("unknown command", ["sing"], USAGE)
    bench.expect("no target", ["generate", "--text", "a"], USAGE, "--output")


def target_cases(bench):
    """Outputs that cannot be written."""
    base = ["generate", "--text", "Hello.", "--seed", "1", "--max-audio-ms",
            "160"]
    plain = bench.file("plain", "x")
    for name, target, words in (
            ("no folder", "/nonexistent/a.wav", ["/nonexistent/a.wav"]),
            ("below a file", f"{plain}/a.wav", ["a.wav"]),
            ("no suffix", str(bench.out / "a"), ["a"]),
            ("other suffix", str(bench.out / "a.doc"), [".doc"])):
        bench.expect(f"output {name}", [*base, "--output", target], FAILED,
                     *words)
        if "nonexistent" in target or "plain" in target:
            bench.expect(f"tokens {name}", [*base, "--tokens-out",
                                            target[:-3] + "npy"], FAILED)
    folder = bench.root / "folder.wav"
    folder.mkdir()
    bench.expect("output a folder", [*base, "--output", str(folder)], FAILED,
                 "folder.wav")
    for suffix in ("wav", "flac", "ogg", "mp3"):
        bench.expect(f"full disk {suffix}",
                     [*base, "--output", str(bench.out / f"a.{suffix}")],
                     FAILED, f"a.{suffix}", file_limit=512)
    bench.expect("full disk tokens",
                 [*base, "--tokens-out", str(bench.out / "a.npy")], FAILED,
                 "a.npy", file_limit=64)
    with open("/dev/full", "wb") as full:
        bench.expect("full standard output", [*base, "--output", "-"], FAILED,
                     stdout=full)
        bench.expect("full standard output, JSON", [*base, "--json"], FAILED,
                     stdout=full)
    bench.expect("two on stdout", [*base, "--output", "-", "--json"], USAGE,
                 "--json")


def token_cases(bench):
    """Files of codes for decode and score."""
    n = json.loads((bench.model / "config.json").read_text())["num_codebooks"]
    good = npy("<i4", f"(1, {n})", struct.pack(f"<{n}i", *range(n)))
    cases = [
        ("empty", b"", []), ("text", b"hello world, no numpy", []),
        ("magic only", good[:6], []), ("no data", good[:-1], []),
        ("extra data", good + b"\0", []),
        ("header cut", good[:40], []),
        ("one axis", npy("<i4", f"({n},)", good[-4 * n:]), ["shape"]),
        ("no frames", npy("<i4", f"(0, {n})", b""), []),
        ("huge shape", npy("<i4", "(4611686018427387904, 8)", b""), []),
        ("negative shape", npy("<i4", f"(-1, {n})", b""), []),
        ("floats", npy("<f4", f"(1, {n})", b"\0" * 4 * n), []),
        ("objects", npy("|O", f"(1, {n})", b"\0" * 8 * n), []),
        ("fortran", npy("<i4", f"(2, {n})", b"\0" * 8 * n, "True"), []),
        ("other width", npy("<i4", "(1, 3)", b"\0" * 12), ["3"]),
        ("negative code", npy("<i4", f"(1, {n})",
                              struct.pack(f"<{n}i", *[-1] * n)), ["-1"]),
        ("large code", npy("<i4", f"(1, {n})",
                           struct.pack(f"<{n}i", *[99999] * n)), ["99999"])]
    for name, content, words in cases:
        path = str(bench.file(f"{name}.npy", content))
        bench.expect(f"decode {name}",
                     ["decode", "--input", path, "--output",
                      str(bench.out / "a.wav")], FAILED, *words)
        bench.expect(f"score {name}",
                     ["score", "--text", "Hello.", "--tokens", path,
                      "--logits-out", str(bench.out / "l.npy")], FAILED,
                     *words)
    absent = str(bench.root / "absent.npy")
    bench.expect("decode absent", ["decode", "--input", absent, "--output",
                                   str(bench.out / "a.wav")], FAILED, absent)
    bench.expect("decode without input", ["decode", "--output", "a.wav"],
                 USAGE, "--input")


def writing_verdict(what, description, cases):
    """Runs cases(bench) of a command that makes a model of another, which must
    stay as it is, with nothing half-written beside it; the exit status."""
    bench = Bench(*paths(description))
    model = bench.model / "model.safetensors"
    before = hashlib.sha256(model.read_bytes()).hexdigest()
    try:
        cases(bench)
        left = [p.name for p in bench.root.iterdir() if p.name[0] == "."]
        bench.check(f"left behind: {left}", not left)
        bench.check("the model was changed", before ==
                    hashlib.sha256(model.read_bytes()).hexdigest())
    finally:
        shutil.rmtree(bench.root)
    return verdict(what, bench)


def main():
    bench = Bench(*paths(__doc__))
    try:
        for cases in (model_cases, weight_cases, shard_cases, text_cases,
                      option_cases, target_cases, token_cases):
            cases(bench)
    finally:
        shutil.rmtree(bench.root)
    return verdict("bad input", bench)


if __name__ == "__main__":
    sys.exit(main())
