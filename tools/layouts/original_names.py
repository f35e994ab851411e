"""Names and row order of the original, of MLX's ports, and of kyutai's Mimi."""

import torch

from source_model import DEPTH_TABLE, halves, interleaved

STACKS = {"backbone_model.": ("backbone.", "backbone"),
          "depth_decoder.model.": ("decoder.", "depth")}

ORIGINAL_LAYER = {
    "self_attn.q_proj.weight": "attn.q_proj.weight",
    "self_attn.k_proj.weight": "attn.k_proj.weight",
    "self_attn.v_proj.weight": "attn.v_proj.weight",
    "self_attn.o_proj.weight": "attn.output_proj.weight",
    "mlp.gate_proj.weight": "mlp.w1.weight",
    "mlp.up_proj.weight": "mlp.w3.weight",
    "mlp.down_proj.weight": "mlp.w2.weight",
    "input_layernorm.weight": "sa_norm.scale",
    "post_attention_layernorm.weight": "mlp_norm.scale",
}
TOP = {
    "embed_text_tokens.weight": "text_embeddings.weight",
    DEPTH_TABLE: "audio_embeddings.weight",
    "depth_decoder.model.inputs_embeds_projector.weight": "projection.weight",
    "lm_head.weight": "codebook0_head.weight",
    "depth_decoder.codebooks_head.weight": "audio_head",
}


def _renamed(model, layer_names, norm):
    """The language model, interleaved rope, without the frames' own table."""
    if not model.tied:
        raise ValueError("one audio table, but the model has two")
    out = {}
    for name, value in model.lm().items():
        if name in TOP:
            out[TOP[name]] = value
            continue
        for prefix, (new, stack) in STACKS.items():
            rest = name.removeprefix(prefix)
            if rest == name:
                continue
            if rest == "norm.weight":
                out[new + norm] = value
            elif rest.startswith("layers."):
                _, layer, part = rest.split(".", 2)
                heads = model.heads(stack)
                if "q_proj" in part or "k_proj" in part:
                    value = interleaved(value, heads["k_proj" in part])
                out[f"{new}layers.{layer}.{layer_names.get(part, part)}"] = value
    return out


def _back(model, values, layer_names, norm):
    """Values under Hugging Face's names, in its order: _renamed() undone."""
    names = {ours: theirs for theirs, ours in layer_names.items()}
    top = {ours: theirs for theirs, ours in TOP.items()}
    out = {}
    for name, value in values.items():
        if name in top:
            out[top[name]] = value
            continue
        for prefix, (new, stack) in STACKS.items():
            rest = name.removeprefix(new)
            if rest == name:
                continue
            if rest == norm:
                out[prefix + "norm.weight"] = value
                continue
            _, layer, part = rest.split(".", 2)
            part = names.get(part, part)
            heads = model.heads(stack)
            if "q_proj" in part or "k_proj" in part:
                value = halves(value, heads["k_proj" in part])
            out[f"{prefix}layers.{layer}.{part}"] = value
    return out


def original(model):
    """SesameAILabs/csm: torchtune's names."""
    return _renamed(model, ORIGINAL_LAYER, "norm.scale")


def from_original(model, values):
    return _back(model, values, ORIGINAL_LAYER, "norm.scale")


def mlx(model, prefix=""):
    """The MLX ports: Hugging Face's names of layers, the original's order."""
    tensors = _renamed(model, {}, "norm.weight")
    return {prefix + name: value for name, value in tensors.items()}


def from_mlx(model, values, prefix=""):
    values = {n.removeprefix(prefix): v for n, v in values.items()}
    return _back(model, values, {}, "norm.weight")


LAYER_PARTS = (("input_layernorm", "norm1"),
               ("post_attention_layernorm", "norm2"),
               ("mlp.fc1", "linear1"), ("mlp.fc2", "linear2"),
               ("self_attn.o_proj", "self_attn.out_proj"),
               ("self_attn_layer_scale", "layer_scale_1"),
               ("mlp_layer_scale", "layer_scale_2"))


def _kyutai_layer(rest):
    for ours, theirs in LAYER_PARTS:
        rest = rest.replace(ours, theirs)
    return rest


def _kyutai_conv(name, transposed):
    kind = ".convtr.convtr." if transposed else ".conv.conv."
    side, rest = name.split(".layers.", 1)
    return f"{side}.model.{rest.replace('.conv.', kind)}"


def _kyutai_quantizer(name):
    for ours, theirs in (
            ("semantic_residual_vector_quantizer", "rvq_first"),
            ("acoustic_residual_vector_quantizer", "rvq_rest"),
            ("layers.", "vq.layers."), ("codebook.embed_sum",
                                        "_codebook.embedding_sum"),
            ("codebook.cluster_usage", "_codebook.cluster_usage"),
            ("codebook.initialized", "_codebook._initialized")):
        name = name.replace(ours, theirs)
    return name


def kyutai_mimi(model):
    """The codec as `tokenizer-e351c8d8-checkpoint125.safetensors` has it."""
    codec = model.codec()
    ratios = len(model.config["codec_config"]["upsampling_ratios"])
    residuals = model.config["codec_config"].get("num_residual_layers", 1)
    transposed = {f"decoder.layers.{2 + i * (2 + residuals)}.conv."
                  for i in range(ratios)}
    n_heads, n_kv = model.heads("codec")
    if n_heads != n_kv:
        raise ValueError("kyutai's Mimi has no grouped keys")
    out = {}
    for name, value in codec.items():
        if "_transformer.layers." in name:
            side, rest = name.split(".layers.", 1)
            layer, part = rest.split(".", 1)
            new = f"{side}.transformer.layers.{layer}."
            if "q_proj" in part:
                both = [interleaved(codec[name.replace("q_proj", p)], n_heads)
                        for p in ("q_proj", "k_proj")]
                v = codec[name.replace("q_proj", "v_proj")]
                out[new + "self_attn.in_proj_weight"] = torch.cat([*both, v])
            elif "k_proj" not in part and "v_proj" not in part:
                out[new + _kyutai_layer(part)] = value
        elif name.startswith("quantizer."):
            out[_kyutai_quantizer(name)] = value
        elif name.startswith("downsample."):
            out["downsample.conv.conv.conv.weight"] = value
        elif name.startswith("upsample."):
            out["upsample.convtr.convtr.convtr.weight"] = value
        else:
            out[_kyutai_conv(name, name.startswith(tuple(transposed)))] = value
    return out
