"""The flite synthesiser through its shared libraries: audio and timings."""

import ctypes

import numpy as np

VOICES = ("slt", "rms")  # speaker 0 and speaker 1
RATE = 16000


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


def _bind(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments
    return function


class Flite:
    """Both voices. Not for use from more than one thread."""

    def __init__(self):
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float
        load = lambda name: ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        core = load("libflite.so.1")
        for name in ("cmulex", "usenglish"):
            load(f"libflite_{name}.so.1")
        _bind(core, "flite_init", ctypes.c_int)()
        self._voices = []
        for name in VOICES:
            library = load(f"libflite_cmu_us_{name}.so.1")
            register = _bind(library, f"register_cmu_us_{name}", pointer, text)
            self._voices.append(register(None))
        self._synth = _bind(core, "flite_synth_text", pointer, text, pointer)
        self._wave = _bind(core, "utt_wave", ctypes.POINTER(_Wave), pointer)
        self._free = _bind(core, "delete_utterance", None, pointer)
        self._relation = _bind(core, "utt_relation", pointer, pointer, text)
        self._head = _bind(core, "relation_head", pointer, pointer)
        self._next = _bind(core, "item_next", pointer, pointer)
        self._string = _bind(core, "ffeature_string", text, pointer, text)
        self._float = _bind(core, "ffeature_float", number, pointer, text)

    def _items(self, utterance, relation):
        item = self._head(self._relation(utterance, relation))
        while item:
            yield item
            item = self._next(item)

    def speak(self, text, speaker):
        """Speaks one text.

        Returns (samples int16 [N] at 16 kHz, phones, words): phones is a list
        of (name, end in seconds), words one of (name, start, end, token, is
        first of its token); token is flite's, without its punctuation.
        """
        utterance = self._synth(text.encode(), self._voices[speaker])
        wave = self._wave(utterance).contents
        assert wave.sample_rate == RATE and wave.num_channels == 1
        samples = np.ctypeslib.as_array(
            wave.samples, (wave.num_samples,)
        ).copy()
        phones = [
            (self._string(item, b"name").decode(), self._float(item, b"end"))
            for item in self._items(utterance, b"Segment")
        ]
        first = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
        last = b"R:SylStructure.daughtern.daughtern.R:Segment.end"
        token, previous = b"R:Token.parent.name", b"R:Token.p.name"
        words = [
            (
                self._string(item, b"name").decode(),
                self._float(item, first),
                self._float(item, last),
                self._string(item, token).decode(),
                self._string(item, previous) == b"0",
            )
            for item in self._items(utterance, b"Word")
        ]
        self._free(utterance)
        return samples, phones, words
