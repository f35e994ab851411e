"""The sampler's share of a frame's time, from `csm bench --json`.

    csm bench --random-weights csm-1b --dtype bf16 --json |
      python tools/oracle/sampler_share.py [--limit 0.01]

Exits with 1 if the share of the medians is above the limit.
"""

import argparse
import json
import sys


def find(value, key):
    """The first value of a key, however deep; a summary's median."""
    if isinstance(value, dict):
        if key in value:
            found = value[key]
            return found["median"] if isinstance(found, dict) else found
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            found = find(part, key)
            if found is not None:
                return found
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=0.01)
    arguments = parser.parse_args()
    result = json.load(sys.stdin)
    sampler = find(result, "sampler_frame_ms")
    frame = find(result, "frame_ms")
    if sampler is None or not frame:
        print("sampler_share: no times of frame and sampler in the input",
              file=sys.stderr)
        return 1
    share = sampler / frame
    print(f"sampler {sampler:.3f} ms of {frame:.2f} ms a frame: "
          f"{100 * share:.2f} %, limit {100 * arguments.limit:.2f} %")
    return 0 if share <= arguments.limit else 1


if __name__ == "__main__":
    sys.exit(main())
