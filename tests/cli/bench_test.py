#!/usr/bin/env python3
"""csm bench: its JSON is complete and adds up, and its counts are right.

    bench_test.py --csm PROGRAM --model FOLDER

Speeds themselves are not judged: a busy machine may give any.
"""

import argparse
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

CONTRACT = """dtype threads isa batch frame_ms_median lm_frame_ms_median
codec_frame_ms_median sampler_frame_ms_median bytes_per_frame read_gbs_median
bandwidth_fraction_median prefill_positions_per_s first_audio_ms load_ms
weights_bytes peak_rss_bytes""".split()
SPREADS = """frame_ms lm_frame_ms backbone_frame_ms depth_frame_ms
sampler_frame_ms codec_frame_ms rest_frame_ms read_gbs bandwidth_gbs
bandwidth_fraction prefill_positions_per_s prefill_peak_fraction
first_audio_ms""".split()
PARTS = "backbone depth sampler codec rest".split()
BARE = {"prefill_positions_per_s", "first_audio_ms"}
FAST = ["--frames", "4", "--repetitions", "3", "--prompt", "12"]


class Test:
    """Runs the program and counts failed checks."""

    def __init__(self, program):
        self.program = program
        self.failed = 0

    def run(self, *options):
        return subprocess.run([self.program, "bench", *options], text=True,
                              capture_output=True, timeout=300, check=False)

    def json(self, *options):
        done = self.run(*FAST, "--json", *options)
        if done.returncode != 0:
            sys.exit(f"csm bench {options}: {done.stderr}")
        self.check(done.stderr == "", f"stderr is silent, got {done.stderr!r}")
        return json.loads(done.stdout)

    def check(self, good, what):
        if not good:
            self.failed += 1
            print("FAILED:", what)

    def close(self, got, want, what, tolerance=1e-9):
        self.check(math.isclose(got, want, rel_tol=tolerance),
                   f"{what}: expected {want}, got {got}")


def check_keys(test, got):
    for key in CONTRACT:
        test.check(key in got, f"key {key} of the contract")
    for name in SPREADS:
        middle = got[name if name in BARE else name + "_median"]
        test.check(got[name + "_min"] <= middle <= got[name + "_max"],
                   f"min <= median <= max of {name}")
        test.check(got[name + "_min"] > 0, f"{name} is positive")


def check_sums(test, got):
    """Every repetition by itself, and the medians over them."""
    test.check(len(got["repetitions"]) == 3, "one entry a repetition")
    for one in got["repetitions"]:
        test.close(sum(one[f"{part}_frame_ms"] for part in PARTS),
                   one["frame_ms"], "stages add up to the frame")
        test.close(one["frame_ms"] - one["codec_frame_ms"], one["lm_frame_ms"],
                   "language model = frame - codec")
        test.close(got["bytes_per_frame"] / one["lm_frame_ms"] / 1e6,
                   one["read_gbs"], "GB/s = bytes / time")
        test.close((one["bandwidth_before_gbs"] + one["bandwidth_after_gbs"]) /
                   2, one["bandwidth_gbs"], "bandwidth = mean of two readings")
        test.close(one["read_gbs"] / one["bandwidth_gbs"],
                   one["bandwidth_fraction"], "fraction = GB/s / bandwidth")
        test.close(1000 / one["frame_ms"] * got["batch"], one["frames_per_s"],
                   "frames a second")
        test.close(got["prompt_positions"] * got["batch"] /
                   one["prefill_ms"] * 1000, one["prefill_positions_per_s"],
                   "prefill")
    for name in SPREADS:
        values = sorted(one[name] for one in got["repetitions"])
        suffix = "" if name in BARE else "_median"
        test.close(got[name + suffix], values[1], f"median of {name}")
        test.close(got[name + "_min"], values[0], f"least of {name}")
        test.close(got[name + "_max"], values[2], f"greatest of {name}")


def read_header(path):
    """Shapes of the tensors of a safetensors file, by name."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return {name: entry["shape"] for name, entry in header.items()}


def frame_bytes(model, item):
    """Bytes of weights that one frame reads, from the file's own header."""
    config = json.loads((model / "config.json").read_text())
    n_codebooks, vocab = config["num_codebooks"], config["vocab_size"]
    total = 0
    for name, shape in read_header(model / "model.safetensors").items():
        size = math.prod(shape) * (4 if len(shape) == 1 else item)
        if name.startswith("codec_model.") or name == "embed_text_tokens.weight":
            continue
        if "embed_tokens" in name:  # the audio table: rows for frame and depth
            total += (2 * n_codebooks - 1) * shape[1] * item
            assert shape[0] == n_codebooks * vocab
        elif name.startswith("depth_decoder") and "codebooks_head" not in name:
            total += (n_codebooks - 1) * size
        else:
            total += size
    return total


def check_counts(test, model):
    for dtype, item in (("f32", 4), ("bf16", 2)):
        got = test.json("--model", str(model), "--dtype", dtype)
        check_keys(test, got)
        check_sums(test, got)
        test.check(got["bytes_per_frame"] == frame_bytes(model, item),
                   f"{dtype}: bytes_per_frame {got['bytes_per_frame']} as in "
                   f"the file's header {frame_bytes(model, item)}")
        test.check(got["peak_rss_bytes"] > got["weights_bytes"] >
                   got["bytes_per_frame"] / 7, f"{dtype}: memory")
        test.check(got["dtype"] == dtype and not got["random_weights"], dtype)


def check_integers(test, model):
    """Integer weights read less; a build without them says so."""
    before = frame_bytes(model, 2)
    for dtype, least, most in (("int8", 0.4, 0.8), ("int4", 0.2, 0.6)):
        done = test.run(*FAST, "--json", "--model", str(model), "--dtype",
                        dtype)
        if done.returncode != 0:
            test.check("int8" in done.stderr or "int4" in done.stderr,
                       f"{dtype}: {done.stderr!r} names the type")
            continue
        got = json.loads(done.stdout)
        check_keys(test, got)
        check_sums(test, got)
        test.check(least < got["bytes_per_frame"] / before < most,
                   f"{dtype}: reads {got['bytes_per_frame'] / before:.2f} of "
                   "bfloat16")


def check_random(test):
    """The same speech for any number of threads, another for other weights."""
    digests = set()
    for threads in ("1", "2", "3"):
        got = test.json("--random-weights", "demo", "--threads", threads)
        check_sums(test, got)
        test.check(got["threads"] == int(threads), "threads are reported")
        digests.add(got["codes_sha256"])
    test.check(len(digests) == 1, f"random weights by threads: {digests}")
    tiny = test.json("--random-weights", "tiny", "--batch", "2",
                     "--throughput")
    check_keys(test, tiny)
    check_sums(test, tiny)
    test.check(tiny["random_weights"] and tiny["batch"] == 2, "tiny, 2 streams")
    test.check([one["batch"] for one in tiny["throughput"]] == [1, 2, 4, 8],
               "streams of the throughput")
    test.check(all(one["frames_per_s_min"] <= one["frames_per_s_median"] <=
                   one["frames_per_s_max"] for one in tiny["throughput"]),
               "spread of the throughput")
    one = test.json("--random-weights", "tiny")
    # Of the tables each stream reads its own rows: 7 of 64 bfloat16 or float32.
    rows = 7 * 64 * {"bf16": 2, "f32": 4}[one["dtype"]]
    test.check(tiny["bytes_per_frame"] == one["bytes_per_frame"] + rows,
               "the streams of a batch read the matrices once together")
    test.check(tiny["codec_bytes_per_frame"] == one["codec_bytes_per_frame"],
               "and the codec's")
    test.check(tiny["batching"] == "frame", "batching")
    test.check(tiny["codes_sha256"] == one["codes_sha256"],
               "the first stream speaks the same with another and alone")


def check_saved(test, folder):
    """Saved random weights have the counts of the random model itself."""
    got = test.json("--random-weights", "demo", "--save-weights", str(folder))
    test.check(frame_bytes(folder, 4) == got["bytes_per_frame"],
               "saved weights have the bytes of a frame")


def check_picture(test, folder):
    picture = folder / "roof.png"
    done = test.run(*FAST, "--random-weights", "tiny", "--roofline",
                    str(picture))
    test.check(done.returncode == 0, f"roofline: {done.stderr}")
    if done.returncode == 0:
        test.check(picture.read_bytes()[:4] == b"\x89PNG", "a PNG")
        for word in ("backbone", "depth decoder", "sampler", "codec", "rest",
                     "read bandwidth", "first audio", "peak memory"):
            test.check(word in done.stdout, f"'{word}' in the table")


def check_refusals(test, folder):
    for options, words, status in (
            (["--random-weights", "csm-9b"], ["csm-1b", "csm-9b"], 1),
            (["--random-weights", "tiny", "--model", str(folder)],
             ["--random-weights"], 2),
            (["--random-weights", "tiny", "--frames", "0"], ["--frames"], 2),
            (["--random-weights", "tiny", "--batch", "0"], ["--batch"], 2),
            (["--random-weights", "tiny", "--repetitions", "x"],
             ["--repetitions"], 2),
            (["--random-weights", "tiny", "--frames", "300"], ["256"], 2),
            (["--random-weights", "tiny", "--device", "gpu"], ["--device"], 2),
            (["--random-weights", "tiny", "--dtype", "f64"], ["--dtype"], 2),
            (["--save-weights", str(folder)], ["--random-weights"], 2),
            (["--random-weights", "tiny", "--roofline", "a.gif"], [".png"], 2),
            (["--model", str(folder / "none")], ["none"], 1)):
        done = test.run(*options)
        lines = done.stderr.splitlines()
        test.check(done.returncode == status and done.stdout == "" and
                   len(lines) == 1 and lines[0].startswith("csm: ") and
                   all(word in lines[0] for word in words),
                   f"{options}: status {done.returncode}, {done.stderr!r}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csm", required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    test = Test(arguments.csm)
    check_counts(test, arguments.model)
    check_integers(test, arguments.model)
    check_random(test)
    with tempfile.TemporaryDirectory(prefix="csm-bench-") as folder:
        check_saved(test, pathlib.Path(folder))
        check_picture(test, pathlib.Path(folder))
        check_refusals(test, pathlib.Path(folder))
    print(f"bench: {test.failed} checks failed")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
