"""A quality card: what each type of weights costs, against float32.

    python tools/oracle/quality_card.py --csm build/release/bin/csm
        [--model models/demo] [--types bf16,int8,int4] [--sentences 40]
        [--also LABEL=FOLDER] [--out FILE.md] [--json FILE.json]

Speaks held-out sentences of the demo model with both speakers (the seed is the
sentence's number) in every type of weights, scores float32's codes with each,
and writes a Markdown table, docs/quality-card.md unless --out names another
file; docs/quantisation.md defines the columns. --also
adds a model folder of another quantisation, in the type that it is stored in.
With pocketsphinx installed the speech is heard, too; without it the column is
left out. Needs no more than numpy otherwise.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import speech_measures as measures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "demo_model"))
import recognise  # noqa: E402
import sentences  # noqa: E402

REFERENCE = "f32"
SPEAKERS = 2
LIMIT_MS = 20000
DRAWS = 8  # codes drawn from each row at equal noise
SAMPLING = {"--temperature": 0.8, "--top-k": 100}


class Card:
    """Runs the program in a folder of its own."""

    def __init__(self, arguments, folder):
        self.csm = str(arguments.csm)
        self.model = str(arguments.model)
        self.folder = pathlib.Path(folder)
        self.threads = str(arguments.threads)
        config = json.loads((arguments.model / "config.json").read_text())
        self.n_valid = config["codec_config"]["codebook_size"]

    def call(self, *words):
        done = subprocess.run([self.csm, *map(str, words)],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return done.stdout

    def place(self, form):
        """Options that choose a form of the model: a type, or a folder."""
        name, folder = form
        where = ["--model", folder or self.model]
        return where if folder else [*where, "--dtype", name]

    def file(self, kind, form, number):
        return self.folder / f"{form[0]}.{number}.{kind}"

    def speak(self, form, number, text, speaker):
        """(codes [F, K], ended by itself); audio is left in a file."""
        codes = self.file("npy", form, number)
        result = json.loads(self.call(
            "generate", *self.place(form), "--threads", self.threads, "--text",
            text, "--speaker", speaker, "--seed", number, "--max-audio-ms",
            LIMIT_MS, *(w for pair in SAMPLING.items() for w in pair),
            "--tokens-out", codes, "--output",
            self.file("wav", form, number), "--json"))
        return np.load(codes), result["stop_reason"] == "eos"

    def score(self, form, number, text, speaker):
        """Logits [F, K, V] of float32's codes."""
        out = self.folder / f"logits.{form[0]}.{number}.npy"
        self.call("score", *self.place(form), "--threads", self.threads,
                  "--text", text, "--speaker", speaker, "--tokens",
                  self.file("npy", (REFERENCE, None), number), "--logits-out",
                  out)
        return np.load(out)

    def draw(self, logits, number):
        """Codes [DRAWS, rows] at the same noise for every form."""
        rows, out = self.folder / "rows.npy", self.folder / "drawn.npy"
        np.save(rows, logits.reshape(-1, logits.shape[-1]))
        self.call("tokens", "draw", "--logits", rows, "--draws", DRAWS,
                  "--seed", number, "--valid-codes", self.n_valid, "--out", out,
                  *(w for pair in SAMPLING.items() for w in pair))
        return np.load(out)

    def sizes(self, form):
        """Bytes of the weights in memory and of those read for a frame."""
        result = json.loads(self.call(
            "bench", *self.place(form), "--threads", self.threads, "--frames",
            1, "--repetitions", 1, "--prompt", 2, "--json"))
        return result["weights_bytes"], result["bytes_per_frame"]

    def stored(self, form):
        """Bytes of the weights' file in that form; float32's is the source."""
        name, folder = form
        if folder or name == REFERENCE:
            return weight_bytes(pathlib.Path(folder or self.model))
        if name in ("int8", "int4"):
            out = self.folder / f"stored-{name}"
            return json.loads(self.call(
                "quantize", "--model", self.model, "--dtype", name, "--output",
                out, "--json"))["bytes"]
        return None  # the program writes no other type


def weight_bytes(folder):
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def log_softmax(logits):
    top = logits - logits.max(axis=-1, keepdims=True)
    return top - np.log(np.exp(top).sum(axis=-1, keepdims=True))


class Tally:
    """What one form of the model does, summed over the sentences."""

    def __init__(self):
        self.error = self.power = self.kl = 0.0
        self.n_rows = self.n_greedy = 0
        self.n_draws = self.n_equal = 0
        self.n_codes = self.n_same = 0
        self.first = []  # frame of the first other code; None if there is none
        self.heard = []  # (errors, words, ended) of each sentence

    def add_logits(self, got, want):
        got, want = got.astype(np.float64), want.astype(np.float64)
        self.error += ((got - want) ** 2).sum()
        self.power += (want ** 2).sum()
        p, q = log_softmax(want), log_softmax(got)
        self.kl += (np.exp(p) * (p - q)).sum()
        self.n_rows += want.size // want.shape[-1]
        self.n_greedy += (got.argmax(-1) == want.argmax(-1)).sum()

    def add_draws(self, got, want):
        self.n_draws += want.size
        self.n_equal += (got == want).sum()

    def add_codes(self, got, want):
        n = min(len(got), len(want))
        self.n_codes += max(len(got), len(want)) * want.shape[1]
        self.n_same += (got[:n] == want[:n]).sum()
        other = np.flatnonzero((got[:n] != want[:n]).any(axis=1))
        if len(other):
            self.first.append(int(other[0]))
        else:
            self.first.append(None if len(got) == len(want) else n)

    def word_errors(self):
        """Word error rate and its 95 % interval by bootstrap, in %."""
        table = np.array([row[:2] for row in self.heard], float)
        top, bottom = (measures.resamples(len(table)) @ table).T
        low, high = measures.interval(top / bottom)
        rate = table[:, 0].sum() / table[:, 1].sum()
        return [round(100 * v, 2) for v in (rate, low, high)]

    def summary(self):
        parted = [frame for frame in self.first if frame is not None]
        out = {
            "logits_error": float(np.sqrt(self.error / self.power)),
            "kl_nats": float(self.kl / self.n_rows),
            "greedy_agreement": float(self.n_greedy / self.n_rows),
            "draw_agreement": float(self.n_equal / self.n_draws),
            "code_agreement": float(self.n_same / self.n_codes),
            "same_utterances": len(self.first) - len(parted),
            "utterances": len(self.first),
            "first_other_frame": float(np.median(parted)) if parted else None,
            "ended": sum(ended for *_, ended in self.heard),
        }
        if self.heard and self.heard[0][0] is not None:
            out["word_error_rate_percent"] = self.word_errors()
        return out


def make_ear():
    try:
        return recognise.Recogniser()
    except ImportError:
        return None


def hear(ear, text, path):
    if ear is None:
        return None, None
    return recognise.heard_errors(ear, text, measures.read_wav(path))


def chosen_texts(n):
    texts = sentences.held_out()
    if not 1 <= n <= len(texts):
        raise SystemExit(f"quality_card: expected 1 to {len(texts)} sentences")
    return [texts[int(i * len(texts) / n)] for i in range(n)]


def measure(arguments, folder):
    """{label: figures}, float32 first."""
    card, ear = Card(arguments, folder), make_ear()
    forms = [(REFERENCE, None)] + [(t, None) for t in arguments.types]
    forms += [tuple(entry.split("=", 1)) for entry in arguments.also]
    tallies = {form: Tally() for form in forms}
    texts = chosen_texts(arguments.sentences)
    with concurrent.futures.ThreadPoolExecutor(arguments.workers) as pool:
        for number, text in enumerate(texts):
            speaker = number % SPEAKERS
            spoken = dict(zip(forms, pool.map(
                lambda form: card.speak(form, number, text, speaker), forms)))
            logits = dict(zip(forms, pool.map(
                lambda form: card.score(form, number, text, speaker), forms)))
            want, drawn = forms[0], None
            for form in forms:
                tally = tallies[form]
                codes, ended = spoken[form]
                tally.add_codes(codes, spoken[want][0])
                tally.add_logits(logits[form], logits[want])
                got = card.draw(logits[form], number)
                drawn = got if drawn is None else drawn
                tally.add_draws(got, drawn)
                wav = card.file("wav", form, number)
                tally.heard.append((*hear(ear, text, wav), ended))
            print(f"\r{number + 1}/{len(texts)} sentences", end="",
                  file=sys.stderr, flush=True)
    print(file=sys.stderr)
    out = {}
    for form in forms:
        memory, frame = card.sizes(form)
        out[form[0]] = {"file_bytes": card.stored(form),
                        "weights_bytes": memory, "frame_bytes": frame,
                        **tallies[form].summary()}
    return out


def percent(value, digits=1):
    return f"{100 * value:.{digits}f}"


def row(label, figures):
    mega = lambda n: "" if n is None else f"{n / 1e6:.1f}"
    n, same = figures["utterances"], figures["same_utterances"]
    first = figures["first_other_frame"]
    cells = [label, mega(figures["file_bytes"]), mega(figures["weights_bytes"]),
             mega(figures["frame_bytes"]),
             percent(figures["logits_error"], 2),
             f"{figures['kl_nats']:.5f}",
             percent(figures["greedy_agreement"]),
             percent(figures["draw_agreement"]),
             percent(figures["code_agreement"]), f"{same} of {n}",
             "" if first is None else f"{first:g}",
             f"{figures['ended']} of {n}"]
    if "word_error_rate_percent" in figures:
        rate, low, high = figures["word_error_rate_percent"]
        cells.append(f"{rate:.1f} ({low:.1f} to {high:.1f})")
    return "| " + " | ".join(cells) + " |"


def markdown(arguments, card):
    heads = ["weights", "file, MB", "memory, MB", "a frame reads, MB",
             "logits error, %", "KL, nats", "greedy equal, %",
             "drawn equal, %", "spoken equal, %", "utterances equal",
             "first other frame", "ended"]
    if "word_error_rate_percent" in card[REFERENCE]:
        heads.append("word error rate, % (95 %)")
    name = arguments.model.resolve().name
    digest = hashlib.sha256(
        (arguments.model / "model.safetensors").read_bytes()).hexdigest()
    lines = [
        f"# Quality card: {name}", "",
        f"Written by `tools/oracle/quality_card.py`; `docs/quantisation.md` "
        f"defines the columns. {arguments.sentences} held-out sentences, "
        f"temperature {SAMPLING['--temperature']}, top-k "
        f"{SAMPLING['--top-k']}, seed 0 and on; model.safetensors "
        f"{weight_bytes(arguments.model) / 1e6:.1f} MB, SHA-256 "
        f"{digest[:16]}...", "",
        "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += [row(label, figures) for label, figures in card.items()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "demo")
    parser.add_argument("--types", type=lambda text: text.split(","),
                        default=["bf16", "int8", "int4"])
    parser.add_argument("--also", action="append", default=[],
                        metavar="LABEL=FOLDER")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path,
                        default=ROOT / "docs" / "quality-card.md")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="quality-card-") as folder:
            card = measure(arguments, folder)
    except (OSError, RuntimeError) as error:
        print(f"quality_card: {error}", file=sys.stderr)
        return 1
    text = markdown(arguments, card)
    print(text, end="")
    arguments.out.write_text(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(card, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
