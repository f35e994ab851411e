"""The demo model's CSM in plain torch, quick to train on a CPU.

Same parameters, names and result as transformers' CsmForConditionalGeneration
(backbone, depth decoder, heads); check_lm_model.py compares the two. Training
heads that are not exported: a phone reader on the middle of the backbone and
one attention head of one layer that is told where in the text it is.
"""

import math

import shape
import torch
import torch.nn.functional as F
from torch import nn

GUIDED_LAYER = 1  # whose head 0 is told the place in the text
READ_LAYER = 2  # after which the phones of the next frame are read


def rope_table(options, positions):
    """cos, sin [positions, head_dim] with the config's llama3 scaling."""
    scaling, width = options["rope_scaling"], options["head_dim"]
    steps = torch.arange(0, width, 2, dtype=torch.int64).float() / width
    frequency = 1.0 / options["rope_theta"] ** steps
    original = scaling["original_max_position_embeddings"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    wave = 2 * math.pi / frequency
    slow = frequency / scaling["factor"]
    blend = (original / wave - low) / (high - low)
    mixed = (1 - blend) * slow + blend * frequency
    frequency = torch.where(
        wave > original / low,
        slow,
        torch.where(wave < original / high, frequency, mixed),
    )
    angle = torch.outer(torch.arange(positions).float(), frequency)
    angle = torch.cat((angle, angle), -1)
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), -1)
    return x * cos + turned * sin


class Attention(nn.Module):
    def __init__(self, options):
        super().__init__()
        width, self.size = options["hidden_size"], options["head_dim"]
        self.heads = options["num_attention_heads"]
        self.groups = options["num_key_value_heads"]
        rows, few = self.heads * self.size, self.groups * self.size
        self.q_proj = nn.Linear(width, rows, bias=False)
        self.k_proj = nn.Linear(width, few, bias=False)
        self.v_proj = nn.Linear(width, few, bias=False)
        self.o_proj = nn.Linear(rows, width, bias=False)

    def forward(self, x, cos, sin, cache=None):
        """x [B, S, D] -> ([B, S, D], q, k [B, heads, S, size]).

        `cache` is a list that holds the keys and values so far.
        """
        batch, length, _ = x.shape
        weight = torch.cat(
            (self.q_proj.weight, self.k_proj.weight, self.v_proj.weight)
        )
        rows = (
            F.linear(x, weight)
            .view(batch, length, -1, self.size)
            .transpose(1, 2)
        )
        q, k, v = rows.split((self.heads, self.groups, self.groups), 1)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        repeat = self.heads // self.groups
        wide_k = k.repeat_interleave(repeat, 1)
        wide_v = v.repeat_interleave(repeat, 1)
        y = F.scaled_dot_product_attention(
            q, wide_k, wide_v, is_causal=length > 1
        )
        y = y.transpose(1, 2).reshape(batch, length, -1)
        return self.o_proj(y), q, k


class Mlp(nn.Module):
    def __init__(self, options):
        super().__init__()
        width, inner = options["hidden_size"], options["intermediate_size"]
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        weight = torch.cat((self.gate_proj.weight, self.up_proj.weight))
        gate, up = F.linear(x, weight).chunk(2, -1)
        return self.down_proj(F.silu(gate) * up)


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), 1e-5)


class Layer(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.self_attn = Attention(options)
        self.mlp = Mlp(options)
        self.input_layernorm = Norm(options["hidden_size"])
        self.post_attention_layernorm = Norm(options["hidden_size"])

    def forward(self, x, cos, sin, cache=None):
        y, q, k = self.self_attn(self.input_layernorm(x), cos, sin, cache)
        x = x + y
        return x + self.mlp(self.post_attention_layernorm(x)), q, k


class Llama(nn.Module):
    def __init__(self, options, positions):
        super().__init__()
        layers = [Layer(options) for _ in range(options["num_hidden_layers"])]
        self.layers = nn.ModuleList(layers)
        self.norm = Norm(options["hidden_size"])
        cos, sin = rope_table(options, positions)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, x, caches=None, start=0):
        """(normed output, [(hidden, q, k) after each layer])."""
        stop = start + x.shape[1]
        cos, sin = self.cos[start:stop], self.sin[start:stop]
        seen = []
        for i, layer in enumerate(self.layers):
            x, q, k = layer(x, cos, sin, caches[i] if caches else None)
            seen.append((x, q, k))
        return self.norm(x), seen


class Csm(nn.Module):
    """Everything of the model except the codec."""

    def __init__(self):
        super().__init__()
        wide, narrow = shape.BACKBONE["hidden_size"], shape.DEPTH["hidden_size"]
        self.text = nn.Embedding(shape.BACKBONE["text_vocab_size"], wide)
        self.audio = nn.Embedding(shape.K * shape.V, wide)
        self.backbone = Llama(shape.BACKBONE, 2048)
        self.depth = Llama(shape.DEPTH, shape.K)
        self.project = nn.Linear(wide, narrow, bias=False)
        self.c0_head = nn.Linear(wide, shape.V, bias=False)
        self.heads = nn.Parameter(torch.empty(shape.K - 1, narrow, shape.V))
        self.register_buffer(
            "offsets", torch.arange(shape.K) * shape.V, persistent=False
        )
        self._initialise()

    def _initialise(self):
        nn.init.normal_(self.heads, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.05)
            if isinstance(module, nn.Linear):
                nn.init.normal_(
                    module.weight, std=module.in_features**-0.5 / 1.5
                )
        for stack in (self.backbone, self.depth):
            for layer in stack.layers:
                layer.self_attn.o_proj.weight.data *= 0.3
                layer.mlp.down_proj.weight.data *= 0.3
        self.c0_head.weight.data *= 0.3

    def frames(self, codes):
        """Frame embeddings [N, D] of codes [N, K]."""
        return self.audio(codes + self.offsets).sum(1)

    def depth_rows(self, hidden, codes):
        """Depth inputs [N, K, d]: hidden [N, D], then codes [N, K - 1]."""
        rows = self.audio(codes + self.offsets[: codes.shape[1]])
        return self.project(torch.cat((hidden[:, None], rows), 1))

    def depth_logits(self, hidden, codes):
        """Logits [N, K - 1, V] of codebooks 1.. given codes [N, K - 1]."""
        y, _ = self.depth(self.depth_rows(hidden, codes))
        return torch.einsum("nkd,kdv->knv", y[:, 1:], self.heads).transpose(
            0, 1
        )

    def exported(self):
        """The state under transformers' names."""
        names = {
            "text.": "embed_text_tokens.",
            "audio.": "depth_decoder.model.embed_tokens.",
            "backbone.": "backbone_model.",
            "depth.": "depth_decoder.model.",
            "project.": "depth_decoder.model.inputs_embeds_projector.",
            "c0_head.": "lm_head.",
            "heads": "depth_decoder.codebooks_head.weight",
        }
        out = {}
        for name, tensor in self.state_dict().items():
            old = next(n for n in names if name.startswith(n))
            out[names[old] + name[len(old) :]] = tensor.detach().float().clone()
        return out


def pick(logits, temperature, top_k):
    """Samples one code per row of logits [N, V]; not beyond the codec's."""
    logits = logits.float()[:, : shape.CODES] / temperature
    least = logits.topk(top_k, -1).values[:, -1:]
    chances = logits.masked_fill(logits < least, -math.inf).softmax(-1)
    return torch.multinomial(chances, 1)[:, 0]


@torch.no_grad()
def generate(model, texts, limit=150, temperature=0.8, top_k=100):
    """Codes [frames, K] of every text (lists of token ids, equal lengths
    only: no padding), and whether each ended by itself."""
    batch = len(texts)
    x = model.text(torch.tensor(texts))
    caches = [[] for _ in model.backbone.layers]
    start, frames, done = 0, [], torch.zeros(batch, dtype=torch.bool)
    ends = torch.full((batch,), limit)
    for t in range(limit):
        hidden = model.backbone(x, caches, start)[0][:, -1]
        start += x.shape[1]
        code = pick(model.c0_head(hidden), temperature, top_k)
        codes, row, inner = [code], hidden, [[] for _ in model.depth.layers]
        model.depth(model.project(row)[:, None], inner, 0)
        for k in range(1, shape.K):
            row = model.project(model.audio(code + (k - 1) * shape.V))
            y = model.depth(row[:, None], inner, k)[0][:, 0]
            code = pick(y @ model.heads[k - 1], temperature, top_k)
            codes.append(code)
        frame = torch.stack(codes, 1)
        ends[(frame == 0).all(1) & ~done] = t
        done |= (frame == 0).all(1)
        frames.append(frame)
        if done.all():
            break
        x = model.frames(frame)[:, None]
    frames = torch.stack(frames, 1)
    return [frames[i, : ends[i]] for i in range(batch)], done.tolist()
