"""Word error rates of flite, of the codec and of the exported demo model.

    python evaluate.py --work DIR [--model ../../models/demo] [--sentences 100]

pocketsphinx hears, for each held-out sentence and speaker, flite's own audio,
that audio through the codec, and transformers' `generate` of the exported
model in float32 (temperature 0.8, top-k 100, a seed for each sentence).
A sentence has ended if the all-zero frame came before the limit, and runs on
if it is more than half longer than flite's plus half a second. Prints the
table and writes DIR/evaluation.json.
"""

import argparse
import json
import time
from pathlib import Path

import make_data
import numpy as np
import recognise
import shape
import torch
from transformers import AutoTokenizer, CsmForConditionalGeneration

HERE = Path(__file__).resolve().parent
LIMIT = 250  # frames; the longest held-out sentence has fewer than 80


class Demo:
    """The exported model."""

    def __init__(self, folder):
        self.model = CsmForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32
        ).eval()
        self.coder = AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def decode(self, codes):
        """Codes [T, K] -> float audio."""
        if len(codes) == 0:
            return np.zeros(0, np.float32)
        sound = self.model.codec_model.decode(codes.T[None]).audio_values
        return sound[0, 0].numpy()

    @torch.no_grad()
    def through_codec(self, audio):
        wave = torch.from_numpy(audio)[None, None]
        codes = self.model.codec_model.encode(wave).audio_codes[0].T
        return self.decode(codes)

    @torch.no_grad()
    def speak(self, text, speaker, seed):
        """(codes [T, K] before the EOS frame, whether it came)."""
        inputs = self.coder(f"[{speaker}]{text}", return_tensors="pt")
        torch.manual_seed(seed)
        codes = self.model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=LIMIT,
        )[0]
        zero = (codes == 0).all(-1).nonzero()
        ended = len(zero) > 0
        codes = codes[: int(zero[0])] if ended else codes
        return codes.clamp(max=shape.CODES - 1), ended


class Tally:
    """Counts with a recogniser of its own: pocketsphinx adapts to what it
    has heard."""

    def __init__(self):
        self.ear = recognise.Recogniser()
        self.wrong, self.words = 0, 0

    def add(self, text, audio):
        wrong, words = recognise.heard_errors(self.ear, text, audio)
        self.wrong, self.words = self.wrong + wrong, self.words + words

    @property
    def rate(self):
        return 100.0 * self.wrong / max(1, self.words)


def one_speaker(demo, speaker, rows, skip_flite):
    kinds = {kind: Tally() for kind in ("flite", "codec", "model")}
    ended, runs_on, frames, flite_frames = 0, 0, 0, 0
    for seed, (entry, audio) in enumerate(rows):
        text = entry["text"]
        if not skip_flite:
            kinds["flite"].add(text, audio)
            kinds["codec"].add(text, demo.through_codec(audio))
        codes, stopped = demo.speak(text, speaker, seed)
        kinds["model"].add(text, demo.decode(codes))
        flite = len(audio) // shape.FRAME
        ended += stopped
        runs_on += len(codes) > 1.5 * flite + 6
        frames, flite_frames = frames + len(codes), flite_frames + flite
    return {
        "speaker": speaker,
        "sentences": len(rows),
        **{f"{kind}_wer": round(t.rate, 2) for kind, t in kinds.items()},
        "ended": ended,
        "runs_on": runs_on,
        "length_ratio": round(frames / flite_frames, 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--model", type=Path, default=HERE / "../../models/demo"
    )
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--speakers", type=int, nargs="+", default=(0, 1))
    parser.add_argument("--skip-flite", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    entries, sound = make_data.load_shard(args.work / "data", "held")
    demo, results = Demo(args.model), []
    start = time.time()
    for speaker in args.speakers:
        chosen = [e for e in entries if e["speaker"] == speaker]
        step = len(chosen) / args.sentences
        rows = []
        for i in range(args.sentences):
            entry = chosen[int(i * step)]
            span = slice(entry["offset"], entry["offset"] + entry["samples"])
            rows.append((entry, sound[span].astype(np.float32) / 32768))
        results.append(one_speaker(demo, speaker, rows, args.skip_flite))
    print(
        "| speaker | sentences | flite WER % | codec WER % | model WER % "
        "| ended | run on | length / flite |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for r in results:
        print("| " + " | ".join(str(v) for v in r.values()) + " |")
    print(f"{time.time() - start:.0f} s")
    (args.work / "evaluation.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
