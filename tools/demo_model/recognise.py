"""Word error rate by pocketsphinx (en-us), on 24 kHz float audio."""

import re

import numpy as np
from scipy.signal import resample_poly


class Recogniser:
    """One pocketsphinx decoder with its packaged en-us models."""

    def __init__(self):
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=16000, loglevel="FATAL")

    def words(self, audio):
        """The words heard in float audio [N] at 24 kHz."""
        samples = resample_poly(audio, 2, 3)
        pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)
        if len(pcm) < 1600:
            return []
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return normal(hypothesis.hypstr) if hypothesis else []


def heard_errors(ear, text, audio):
    """(errors, words) of what `ear` hears in audio of `text`."""
    reference = normal(text)
    return errors(reference, ear.words(audio)), len(reference)


def normal(text):
    """Lower-case words, letters and apostrophes only."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def errors(reference, heard):
    """Edit distance of two word lists."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            cost = previous if word == other else previous + 1
            previous, row[j] = row[j], min(cost, row[j] + 1, row[j - 1] + 1)
    return row[-1]
