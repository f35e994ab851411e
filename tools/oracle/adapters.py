"""LoRA adapters that PEFT writes for a CSM model, and what it makes of them.

Needs PyPI peft, which is no part of tools/oracle/requirements.txt:

    build/oracle/bin/python -m pip install --no-deps peft accelerate psutil
"""

import re

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import CsmForConditionalGeneration

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
          "down_proj"]
CODEC = ".*codec_model.*"

# Arguments of LoraConfig. What is not excluded reaches into the codec.
CASES = {
    # As people write it, with every way to choose ranks and scales.
    "linear": dict(
        r=2, lora_alpha=6, target_modules=LINEAR, use_rslora=True,
        rank_pattern={"backbone_model.layers.0.self_attn.q_proj": 3,
                      "down_proj": 1, "layers.0.mlp.down_proj": 2},
        alpha_pattern={"k_proj": 3.5, "^lm_head": 1}),
    # Heads, a stack of matrices, and the table of texts.
    "heads": dict(
        r=2, lora_alpha=3, exclude_modules=CODEC,
        target_modules=["lm_head", "inputs_embeds_projector",
                        "embed_text_tokens"],
        target_parameters=["codebooks_head.weight"],
        rank_pattern={"codebooks_head": 7, "codebooks_head.weight": 1}),
    # Modules that were trained whole.
    "whole": dict(
        r=1, lora_alpha=2, exclude_modules=CODEC,
        target_modules=r"depth_decoder.*q_proj",
        modules_to_save=["lm_head", "codebooks_head", "norm",
                         "embed_text_tokens"]),
    # Both audio tables, of a model that has two.
    "tables": dict(
        r=2, lora_alpha=5, target_modules=[
            "embed_audio_tokens", "depth_decoder.model.embed_tokens"]),
}


def open_model(folder):
    return CsmForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32).eval()


def write(name, model_folder, folder, seed=1, size=0.3):
    """Saves an adapter whose parts all are random, as if it were trained."""
    peft = get_peft_model(open_model(model_folder), LoraConfig(**CASES[name]))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in sorted(peft.named_parameters()):
            noise = torch.randn(value.shape, generator=generator)
            if re.search(r"lora_(embedding_)?[AB]", key):
                value.copy_(noise * size / value.shape[-1] ** 0.25)
            elif "modules_to_save" in key:
                value.add_(noise * size * value.std())
    peft.save_pretrained(folder)


def merged(model_folder, adapters):
    """The model with (folder, strength) merged, as transformers and PEFT do."""
    model = open_model(model_folder)
    for folder, strength in adapters:
        peft = PeftModel.from_pretrained(model, folder)
        for module in peft.modules():
            if hasattr(module, "scale_layer"):
                module.scale_layer(strength)
        model = peft.merge_and_unload()
    return model.eval()
