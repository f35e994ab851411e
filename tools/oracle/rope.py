"""Writes tests/data/rope.json: inverse frequencies as transformers has them.

    python tools/oracle/rope.py

Each case is the config fragment that transformers read and the float32
values it computed from it, as exact decimal numbers.
"""

import json
import pathlib

import manifest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS


def llama3(factor, high, low, original):
    return dict(rope_type="llama3", factor=factor, high_freq_factor=high,
                low_freq_factor=low, original_max_position_embeddings=original)


CASES = [
    (64, 500000, llama3(32.0, 0.5, 0.125, 1024)),  # csm-1b backbone
    (128, 500000, llama3(32.0, 0.0078125, 0.001953125, 16)),  # its depth
    (64, 500000.0, llama3(32.0, 4.0, 1.0, 8192)),  # Llama 3.2
    (32, 500000, llama3(32.0, 0.0078125, 0.001953125, 4)),
    (10, 10000.0, llama3(8.0, 4.0, 1.0, 64)),
    (64, 10000.0, None),  # Mimi
    (6, 10000.0, dict(rope_type="default")),
    (2, 123.5, None),
    (256, 1000000.0, None),
]


def main():
    out = []
    for head_dim, theta, scaling in CASES:
        config = LlamaConfig(head_dim=head_dim, rope_theta=theta,
                             rope_scaling=scaling)
        kind = scaling["rope_type"] if scaling else "default"
        values, factor = ROPE_INIT_FUNCTIONS[kind](config, "cpu")
        assert factor == 1.0 and values.dtype == torch.float32
        out.append(dict(head_dim=head_dim, rope_theta=theta,
                        rope_scaling=scaling, inv_freq=values.tolist()))
    root = pathlib.Path(__file__).resolve().parents[2]
    path = root / "tests" / "data" / "rope.json"
    path.write_text(json.dumps(out, indent=1) + "\n")
    manifest.record([path], script=__file__, packages=("torch", "transformers"))


if __name__ == "__main__":
    main()
