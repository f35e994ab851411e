"""Writes what transformers generates with the demo model, as fixtures.

    python tools/oracle/demo_goldens.py

    tests/data/demo_generate.json   codes of 50 prompts x 2 seeds, float32,
                                    temperature 0.8, top-k 100
    tests/data/demo_logits.npy      [F, K, V] logits of the first run
    tests/data/demo_audio.npy       its samples
    tests/data/demo_encode.npy      codes of these, but for the last 700

Run it again whenever models/demo changes; the fixtures name the weights that
they belong to.
"""

import hashlib
import json
import pathlib

import manifest
import numpy as np
import torch
from hf_model import HfModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "models" / "demo"
DATA = ROOT / "tests" / "data"
SEEDS = (0, 1)
KEPT_FRAMES = 6  # frames whose logits are kept
CUT_SAMPLES = 700  # of what is encoded, so that it ends within a frame


def main():
    torch.set_num_threads(1)
    oracle = HfModel(DEMO)
    runs = []
    prompts = (DATA / "prompts.txt").read_text().splitlines()
    for number, text in enumerate(prompts):
        for seed in SEEDS:
            codes = oracle.generate(text, number % 2, seed)
            runs.append(dict(text=text, speaker=number % 2, seed=seed,
                             codes=codes.tolist()))
    weights = (DEMO / "model.safetensors").read_bytes()
    lines = ",\n".join(json.dumps(run, ensure_ascii=False,
                                  separators=(",", ":")) for run in runs)
    (DATA / "demo_generate.json").write_text(
        f'{{"weights_sha256": "{hashlib.sha256(weights).hexdigest()}",\n'
        f'"runs": [\n{lines}\n]}}\n')
    first = np.array(runs[0]["codes"], np.int32)
    logits = oracle.score(runs[0]["text"], 0, first)[:KEPT_FRAMES]
    np.save(DATA / "demo_logits.npy", logits.astype(np.float32))
    audio = oracle.decode(first).astype(np.float32)
    np.save(DATA / "demo_audio.npy", audio)
    np.save(DATA / "demo_encode.npy", oracle.encode(audio[:-CUT_SAMPLES]))
    manifest.record(
        [DATA / name for name in ("demo_generate.json", "demo_logits.npy",
                                  "demo_audio.npy", "demo_encode.npy")],
        __file__, packages=("torch", "transformers"), seed="0, 1")


if __name__ == "__main__":
    main()
