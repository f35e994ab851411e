"""GGUF files of the two known forms, written with PyPI gguf.

crisp   one file with names of its own, keys, tokens and the codec
csmrs   the names of the source, and few keys
"""

import gguf
import kquants
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind

from source_model import CODEC, DEPTH_TABLE, FRAME_TABLE

PLAIN = {"f32": Kind.F32, "f16": Kind.F16, "bf16": Kind.BF16}
BLOCKS = {"q4_0": Kind.Q4_0, "q8_0": Kind.Q8_0, "q4_k": Kind.Q4_K,
          "q5_k": Kind.Q5_K, "q6_k": Kind.Q6_K}
FALLBACK = {Kind.Q4_K: Kind.Q4_0, Kind.Q5_K: Kind.Q8_0, Kind.Q6_K: Kind.Q8_0}

LAYER = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
         "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
TOP = {FRAME_TABLE: "backbone.audio_embd.weight",
       "embed_text_tokens.weight": "backbone.text_embd.weight",
       "lm_head.weight": "backbone.codebook0_head.weight",
       "backbone_model.norm.weight": "backbone.output_norm.weight",
       DEPTH_TABLE: "depth.token_embd.weight",
       "depth_decoder.model.inputs_embeds_projector.weight":
           "depth.projection.weight",
       "depth_decoder.model.norm.weight": "depth.output_norm.weight",
       "depth_decoder.codebooks_head.weight": "depth.codebooks_head.weight"}
STACKS = {"backbone_model.layers.": "backbone.blk.",
          "depth_decoder.model.layers.": "depth.blk."}
CODEC_LAYER = {"input_layernorm": "norm1", "post_attention_layernorm": "norm2",
               "self_attn.o_proj.weight": "attn.out_w",
               "self_attn_layer_scale.scale": "ls1",
               "mlp_layer_scale.scale": "ls2",
               "mlp.fc1.weight": "ffn_up_w", "mlp.fc2.weight": "ffn_down_w"}


def _lm_names(model):
    """Crisp's name -> Hugging Face's."""
    out = {}
    for name in model.lm():
        for prefix, new in STACKS.items():
            if name.startswith(prefix):
                layer, part = name.removeprefix(prefix).split(".", 1)
                part = part.removesuffix(".weight")
                out[f"{new}{layer}.{LAYER[part]}.weight"] = name
        if name in TOP:
            out[TOP[name]] = name
    return out


def _codec_tensors(model):
    codec = model.codec()
    out = {}
    for name, value in codec.items():
        if "_transformer.layers." in name:
            side, rest = name.split("_transformer.layers.")
            layer, part = rest.split(".", 1)
            new = f"mimi.{side[:3]}_tfm.layers.{layer}."
            if "q_proj" in part:
                out[new + "attn.qkv_w"] = torch.cat(
                    [codec[name.replace("q_proj", p)]
                     for p in ("q_proj", "k_proj", "v_proj")])
            elif "k_proj" not in part and "v_proj" not in part:
                out[_codec_name(name)] = value
        elif name.endswith("embed_sum"):
            usage = codec[name.replace("embed_sum", "cluster_usage")]
            divided = value / usage.clamp(min=1e-5)[:, None]
            out[_quantizer(name).replace("codebook.embed_sum",
                                         "_codebook.embedding")] = divided
        elif not name.endswith(("cluster_usage", "initialized")):
            out[_codec_name(name)] = value
    return out


def _codec_name(name):
    """Crisp's name of a tensor of the codec that it has unchanged."""
    if name.startswith("quantizer."):
        return _quantizer(name)
    if name.startswith(("downsample.", "upsample.")):
        return f"mimi.{name.replace('.conv.', '.conv3.')}"
    if "_transformer.layers." in name:
        side, rest = name.split("_transformer.layers.")
        layer, part = rest.split(".", 1)
        for ours, theirs in CODEC_LAYER.items():
            part = part.replace(ours, theirs)
        return f"mimi.{side[:3]}_tfm.layers.{layer}.{part}"
    side, rest = name.split(".layers.")
    for block in "13":  # its two convolutions
        rest = rest.replace(f".block.{block}.conv.", f".blk{block}.")
    return f"mimi.{side}.model.{rest.replace('.conv.', '.conv2.')}"


def _quantizer(name):
    for ours, theirs in (("semantic_residual_vector_quantizer", "rvq_first"),
                         ("acoustic_residual_vector_quantizer", "rvq_rest"),
                         (".layers.", ".vq.layers.")):
        name = name.replace(ours, theirs)
    return "mimi." + name


def crisp_tensors(model, both_tables=True):
    """Names and float32 values; both names of a tied table, or one."""
    names = _lm_names(model)
    if not both_tables:
        del names[TOP[FRAME_TABLE]]
    out = {name: model.values[source] for name, source in names.items()}
    return out | _codec_tensors(model)


def from_crisp(model, values):
    """The same values under Hugging Face's names; books divided already."""
    out = {source: values[name]
           for name, source in _lm_names(model).items() if name in values}
    for name in model.codec():
        full = CODEC + name
        if "_transformer.layers." in name and "_proj" in name:
            side, rest = name.split("_transformer.layers.")
            layer, part = rest.split(".", 1)
            stem = f"mimi.{side[:3]}_tfm.layers.{layer}.attn."
            which = part.split(".")[1][0]
            if which == "o":
                out[full] = values[stem + "out_w"]
            else:
                parts = values[stem + "qkv_w"].chunk(3)
                out[full] = parts["qkv".index(which)]
        elif name.endswith("embed_sum"):
            out[full] = values[_quantizer(name).replace(
                "codebook.embed_sum", "_codebook.embedding")]
        elif name.endswith(("cluster_usage", "initialized")):
            out[full] = torch.ones_like(model.values[full])
        else:
            out[full] = values[_codec_name(name)]
    return out


# Rope scaling of csm-1b, for which no key exists: (original positions, low,
# high factor) of both transformers. Models of other sizes need csm's own keys.
SCALING = {"backbone": (1024, 0.125, 0.5),
           "depth": (16, 0.001953125, 0.0078125)}


def own_keys(model, writer):
    """The keys that only csm reads, where a value is not csm-1b's."""
    for part, (positions, low, high) in SCALING.items():
        config = model.config
        if part == "depth":
            config = config["depth_decoder_config"]
        scaling = config.get("rope_scaling") or {"factor": 1.0}
        for field, key, usual, add in (
                ("factor", "factor", 32.0, writer.add_float32),
                ("low_freq_factor", "low_freq_factor", low,
                 writer.add_float32),
                ("high_freq_factor", "high_freq_factor", high,
                 writer.add_float32),
                ("original_max_position_embeddings", "original_max_pos",
                 positions, writer.add_uint32)):
            if scaling.get(field, usual) != usual:
                add(f"csm.{part}.rope_scaling.{key}", scaling[field])


def crisp_keys(model, writer):
    c = model.config
    d, m = c["depth_decoder_config"], c["codec_config"]
    rows = {"backbone": (c, ("max_pos", c["max_position_embeddings"])),
            "depth": (d, ("backbone_hidden", c["hidden_size"]))}
    for part, (config, extra) in rows.items():
        head_dim = config.get("head_dim") or (
            config["hidden_size"] // config["num_attention_heads"])
        for key, value in (("n_layers", config["num_hidden_layers"]),
                           ("d_model", config["hidden_size"]),
                           ("n_heads", config["num_attention_heads"]),
                           ("n_kv_heads", config["num_key_value_heads"]),
                           ("head_dim", head_dim),
                           ("ff_dim", config["intermediate_size"]), extra):
            writer.add_uint32(f"csm.{part}.{key}", value)
    writer.add_uint32("csm.text_vocab_size", c["text_vocab_size"])
    writer.add_uint32("csm.audio_vocab_size", c["vocab_size"])
    writer.add_uint32("csm.audio_num_codebooks", c["num_codebooks"])
    for key in ("audio_eos_token_id", "audio_token_id", "bos_token_id",
                "codebook_eos_token_id", "codebook_pad_token_id"):
        writer.add_uint32(f"csm.{key}", c[key])
    for key, value in (("dim", m["hidden_size"]),
                       ("n_heads", m["num_attention_heads"]),
                       ("n_layers", m["num_hidden_layers"]),
                       ("codebook_dim", m["codebook_dim"]),
                       ("codebook_size", m["codebook_size"]),
                       ("n_quantizers", m["num_quantizers"]),
                       ("n_semantic", m["num_semantic_quantizers"]),
                       ("sample_rate", m["sampling_rate"])):
        writer.add_uint32(f"csm.mimi.{key}", value)
    writer.add_float32("csm.backbone.rope_theta", c["rope_theta"])
    writer.add_float32("csm.backbone.rms_norm_eps", c["rms_norm_eps"])
    hop = 2 * int(np.prod(m["upsampling_ratios"]))
    writer.add_float32("csm.mimi.frame_rate", m["sampling_rate"] / hop)
    own_keys(model, writer)


def tokens_and_merges(tokenizer):
    """Tokens in the order of their ids, merges as "a b"."""
    model = tokenizer["model"]
    tokens = dict(model["vocab"])
    tokens |= {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
    ordered = sorted(tokens, key=tokens.get)
    assert [tokens[t] for t in ordered] == list(range(len(ordered)))
    merges = [m if isinstance(m, str) else " ".join(m)
              for m in model["merges"]]
    return ordered, merges


def crisp_tokens(tokenizer, writer):
    tokens, merges = tokens_and_merges(tokenizer)
    writer.add_array("tokenizer.ggml.tokens", tokens)
    writer.add_array("tokenizer.ggml.merges", merges)


def csmrs_keys(model, writer):
    c = model.config
    writer.add_uint32("general.quantization_version", 2)
    writer.add_uint32("csm.embedding_length", c["hidden_size"])
    writer.add_uint32("csm.backbone.block_count", c["num_hidden_layers"])
    writer.add_uint32("csm.decoder.block_count",
                      c["depth_decoder_config"]["num_hidden_layers"])
    writer.add_uint32("csm.audio_num_codebooks", c["num_codebooks"])
    writer.add_uint32("csm.audio_vocab_size", c["vocab_size"])
    writer.add_uint32("csm.text_vocab_size", c["text_vocab_size"])


def fits(shape, kind):
    return shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0


def crisp_kind(name, shape, dtype):
    """Vectors F32; matrices whose rows fit blocks; the rest F16."""
    if len(shape) < 2:
        return Kind.F32
    if dtype in PLAIN:
        return PLAIN[dtype]
    kind = BLOCKS[dtype]
    if len(shape) != 2 or "norm" in name or "_codebook" in name:
        return Kind.F16
    for tried in (kind, FALLBACK.get(kind)):
        if tried is not None and fits(shape, tried):
            return tried
    return Kind.F16


def csmrs_kind(name, shape, dtype):
    """Matrices called .weight but norms and "embeddings"; the rest F16."""
    if dtype in PLAIN:
        return PLAIN[dtype]
    chosen = (len(shape) == 2 and name.endswith(".weight")
              and "norm" not in name and "embeddings" not in name)
    kind = BLOCKS[dtype]
    if not chosen or not fits(shape, kind):
        return Kind.F16
    return kind


def add_tensors(tensors, kind_of, dtype, writer):
    """Adds all tensors; returns the float32 values that were stored."""
    values = {}
    for name, tensor in tensors.items():
        x = np.ascontiguousarray(tensor.float().numpy())
        kind = kind_of(name, x.shape, dtype)
        if kind in (Kind.F32, Kind.F16):
            data = x.astype(np.float16 if kind == Kind.F16 else np.float32)
            writer.add_tensor(name, data)
            values[name] = torch.tensor(data.astype(np.float32))
            continue
        data = kquants.encode(x, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        values[name] = torch.tensor(
            gguf.dequantize(data, kind).reshape(x.shape))
    return values


def write(path, architecture, tensors, kind_of, dtype, keys):
    """keys(writer) adds the metadata. Returns the values that were stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("csm-1b")
    keys(writer)
    values = add_tensors(tensors, kind_of, dtype, writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return values
