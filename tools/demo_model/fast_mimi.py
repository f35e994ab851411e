"""Mimi's convolution stacks as matrix products, for training on a CPU.

oneDNN's convolution gradients are very slow for a dozen channels at 24 kHz.
Here the data are [B, samples, channels] and every convolution is one GEMM
over overlapping rows, forwards and backwards. Same parameters and same
result as transformers' modules, in the dtype of the data: bfloat16 is about
four times as fast as float32.
"""

import torch
import torch.nn.functional as F


def _overlapping(x, before, after, count, step):
    """Rows [B * T, count * step] of x [B, T * step] padded with zeros.

    Row t holds blocks t - before .. t + after; count = before + 1 + after.
    """
    batch, length = x.shape
    rows = length // step
    padded = F.pad(x, (before * step, after * step))
    view = padded.as_strided(
        (batch, rows, count * step), (padded.stride(0), step, 1)
    )
    return view.reshape(batch * rows, count * step)


def _weight_gradient(left, right):
    """left.T @ right in float32 for tall matrices, summed over slices."""
    rows = left.shape[0]
    slices = next(n for n in (16, 8, 4, 2, 1) if rows % n == 0)
    left = left.view(slices, rows // slices, -1)
    right = right.view(slices, rows // slices, -1)
    return torch.bmm(left.transpose(1, 2), right).float().sum(0)


def _bias_gradient(flat):
    """Column sums of a tall matrix, as a product (sum() is slow)."""
    return _weight_gradient(flat, flat.new_ones(flat.shape[0], 1))[:, 0]


class _Conv(torch.autograd.Function):
    """Causal convolution; weight [O, C, k], k a multiple of the stride."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride):
        batch, length, channels = x.shape
        out, _, kernel = weight.shape
        count, step = kernel // stride, stride * channels
        flat = x.reshape(batch, length * channels)
        columns = _overlapping(flat, count - 1, 0, count, step)
        matrix = weight.permute(0, 2, 1).reshape(out, -1).to(x.dtype)
        ctx.save_for_backward(columns, matrix)
        ctx.shape = (batch, length, channels, out, kernel, stride)
        result = torch.addmm(bias.to(x.dtype), columns, matrix.T)
        return result.view(batch, length // stride, out)

    @staticmethod
    def backward(ctx, grad):
        columns, matrix = ctx.saved_tensors
        batch, length, channels, out, kernel, stride = ctx.shape
        count, step = kernel // stride, stride * channels
        flat = grad.reshape(-1, out)
        weight = _weight_gradient(flat, columns)
        weight = weight.view(out, kernel, channels).permute(0, 2, 1)
        grad_x = None
        if ctx.needs_input_grad[0]:
            blocks = matrix.view(out, count, step).transpose(0, 1).flip(0)
            rows = _overlapping(
                grad.reshape(batch, -1), 0, count - 1, count, out
            )
            grad_x = (rows @ blocks.reshape(count * out, step)).view(
                batch, length, channels
            )
        return grad_x, weight, _bias_gradient(flat), None


class _Transposed(torch.autograd.Function):
    """Causal transposed convolution; weight [C, O, 2 * stride]."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride):
        batch, rows, channels = x.shape
        out = weight.shape[1]
        step = stride * out
        columns = _overlapping(x.reshape(batch, -1), 1, 0, 2, channels)
        matrix = weight.permute(0, 2, 1).reshape(channels, 2, step).to(x.dtype)
        blocks = matrix.transpose(0, 1).flip(0).reshape(2 * channels, step)
        ctx.save_for_backward(x, matrix)
        ctx.stride = stride
        result = torch.addmm(bias.to(x.dtype).repeat(stride), columns, blocks)
        return result.view(batch, rows * stride, out)

    @staticmethod
    def backward(ctx, grad):
        x, matrix = ctx.saved_tensors
        batch, rows, channels = x.shape
        out = grad.shape[-1]
        step = ctx.stride * out
        pieces = _overlapping(grad.reshape(batch, -1), 0, 1, 2, step)
        grad_x = (pieces @ matrix.view(channels, 2 * step).T).view(x.shape)
        weight = _weight_gradient(x.reshape(-1, channels), pieces)
        weight = weight.view(channels, 2 * ctx.stride, out).permute(0, 2, 1)
        bias = _bias_gradient(grad.reshape(-1, out))
        return grad_x, weight, bias, None


def _layer(layer, x):
    """One module of transformers' MimiEncoder or MimiDecoder."""
    name = type(layer).__name__
    if name == "ELU":
        return F.elu(x)
    if name == "MimiConv1d":
        conv = layer.conv
        return _Conv.apply(x, conv.weight, conv.bias, conv.stride[0])
    if name == "MimiConvTranspose1d":
        conv = layer.conv
        return _Transposed.apply(x, conv.weight, conv.bias, conv.stride[0])
    assert name == "MimiResnetBlock", name
    inner = x
    for part in layer.block:
        inner = _layer(part, inner)
    return x + inner


def run(stack, x):
    """MimiEncoder or MimiDecoder on [B, T, C]; returns [B, T', C']."""
    for layer in stack.layers:
        x = _layer(layer, x)
    return x
