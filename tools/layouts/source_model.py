"""A Hugging Face folder as the values that every other layout is made of."""

import json
import pathlib
import shutil

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FRAME_TABLE = "backbone_model.embed_tokens.embed_audio_tokens.weight"
DEPTH_TABLE = "depth_decoder.model.embed_tokens.weight"
CODEC = "codec_model."
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
OTHER_FILES = ("tokenizer.json", "tokenizer_config.json",
               "special_tokens_map.json", "chat_template.jinja",
               "generation_config.json", "preprocessor_config.json")


def read_tensors(folder):
    """All tensors of a folder's model*.safetensors, as they are stored."""
    tensors = {}
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}
    if not tensors:
        raise SystemExit(f"no model*.safetensors in {folder}")
    return tensors


class SourceModel:
    """Values in float32 under Hugging Face's names, and what lies beside."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.config = json.loads((self.folder / "config.json").read_text())
        self.stored = read_tensors(self.folder)
        self.values = {n: t.float() for n, t in self.stored.items()}
        depth = self.values.get(DEPTH_TABLE, self.values.get(FRAME_TABLE))
        self.tied = torch.equal(self.values.get(FRAME_TABLE, depth), depth)
        self.values.setdefault(DEPTH_TABLE, depth)
        self.values.setdefault(FRAME_TABLE, depth)

    def lm(self):
        """Both transformers, the two audio tables under both names."""
        return {n: t for n, t in self.values.items() if not n.startswith(CODEC)}

    def codec(self):
        """The codec under the names of Hugging Face's Mimi class."""
        return {n.removeprefix(CODEC): t for n, t in self.values.items()
                if n.startswith(CODEC)}

    def heads(self, stack):
        """(query heads, key heads) of "backbone", "depth" or "codec"."""
        config = self.config
        if stack != "backbone":
            config = config[{"depth": "depth_decoder_config",
                             "codec": "codec_config"}[stack]]
        return config["num_attention_heads"], config["num_key_value_heads"]

    def copy_others(self, out, names=OTHER_FILES):
        for name in names:
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, out / name)


def cast(tensors, dtype):
    """Contiguous copies of one type; tensors may share nothing in a file."""
    kind = TYPES.get(dtype, dtype)
    return {n: t.to(kind).contiguous().clone() for n, t in tensors.items()}


def save(tensors, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"format": "pt"})


def write_json(value, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def interleaved(weight, n_heads):
    """Rows of a rotated projection, pairs side by side instead of in halves."""
    rows, columns = weight.shape
    return weight.view(n_heads, 2, rows // n_heads // 2, columns).transpose(
        1, 2).reshape(rows, columns)


def halves(weight, n_heads):
    """The way back from interleaved()."""
    rows, columns = weight.shape
    return weight.view(n_heads, rows // n_heads // 2, 2, columns).transpose(
        1, 2).reshape(rows, columns)
