"""Turns the speech into training rows for the language model.

    python encode_corpus.py --work DIR

Encodes every shard with the trained codec (weights rounded as exported) and
writes DIR/codes/NNN.npz: codes, text ids, and for every frame the place in
the text and the phones (for the two training aids of lm_model.py). Rerunning
encodes only the shards that are missing.
"""

import argparse
from pathlib import Path

import codec_train
import make_data
import numpy as np
import shape
import tokenizer
import torch

BATCH = 24


def text_ids(coder, text, speaker):
    """Ids and letter offsets of `<bos>[speaker]text<eos>`."""
    coded = coder.encode(f"[{speaker}]{text}")
    return coded.ids, coded.offsets


def places(entry, offsets, frames):
    """Index into the text ids of what is spoken in the middle of each frame.

    Silence before, between and after words belongs to the token before it:
    the closing bracket, the last of the word, and EOS after the last word.
    """
    prefix = len(f"[{entry['speaker']}]")
    last = len(offsets) - 1
    letters = {}  # letter of the whole text -> token
    for token, (first, end) in enumerate(offsets[1:last], 1):
        for letter in range(first, end):
            letters.setdefault(letter, token)
    out = np.zeros(frames, np.int16)
    seconds = shape.FRAME / shape.RATE
    for t in range(frames):
        time, place = (t + 0.5) * seconds, prefix - 1
        for first, end, start, stop in entry["spans"]:
            if time >= start:
                share = min(0.999, (time - start) / max(1e-3, stop - start))
                place = prefix + first + int(share * (end - first))
        out[t] = letters[place]
    if entry["spans"]:
        out[(np.arange(frames) + 0.5) * seconds > entry["spans"][-1][3]] = last
    return out


def encode_all(codec, audio):
    """Codes [K, frames] of each int16 array, several at a time."""
    order = sorted(range(len(audio)), key=lambda i: len(audio[i]))
    out = [None] * len(audio)
    for first in range(0, len(order), BATCH):
        part = order[first : first + BATCH]
        longest = max(len(audio[i]) for i in part)
        wave = np.zeros((len(part), longest), np.float32)
        for row, i in enumerate(part):
            wave[row, : len(audio[i])] = audio[i] / 32768.0
        latent = codec.encode(torch.from_numpy(wave))
        codes = codec.mimi.quantizer.encode(latent).transpose(0, 1)
        for row, i in enumerate(part):
            frames = len(audio[i]) // shape.FRAME
            out[i] = codes[row, :, :frames].numpy().astype(np.int16)
    return out


def load_codec(work):
    """The codec with its weights rounded to float16, in eval mode."""
    saved = torch.load(
        work / "codec.pt", map_location="cpu", weights_only=False
    )
    codec = codec_train.Codec()
    state = {n: t.half().float() for n, t in saved["model"].items()}
    codec.mimi.load_state_dict(state)
    return codec.eval()


def encode_shard(codec, coder, work, name):
    target = work / "codes" / f"{name}.npz"
    if target.exists():
        return
    entries, audio = make_data.load_shard(work / "data", name)
    track = codec_train.phone_track(entries, len(audio))
    parts = [audio[e["offset"] : e["offset"] + e["samples"]] for e in entries]
    rows = encode_all(codec, parts)
    codes, ids, where, phones, sizes = [], [], [], [], []
    for entry, row in zip(entries, rows, strict=True):
        tokens, offsets = text_ids(coder, entry["text"], entry["speaker"])
        frames = row.shape[1]
        assert not (row == 0).all(0).any(), "a spoken frame looks like EOS"
        half = np.arange(frames * 2) * 4 + 2
        codes.append(row.T)
        ids.append(np.array(tokens, np.int16))
        where.append(places(entry, offsets, frames))
        phones.append(track[entry["offset"] // 240 + half].reshape(frames, 2))
        sizes.append((len(tokens), frames))
    target.parent.mkdir(exist_ok=True)
    np.savez(
        target,
        codes=np.concatenate(codes),
        ids=np.concatenate(ids),
        places=np.concatenate(where),
        phones=np.concatenate(phones),
        sizes=np.array(sizes, np.int32),
    )
    print(f"{name}: {sum(s[1] for s in sizes)} frames", flush=True)


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    codec = load_codec(args.work)
    coder = tokenizer.load()
    for name in ["held", *make_data.shard_names(args.work / "data")]:
        encode_shard(codec, coder, args.work, name)


if __name__ == "__main__":
    main()
