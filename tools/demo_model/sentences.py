"""The demo model's text: everyday sentences from a small grammar.

Three sources: templates over word lists (vocabulary.py), sequences of
frequent English words from PyPI `wordfreq` (so that the model learns how the
language is spelled, not only how these lists are), and, for the held-out
set, sentences written by hand. Everything is seeded; a text is used once.
"""

import random
import re

import vocabulary as voc

# Texts kept out of training although their words are in it.
DEMO = (
    "The quick brown fox jumps over the lazy dog",
    "Hello from the demo model",
    "Hello, this is the demo model speaking",
    "Hello world",
)
SLOT = re.compile(r"\{(\w+)\}")
UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve "
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def spell(number):
    """English words of 0..9999."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        tail = f" {UNITS[number % 10]}" if number % 10 else ""
        return TENS[number // 10 - 2] + tail
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    tail = f" {spell(number % size)}" if number % size else ""
    return f"{spell(number // size)} {name}{tail}"


def _number(rng):
    roll = rng.random()
    if roll < 0.5:
        return rng.randint(2, 20)
    if roll < 0.9:
        return rng.randint(21, 99)
    return rng.choice((100, 200, 300, 150, 250, 500, 1000, 365, 120))


def _clock(rng):
    hour = UNITS[rng.randint(1, 12)]
    return rng.choice(
        (
            f"{hour} o'clock",
            f"half past {hour}",
            f"quarter to {hour}",
            f"ten past {hour}",
            f"{hour} thirty",
            f"{hour} in the {rng.choice(('morning', 'evening', 'afternoon'))}",
        )
    )


def _slot(name, rng):
    if name == "num":
        number = _number(rng)
        digits = number < 100 and rng.random() < 0.35
        return str(number) if digits else spell(number)
    if name == "small":
        return UNITS[rng.randint(2, 12)]
    if name == "clock":
        return _clock(rng)
    return rng.choice(voc.LISTS[name])


def fill(template, rng):
    """One sentence of a template, with its first letter in upper case."""
    for _ in range(4):  # a filler may hold slots itself
        template = SLOT.sub(lambda m: _slot(m.group(1), rng), template)
    template = re.sub(r"\ba (?=[aeio])", "an ", template)
    template = re.sub(r"\bA (?=[aeio])", "An ", template)
    return template[0].upper() + template[1:]


def templated(rng):
    text = fill(rng.choice(voc.TEMPLATES), rng)
    if rng.random() < 0.12:
        text = text.rstrip(".!?")
    elif rng.random() < 0.05:
        text = text.lower()
    return text


def frequent_words(count=6000):
    """The most frequent English words that are plain letters."""
    from wordfreq import top_n_list

    words = []
    for word in top_n_list("en", 3 * count):
        plain = re.fullmatch(r"[a-z]{3,12}", word) and re.search(
            "[aeiouy]", word
        )
        if plain and word not in voc.AVOID and len(words) < count:
            words.append(word)
    return words


def _rank(rng, count):
    """A rank, the first ones more often, the last ones still often enough."""
    return min(count - 1, int(count * rng.random() ** 1.6))


def word_sequence(rng, words):
    """A few frequent words with small words between, like a sentence."""
    chosen = []
    for _ in range(rng.randint(3, 6)):
        chosen.append(words[_rank(rng, len(words))])
        if rng.random() < 0.35:
            chosen.append(rng.choice(voc.SMALL_WORDS))
    if chosen[-1] in voc.SMALL_WORDS:
        chosen.pop()
    text = " ".join(chosen)
    return text[0].upper() + text[1:] + rng.choice((".", ".", "", "?"))


def key(text):
    """What makes two texts the same: letters and digits only."""
    return re.sub(r"[^a-z0-9 ]", "", text.lower())


def held_out(seed=1):
    """The 100 held-out sentences: written by hand, then templated."""
    rng = random.Random(seed)
    texts, seen = list(voc.WRITTEN), {key(t) for t in voc.WRITTEN}
    while len(texts) < 100:
        text = fill(rng.choice(voc.TEMPLATES), rng)
        if key(text) not in seen and not re.search(r"\d", text):
            seen.add(key(text))
            texts.append(text)
    return texts


def training(count, seed=2):
    """`count` different texts, none of them held out."""
    rng = random.Random(seed)
    words = frequent_words()
    seen = {key(t) for t in (*DEMO, *held_out())}
    texts = []
    while len(texts) < count:
        roll = rng.random()
        text = templated(rng) if roll < 0.6 else word_sequence(rng, words)
        if roll > 0.98:
            text = fill(rng.choice(voc.SHORT), rng)
        if key(text) not in seen and len(text) <= 80:
            seen.add(key(text))
            texts.append(text)
    return texts


if __name__ == "__main__":
    sample = training(4000)
    vocabulary = {w for t in sample for w in key(t).split()}
    print(*sample[:60], sep="\n")
    print(
        len(vocabulary),
        "words;",
        sum(map(len, sample)) / len(sample),
        "letters",
    )
