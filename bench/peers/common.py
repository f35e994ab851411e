"""What the workers of peers.py share: arguments, the prompt, the report."""

import argparse
import hashlib
import json
import pathlib
import statistics

TEMPERATURE, TOP_K, SEED = 0.8, 100, 1


def arguments(description):
    """Of every worker; times go to stdout as one JSON object."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", type=pathlib.Path, required=True,
                        help="folder that csm bench --save-weights wrote")
    parser.add_argument("--dtype", choices=("f32", "bf16"), required=True)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--prompt", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def prompt_ids(count, text_vocab):
    """The ids of csm bench: (7919 i + 17) mod text_vocab."""
    return [(7919 * i + 17) % text_vocab for i in range(count)]


def digest(codes):
    """SHA-256 of int32 [frames, codebooks], as csm bench reports it."""
    return hashlib.sha256(codes.astype("<i4").tobytes()).hexdigest()


def middle_mean(times):
    """Mean between the first and the third quartile, as in csm bench."""
    times = sorted(times)
    cut = len(times) // 4
    return statistics.fmean(times[cut:len(times) - cut])


def report(load, prefill, frames, codec, codes, version):
    """Seconds in, one line of JSON out."""
    print(json.dumps({
        "load_ms": load * 1e3, "prefill_ms": prefill * 1e3,
        "lm_frame_ms": middle_mean(frames) * 1e3,
        "codec_frame_ms": None if codec is None else codec * 1e3,
        "codes_sha256": digest(codes), "version": version}))
