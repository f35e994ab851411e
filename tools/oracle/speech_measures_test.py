"""The measures of speech_sweep.py against values known otherwise.

    python tools/oracle/speech_measures_test.py

Needs numpy only.
"""

import itertools
import unittest

import numpy as np

import speech_measures as measures


def noise(seconds=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=int(seconds * measures.RATE))


def cheapest_by_recursion(distances, i, j, memo):
    """(sum, length) of the best path to (i, j), by the definition."""
    if (i, j) not in memo:
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        sums = [cheapest_by_recursion(distances, *p, memo)
                for p in before if min(p) >= 0]
        total, length = min(sums, key=lambda s: s[0], default=(0.0, 0))
        memo[i, j] = (total + distances[i, j], length + 1)
    return memo[i, j]


class MelCepstralDistortion(unittest.TestCase):
    def test_same_sound_or_louder_is_0(self):
        sound = noise()
        self.assertEqual(measures.mel_cepstral_distortion(sound, sound), 0)
        louder = measures.mel_cepstral_distortion(sound, 4 * sound)
        self.assertAlmostEqual(louder, 0, places=9)

    def test_cosine_of_the_spectrum_has_its_effective_level(self):
        # A ripple of 6 dB amplitude over the mel bands: 6 / sqrt(2) dB.
        bands = (np.arange(measures.BANDS) + 0.5) / measures.BANDS
        for d in (1, 3, 13):
            ripple = 6 * np.log(10) / 20 * np.cos(np.pi * d * bands)
            delta = measures.cepstra(ripple[None] - 5)[0]
            distance = 10 / np.log(10) * np.sqrt(2 * (delta**2).sum())
            self.assertAlmostEqual(distance, 6 / np.sqrt(2), places=9)
        beyond = np.cos(np.pi * 14 * bands)
        self.assertLess(np.abs(measures.cepstra(beyond)).max(), 1e-12)

    def test_stretched_in_time_is_nearly_the_same(self):
        tone = lambda hertz, n: np.sin(
            2 * np.pi * hertz * np.arange(n) / measures.RATE)
        short = np.concatenate([tone(300, 4800), tone(2500, 4800)])
        long = np.concatenate([tone(300, 9600), tone(2500, 4800)])
        back = short[::-1]
        close = measures.mel_cepstral_distortion(long, short)
        self.assertLess(close, 0.5)
        self.assertGreater(measures.mel_cepstral_distortion(back, short),
                           5 * close + 1)

    def test_silence_and_no_sound_at_all(self):
        for silent in (np.zeros(0), np.zeros(5), np.zeros(9600)):
            distance = measures.mel_cepstral_distortion(silent, noise())
            self.assertTrue(0 < distance < 100)
        nothing = measures.mel_cepstral_distortion(np.zeros(0), np.zeros(9))
        self.assertEqual(nothing, 0)

    def test_a_tone_is_in_the_band_of_its_pitch(self):
        for hertz in (200, 1000, 6000):
            tone = np.sin(2 * np.pi * hertz
                          * np.arange(4800) / measures.RATE)
            mel = 2595 * np.log10(1 + hertz / 700)
            top = 2595 * np.log10(1 + measures.TOP_HZ / 700)
            band = mel / top * (measures.BANDS + 1) - 1
            loudest = measures.log_mel(tone)[5].argmax()
            self.assertLess(abs(loudest - band), 1)


class WarpingPath(unittest.TestCase):
    def test_equals_the_definition(self):
        rng = np.random.default_rng(3)
        for n, m in ((1, 1), (1, 7), (6, 1), (5, 9), (12, 12), (17, 4)):
            distances = rng.random((n, m))
            total, length = cheapest_by_recursion(distances, n - 1, m - 1, {})
            self.assertAlmostEqual(measures.path_mean(distances),
                                   total / length)

    def test_by_hand(self):
        self.assertEqual(measures.path_mean(np.array([[4.0]])), 4)
        # The diagonal: 1 + 1; around it: 1 + 5 + 1.
        self.assertEqual(measures.path_mean(np.array([[1.0, 5], [5, 1]])), 1)


def cell(errors, words=10, ended=1, frames=25, reference=20, mcd=3.0):
    """Utterances [sentences, 2 speakers, columns]."""
    rows = [[[e, words, ended, frames, reference, mcd]] * 2 for e in errors]
    return np.array(rows, float)


class Intervals(unittest.TestCase):
    def test_values_by_hand(self):
        out = measures.describe({(0.8, 100): cell([1, 2, 6])})[0.8, 100]
        self.assertAlmostEqual(out["word_error_rate"], 9 / 30)
        self.assertEqual(out["eos_rate"], 1)
        self.assertEqual(out["eos_rate_95"], [1, 1])
        self.assertAlmostEqual(out["duration_ratio"], 1.25)
        self.assertAlmostEqual(out["duration_error_s"], 5 * 0.08)
        self.assertEqual(out["mcd_db"], 3)

    def test_interval_is_that_of_all_resamples(self):
        # Of three sentences, all 27 resamples can be written down.
        errors = [0, 3, 6]
        means = [sum(c) / 30 for c in itertools.product(errors, repeat=3)]
        want = np.percentile(means, [2.5, 97.5], method="inverted_cdf")
        out = measures.describe({(0.8, 100): cell(errors)})[0.8, 100]
        np.testing.assert_allclose(out["word_error_rate_95"], want, atol=1e-12)

    def test_interval_is_the_normal_one_for_many_sentences(self):
        errors = np.random.default_rng(5).integers(0, 11, 400)
        out = measures.describe({(0.8, 100): cell(errors)})[0.8, 100]
        half = 1.96 * errors.std() / np.sqrt(400) / 10
        low, high = out["word_error_rate_95"]
        self.assertAlmostEqual(low, errors.mean() / 10 - half, delta=0.05 * half
                               + 1e-3)
        self.assertAlmostEqual(high, errors.mean() / 10 + half,
                               delta=0.05 * half + 1e-3)

    def test_differences_are_paired(self):
        # One error more in every sentence: certain, though rates vary widely.
        errors = np.array([0, 9, 0, 9, 5, 1])
        cells = {(0.8, 100): cell(errors + 1), (0.7, 50): cell(errors)}
        out = measures.describe(cells)
        chosen = out[0.8, 100]
        np.testing.assert_allclose(chosen["word_error_rate_to_best_95"],
                                   [0.1, 0.1])
        low, high = chosen["word_error_rate_95"]
        self.assertGreater(high - low, 0.3)
        found = {e["measure"]: e for e in measures.verdict(out, (0.8, 100))}
        self.assertFalse(found["word_error_rate"]["holds"])
        self.assertEqual(found["word_error_rate"]["best"]["top_k"], 50)
        self.assertTrue(found["eos_rate"]["holds"])

    def test_holds_where_chance_explains_it(self):
        cells = {(0.8, 100): cell([1, 5, 2, 6]), (0.7, 50): cell([5, 1, 6, 1])}
        found = measures.verdict(measures.describe(cells), (0.8, 100))
        self.assertTrue(found[0]["holds"])
        self.assertGreater(found[0]["difference"], 0)
        self.assertIsNone(measures.verdict(measures.describe(cells), (1, 1)))

    def test_more_that_end_by_themselves_is_better(self):
        cells = {(0.8, 100): cell([1] * 8, ended=0), (0.7, 50): cell([1] * 8)}
        found = measures.verdict(measures.describe(cells), (0.8, 100))[1]
        self.assertEqual(found["measure"], "eos_rate")
        self.assertEqual(found["difference_95"], [-1, -1])
        self.assertFalse(found["holds"])


if __name__ == "__main__":
    unittest.main()
