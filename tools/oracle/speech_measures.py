"""What speech is judged by: distances to a reference, bootstrap intervals.

Formulas and ranges: docs/validation.md, "Speech".
"""

import wave

import numpy as np

RATE = 24000
WINDOW, HOP, FFT = 600, 240, 1024  # 25 ms, 10 ms
BANDS, CEPSTRA = 40, 13
TOP_HZ = 8000.0  # flite has nothing above
RANGE = 1e-3  # amplitudes this far below the loudest band count as silence
RESAMPLES = 2000


def read_wav(path):
    """Audio float [N] at RATE of a 16-bit mono file that csm wrote."""
    with wave.open(str(path)) as file:
        form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        if form != (RATE, 1, 2):
            raise RuntimeError(f"expected 24 kHz mono 16 bit, got {form}")
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


def mel_filters():
    """Triangular filters [BANDS, FFT / 2 + 1], centres even in mel."""
    mel = np.linspace(0, 2595 * np.log10(1 + TOP_HZ / 700), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.arange(FFT // 2 + 1) * RATE / FFT
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (hertz - low) / (middle - low)
    falling = (high - hertz) / (high - middle)
    return np.maximum(0, np.minimum(rising, falling))


FILTERS = mel_filters()
BASIS = 2 / BANDS * np.cos(
    np.pi / BANDS
    * np.outer(np.arange(1, CEPSTRA + 1), np.arange(BANDS) + 0.5))


def log_mel(audio):
    """Natural logarithm of mel amplitudes [frames, BANDS] of audio [N].

    Floored at RANGE below the loudest; audio without a sound is all zero.
    """
    audio = np.pad(np.asarray(audio, np.float64),
                   (0, max(0, WINDOW - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), FFT)) ** 2
    amplitude = np.sqrt(power @ FILTERS.T)
    loudest = amplitude.max()
    if loudest == 0:
        return np.zeros_like(amplitude)
    return np.log(np.maximum(amplitude / loudest, RANGE))


def cepstra(log_amplitudes):
    """Mel cepstra 1 to CEPSTRA [frames, CEPSTRA]; c0, the level, is left out."""
    return log_amplitudes @ BASIS.T


def path_mean(distances):
    """Mean of distances [n, m] along the cheapest warping path.

    Steps (1, 0), (0, 1) and (1, 1); of equal sums the diagonal one.
    """
    n, m = distances.shape
    # By anti-diagonals, index i: sums and lengths of the best path to (i, d-i).
    before = [np.full(n + 1, np.inf), np.zeros(n + 1, int)]
    last = [np.full(n + 1, np.inf), np.zeros(n + 1, int)]
    before[0][0] = 0.0
    for d in range(n + m - 1):
        i = np.arange(max(0, d - m + 1), min(n, d + 1))
        sums = np.stack([before[0][i], last[0][i], last[0][i + 1]])
        lengths = np.stack([before[1][i], last[1][i], last[1][i + 1]])
        best = sums.argmin(0)
        now = [np.full(n + 1, np.inf), np.zeros(n + 1, int)]
        column = np.arange(len(i))
        now[0][i + 1] = sums[best, column] + distances[i, d - i]
        now[1][i + 1] = lengths[best, column] + 1
        before, last = last, now
    return last[0][n] / last[1][n]


def mel_cepstral_distortion(audio, reference):
    """Distance in dB between two sounds [N] at RATE, aligned in time."""
    a, b = cepstra(log_mel(audio)), cepstra(log_mel(reference))
    squares = ((a[:, None] - b[None]) ** 2).sum(-1)
    return float(10 / np.log(10) * path_mean(np.sqrt(2 * squares)))


# Columns of one utterance.
COLUMNS = ("errors", "words", "ended", "frames", "reference_frames", "mcd_db")
FRAME_SECONDS = 0.08
# Measure: (numerator, denominator) of a sum over utterances [..., COLUMNS].
MEASURES = {
    "word_error_rate": lambda u: (u[..., 0], u[..., 1]),
    "eos_rate": lambda u: (u[..., 2], np.ones_like(u[..., 2])),
    "duration_ratio": lambda u: (u[..., 3], u[..., 4]),
    "duration_error_s": lambda u: (
        FRAME_SECONDS * np.abs(u[..., 3] - u[..., 4]),
        np.ones_like(u[..., 3])),
    "mcd_db": lambda u: (u[..., 5], np.ones_like(u[..., 5])),
}
# +1: lower is better, -1: higher is; a ratio has no best of its own.
SENSE = {"word_error_rate": 1, "eos_rate": -1, "duration_error_s": 1,
         "mcd_db": 1}


def resamples(n, seed=1, count=RESAMPLES):
    """How often each of n sentences is in each bootstrap sample [count, n]."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=count)


def replicates(utterances, counts):
    """{measure: (value, its bootstrap replicates)}.

    utterances [sentences, speakers, COLUMNS]: both speakers of a sentence are
    drawn together.
    """
    out = {}
    for name, parts in MEASURES.items():
        top, bottom = (part.sum(1) for part in parts(utterances))
        out[name] = (float(top.sum() / bottom.sum()),
                     (counts @ top) / (counts @ bottom))
    return out


def interval(samples):
    """The middle 95 % of bootstrap replicates."""
    return [float(v) for v in np.percentile(samples, [2.5, 97.5])]


def describe(cells):
    """{setting: measures}, each with interval and difference to the best.

    cells  {setting: utterances}, all over the same sentences; the bootstrap
    draws the same ones for every cell, so differences are paired.
    """
    some = next(iter(cells.values()))
    counts = resamples(len(some))
    all_cells = {k: replicates(u, counts) for k, u in cells.items()}
    out = {key: {} for key in cells}
    for name in MEASURES:
        for key, measured in all_cells.items():
            value, samples = measured[name]
            out[key][name] = value
            out[key][name + "_95"] = interval(samples)
        if name not in SENSE:
            continue
        best = min(all_cells, key=lambda k: SENSE[name] * all_cells[k][name][0])
        for key, measured in all_cells.items():
            gap = measured[name][1] - all_cells[best][name][1]
            out[key][name + "_to_best"] = (measured[name][0]
                                           - all_cells[best][name][0])
            out[key][name + "_to_best_95"] = interval(gap)
    return out


def verdict(described, setting):
    """Whether no setting is shown to be better than this one, by measure.

    Holds if the 95 % interval of the paired difference to the best setting
    reaches 0. None where the setting was not measured.
    """
    if setting not in described:
        return None
    chosen, out = described[setting], []
    for name, sense in SENSE.items():
        best = min(described, key=lambda k: sense * described[k][name])
        low, high = chosen[name + "_to_best_95"]
        out.append({
            "measure": name,
            "value": chosen[name],
            "best": {"temperature": best[0], "top_k": best[1],
                     "value": described[best][name]},
            "difference": chosen[name + "_to_best"],
            "difference_95": [low, high],
            "holds": bool(low <= 0 <= high),
        })
    return out
