"""Compares our tokenizer with PyPI `tokenizers` on fresh random texts.

    python tools/oracle/tokenizer_live.py build/release/bin/csm_tokenize

For models/demo, the committed test tokenizer, and variants of it (merges as
strings, ignore_merges off, ByteLevel's own regex and leading space, other
templates): ids with and without the template, and decoded texts. Also every
single code point, alone, between letters, and beside flagged added tokens.
Prints one line per tokenizer and fails on the first difference.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

from tokenizer_goldens import DEMO, FLAGGED, OUT, SPECIALS
from tokenizer_texts import Texts
from tokenizers import Tokenizer


def ours(tool, path, texts, mode):
    """What the tool prints for the texts: lists of ids, or decoded texts."""
    raw = [t.encode() for t in texts]
    data = b"".join(struct.pack("<I", len(b)) + b for b in raw)
    out = subprocess.run([tool, path, *mode], input=data, check=True,
                         stdout=subprocess.PIPE).stdout
    if mode != ["--decode"]:
        return [list(map(int, line.split())) for line in
                out.decode().splitlines()]
    decoded, at = [], 0
    while at < len(out):
        end = out.index(b"\n", at)
        size = int(out[at:end])
        decoded.append(out[end + 1:end + 1 + size].decode())
        at = end + size + 2
    return decoded


def theirs(tokenizer, texts, mode):
    if mode == ["--decode"]:
        return [tokenizer.decode(tokenizer.encode(t).ids) for t in texts]
    special = mode != ["--no-special"]
    return [tokenizer.encode(t, add_special_tokens=special).ids
            for t in texts]


def code_points():
    """Every code point in a few surroundings."""
    for c in range(0x110000):
        if 0xD800 <= c <= 0xDFFF:
            continue
        x = chr(c)
        yield f"a{x}1{x}{x} {x}b"
        if c < 0x3400 or 0xA000 <= c < 0xAC00 or 0x10000 <= c < 0x20000:
            yield f"{x}<word>a zebra{x}<word> {x}<left>{x}<right>{x}"


def variants():
    """(name, tokenizer.json as a dict)"""
    yield "demo", json.loads(DEMO.read_text())
    text = (OUT / "tokenizer.json").read_text()
    yield "llama3 form", json.loads(text)
    value = json.loads(text)
    value["model"]["ignore_merges"] = False
    value["model"]["merges"] = [" ".join(m) for m in value["model"]["merges"]]
    yield "merges as strings, ignore_merges false", value
    value = json.loads(text)
    value["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": True,
                              "trim_offsets": True, "use_regex": True}
    value["post_processor"] = None
    yield "ByteLevel alone", value
    value = json.loads(text)
    value["pre_tokenizer"]["pretokenizers"].insert(
        0, {"type": "Split", "pattern": {"String": "e"},
            "behavior": "Isolated", "invert": False})
    value["pre_tokenizer"]["pretokenizers"][-1]["add_prefix_space"] = True
    value["post_processor"] = value["post_processor"]["processors"][1]
    yield "two splits", value


def compare(tool, name, value, texts):
    start = time.time()
    reference = Tokenizer.from_str(json.dumps(value))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(value, file)
        file.flush()
        for mode in ([], ["--no-special"], ["--decode"]):
            got = ours(tool, file.name, texts, mode)
            want = theirs(reference, texts, mode)
            assert len(got) == len(want), (len(got), len(want))
            for text, a, b in zip(texts, got, want):
                if a != b:
                    sys.exit(f"{name} {mode}: {text!r}\n  ours   {a}"
                             f"\n  theirs {b}")
    print(f"{name}: {len(texts)} texts equal (ids, ids without template, "
          f"decoded), {time.time() - start:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", type=pathlib.Path)
    parser.add_argument("--texts", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--code-points", action="store_true",
                        help="also every code point (minutes)")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else time.time_ns() & 0xFFFFFFFF
    print(f"seed {seed}", flush=True)
    specials = [*SPECIALS, *FLAGGED]
    for i, (name, value) in enumerate(variants()):
        stream = Texts(seed + i, specials)
        texts = [stream.next() for _ in range(args.texts)]
        compare(args.tool, name, value, texts)
    if args.code_points:
        value = json.loads((OUT / "tokenizer.json").read_text())
        compare(args.tool, "every code point", value, list(code_points()))


if __name__ == "__main__":
    main()
