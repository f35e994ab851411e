#!/usr/bin/env python3
"""Compares csm's speed with its peers on the same random weights.

    bench/peers/peers.py [--shape csm-1b] [--frames 10] [--repetitions 3]
        [--weights FOLDER]

Peers are transformers (bf16 and f32) and mlx-audio (on MLX's CPU). csm bench
writes the random weights as a Hugging Face folder into a temporary place, from
which the peers load; csm itself makes them in memory. Programs run one after
the other, all of them in every repetition, so that a slow spell of the machine
meets everyone; ratios are of the same repetition. With float32 the codes of
transformers must be csm's, which shows that both ran the same model.

mlx-audio on MLX's CPU takes seconds for a frame, so it runs once, with a short
prompt and two frames. A run that takes longer than --limit is given up, and
reported as such. Every run is told on stderr when it has ended.

The peers are installed by bench/peers/setup. One that is missing is reported,
not skipped in silence.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "bench" / "peers"
SLOW_FRAMES, SLOW_PROMPT = 2, 4  # of mlx-audio


def say(text):
    """Progress, for people."""
    print(f"peers: {text}", file=sys.stderr, flush=True)


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def run(command, limit):
    """The JSON object that a program printed last, or why there is none."""
    environment = {**os.environ, "OMP_NUM_THREADS": command[1],
                   "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command[2:], capture_output=True, text=True,
                              timeout=limit, check=False, env=environment)
    except subprocess.TimeoutExpired:
        return {"error": f"given up after {limit} s"}
    except OSError as error:
        return {"error": last_line(str(error))}
    if done.returncode != 0:
        return {"error": last_line(done.stderr)}
    return json.loads(last_line(done.stdout))


class Runners:
    """The programs to compare, as commands by name."""

    def __init__(self, args, folder):
        threads = str(args.threads)
        self.limit = args.limit
        self.commands = {}
        for dtype in args.dtypes:
            self.commands[f"csm {dtype}"] = [
                None, threads, str(args.csm), "bench", "--random-weights",
                args.shape, "--dtype", dtype, "--frames", str(args.frames),
                "--prompt", str(args.prompt), "--threads", threads,
                "--repetitions", "1", "--json"]
        workers = (("transformers", "transformers_worker.py", args.oracle),
                   ("mlx-audio", "mlx_audio_worker.py", args.mlx_audio))
        for name, worker, python in workers:
            slow = name == "mlx-audio"
            for dtype in args.peer_dtypes:
                self.commands[f"{name} {dtype}"] = [
                    None, threads, str(python), str(HERE / worker), "--model",
                    str(folder), "--dtype", dtype, "--frames",
                    str(SLOW_FRAMES if slow else args.frames), "--prompt",
                    str(SLOW_PROMPT if slow else args.prompt), "--threads",
                    threads]

    def measure(self, repetitions):
        """Results by name, one for each repetition or a single error."""
        results = {name: [] for name in self.commands}
        for repetition in range(repetitions):
            for name, command in self.commands.items():
                done = results[name]
                if done and ("error" in done[-1] or name.startswith("mlx")):
                    continue
                start = time.monotonic()
                done.append(run(command, self.limit))
                took = time.monotonic() - start
                say(f"{name}, {repetition + 1} of {repetitions}: "
                    f"{outcome(done[-1])}, the run took {took:.0f} s")
        return results


def lm_ms(one):
    return one.get("lm_frame_ms", one.get("lm_frame_ms_median"))


def codec_ms(one):
    return one.get("codec_frame_ms", one.get("codec_frame_ms_median"))


def whole_ms(one):
    """A frame with codec, nothing for a peer whose codec was not timed."""
    return None if codec_ms(one) is None else lm_ms(one) + codec_ms(one)


def outcome(one):
    return one.get("error") or f"{lm_ms(one):.0f} ms a frame"


def middle(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def ratios(ours, theirs, value):
    """How many times longer theirs took, of each repetition."""
    return [value(b) / value(a) for a, b in zip(ours, theirs)
            if "error" not in a and "error" not in b
            and value(a) is not None and value(b) is not None]


def number(value, decimals=1):
    return "-" if value is None else f"{value:.{decimals}f}"


def spread(values):
    if not values:
        return "-"
    return f"{statistics.median(values):.2f} " \
           f"({min(values):.2f} to {max(values):.2f})"


def times_table(results):
    yield "| program | language model, ms a frame | codec, ms a frame " \
          "| prefill, ms | version |"
    yield "|---|---|---|---|---|"
    for name, runs in results.items():
        good = [one for one in runs if "error" not in one]
        if not good:
            yield f"| {name} | not measured: {runs[0]['error'][:200]} | | | |"
            continue
        prefill = middle([one.get("prefill_ms", one.get("prefill_ms_median"))
                          for one in good])
        yield f"| {name} | {number(middle(map(lm_ms, good)))} | " \
              f"{number(middle(map(codec_ms, good)))} | {number(prefill)} | " \
              f"{good[0].get('version', good[0].get('isa', ''))} |"


def ratio_table(results):
    yield "| csm | against | language model, times faster " \
          "| with codec, times faster |"
    yield "|---|---|---|---|"
    for ours, our_runs in results.items():
        for theirs, runs in results.items():
            if ours.startswith("csm") and not theirs.startswith("csm"):
                yield f"| {ours} | {theirs} | " \
                      f"{spread(ratios(our_runs, runs, lm_ms))} | " \
                      f"{spread(ratios(our_runs, runs, whole_ms))} |"


def same_model(results):
    """Whether float32 codes agree; nothing if one of the two is missing."""
    digests = [results.get(name, [{}])[0].get("codes_sha256")
               for name in ("csm f32", "transformers f32")]
    return None if None in digests else digests[0] == digests[1]


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--shape", default="csm-1b",
                        choices=("csm-1b", "demo", "tiny"))
    parser.add_argument("--frames", type=int, default=10,
                        help="frames of each run, 3 at least")
    parser.add_argument("--prompt", type=int, default=40)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int,
                        default=len(os.sched_getaffinity(0)))
    parser.add_argument("--dtypes", nargs="+", default=["f32", "bf16"],
                        help="weight types of csm (int8 and int4, too)")
    parser.add_argument("--peer-dtypes", nargs="+", default=["bf16", "f32"],
                        choices=("bf16", "f32"))
    parser.add_argument("--weights", type=pathlib.Path,
                        help="folder that csm bench --save-weights wrote for "
                        "this shape, instead of writing one")
    parser.add_argument("--limit", type=int, default=600,
                        help="seconds that one run may take")
    parser.add_argument("--csm", type=pathlib.Path,
                        default=ROOT / "build/release/bin/csm")
    parser.add_argument("--oracle", type=pathlib.Path,
                        default=ROOT / "build/oracle/bin/python",
                        help="Python that has transformers")
    parser.add_argument("--mlx-audio", type=pathlib.Path,
                        default=ROOT / "build/peers/bin/python",
                        help="Python that has mlx-audio")
    parser.add_argument("--json", action="store_true",
                        help="all measurements as JSON")
    args = parser.parse_args()
    if args.frames < 3 or args.repetitions < 1:
        parser.error("expected --frames of 3 at least, --repetitions of 1")
    return args


def save_weights(args, folder):
    """Random weights for the peers; what csm says if it cannot."""
    return run([None, str(args.threads), str(args.csm), "bench",
                "--random-weights", args.shape, "--dtype", "bf16", "--frames",
                "1", "--prompt", "1", "--repetitions", "1", "--save-weights",
                str(folder), "--json"], args.limit)


def main():
    args = parse()
    with tempfile.TemporaryDirectory(prefix="csm-peers-") as temporary:
        folder = args.weights or temporary
        if args.weights is None:
            say("writing the weights")
            saved = save_weights(args, folder)
            if "error" in saved:
                sys.exit(f"peers: {saved['error']}")
        results = Runners(args, folder).measure(args.repetitions)
    same = same_model(results)
    if args.json:
        print(json.dumps({"shape": args.shape, "same_codes_f32": same,
                          "results": results}))
    else:
        print(f"{args.shape}, {args.threads} threads, {args.frames} frames, "
              f"{args.repetitions} repetitions\n")
        print("\n".join([*times_table(results), "", *ratio_table(results)]))
        print("\nfloat32 codes of csm and transformers: " +
              {None: "not compared", True: "the same",
               False: "DIFFERENT"}[same])
    return 1 if same is False else 0


if __name__ == "__main__":
    sys.exit(main())
