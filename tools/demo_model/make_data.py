"""Makes the training speech: texts, 24 kHz audio and timings, in shards.

    python make_data.py --work DIR [--count 12000]

Writes DIR/data/NNN.{i16,json} (500 texts a shard, speakers alternating) and
DIR/data/held.{i16,json} (the held-out texts, each with both speakers).
Rerunning makes only the shards that are missing.
"""

import argparse
import json
import os
from pathlib import Path

import flite
import numpy as np
import sentences
from scipy.signal import resample_poly
from shape import FRAME, RATE

SHARD = 500


def token_spans(text, words):
    """[(first letter, end letter, start s, end s)] of flite's tokens in text.

    None if a token is not found in order.
    """
    spans, position = [], 0
    for _, start, end, token, first in words:
        if first:
            begin = text.find(token, position)
            if begin < 0:
                return None
            position = begin + len(token)
            spans.append([begin, position, start, end])
        elif spans:
            spans[-1][3] = end
    return spans


def to_24k(samples):
    """int16 at 16 kHz -> int16 at 24 kHz, padded to whole frames."""
    audio = resample_poly(samples.astype(np.float32), 3, 2)
    audio = np.pad(audio, (0, -len(audio) % FRAME))
    return np.clip(np.round(audio), -32768, 32767).astype(np.int16)


def speak_all(voice, jobs):
    """(entries, audio) of [(text, speaker)]; offsets count samples."""
    entries, parts, offset = [], [], 0
    for text, speaker in jobs:
        samples, phones, words = voice.speak(text, speaker)
        audio = to_24k(samples)
        entries.append(
            {
                "text": text,
                "speaker": speaker,
                "offset": offset,
                "samples": len(audio),
                "phones": [(p, round(e, 4)) for p, e in phones],
                "spans": token_spans(text, words),
            }
        )
        parts.append(audio)
        offset += len(audio)
    return entries, np.concatenate(parts)


def write_shard(folder, name, voice, jobs):
    target = folder / f"{name}.json"
    if target.exists():
        return
    entries, audio = speak_all(voice, jobs)
    audio.tofile(folder / f"{name}.i16")
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(entries))
    os.replace(temporary, target)
    lost = sum(e["spans"] is None for e in entries)
    seconds = len(audio) / RATE
    print(
        f"{name}: {len(entries)} texts, {seconds:.0f} s, {lost} unaligned",
        flush=True,
    )


def load_shard(folder, name):
    """(entries, audio int16 memory map) of one shard."""
    entries = json.loads((Path(folder) / f"{name}.json").read_text())
    audio = np.memmap(Path(folder) / f"{name}.i16", dtype=np.int16, mode="r")
    return entries, audio


def shard_names(folder):
    return sorted(p.stem for p in Path(folder).glob("[0-9]*.json"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=12000)
    args = parser.parse_args()
    folder = args.work / "data"
    folder.mkdir(parents=True, exist_ok=True)
    voice = flite.Flite()
    held = [(t, s) for t in sentences.held_out() for s in (0, 1)]
    write_shard(folder, "held", voice, held)
    texts = sentences.training(args.count)
    for first in range(0, args.count, SHARD):
        jobs = [(t, i % 2) for i, t in enumerate(texts[first : first + SHARD])]
        write_shard(folder, f"{first // SHARD:03d}", voice, jobs)


if __name__ == "__main__":
    main()
