"""Mimi's encoder in transformers and in moshi, with the same weights.

transformers 4.57.6 applies no window in its Mimi transformers, so its layers
run here with an explicit mask: keys 0 <= q - k < window, as moshi offline.
"""

import numpy as np
import torch

# A float32 distance |r|^2 + |e|^2 - 2 r.e is off by about this much of its
# terms; two entries that are closer are equally near.
NEAR_TIE = 1e-5


def banded(transformer, x, window):
    """One of MimiModel's transformers on x [1, T, D], with a window."""
    steps = torch.arange(x.shape[1])
    delta = steps[:, None] - steps[None, :]
    hidden = (delta < 0) | (delta >= window)
    mask = torch.zeros(delta.shape).masked_fill(hidden, -torch.inf)
    for layer in transformer.layers:
        x = layer(x, attention_mask=mask[None, None],
                  position_ids=steps[None])[0]
    return x


def interleaved(weight, n_heads):
    """Rows of a rotated projection in the order in which moshi has them."""
    rows, columns = weight.shape
    return weight.view(n_heads, 2, rows // n_heads // 2, columns).transpose(
        1, 2).reshape(rows, columns)


def moshi_transformer(transformer, n_heads, prefix=""):
    """State of a transformer of MimiModel under moshi's names."""
    state = {}
    for i, layer in enumerate(transformer.layers):
        a, p = layer.self_attn, f"{prefix}layers.{i}."
        state[p + "self_attn.in_projs.0.weight"] = torch.cat(
            [interleaved(a.q_proj.weight, n_heads),
             interleaved(a.k_proj.weight, n_heads), a.v_proj.weight])
        state[p + "self_attn.out_projs.0.weight"] = a.o_proj.weight
        for n, m in (("norm1", layer.input_layernorm),
                     ("norm2", layer.post_attention_layernorm)):
            state[p + n + ".weight"] = m.weight
            state[p + n + ".bias"] = m.bias
        state[p + "linear1.weight"] = layer.mlp.fc1.weight
        state[p + "linear2.weight"] = layer.mlp.fc2.weight
        state[p + "layer_scale_1.scale"] = layer.self_attn_layer_scale.scale
        state[p + "layer_scale_2.scale"] = layer.mlp_layer_scale.scale
    return state


class HfEncoder:
    """transformers' MimiModel: pads the input of each convolution."""

    name = "transformers"

    def __init__(self, codec):
        self.codec = codec.eval()

    @torch.no_grad()
    def latent(self, samples):
        """What is quantised: [1, D, frames]."""
        codec = self.codec
        steps = codec.encoder(torch.tensor(samples)[None, None])
        heard = banded(codec.encoder_transformer, steps.transpose(1, 2),
                       codec.config.sliding_window)
        return codec.downsample(heard.transpose(1, 2))

    @torch.no_grad()
    def encode(self, samples):
        """int32 [frames, all codebooks]"""
        codes = self.codec.quantizer.encode(self.latent(samples))
        return np.ascontiguousarray(codes[:, 0].T.numpy(), np.int32)

    @torch.no_grad()
    def margin(self, latent, codes, book, code):
        """How much further than codes[book] another code is from what is left
        of a latent vector [D] at that book, relative to the terms of the
        distance."""
        c = self.codec.config
        quantizer = self.codec.quantizer
        first = 0
        group = quantizer.semantic_residual_vector_quantizer
        if book >= c.num_semantic_quantizers:
            first = c.num_semantic_quantizers
            group = quantizer.acoustic_residual_vector_quantizer
        left = latent.double()
        if group.input_proj is not None:
            left = group.input_proj.weight[:, :, 0].double() @ left
        for layer in range(book - first):
            entries = group.layers[layer].codebook.embed.double()
            left = left - entries[codes[first + layer]]
        entries = group.layers[book - first].codebook.embed.double()
        theirs, ours = entries[codes[book]], entries[code]
        gap = (left - ours).square().sum() - (left - theirs).square().sum()
        size = left.square().sum() + theirs.square().sum()
        return abs(float(gap / size))


class MoshiEncoder:
    """moshi's MimiModel: pads the samples with zeros."""

    name = "moshi"

    @staticmethod
    def fits(config):
        """Whether moshi has such a codec."""
        return (config.num_key_value_heads == config.num_attention_heads
                and config.head_dim * config.num_attention_heads
                == config.hidden_size and config.num_semantic_quantizers == 1
                and config.codebook_dim != config.hidden_size)

    def __init__(self, codec):
        from moshi.models.loaders import get_mimi

        c = codec.config
        hop = int(np.prod(c.upsampling_ratios))
        width = c.hidden_size
        self.model = get_mimi(None, dict(
            sample_rate=c.sampling_rate, channels=1,
            frame_rate=c.sampling_rate / hop / 2,
            seanet=dict(
                channels=1, dimension=width, causal=True,
                n_filters=c.num_filters,
                n_residual_layers=c.num_residual_layers, activation="ELU",
                compress=c.compress, dilation_base=c.dilation_growth_rate,
                disable_norm_outer_blocks=0, kernel_size=c.kernel_size,
                residual_kernel_size=c.residual_kernel_size,
                last_kernel_size=c.last_kernel_size, norm="none",
                pad_mode="constant", ratios=c.upsampling_ratios,
                true_skip=True),
            quantizer=dict(
                dimension=c.codebook_dim, n_q=c.num_quantizers,
                bins=c.codebook_size, input_dimension=width,
                output_dimension=width),
            transformer=dict(
                d_model=width, num_heads=c.num_attention_heads,
                num_layers=c.num_hidden_layers, causal=True, layer_scale=0.01,
                context=c.sliding_window, conv_layout=True,
                max_period=c.rope_theta, gating="none", norm="layer_norm",
                positional_embedding="rope",
                dim_feedforward=c.intermediate_size, input_dimension=width,
                output_dimensions=[width])), num_codebooks=c.num_quantizers)
        missing, unknown = self.model.load_state_dict(
            self.state(codec), strict=False)
        missing = [name for name in missing if not name.startswith(
            ("decoder", "upsample")) and "output_proj" not in name]
        if missing or unknown:
            raise RuntimeError(f"moshi lacks {unknown}, misses {missing}")

    @staticmethod
    def state(codec):
        """The encoder's tensors under moshi's names."""
        state = moshi_transformer(codec.encoder_transformer,
                                  codec.config.num_attention_heads,
                                  "encoder_transformer.transformer.")
        for name, value in codec.encoder.state_dict().items():
            name = name.replace("layers.", "encoder.model.", 1)
            state[name.replace(".conv.", ".conv.conv.")] = value
        state["downsample.conv.conv.conv.weight"] = codec.downsample.conv.weight
        quantizer = codec.quantizer
        for short, group in (
                ("first", quantizer.semantic_residual_vector_quantizer),
                ("rest", quantizer.acoustic_residual_vector_quantizer)):
            prefix = f"quantizer.rvq_{short}."
            state[prefix + "input_proj.weight"] = group.input_proj.weight
            for i, layer in enumerate(group.layers):
                p = f"{prefix}vq.layers.{i}._codebook."
                state[p + "embedding_sum"] = layer.codebook.embed_sum
                state[p + "cluster_usage"] = layer.codebook.cluster_usage
                state[p + "_initialized"] = torch.ones(1)
        return state

    @torch.no_grad()
    def encode(self, samples):
        """int32 [frames, all codebooks]"""
        codes = self.model.encode(torch.tensor(samples)[None, None])
        return np.ascontiguousarray(codes[0].T.numpy(), np.int32)
