"""Spectral losses of the codec: log mel and magnitude at many scales."""

import torch
from torch import nn


def mel_matrix(bands, size, rate, top):
    """Triangular mel filters [size // 2 + 1, bands] from 0 to `top` Hz."""

    def to_mel(hertz):
        return 2595 * torch.log10(1 + torch.as_tensor(hertz) / 700)

    edges = torch.linspace(0, float(to_mel(top)), bands + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    bins = torch.linspace(0, rate / 2, size // 2 + 1)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = torch.minimum(rise, fall).clamp(min=0)
    return filters / filters.sum(0, keepdim=True).clamp(min=1e-6)


class SpectralLoss(nn.Module):
    """L1 of mel (log and linear) and of log magnitude, means over the scales.

    (window, hop, mel bands); magnitudes are divided by the window's sum so
    that the floor under the logarithm means the same at every scale. Both
    sounds are pre-emphasised: above 1 kHz speech lies some 40 dB below its
    loudest harmonics, and recognisers hear words by the logarithm of those
    bands. The floor is 20 dB below their mean; what lies deeper is not learnt.
    The last scale is what such a recogniser computes: 25 bands, 26.7 ms; it
    counts most, and large errors of it more than in proportion.
    """

    SCALES = ((512, 128, 40), (1024, 256, 80), (2048, 512, 80), (640, 240, 25))
    WEIGHTS = (1.0, 1.0, 1.0, 3.0)
    EMPHASIS = 0.97

    def __init__(self, rate=24000, top=8200.0, floor=3e-5):
        super().__init__()
        self.floor = floor
        for size, _, bands in self.SCALES:
            self.register_buffer(f"window{size}", torch.hann_window(size))
            self.register_buffer(
                f"mel{size}", mel_matrix(bands, size, rate, top)
            )
        self.rate, self.top = rate, top

    def _magnitude(self, audio, size, hop):
        window = getattr(self, f"window{size}")
        spectrum = torch.stft(
            audio, size, hop, window=window, center=True, return_complex=True
        )
        real = torch.view_as_real(spectrum)
        power = real.square().sum(-1) / window.sum() ** 2
        return (power + 1e-14).sqrt().transpose(1, 2)

    def forward(self, audio, target):
        """Both [B, samples]; returns (mel loss, magnitude loss)."""
        mel_loss, line_loss = 0.0, 0.0
        audio = audio[:, 1:] - self.EMPHASIS * audio[:, :-1]
        target = target[:, 1:] - self.EMPHASIS * target[:, :-1]
        for (size, hop, bands), weight in zip(
            self.SCALES, self.WEIGHTS, strict=True
        ):
            ours = self._magnitude(audio, size, hop)
            with torch.no_grad():
                theirs = self._magnitude(target, size, hop)
            mel = getattr(self, f"mel{size}")
            a, b = ours @ mel, theirs @ mel
            mel_loss = mel_loss + 0.3 * (a - b).abs().mean() / b.mean()
            gap = torch.log(a + self.floor) - torch.log(b + self.floor)
            part = gap.abs().mean()
            if bands == self.SCALES[-1][2]:
                part = part + gap.square().mean()
            mel_loss = mel_loss + weight * part
            keep = int(size * self.top / self.rate)
            a = torch.log(ours[..., :keep] + self.floor)
            b = torch.log(theirs[..., :keep] + self.floor)
            line_loss = line_loss + (a - b).abs().mean()
        scales = len(self.SCALES)
        return mel_loss / scales, line_loss / scales
