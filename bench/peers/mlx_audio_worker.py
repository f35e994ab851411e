"""Times mlx-audio's CSM on MLX's CPU, on the model that csm bench saved.

The language model alone: its codec comes from a hub, not from a file.
"""

import json
import time
from importlib.metadata import version

import mlx.core as mx
import numpy as np
from mlx_audio.lm.sample_utils import make_sampler
from mlx_audio.tts.models.sesame.sesame import SesameModel

import common

RENAMES = (("embed_text_tokens.", "text_embeddings."),
           ("depth_decoder.model.embed_tokens.", "audio_embeddings."),
           ("backbone_model.embed_tokens.embed_audio_tokens.",
            "audio_embeddings."),
           ("depth_decoder.model.inputs_embeds_projector.", "projection."),
           ("depth_decoder.codebooks_head.weight", "audio_head"),
           ("depth_decoder.model.", "decoder."),
           ("backbone_model.", "backbone."), ("lm_head.", "codebook0_head."))


def interleaved(weight, head_dim):
    """Rows of q or k from half-split to interleaved rotary pairs."""
    rows, width = weight.shape
    split = weight.reshape(rows // head_dim, 2, head_dim // 2, width)
    return split.swapaxes(1, 2).reshape(rows, width)


def load(folder, dtype):
    """The model and its configuration."""
    config = json.loads((folder / "config.json").read_text())
    extra = {"attention_bias": False, "mlp_bias": False,
             "attention_dropout": 0.0, "hidden_act": "silu",
             "initializer_range": 0.02, "use_cache": True}
    config.pop("codec_config")
    config = {**extra, **config, "audio_vocab_size": config["vocab_size"],
              "audio_num_codebooks": config["num_codebooks"]}
    depth = config["depth_decoder_config"] = {
        **extra, **config["depth_decoder_config"]}
    model = SesameModel(config)
    weights = []
    for name, value in mx.load(str(folder / "model.safetensors")).items():
        if name.startswith("codec_model."):
            continue
        if "q_proj" in name or "k_proj" in name:
            part = depth if name.startswith("depth") else config
            value = interleaved(value, part["head_dim"])
        for old, new in RENAMES:
            if name.startswith(old):
                name = new + name[len(old):]
                break
        weights.append((name, value.astype(dtype)))
    model.load_weights(weights)
    mx.eval(model.parameters())
    model.setup_caches(1)
    return model, config


def frame_input(config, ids=None, codes=None):
    """Tokens [1, S, K+1] and their mask, of text or of one spoken frame."""
    n_codebooks = config["num_codebooks"]
    rows = len(ids) if ids is not None else 1
    tokens = np.zeros((1, rows, n_codebooks + 1), np.int32)
    mask = np.zeros(tokens.shape, bool)
    if ids is not None:
        tokens[0, :, -1], mask[0, :, -1] = ids, True
    else:
        tokens[0, 0, :-1], mask[0, 0, :-1] = codes, True
    return mx.array(tokens), mx.array(mask)


def speak(model, config, sampler, prompt, frames):
    """Seconds of each frame, and the codes [frames, codebooks]."""
    model.reset_caches()
    mx.random.seed(common.SEED)
    inputs = frame_input(config, ids=common.prompt_ids(
        prompt, config["text_vocab_size"]))
    times, spoken = [], []
    for _ in range(frames):
        start = time.perf_counter()
        codes = model.generate_frame(*inputs, mx.array([[0]]), sampler)
        mx.eval(codes)
        times.append(time.perf_counter() - start)
        spoken.append(np.array(codes)[0])
        inputs = frame_input(config, codes=spoken[-1])
    return times, spoken


def main():
    args = common.arguments(__doc__)
    mx.set_default_device(mx.cpu)
    start = time.perf_counter()
    model, config = load(args.model, {"f32": mx.float32,
                                      "bf16": mx.bfloat16}[args.dtype])
    load_time = time.perf_counter() - start
    sampler = make_sampler(temp=common.TEMPERATURE,
                           top_k=min(common.TOP_K, config["vocab_size"] - 1))
    speak(model, config, sampler, 2, 1)  # compiles
    times, spoken = speak(model, config, sampler, args.prompt,
                          args.frames + 1)
    prefill = max(times[0] - common.middle_mean(times[1:]), 0.0)
    common.report(load_time, prefill, times[1:], None, np.stack(spoken),
                  f"mlx-audio {version('mlx-audio')}, mlx {version('mlx')}")


if __name__ == "__main__":
    main()
