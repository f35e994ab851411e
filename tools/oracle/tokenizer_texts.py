"""Varied texts for comparing tokenizers: many scripts, emoji, combining marks,
digits, white space, control characters, special-token text, long words.

Used by tokenizer_goldens.py (committed goldens) and tokenizer_live.py.
"""

import random
import unicodedata

import wordfreq

LANGUAGES = (
    "en en en de fr es it pt nl sv pl cs ru uk bg el tr ar fa he hi bn ta ur "
    "zh ja ko vi fi hu id"
).split()
WORDS = {c: wordfreq.top_n_list(c, 1500, "small") for c in set(LANGUAGES)}
SPACES = [chr(c) for c in (
    9, 10, 11, 12, 13, 32, 32, 32, 0x85, 0xA0, 0x1680, 0x2000, 0x2003, 0x2009,
    0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)] + ["\r\n", "  ", "\n\n"]
NOT_QUITE_SPACES = "\u180e\u200b\u2060\ufeff\u200c\u200d\x1c\x1f"
PUNCTUATION = list(".,;:!?-_()[]{}<>/\\|@#$%^&*+=~`'\"") + list(
    "\u2019\u2018\u201c\u201d\u2013\u2014\u2026\u00bf\u00a1\u3002\u3001"
    "\u060c\u0964\u20ac\u00a3\u00a7\u00b0\u2192\u2713")
SUFFIXES = ["'s", "'S", "'t", "'T", "'re", "'RE", "'ve", "'m", "'M", "'ll",
            "'Ll", "'d", "'D", "'\u017f", "'\u017ft", "'x", "''s", "\u2019s"]
DIGITS = ["0123456789", "\u0660\u0661\u0662\u0663\u0664", "\u0966\u0967\u0968",
          "\u00b2\u00b3\u00bd\u2460\u2167\u3007\U0001d7d8\uff11\uff12"]
EMOJI = ("\U0001f600 \u2764\ufe0f \U0001f44d\U0001f3fd "
         "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 "
         "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1e9\U0001f1ea 1\ufe0f\u20e3 "
         "\U0001f9d1\u200d\U0001f680 \U0001f469\U0001f3fe\u200d\u2695\ufe0f "
         "\U0001faea \u263a \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e"
         "\U000e0067\U000e007f").split(" ")
MARKS = [chr(c) for c in (0x300, 0x301, 0x308, 0x327, 0x345, 0x483, 0x5B0,
                          0x64B, 0x93C, 0x94D, 0xE31, 0x20DD, 0xFE0F, 0x897)]


class Texts:
    """A stream of random texts. `specials`: added-token texts to mix in."""

    def __init__(self, seed, specials=()):
        self.rng = random.Random(seed)
        self.specials = list(specials)
        self.kinds = [
            (self.sentence, 26), (self.digits, 10), (self.white_space, 12),
            (self.emoji, 8), (self.contractions, 8), (self.special, 12),
            (self.code_points, 10), (self.marks, 6), (self.code, 5),
            (self.letters, 3)]

    def word(self):
        r = self.rng
        word = r.choice(WORDS[r.choice(LANGUAGES)])
        style = r.random()
        if style < 0.15:
            word = word.capitalize()
        elif style < 0.2:
            word = word.upper()
        elif style < 0.24:
            word = unicodedata.normalize("NFD", word)
        return word

    def sentence(self):
        r = self.rng
        words = WORDS[r.choice(LANGUAGES)]
        text = ""
        for i in range(r.randint(1, 6)):
            text += (" " if i else "") + r.choice(words)
            if r.random() < 0.2:
                text += r.choice(PUNCTUATION)
        if r.random() < 0.3:
            text = f"[{r.randint(0, 12)}]" + text
        return text[:1].upper() + text[1:] + r.choice(["", ".", "!", "?\n"])

    def digits(self):
        r = self.rng
        text = ""
        for _ in range(r.randint(1, 4)):
            digits = r.choice(DIGITS) if r.random() < 0.3 else DIGITS[0]
            text += "".join(r.choices(digits, k=r.randint(1, 9)))
            text += r.choice(["", ".", ",", " ", ":", "-", self.word()])
        return text

    def white_space(self):
        r = self.rng
        text = ""
        for _ in range(r.randint(1, 5)):
            text += "".join(r.choices(SPACES, k=r.randint(0, 4)))
            text += r.choice(["", self.word(), r.choice(PUNCTUATION),
                              r.choice(NOT_QUITE_SPACES), "7"])
        return text

    def emoji(self):
        r = self.rng
        return "".join(
            r.choice([r.choice(EMOJI), r.choice(EMOJI), " ", self.word()])
            for _ in range(r.randint(1, 4)))

    def contractions(self):
        r = self.rng
        return "".join(
            r.choice([self.word(), " ", "", "1"]) + r.choice(SUFFIXES)
            for _ in range(r.randint(1, 3)))

    def special(self):
        r = self.rng
        if not self.specials:
            return self.sentence()
        text = ""
        for _ in range(r.randint(1, 3)):
            token = r.choice(self.specials)
            if r.random() < 0.15:  # almost a special token
                cut = r.randrange(len(token))
                token = token[:cut] + token[cut + 1:]
            text += r.choice(["", "", " ", "\t\n", self.word(), "1", "\u00e9",
                              "_", "\u200d"]) + token
        return text + r.choice(["", " ", "  \n", self.word(), "9", "."])

    def code_points(self):
        r = self.rng
        tops = [0x80, 0x250, 0x3000, 0xD800, 0x20000, 0x110000]
        text = ""
        while len(text) < r.randint(1, 6):
            c = r.randrange(r.choice(tops))
            text += "" if 0xD800 <= c <= 0xDFFF else chr(c)
        return text

    def marks(self):
        r = self.rng
        return "".join(
            c + "".join(r.choices(MARKS, k=r.choice([0, 0, 1, 2])))
            for c in self.word() + " " + self.word())

    def code(self):
        r = self.rng
        return "".join(
            r.choice([self.word(), r.choice(PUNCTUATION), "    ", "\n", "x1",
                      r.choice(PUNCTUATION) * r.randint(1, 6)])
            for _ in range(r.randint(2, 7)))

    def letters(self):
        r = self.rng
        alphabet = r.choice(["ab", "etaoinshr", "aA", "\u0430\u0431", "lLI1"])
        return "".join(r.choices(alphabet, k=r.randint(1, 50)))

    def next(self):
        kinds, weights = zip(*self.kinds)
        return self.rng.choices(kinds, weights)[0]()


def edges(ranges):
    """Texts around the first and last members of character classes."""
    points = sorted({
        c for first, last in ranges for c in (first - 1, first, last, last + 1)
        if 0 <= c < 0x110000 and not 0xD800 <= c <= 0xDFFF})
    for i in range(0, len(points), 4):
        group = [chr(c) for c in points[i:i + 4]]
        yield "".join(f"a{c}1{c}" for c in group)
        yield " ".join(group) + "\n" + group[0]


def fixed():
    """Texts that every comparison holds."""
    yield ""
    for c in range(0x300):
        yield chr(c)
    for c in (0x10FFFF, 0xFFFF, 0xE000, 0xFFFD, 0x1F600):
        yield chr(c)
    yield from ["a" * 4000, " " * 4000, "1" * 2000, "ab" * 2000, "\n" * 500,
                "!?" * 300, "\u6f22\u5b57" * 500, "e\u0301" * 400,
                " \n" * 300, "hello " * 300, "\u200d\U0001f468" * 100]
