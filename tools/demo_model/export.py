"""Writes the demo model in Hugging Face layout from the two checkpoints.

    python export.py --work DIR [--out ../../models/demo]

Language model weights are rounded to bfloat16, codec weights to float16;
every figure in the model card is measured after that rounding. A missing
checkpoint leaves that half at its seeded random initialisation.
"""

import argparse
import json
import os
from pathlib import Path

import shape
import tokenizer
import torch
from safetensors.torch import save_file
from transformers import CsmForConditionalGeneration

BACKBONE_TABLE = "backbone_model.embed_tokens.embed_audio_tokens.weight"
DEPTH_TABLE = "depth_decoder.model.embed_tokens.weight"
LIMIT = 12 * 2**20


def initial_model(seed=0):
    """A CsmForConditionalGeneration with seeded random weights."""
    torch.manual_seed(seed)
    model = CsmForConditionalGeneration(shape.config())
    for name, buffer in model.named_buffers():
        if name.endswith("codebook.embed_sum"):
            buffer.normal_(0.0, 0.5)
    return model


def usage_as_powers_of_two(state, counts):
    """Stores the codebooks as sums over their use, exactly.

    `counts` [K, CODES] are how often each entry was chosen. The stored use is
    the nearest power of two of count / mean count, within [1/16, 4], so that
    sum / use gives the entry back without rounding.
    """
    names = sorted(n for n in state if n.endswith("codebook.embed_sum"))
    names.sort(key=lambda n: "acoustic" in n)  # the semantic book is first
    for row, name in zip(counts, names, strict=True):
        ratio = row.float() / row.float().mean()
        use = torch.exp2(torch.log2(ratio.clamp(1 / 16, 4)).round())
        state[name] = state[name] * use[:, None]
        state[name.replace("embed_sum", "cluster_usage")] = use


def merged_state(codec, lm):
    """All tensors of the model in the dtypes in which they are stored."""
    state = {
        name: tensor.detach().clone()
        for name, tensor in initial_model().state_dict().items()
    }
    if codec is not None:
        for name, tensor in codec["model"].items():
            assert state["codec_model." + name].shape == tensor.shape, name
            state["codec_model." + name] = tensor
        usage_as_powers_of_two(state, codec["counts"])
    if lm is not None:
        for name, tensor in lm["model"].items():
            assert state[name].shape == tensor.shape, name
            state[name] = tensor
    del state[BACKBONE_TABLE]  # tied; save_pretrained keeps the other name
    out = {}
    for name, tensor in state.items():
        kind = torch.float16 if name.startswith("codec_") else torch.bfloat16
        out[name] = tensor.to(kind).contiguous()
    return out


def write_config(folder):
    config = shape.config().to_dict()
    config["architectures"] = ["CsmForConditionalGeneration"]
    config["dtype"] = "float32"
    for part in (
        config,
        config["depth_decoder_config"],
        config["codec_config"],
    ):
        part.pop("_name_or_path", None)
    generation = {"_from_model_config": False, **shape.GENERATION}
    generation["bos_token_id"] = tokenizer.BOS_ID
    generation["pad_token_id"] = tokenizer.AUDIO_ID
    for name, value in (("config", config), ("generation_config", generation)):
        text = json.dumps(value, indent=2, sort_keys=True)
        (folder / f"{name}.json").write_text(text + "\n")


def load_checkpoint(path):
    return torch.load(path, map_location="cpu") if path.exists() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parent
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=here / "../../models/demo")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    codec = load_checkpoint(args.work / "codec.pt")
    lm = load_checkpoint(args.work / "lm.pt")
    state = merged_state(codec, lm)
    temporary = args.out / "model.safetensors.tmp"
    save_file(state, temporary, metadata={"format": "pt"})
    os.replace(temporary, args.out / "model.safetensors")
    write_config(args.out)
    tokenizer.write(args.out)
    total = sum(f.stat().st_size for f in args.out.iterdir() if f.is_file())
    print(
        f"codec {'trained' if codec else 'random'}, "
        f"language model {'trained' if lm else 'random'}: "
        f"{total} bytes ({total / 2**20:.2f} MiB) in {args.out.resolve()}"
    )
    assert total <= LIMIT, "over 12 MiB"


if __name__ == "__main__":
    main()
