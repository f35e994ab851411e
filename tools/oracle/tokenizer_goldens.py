"""Writes tests/data/tokenizer/: a Llama-3 form tokenizer of our own training,
more than 20,000 varied texts, and what PyPI `tokenizers` makes of them.

    python tools/oracle/tokenizer_goldens.py

tokenizer.json   form of csm-1b's; whole words that no merge makes, so that
                 ignore_merges matters; added tokens with every flag
texts.bin        u32 count, then u16 length and the bytes of each text
ids.bin          u32 FNV-1a hash, for each text and in this order, of
                   models/demo/tokenizer.json   encode with the template
                   tokenizer.json               encode with the template
                   tokenizer.json, ignore_merges false, without the template
                   tokenizer.json               decode of the 2nd, no specials
                 over little endian int32 ids, or the decoded UTF-8
samples.json     the ids themselves for the first texts of each kind
demo.sha256      of the demo tokenizer that the goldens were made with
All integers little endian.
"""

import argparse
import hashlib
import json
import pathlib
import struct

import manifest
import unicode_classes
from tokenizer_texts import LANGUAGES, WORDS, Texts, edges, fixed
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from tokenizers import trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/data/tokenizer"
DEMO = ROOT / "models/demo/tokenizer.json"
SEED = 20260
N_TEXTS = 21000
VOCABULARY = 3000
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|AUDIO|>",
            "<|audio_eos|>", "<|eot|>", "<|eot_id|>"]
FLAGGED = {  # content: flags
    "<left>": {"lstrip": True},
    "<right>": {"rstrip": True},
    "<both>": {"lstrip": True, "rstrip": True},
    "<word>": {"single_word": True},
    "zebra": {"single_word": True, "special": False},
    "<norm>": {"normalized": True, "special": False},
    "<|AUD": {"normalized": True, "special": False},
    "na\u00efve": {"special": False},
}


def train():
    """The trained vocabulary and merges, and some entries without merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    lines = [" ".join([w] * (1 + 40 // (1 + rank // 30)))
             for code in sorted(set(LANGUAGES))
             for rank, w in enumerate(WORDS[code])]
    lines += [str(n) for n in range(300)] + ["\n\n", "  \n", "...", "!!", "--"]
    tokenizer.train_from_iterator(lines, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    # Every ninth merge goes, so its entry is found only as a whole piece; some
    # later merges build on it.
    merges = [m for i, m in enumerate(model["merges"]) if i % 9 != 4]
    return model["vocab"], merges


def build(vocabulary, merges, ignore_merges):
    """The whole tokenizer.json as a dict."""
    added = []
    for content in [*SPECIALS, *FLAGGED]:
        token = {"id": len(vocabulary) + len(added), "content": content,
                 "single_word": False, "lstrip": False, "rstrip": False,
                 "normalized": False, "special": True}
        added.append(token | FLAGGED.get(content, {}))
    ids = {t["content"]: t["id"] for t in added}
    bos, eos = SPECIALS[:2]

    def special(token):
        return {"SpecialToken": {"id": token, "type_id": 0}}

    template = {
        "type": "TemplateProcessing",
        "single": [special(bos), {"Sequence": {"id": "A", "type_id": 0}},
                   special(eos)],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]}
                           for t in (bos, eos)}}
    byte_level = {"type": "ByteLevel", "add_prefix_space": True,
                  "trim_offsets": False, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT},
             "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False,
             "trim_offsets": True, "use_regex": False}]},
        "post_processor": {"type": "Sequence",
                           "processors": [byte_level, template]},
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": ignore_merges,
                  "vocab": vocabulary, "merges": merges}}


def fnv(data):
    value = 0x811C9DC5
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def packed(ids):
    return struct.pack(f"<{len(ids)}i", *ids)


def all_texts():
    specials = [*SPECIALS, *SPECIALS, *FLAGGED]
    texts = list(fixed())
    classes = [r for name in ("kLetterRanges", "kNumberRanges", "kSpaceRanges")
               for r in unicode_classes.ranges(
                   unicode_classes.CLASSES[name][0])]
    texts += edges(classes)
    stream = Texts(SEED, specials)
    seen = set(texts)
    while len(texts) < N_TEXTS:
        text = stream.next()
        if text not in seen and len(text.encode()) < 90:
            seen.add(text)
            texts.append(text)
    return texts


def write(texts, demo, ours, merging):
    hashes = [
        [fnv(packed(demo.encode(t).ids)) for t in texts],
        [fnv(packed(ours.encode(t).ids)) for t in texts],
        [fnv(packed(merging.encode(t, add_special_tokens=False).ids))
         for t in texts],
        [fnv(ours.decode(ours.encode(t).ids).encode()) for t in texts]]
    raw = [t.encode() for t in texts]
    (OUT / "texts.bin").write_bytes(
        struct.pack("<I", len(raw))
        + b"".join(struct.pack("<H", len(b)) + b for b in raw))
    (OUT / "ids.bin").write_bytes(
        b"".join(struct.pack(f"<{len(h)}I", *h) for h in hashes))
    samples = [{"text": t, "demo": demo.encode(t).ids,
                "ignore_merges": ours.encode(t).ids,
                "merges": merging.encode(t, add_special_tokens=False).ids}
               for t in texts[-60:]]
    (OUT / "samples.json").write_text(
        json.dumps(samples, separators=(",", ":")) + "\n")
    (OUT / "demo.sha256").write_text(
        hashlib.sha256(DEMO.read_bytes()).hexdigest() + "\n")
    return sum(a != b for a, b in zip(
        [ours.encode(t, add_special_tokens=False).ids for t in texts],
        [merging.encode(t, add_special_tokens=False).ids for t in texts]))


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = train()
    text = json.dumps(build(vocabulary, merges, True), ensure_ascii=False,
                      separators=(",", ":"))
    (OUT / "tokenizer.json").write_text(text + "\n")
    ours = Tokenizer.from_str(text)
    merging = Tokenizer.from_str(
        json.dumps(build(vocabulary, merges, False)))
    texts = all_texts()
    differ = write(texts, Tokenizer.from_file(str(DEMO)), ours, merging)
    manifest.record(sorted(OUT.iterdir()), __file__,
                    ["tokenizers", "wordfreq"], SEED)
    size = sum(p.stat().st_size for p in OUT.iterdir())
    print(f"{len(texts)} texts, {size} bytes, ignore_merges changes {differ}")


if __name__ == "__main__":
    main()
