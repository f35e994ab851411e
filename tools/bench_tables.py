#!/usr/bin/env python3
"""Markdown tables from the JSON objects of csm bench.

    bench_tables.py FILE.json...     one file for each weight type
"""

import json
import pathlib
import platform
import sys


def spread(run, key, decimals, scale=1.0, bare=False):
    """median (min to max) of one quantity."""
    middle = run[key if bare else key + "_median"] * scale
    low, high = run[key + "_min"] * scale, run[key + "_max"] * scale
    return f"{middle:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"


ROWS = (
    ("whole frame, ms", lambda r: spread(r, "frame_ms", 1)),
    ("language model, ms", lambda r: spread(r, "lm_frame_ms", 1)),
    ("backbone, ms", lambda r: spread(r, "backbone_frame_ms", 1)),
    ("depth decoder, ms", lambda r: spread(r, "depth_frame_ms", 1)),
    ("sampler, ms", lambda r: spread(r, "sampler_frame_ms", 2)),
    ("rest, ms", lambda r: spread(r, "rest_frame_ms", 2)),
    ("codec, ms", lambda r: spread(r, "codec_frame_ms", 1)),
    ("real-time factor", lambda r: spread(r, "rtf", 2)),
    ("read a frame, GB", lambda r: f"{r['bytes_per_frame'] / 1e9:.2f}"),
    ("read, GB/s", lambda r: spread(r, "read_gbs", 1)),
    ("machine reads, GB/s", lambda r: spread(r, "bandwidth_gbs", 1)),
    ("used of it, %", lambda r: spread(r, "bandwidth_fraction", 1, 100)),
    ("prefill, positions/s",
     lambda r: spread(r, "prefill_positions_per_s", 0, bare=True)),
    ("prefill, % of peak",
     lambda r: spread(r, "prefill_peak_fraction", 1, 100)),
    ("first audio, ms", lambda r: spread(r, "first_audio_ms", 0, bare=True)),
    ("load, ms", lambda r: f"{r['load_ms']:.0f}"),
    ("weights, GB", lambda r: f"{r['weights_bytes'] / 1e9:.2f}"),
    ("peak memory, % of weights",
     lambda r: f"{100 * r['peak_rss_bytes'] / r['weights_bytes']:.0f}"),
)


def processor():
    """The machine's name for its processor."""
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def throughput(runs):
    """Frames a second for numbers of streams, and how many times one."""
    counts = [one["batch"] for one in runs[0].get("throughput", [])]
    for count in counts:
        row = [str(count)]
        for run in runs:
            by_count = {one["batch"]: one for one in run["throughput"]}
            one, many = by_count[1], by_count[count]
            times = many["frames_per_s_median"] / one["frames_per_s_median"]
            row.append(f"{many['frames_per_s_median']:.2f} ({times:.2f} times)")
        yield row


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    runs = [json.loads(pathlib.Path(name).read_text())
            for name in sys.argv[1:]]
    first = runs[0]
    print(f"{first['model']}, {processor()}, {first['threads']} threads, "
          f"{first['isa']}, prompt of {first['prompt_positions']} positions, "
          f"{len(first['repetitions'])} repetitions of {first['frames']} "
          f"frames: median (least to greatest).\n")
    types = [run["dtype"] for run in runs]
    print("\n".join(table(["", *types], (
        [name, *(value(run) for run in runs)] for name, value in ROWS))))
    rows = list(throughput(runs))
    if rows:
        print("\nFrames a second of all streams together:\n")
        print("\n".join(table(["streams", *types], rows)))


if __name__ == "__main__":
    main()
