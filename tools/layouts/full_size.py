"""What loading a full-size file takes: random weights of csm-1b.

    python tools/layouts/full_size.py --csm build/release/bin/csm --out DIR

Makes DIR/bf16 (3.2 GB, by csm bench --save-weights), DIR/int4 (csm quantize)
and DIR/gguf (Q8_0, by PyPI gguf), loads each in turn with csm bench, and removes
it. Prints the seconds of the load and the peak of
the resident set as the kernel counts it (ru_maxrss: mapped pages of the file
too, and what two frames of speech need), which may be at most 15 % above the
weights as they are kept in memory.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import gguf
import gguf_files
import numpy as np
import torch
from safetensors import safe_open

MOST = 1.15
TOKENIZER = (pathlib.Path(__file__).resolve().parents[2] / "models" / "demo" /
             "tokenizer.json")


class Source:
    """What gguf_files.csmrs_keys() needs to know."""

    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())


def write_gguf(source, out):
    """csm.rs's form, a tensor at a time."""
    out.mkdir()
    writer = gguf.GGUFWriter(out / "q8_0.gguf", "csm", use_temp_file=True)
    writer.add_name("csm-1b")
    gguf_files.csmrs_keys(Source(source), writer)
    with safe_open(source / "model.safetensors", "pt") as file:
        for name in file.keys():
            x = np.ascontiguousarray(file.get_tensor(name).float().numpy())
            kind = gguf_files.csmrs_kind(name, x.shape, "q8_0")
            if kind == gguf_files.Kind.F16:
                writer.add_tensor(name, x.astype(np.float16))
            else:
                writer.add_tensor(name, gguf.quantize(x, kind),
                                  raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name in ("config.json", TOKENIZER.name):
        shutil.copy(source / name, out)


class Loads:
    def __init__(self, program, out):
        self.program, self.out, self.failed = str(program), out, 0

    def run(self, *words):
        done = subprocess.run([self.program, *map(str, words)],
                              capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout

    def measure(self, name, dtype):
        told = json.loads(self.run(
            "bench", "--model", self.out / name, "--dtype", dtype, "--frames",
            2, "--repetitions", 1, "--json"))
        share = told["peak_rss_bytes"] / told["weights_bytes"]
        self.failed += share > MOST
        size = sum(f.stat().st_size for f in (self.out / name).iterdir())
        print(f"{name}: file {size / 1e9:.2f} GB, loaded as {dtype} in "
              f"{told['load_ms'] / 1e3:.1f} s, weights "
              f"{told['weights_bytes'] / 1e9:.2f} GB, peak "
              f"{told['peak_rss_bytes'] / 1e9:.2f} GB: {share:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    source = out / "bf16"
    loads = Loads(arguments.csm, out)
    if not source.exists():
        loads.run("bench", "--random-weights", "csm-1b", "--dtype", "bf16",
                  "--frames", 1, "--repetitions", 1, "--save-weights", source,
                  "--json")
    shutil.copy(TOKENIZER, source)
    loads.measure("bf16", "bf16")
    makers = {
        "int4": ("int4", lambda to: loads.run(
            "quantize", "--model", source, "--dtype", "int4", "--output", to)),
        "gguf": ("int8", lambda to: write_gguf(source, to)),
    }
    for name, (dtype, make) in makers.items():
        shutil.rmtree(out / name, ignore_errors=True)
        make(out / name)
        loads.measure(name, dtype)
        shutil.rmtree(out / name)
    shutil.rmtree(source)
    return 1 if loads.failed else 0


if __name__ == "__main__":
    sys.exit(main())
