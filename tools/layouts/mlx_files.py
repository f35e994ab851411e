"""MLX safetensors, plain and quantised, written by MLX itself."""

import mlx.core as mx
import numpy as np
import torch

SUFFIX = ".weight"


def to_mlx(tensor):
    """The same values and type."""
    if tensor.dtype == torch.bfloat16:
        return mx.array(tensor.float().numpy()).astype(mx.bfloat16)
    return mx.array(tensor.numpy())


def to_torch(array):
    return torch.tensor(np.array(array.astype(mx.float32)))


def is_quantised(name, tensor, group):
    """Linear and Embedding modules with whole groups, as mlx-audio chooses."""
    return (name.endswith(SUFFIX) and tensor.ndim == 2
            and "_audio_tokenizer" not in name
            and tensor.shape[-1] % max(group, 64) == 0)


def quantised(tensors, form_of, mode="affine"):
    """Quantises modules; returns the file's arrays and the values they mean.

    form_of(module) -> (bits, group), or None or False to leave it alone
    """
    arrays, values = {}, {}
    for name, tensor in tensors.items():
        module = name.removesuffix(SUFFIX)
        form = form_of(module)
        if not form or not is_quantised(name, tensor, form[1]):
            arrays[name], values[name] = to_mlx(tensor), tensor.float()
            continue
        bits, group = form
        parts = mx.quantize(to_mlx(tensor), group_size=group, bits=bits,
                            mode=mode)
        for part, array in zip((SUFFIX, ".scales", ".biases"), parts):
            arrays[module + part] = array
        # In float32, where scale * q + bias is exact but for one rounding.
        wide = [p if i == 0 or mode != "affine" else p.astype(mx.float32)
                for i, p in enumerate(parts)]
        values[name] = to_torch(mx.dequantize(
            *wide, group_size=group, bits=bits, mode=mode))
    return arrays, values


def config(form, modules=None, mode="affine"):
    """The object "quantization" of config.json."""
    bits, group = form
    out = {"group_size": group, "bits": bits, "mode": mode}
    for name, other in (modules or {}).items():
        out[name] = other and {"bits": other[0], "group_size": other[1]}
    return out


def save(arrays, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(path), arrays, {"format": "mlx"})
