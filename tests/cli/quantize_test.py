#!/usr/bin/env python3
"""csm quantize as a user meets it, and hostile quantised folders.

    quantize_test.py --csm PROGRAM --model FOLDER

The quantised folder must speak what the original speaks with the same type of
weights, hold MLX's layout, and be refused in one line when it is broken.
"""

import json
import os
import shutil
import struct
import subprocess
import sys

from bad_input_test import FAILED, USAGE, Weights, writing_verdict

GATE = "backbone_model.layers.0.mlp.gate_proj"
HEADS = "depth_decoder.codebooks_head"
TYPES = ("int8", "int4")


def bits_of(dtype):
    return {"int8": 8, "int4": 4}[dtype]


class Quantised:
    """Folders that the program made of the model, one for each type."""

    def __init__(self, bench):
        self.bench = bench
        self.reports = {}
        for dtype in TYPES:
            self.reports[dtype] = json.loads(self.run(
                "quantize", "--model", bench.model, "--dtype", dtype,
                "--output", self.folder(dtype), "--json"))

    def folder(self, dtype):
        return self.bench.root / f"quantised-{dtype}"

    def run(self, *words):
        done = subprocess.run([self.bench.program, *map(str, words)],
                              capture_output=True, text=True, timeout=300)
        if done.returncode or done.stderr:
            self.bench.problems.append(f"{words}: {done.stderr.strip()}")
        return done.stdout

    def check(self, what, holds):
        self.bench.check(what, holds)


def speech_cases(quantised):
    """The same codes as from floats, with or without --dtype."""
    model = quantised.bench.model
    base = ["generate", "--text", "Good morning.", "--seed", "4",
            "--max-audio-ms", "800", "--json"]
    said = {}
    for dtype in TYPES:
        folder = quantised.folder(dtype)
        for name, words in (
                ("floats", ["--model", model, "--dtype", dtype]),
                ("auto", ["--model", folder]),
                ("told", ["--model", folder, "--dtype", dtype]),
                ("one thread", ["--model", folder, "--threads", "1"])):
            result = json.loads(quantised.run(*base, *words))
            said.setdefault(dtype, result["codes_sha256"])
            quantised.check(f"{dtype}, {name}: other codes",
                            result["codes_sha256"] == said[dtype])
    quantised.check("int4 and int8 speak the same codes",
                    said["int4"] != said["int8"])
    exact = json.loads(quantised.run(
        *base, "--model", quantised.folder("int4"), "--dtype", "f32"))
    quantised.check("no frames as float32", exact["frames"] > 0)


def value_of(weights, name):
    """(header entry, bytes) of a tensor."""
    entry = weights.header[name]
    begin, end = entry["data_offsets"]
    return entry, bytes(weights.payload[begin:end])


def bfloat16(data):
    return [struct.unpack("<f", struct.pack("<I", bits << 16))[0]
            for (bits,) in struct.iter_unpack("<H", data)]


def layout_cases(quantised):
    """MLX's layout: words, scales and biases stand for the weights."""
    source = Weights(quantised.bench.model / "model.safetensors")
    entry, data = value_of(source, GATE + ".weight")
    rows, cols = entry["shape"]
    want = bfloat16(data)
    for dtype in TYPES:
        folder, bits = quantised.folder(dtype), bits_of(dtype)
        made = Weights(folder / "model.safetensors")
        words, word_data = value_of(made, GATE + ".weight")
        scales, scale_data = value_of(made, GATE + ".scales")
        biases, bias_data = value_of(made, GATE + ".biases")
        quantised.check(
            f"{dtype}: form of {GATE}",
            words["dtype"] == "U32" and scales["dtype"] == "BF16" and
            words["shape"] == [rows, cols * bits // 32] and
            scales["shape"] == biases["shape"] == [rows, cols // 64])
        s, b = bfloat16(scale_data), bfloat16(bias_data)
        error = power = 0.0
        for i, value in enumerate(want):
            bit = i * bits
            (word,) = struct.unpack_from("<I", word_data, bit // 32 * 4)
            q = word >> bit % 32 & (1 << bits) - 1
            error += (s[i // 64] * q + b[i // 64] - value) ** 2
            power += value ** 2
        quantised.check(f"{dtype}: weights of {GATE} are off by "
                        f"{(error / power) ** 0.5:.3f}",
                        (error / power) ** 0.5 <
                        {"int8": 0.01, "int4": 0.11}[dtype])
        config = json.loads((folder / "config.json").read_text())
        heads = made.header[HEADS + ".weight"]["shape"]
        source_heads = source.header[HEADS + ".weight"]["shape"]
        quantised.check(
            f"{dtype}: config and heads",
            config["quantization"] == config["quantization_config"] and
            config["quantization"]["bits"] == bits and
            config["quantization"]["group_size"] == 64 and
            config["quantization"].get(HEADS, {"bits": 8})["bits"] == 8 and
            heads == [source_heads[0], source_heads[2], source_heads[1] // 4])
        begins = [(e["data_offsets"][0], e["dtype"])
                  for n, e in made.header.items() if n != "__metadata__"]
        quantised.check(f"{dtype}: words are aligned",
                        all(at % 4 == 0 for at, kind in begins
                            if kind in ("U32", "F32")))


def info_cases(quantised):
    """csm info tells bits, groups and bytes."""
    for dtype in TYPES:
        folder, report = quantised.folder(dtype), quantised.reports[dtype]
        info = json.loads(quantised.run("info", folder, "--json"))
        told = info["quantization"]
        quantised.check(
            f"{dtype}: info {told}",
            told["dtype"] == dtype and
            sum(f["bytes"] for f in told["forms"]) == report["matrix_bytes"]
            and sum(f["weights"] for f in told["forms"]) ==
            report["matrix_values"] and
            {f["group_size"] for f in told["forms"]} == {64})
        quantised.check(f"{dtype}: report {report}",
                        report["bytes"] ==
                        (folder / "model.safetensors").stat().st_size <
                        report["source_bytes"])
        quantised.run("info", folder)
    floats = json.loads(quantised.run("info", quantised.bench.model, "--json"))
    quantised.check("floats have no quantisation",
                    "quantization" not in floats)


def refusal_cases(quantised):
    """What csm quantize does not do, and that it leaves nothing."""
    bench = quantised.bench
    base = ["quantize", "--model", str(bench.model), "--output"]
    made = str(bench.out / "model")
    int4 = str(quantised.folder("int4"))
    bench.expect("quantise without output", base[:-1], USAGE, "--output")
    for option, value in (("--dtype", "f32"), ("--dtype", "int2"),
                          ("--group", "48"), ("--group", "all"),
                          ("--threads", "-1")):
        bench.expect(f"quantise {option} {value}",
                     [*base, made, option, value], USAGE, option)
    bench.expect("quantise integers",
                 ["quantize", "--model", int4, "--output", made], FAILED,
                 "int4", int4)
    bench.expect("quantise no model",
                 ["quantize", "--model", "/nonexistent/m", "--output", made],
                 FAILED, "/nonexistent/m")
    bench.expect("output taken", [*base, int4], FAILED, int4)
    bench.expect("output the model", [*base, str(bench.model), "--force"],
                 FAILED, "another folder")
    bench.expect("output no folder", [*base, "/nonexistent/a/b"], FAILED,
                 "/nonexistent/a/b")
    bench.expect("output a file", [*base, str(bench.file("f", "x"))], FAILED,
                 "got a file")
    bench.expect("output /", [*base, "/"], FAILED)
    bench.expect("output empty", [*base, ""], FAILED)
    other = bench.root / "other"
    other.mkdir()
    (other / "precious.txt").write_text("x")
    bench.expect("force on other files", [*base, str(other), "--force"],
                 FAILED, "other files")
    quantised.check("precious file lost", (other / "precious.txt").exists())
    bench.expect("full disk", [*base, made], FAILED, "model.safetensors",
                 file_limit=1 << 16)
    if os.geteuid() != 0:
        locked = bench.root / "locked"
        locked.mkdir(mode=0o500)
        bench.expect("locked folder", [*base, str(locked / "m")], FAILED,
                     "locked")

    def poison(folder):
        (folder / "model.safetensors").unlink()
        weights = Weights(bench.model / "model.safetensors")
        name = weights.first("layers.0", "gate_proj")
        begin = weights.header[name]["data_offsets"][0]
        weights.payload[begin: begin + 2] = b"\xff\x7f"
        weights.save(folder / "model.safetensors")
    broken = bench.broken_model("quantise NaN", poison)
    bench.expect("quantise NaN",
                 ["quantize", "--model", str(broken), "--output", made],
                 FAILED, "element 0", GATE)
    quantised.run("quantize", "--model", bench.model, "--dtype", "int4",
                  "--output", quantised.folder("int4"), "--force", "--json")


def hostile_cases(quantised):
    """Quantised folders with lies in them."""
    bench = quantised.bench
    folder = quantised.folder("int4")
    source = folder / "model.safetensors"

    def case(name, edit, *words, dtype=None):
        broken = bench.root / "hostile"
        shutil.copytree(folder, broken)
        edit(broken)
        arguments = bench.speak("--model", str(broken))
        if dtype:
            arguments += ["--dtype", dtype]
        bench.expect(name, arguments, FAILED, *words)
        shutil.rmtree(broken)

    def weights(change):
        def edit(broken):
            made = Weights(source)
            change(made)
            made.save(broken / "model.safetensors")
        return edit

    def field(ending, key, value):
        return weights(lambda w: w.header[GATE + ending].__setitem__(key,
                                                                     value))

    def renamed(ending):
        def change(made):
            made.header["lm_head.bias"] = made.header.pop(GATE + ending)
        return weights(change)

    def filled(ending, pattern):
        def change(made):
            begin, end = made.header[GATE + ending]["data_offsets"]
            made.payload[begin:end] = pattern * ((end - begin) // len(pattern))
        return weights(change)

    rows, cols = Weights(source).header[GATE + ".weight"]["shape"]
    groups = cols * 8 // 64
    case("no scales", renamed(".scales"), GATE + ".scales")
    case("no biases", renamed(".biases"), GATE + ".biases")
    case("no words", renamed(".weight"), "gate_proj")
    case("words transposed", field(".weight", "shape", [cols, rows]), GATE)
    case("words folded", field(".weight", "shape", [rows * 2, cols // 2]),
         GATE + ".weight")
    case("words of I32", field(".weight", "dtype", "I32"), GATE, "U32")
    case("words of F32", field(".weight", "dtype", "F32"), GATE, "U32")
    case("scales transposed", field(".scales", "shape", [groups, rows]),
         GATE + ".scales")
    case("scales of one axis", field(".scales", "shape", [rows * groups]),
         GATE + ".scales")
    case("biases transposed", field(".biases", "shape", [groups, rows]),
         GATE + ".biases")
    case("scales of I16", field(".scales", "dtype", "I16"), GATE + ".scales")
    case("scales NaN", filled(".scales", b"\xff\x7f"), GATE + ".scales",
         "element 0")
    case("biases infinite", filled(".biases", b"\x80\x7f"), GATE + ".biases",
         "element 0")
    case("scales huge", filled(".scales", b"\x7f\x7f"), GATE + ".scales",
         "overflow")

    def config(change):
        def edit(broken):
            values = json.loads((broken / "config.json").read_text())
            change(values)
            (broken / "config.json").write_text(json.dumps(values))
        return edit

    def both(key, value):
        def change(values):
            for name in ("quantization", "quantization_config"):
                values[name][key] = value
        return config(change)

    case("other bits", both("bits", 8), "8 bits", "4 bits")
    case("other group", both("group_size", 32), "groups of 32", "groups of 64")
    case("three bits", both("bits", 3), "3 bits", "4 bits")
    case("group of 7", both("group_size", 7), "got 7")
    case("bits a word", both("bits", "four"), "bits")
    case("mode", both("mode", "mxfp4"), "mxfp4")
    case("a module off", both(GATE, False), GATE)
    case("a module's bits", both(GATE, {"bits": 8, "group_size": 64}), GATE)
    case("quantization a list", config(
        lambda v: v.__setitem__("quantization", [4])), "quantization")
    case("two opinions", config(
        lambda v: v["quantization"].__setitem__("bits", 8)),
        "quantization_config")
    for dtype in ("int8", "bf16"):
        case(f"asked for {dtype}", lambda broken: None, "int4", dtype,
             dtype=dtype)
    floats = bench.model / "model.safetensors"
    case("floats only", lambda broken: shutil.copy(
        floats, broken / "model.safetensors"), "integer weights")
    silent = bench.root / "silent"
    shutil.copytree(folder, silent)
    shutil.copy(bench.model / "config.json", silent / "config.json")
    codes = [json.loads(quantised.run(
        "generate", "--text", "Hello.", "--seed", "1", "--max-audio-ms", "160",
        "--json", "--model", place))["codes_sha256"]
        for place in (silent, folder)]
    quantised.check("without quantization in config.json: other codes",
                    codes[0] == codes[1])


def cases(bench):
    quantised = Quantised(bench)
    for case in (speech_cases, layout_cases, info_cases, refusal_cases,
                 hostile_cases):
        case(quantised)


if __name__ == "__main__":
    sys.exit(writing_verdict("quantise", __doc__, cases))
