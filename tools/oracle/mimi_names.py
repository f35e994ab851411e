"""Writes tests/data/weights/mimi_names.json: the names of Mimi's tensors in
the classes of moshi and of transformers, at full size.

    python tools/oracle/mimi_names.py
"""

import argparse
import json
import pathlib

import manifest
import torch
import transformers
from moshi.models import loaders

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/data/weights/mimi_names.json"


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    kyutai = loaders.get_mimi(None, device="cpu", num_codebooks=32)
    codec = transformers.MimiModel(transformers.MimiConfig())
    names = {"kyutai": sorted(kyutai.state_dict()),
             "mimi": sorted(codec.state_dict())}
    OUT.write_text(json.dumps(names, indent=0) + "\n")
    manifest.record([OUT], __file__, ["moshi", "transformers"])


if __name__ == "__main__":
    main()
