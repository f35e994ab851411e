"""Writes tests/data/lora: adapters by PEFT for the tiny models, and what
transformers computes with them.

    python tools/oracle/lora_goldens.py

Every folder has an adapter as PEFT's save_pretrained writes it, and
goldens.safetensors, of the prompt and frames of the model's own goldens:

    c0_logits [S+F, V], depth_logits [F, K-1, V]
    mimi_audio [N]       of the first 20 of mimi_codes, or fewer: transformers
                         has no window

Up to PEFT 0.18 the matrices of a stack are in another order; with such a
version only that case is written ("heads_old"). Needs what adapters.py names.
"""

import argparse
import os
import pathlib
import shutil

import adapters
import manifest
import peft
import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = {"tables": "explicit_heads"}  # else: grouped
OLD = tuple(map(int, peft.__version__.split(".")[:2])) < (0, 19)
CODEC_FRAMES = 20


@torch.no_grad()
def goldens(model, given):
    ids, codes = given["text_ids"], given["codes"]
    table = model.backbone_model.embed_tokens
    embeds = torch.cat([model.embed_text_tokens(ids), table(codes[None])[0]])
    hidden = model.backbone_model(
        inputs_embeds=embeds[None]).last_hidden_state[0]
    start = torch.zeros(len(codes), 1, dtype=torch.long)
    depth = model.depth_decoder(
        input_ids=torch.cat([start, codes[:, :-1]], dim=1),
        backbone_last_hidden_state=hidden[len(ids) - 1: -1]).logits
    frames = min(CODEC_FRAMES, model.codec_model.config.sliding_window // 2)
    audio = model.codec_model.decode(
        given["mimi_codes"][:frames].T[None]).audio_values[0, 0]
    return {"c0_logits": model.lm_head(hidden), "depth_logits": depth,
            "mimi_audio": audio}


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    os.chdir(ROOT)  # the adapter's file names its model
    for name in ["heads"] if OLD else adapters.CASES:
        tiny = pathlib.Path("tests/data/tiny", MODELS.get(name, "grouped"))
        folder = pathlib.Path("tests/data/lora",
                              "heads_old" if OLD else name)
        shutil.rmtree(folder, ignore_errors=True)
        adapters.write(name, tiny, folder)
        (folder / "README.md").unlink()
        model = adapters.merged(tiny, [(folder, 1)])
        given = load_file(tiny / "goldens.safetensors")
        values = goldens(model, given)
        save_file({n: t.contiguous() for n, t in values.items()},
                  folder / "goldens.safetensors")
        plain = goldens(adapters.open_model(tiny), given)
        print(name, {n: f"{(t - plain[n]).abs().max():.3f}"
                     for n, t in values.items()})
        manifest.record(sorted(folder.iterdir()), __file__,
                        ["torch", "transformers", "peft"], seed=1)


if __name__ == "__main__":
    main()
