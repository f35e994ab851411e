"""Random CSM models of odd shapes that share the demo model's tokenizer.

They are the tiny parity models (tiny_models.py) with a text table large
enough for real prompts, written as ordinary folders that csm can load.
"""

import copy
import json
import pathlib
import shutil

import tiny_models

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "models" / "demo"

CASES = tuple(tiny_models.CASES)


def top_k(name):
    """The default top-k where the vocabulary allows it."""
    return min(100, tiny_models.CASES[name]["csm"]["vocab_size"])


def write(name, folder):
    """Writes one case with the demo model's tokenizer into a new folder."""
    demo = json.loads((DEMO / "config.json").read_text())
    case = copy.deepcopy(tiny_models.CASES[name])
    case["csm"]["text_vocab_size"] = demo["text_vocab_size"]
    case["codec"]["upsampling_ratios"] = [8, 6, 5, 4]  # frames of 80 ms
    model = tiny_models.build_model(case)
    for field in ("bos_token_id", "pad_token_id", "audio_token_id",
                  "audio_eos_token_id"):
        setattr(model.config, field, demo[field])
    folder = pathlib.Path(folder)
    model.to(case["dtype"]).save_pretrained(
        folder, max_shard_size=case.get("shards", "5GB"))
    shutil.copy(DEMO / "tokenizer.json", folder)
