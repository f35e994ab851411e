"""Writes tiny random CSM models (Hugging Face layout) and their goldens.

    python tools/oracle/tiny_models.py            # all cases, into tests/data/tiny

Every case is a full `CsmForConditionalGeneration` of transformers with its
own shapes. Beside the model lies goldens.safetensors:

    text_ids [S] i64          prompt
    codes [F, K] i64          teacher-forced frames after the prompt
    embeds [S+F, D]           summed input embeddings
    hidden [S+F, D]           backbone output after the final norm
    c0_logits [S+F, V]        lm_head of every position
    depth_logits [F, K-1, V]  depth decoder, frame f predicted at S-1+f
    generated [10, 8, K] i64  `generate` (temperature 0.8, top-k 5) after
                              torch.manual_seed(row); -1 after the end
    long_ids [L] i64, long_hidden [3, D]   last rows of a long prompt
    mimi_codes [T, Kq] i64, mimi_audio [N]   codec, with the window
    mimi_fewer_audio [M]      its start, decoded without the last codebook

transformers 4.57.6 applies no window in its Mimi transformer, so the codec
reference runs its layers with an explicit banded mask, and the banded
transformer is compared here with moshi's own (delta < context).
"""

import argparse
import json
import math
import pathlib
import shutil

import torch
import manifest
import mimi_models
from safetensors.torch import save_file
from transformers import CsmConfig, CsmForConditionalGeneration

torch.set_num_threads(1)

LLAMA3_BACKBONE = dict(
    rope_type="llama3", factor=32.0, high_freq_factor=0.5,
    low_freq_factor=0.125, original_max_position_embeddings=1024)
LLAMA3_DEPTH = dict(
    rope_type="llama3", factor=32.0, high_freq_factor=0.0078125,
    low_freq_factor=0.001953125, original_max_position_embeddings=16)

# The real ratios of grouped heads, both ropes scaled, one tied audio table.
GROUPED = dict(
    seed=11, dtype=torch.bfloat16, prompt=7, frames=5, long=300, codec_frames=140,
    csm=dict(
        num_codebooks=4, vocab_size=19, text_vocab_size=60, hidden_size=64,
        intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, rope_scaling=LLAMA3_BACKBONE,
        tie_codebooks_embeddings=True),
    depth=dict(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=33, rope_scaling=LLAMA3_DEPTH),
    codec=dict(
        hidden_size=32, num_filters=4, upsampling_ratios=[4, 3],
        codebook_size=16, codebook_dim=8,
        vector_quantization_hidden_dimension=8, num_quantizers=4,
        num_semantic_quantizers=1, upsample_groups=32, num_hidden_layers=2,
        intermediate_size=48, num_attention_heads=2, num_key_value_heads=2,
        sliding_window=250))

# Head sizes given apart from the width, odd feed-forward sizes, one shared
# key head, no rope scaling, two audio tables, float32 shards.
EXPLICIT_HEADS = dict(
    seed=12, dtype=torch.float32, prompt=5, frames=4, long=20, codec_frames=20,
    shards="150KB",
    csm=dict(
        num_codebooks=5, vocab_size=35, text_vocab_size=41, hidden_size=36,
        intermediate_size=75, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=3, head_dim=10, rope_scaling=None,
        tie_codebooks_embeddings=False),
    depth=dict(
        hidden_size=40, intermediate_size=51, num_hidden_layers=3,
        num_attention_heads=5, num_key_value_heads=1, head_dim=12,
        rope_scaling=None),
    codec=dict(
        hidden_size=18, num_filters=2, upsampling_ratios=[6, 5, 4],
        codebook_size=32, codebook_dim=6,
        vector_quantization_hidden_dimension=6, num_quantizers=5,
        num_semantic_quantizers=1, upsample_groups=18, num_hidden_layers=1,
        intermediate_size=31, num_attention_heads=3, num_key_value_heads=3,
        sliding_window=6))

# Plain multi-head attention, `type` for `rope_type`, other base and epsilon;
# codec with two residual layers, two semantic books, grouped upsampling,
# grouped keys, no quantiser projection, and one book more than the CSM uses.
PLAIN_HEADS = dict(
    seed=13, dtype=torch.bfloat16, prompt=6, frames=6, long=40, codec_frames=20,
    csm=dict(
        num_codebooks=3, vocab_size=11, text_vocab_size=50, hidden_size=32,
        intermediate_size=64, num_hidden_layers=3, num_attention_heads=2,
        num_key_value_heads=2, rms_norm_eps=1e-6, rope_theta=10000.0,
        rope_scaling=dict(
            type="llama3", factor=8.0, high_freq_factor=4.0,
            low_freq_factor=1.0, original_max_position_embeddings=64),
        tie_codebooks_embeddings=False),
    depth=dict(
        hidden_size=24, intermediate_size=40, num_hidden_layers=1,
        num_attention_heads=3, num_key_value_heads=3, rms_norm_eps=1e-6,
        rope_theta=10000.0, rope_scaling=None),
    codec=dict(
        hidden_size=16, num_filters=4, num_residual_layers=2, compress=4,
        upsampling_ratios=[2, 3], codebook_size=8, codebook_dim=16,
        vector_quantization_hidden_dimension=16, num_quantizers=4,
        num_semantic_quantizers=2, upsample_groups=8, num_hidden_layers=2,
        intermediate_size=32, num_attention_heads=4, num_key_value_heads=2,
        head_dim=6, sliding_window=7, kernel_size=5, last_kernel_size=5,
        residual_kernel_size=5))

CASES = dict(grouped=GROUPED, explicit_heads=EXPLICIT_HEADS,
             plain_heads=PLAIN_HEADS)


def build_config(case):
    """CsmConfig of a case; ids that must lie inside its small vocabulary."""
    csm = case["csm"]
    depth = dict(case["depth"], model_type="csm_depth_decoder_model",
                 num_codebooks=csm["num_codebooks"],
                 backbone_hidden_size=csm["hidden_size"],
                 vocab_size=csm["vocab_size"])
    codec = dict(case["codec"], model_type="mimi")
    text = csm["text_vocab_size"]
    return CsmConfig(
        depth_decoder_config=depth, codec_config=codec, bos_token_id=1,
        pad_token_id=text - 3, audio_token_id=text - 3,
        audio_eos_token_id=text - 2,
        codebook_pad_token_id=csm["vocab_size"] - 1, **csm)


def fill(name, shape, generator):
    """Random values of a size that keeps activations near one."""
    x = torch.randn(shape, generator=generator)
    if name.endswith("initialized"):
        return torch.ones(shape)
    if name.endswith("cluster_usage"):
        usage = 0.3 + x.abs()
        usage[0] = 0.0  # an entry that was never used
        return usage
    if name.endswith("embed_sum"):
        x[0] *= 1e-5
        return x * 0.5
    if "norm" in name and name.endswith("weight"):
        return 1 + 0.2 * x
    if name.endswith("scale"):
        return 0.3 * x
    if len(shape) == 1:
        return 0.1 * x
    if "upsample" in name:
        return x * 0.7
    if len(shape) == 3 and "codebooks_head" in name:
        return x / math.sqrt(shape[1])
    if name.startswith("codec_model.decoder.layers") and 1 in shape[:2]:
        return x * 0.2 / math.sqrt(shape[1] * shape[2])  # to one channel
    if len(shape) == 3:
        return x * math.sqrt(1.0 / (shape[1] * shape[2]))
    if "embed" in name and "proj" not in name:
        return x * 0.5
    return x / math.sqrt(shape[1])


def build_model(case):
    """The model with its weights rounded to the type it is stored in."""
    config = build_config(case)
    config._attn_implementation = "eager"
    model = CsmForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(case["seed"])
    state = {}
    for name, value in model.state_dict().items():
        state[name] = fill(name, value.shape, generator).to(case["dtype"])
        state[name] = state[name].float()
    if config.tie_codebooks_embeddings:
        state["backbone_model.embed_tokens.embed_audio_tokens.weight"] = state[
            "depth_decoder.model.embed_tokens.weight"]
    model.load_state_dict(state)
    model.tie_weights()
    return model


def banded_transformer(model, x, window):
    """Mimi's decoder transformer with keys 0 <= q - k < window."""
    return mimi_models.banded(model.decoder_transformer, x, window)


def check_against_moshi(model, x, window):
    """The banded transformer equals moshi's offline one."""
    from moshi.modules.transformer import StreamingTransformer

    c = model.config
    if c.num_key_value_heads != c.num_attention_heads:
        return  # moshi has no grouped keys
    if c.head_dim * c.num_attention_heads != c.hidden_size:
        return
    other = StreamingTransformer(
        d_model=c.hidden_size, num_heads=c.num_attention_heads,
        num_layers=c.num_hidden_layers, dim_feedforward=c.intermediate_size,
        causal=True, context=window, layer_scale=0.01, max_period=c.rope_theta,
        positional_embedding="rope", norm="layer_norm", gating="none").eval()

    other.load_state_dict(mimi_models.moshi_transformer(
        model.decoder_transformer, c.num_attention_heads))
    error = (other(x) - banded_transformer(model, x, window)).abs().max()
    print(f"  banded transformer against moshi: {error.item():.2e}")
    assert error < 1e-5


def codec_goldens(model, case, generator):
    codec = model.codec_model
    c = codec.config
    shape = (case["codec_frames"], c.num_quantizers)
    codes = torch.randint(0, c.codebook_size, shape, generator=generator)
    latent = codec.upsample(codec.quantizer.decode(codes.T[None]))
    latent = latent.transpose(1, 2)
    check_against_moshi(codec, latent, c.sliding_window)
    banded = banded_transformer(codec, latent, c.sliding_window)
    audio = codec.decoder(banded.transpose(1, 2))[0, 0]
    early = c.sliding_window // 2
    plain = codec.decode(codes[:early].T[None]).audio_values[0, 0]
    error = (plain - audio[: plain.numel()]).abs().max()
    print(f"  inside the window against MimiModel.decode: {error.item():.2e},"
          f" audio up to {audio.abs().max().item():.2f}")
    assert error < 1e-5
    fewer = codec.decode(codes[:early, :-1].T[None]).audio_values[0, 0]
    return dict(mimi_codes=codes, mimi_audio=audio, mimi_fewer_audio=fewer)


def csm_goldens(model, case, generator):
    config = model.config
    k, v = config.num_codebooks, config.vocab_size
    text = config.text_vocab_size - 3  # no placeholder of audio
    ids = torch.randint(0, text, (case["prompt"],), generator=generator)
    codes = torch.randint(0, v, (case["frames"], k), generator=generator)
    codes[case["frames"] // 2] = 0  # the frame that ends a segment
    table = model.backbone_model.embed_tokens
    embeds = torch.cat([model.embed_text_tokens(ids), table(codes[None])[0]])
    hidden = model.backbone_model(
        inputs_embeds=embeds[None]).last_hidden_state[0]
    depth = []
    for f, frame in enumerate(codes):
        inputs = torch.cat([torch.zeros(1, dtype=torch.long), frame[:-1]])
        depth.append(model.depth_decoder(
            input_ids=inputs[None],
            backbone_last_hidden_state=hidden[None, case["prompt"] - 1 + f],
        ).logits[0])
    long_ids = torch.randint(0, text, (case["long"],), generator=generator)
    long_hidden = model.backbone_model(
        inputs_embeds=model.embed_text_tokens(long_ids)[None]
    ).last_hidden_state[0, -3:]
    return dict(text_ids=ids, codes=codes, embeds=embeds, hidden=hidden,
                c0_logits=model.lm_head(hidden),
                depth_logits=torch.stack(depth), long_ids=long_ids,
                long_hidden=long_hidden, generated=generate(model, ids))


def generate(model, ids):
    """Sampled frames for seeds 0..9, rows that ended early filled with -1."""
    for part in (model, model.depth_decoder):
        part.generation_config.do_sample = True
        part.generation_config.temperature = 0.8
        part.generation_config.top_k = 5
    out = torch.full((10, 8, model.config.num_codebooks), -1)
    for seed in range(10):
        torch.manual_seed(seed)
        frames = model.generate(
            input_ids=ids[None], attention_mask=torch.ones_like(ids)[None],
            max_new_tokens=8)[0]
        out[seed, : len(frames)] = frames
    return out


def save_model(model, case, folder):
    """save_pretrained in the case's type; keeps the `type` spelling of rope."""
    model = model.to(case["dtype"])
    model.save_pretrained(folder, max_shard_size=case.get("shards", "5GB"))
    path = folder / "config.json"
    config = json.loads(path.read_text())
    scaling = case["csm"]["rope_scaling"]
    if scaling and "type" in scaling:
        config["rope_scaling"].pop("rope_type", None)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def write_case(name, case, root):
    print(name)
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = build_model(case)
    generator = torch.Generator().manual_seed(case["seed"] + 1000)
    with torch.no_grad():
        goldens = csm_goldens(model, case, generator)
        goldens |= codec_goldens(model, case, generator)
    goldens = {k: v.contiguous().clone() for k, v in goldens.items()}
    save_file(goldens, folder / "goldens.safetensors")
    save_model(model, case, folder)
    manifest.record(sorted(folder.iterdir()), script=__file__,
                    packages=("torch", "transformers", "moshi"),
                    seed=case["seed"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", default=list(CASES))
    data = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"
    parser.add_argument("--out", type=pathlib.Path, default=data / "tiny")
    args = parser.parse_args()
    for name in args.cases:
        write_case(name, CASES[name], args.out)


if __name__ == "__main__":
    main()
