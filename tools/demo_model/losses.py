"""Losses of the codec: spectra at many scales, and liftered cepstra."""

import math

import torch
from torch import nn


def mel_matrix(bands, size, rate, top, low=0.0):
    """Triangular mel filters [size // 2 + 1, bands], `low` to `top` Hz."""

    def to_mel(hertz):
        return 2595 * torch.log10(1 + torch.as_tensor(hertz) / 700)

    edges = torch.linspace(float(to_mel(low)), float(to_mel(top)), bands + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    bins = torch.linspace(0, rate / 2, size // 2 + 1)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = torch.minimum(rise, fall).clamp(min=0)
    return filters / filters.sum(0, keepdim=True).clamp(min=1e-6)


def cepstrum_matrix(bands, count, lifter=22, spread=7.0):
    """Log mel bands -> the first `count` liftered cepstra [bands, count].

    An orthonormal DCT; coefficient n is weighted by 1 + L / 2 sin(pi n / L)
    (Juang, Rabiner, Wilpon 1987), which makes their deviations about equal;
    `spread` is that deviation for flite's speech.
    """
    n, band = torch.arange(count)[None], torch.arange(bands)[:, None]
    basis = torch.cos(math.pi * n * (band + 0.5) / bands) * (2 / bands) ** 0.5
    basis[:, 0] /= 2**0.5
    return basis * (1 + lifter / 2 * torch.sin(math.pi * n / lifter)) / spread


class SpectralLoss(nn.Module):
    """L1 of mel (log and linear) and of log magnitude, means over the scales;
    squared error of cepstra and of their slopes.

    (window, hop, mel bands from .. to Hz); magnitudes are divided by the window's sum so
    that the floor under the logarithm means the same at every scale. Both
    sounds are pre-emphasised: above 1 kHz speech lies some 40 dB below its
    loudest harmonics, and recognisers hear words by the logarithm of those
    bands. The floor is 20 dB below their mean; what lies deeper is not learnt.
    The cepstra are those of 25 bands from 130 to 6800 Hz and 26.7 ms, as
    recognisers read them, each in units of its deviation: without that the
    high ones, which tell sounds apart, come out too flat.
    """

    TOP = 8200.0
    SCALES = (
        (512, 128, 40, 0.0, TOP),
        (1024, 256, 80, 0.0, TOP),
        (2048, 512, 80, 0.0, TOP),
        (640, 240, 25, 130.0, 6800.0),
    )
    EMPHASIS = 0.97

    def __init__(self, rate=24000, floor=3e-5):
        super().__init__()
        self.rate, self.floor = rate, floor
        for size, _, bands, low, top in self.SCALES:
            self.register_buffer(f"window{size}", torch.hann_window(size))
            self.register_buffer(
                f"mel{size}", mel_matrix(bands, size, rate, top, low)
            )
        self.register_buffer("cepstra", cepstrum_matrix(25, 13))

    def _magnitude(self, audio, size, hop):
        window = getattr(self, f"window{size}")
        spectrum = torch.stft(
            audio, size, hop, window=window, center=True, return_complex=True
        )
        real = torch.view_as_real(spectrum)
        power = real.square().sum(-1) / window.sum() ** 2
        return (power + 1e-14).sqrt().transpose(1, 2)

    def _cepstral(self, gap):
        """gap [B, T, bands] of log mels."""
        gap = gap @ self.cepstra
        slope = gap[:, 4:] - gap[:, :-4]
        return gap.square().mean() + slope.square().mean()

    def forward(self, audio, target):
        """Both [B, samples]; returns (mel, magnitude, cepstral loss)."""
        mel_loss, line_loss = 0.0, 0.0
        audio = audio[:, 1:] - self.EMPHASIS * audio[:, :-1]
        target = target[:, 1:] - self.EMPHASIS * target[:, :-1]
        for size, hop, bands, _, _ in self.SCALES:
            ours = self._magnitude(audio, size, hop)
            with torch.no_grad():
                theirs = self._magnitude(target, size, hop)
            mel = getattr(self, f"mel{size}")
            a, b = ours @ mel, theirs @ mel
            mel_loss = mel_loss + 0.3 * (a - b).abs().mean() / b.mean()
            gap = torch.log(a + self.floor) - torch.log(b + self.floor)
            mel_loss = mel_loss + gap.abs().mean()
            if bands == len(self.cepstra):
                cepstral = self._cepstral(gap)
            keep = int(size * self.TOP / self.rate)
            a = torch.log(ours[..., :keep] + self.floor)
            b = torch.log(theirs[..., :keep] + self.floor)
            line_loss = line_loss + (a - b).abs().mean()
        scales = len(self.SCALES)
        return mel_loss / scales, line_loss / scales, cepstral
