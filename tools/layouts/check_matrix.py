"""Checks every layout and type that csm reads; prints a table, no cell empty.

    python tools/layouts/check_matrix.py --csm build/release/bin/csm
        [--only NAME...] [--prompts 50] [--markdown]

make_layouts.py writes the demo model in each layout with the writers of others
(safetensors, transformers, mlx, gguf), and a reference: a float32 folder in
Hugging Face's layout with the values that those libraries read from the file.

layout, stored  what csm info says, without problems
values          all tensors that csm convert --dtype f32 writes are the
                reference's, bit by bit, read by safetensors
tokens          of the prompts with --dtype f32, how many have the reference's
                codes; all must
demo's          how many have the demo model's codes; all must where a layout
                holds its values exactly
kernels         relative error of the logits with the kernels of the stored
                type against the reference in float32; at most ERRORS
there and back  the tensors after csm convert --to original, mlx, gguf and
                back are the reference's

Layouts that cannot be used must be refused with their words (REFUSED).
Needs build/oracle with PyPI gguf and mlx (tools/layouts/README.md).
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import make_layouts
import numpy as np
import torch
from safetensors.torch import load_file
from source_model import DEPTH_TABLE, FRAME_TABLE, SourceModel

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPTS = ROOT / "tests" / "data" / "prompts.txt"
# Bounds of csm/engine/engine_test.cpp for what codes of inputs cost.
ERRORS = {"f32": 1e-6, "int8": 2e-3, "int4": 0.06}
# Values of these are those of the demo model, whose language model is BF16.
EXACT = ("hf", "hf_f32", "hf_sharded", "hf_pretrained", "hf_frame_table",
         "hf_both_tables", "original_f32", "original_bf16", "original_hf_mimi",
         "original_llama", "sesame", "mlx_senstella_f32", "mlx_senstella_bf16",
         "mlx_audio_f32", "mlx_audio_bf16", "gguf_csmrs_f32",
         "gguf_csmrs_bf16", "gguf_crisp_f32")
# csm-1b's sizes are meant where config.json names none; demo's are others.
REFUSED = {"mlx_mxfp4": "mxfp4", "original_five_keys": "codebook_size"}
CODEC_FOLDER = {"original_hf_mimi": "mimi"}
HEAD = ("format", "layout, stored", "values", "tokens", "demo's", "kernels",
        "there and back")


class Csm:
    """The program on one model."""

    def __init__(self, program, folder, scratch):
        self.program, self.scratch = str(program), scratch
        self.files = ["--model", str(folder)]
        codec = CODEC_FOLDER.get(folder.name)
        if codec:
            self.files += ["--mimi", str(folder / codec)]

    def run(self, command, *words):
        return subprocess.run(
            [self.program, command, *self.files, *map(str, words)],
            capture_output=True, text=True)

    def must(self, command, *words):
        done = self.run(command, *words)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def codes(self, prompts):
        """int32 [frames, K] of each prompt, spoken by itself."""
        script, out = self.scratch / "talk.json", self.scratch / "codes"
        script.write_text(json.dumps(
            [{"speaker": i % 2, "text": p} for i, p in enumerate(prompts)]))
        receipt = json.loads(self.must(
            "generate", "--conversation", script, "--max-context", 0, "--seed",
            1, "--dtype", "f32", "--max-audio-ms", 4000, "--tokens-out",
            f"{out}.npy", "--json"))
        codes = np.load(f"{out}.npy")
        ends = np.cumsum([turn["frames"] for turn in receipt["turns"]])
        assert ends[-1] == len(codes)
        return np.split(codes, ends[:-1])

    def logits(self, text, codes, dtype):
        path, out = self.scratch / "in.npy", self.scratch / "logits.npy"
        np.save(path, codes)
        self.must("score", "--text", text, "--speaker", 0, "--tokens", path,
                  "--logits-out", out, "--dtype", dtype)
        return np.load(out)

    def converted(self, name, *words):
        """Tensors of the model in Hugging Face's layout."""
        out = self.scratch / name
        shutil.rmtree(out, ignore_errors=True)
        self.must("convert", "--output", out, *words)
        return out


def comparable(folder):
    """Values as floats, of one table if two are the same."""
    tensors = {n: t.float() for n, t in
               load_file(folder / "model.safetensors").items()
               if not n.endswith("initialized")}
    frames = tensors.get(FRAME_TABLE)
    if frames is not None and torch.equal(
            frames, tensors.setdefault(DEPTH_TABLE, frames)):
        del tensors[FRAME_TABLE]
    return tensors


def divided(tensors):
    """The same with entries of codebooks, which is all that GGUF has."""
    out = {n: t for n, t in tensors.items()
           if not n.endswith("cluster_usage")}
    for name in [n for n in out if n.endswith("embed_sum")]:
        usage = tensors[name.replace("embed_sum", "cluster_usage")]
        out[name] = out[name] / usage.clamp(min=1e-5)[:, None]
    return out


def difference(got, want):
    """Names of tensors that differ, or nothing."""
    if got.keys() != want.keys():
        return f"names {sorted(got.keys() ^ want.keys())[:3]}"
    other = [n for n in want if got[n].shape != want[n].shape
             or not torch.equal(got[n], want[n])]
    return f"{len(other)} differ: {other[0]}" if other else ""


class Matrix:
    def __init__(self, arguments, scratch):
        self.arguments, self.scratch = arguments, scratch
        self.prompts = PROMPTS.read_text().splitlines()[: arguments.prompts]
        self.model = SourceModel(ROOT / "models" / "demo")
        self.demo = self.csm(self.model.folder).codes(self.prompts)
        self.failed = 0

    def csm(self, folder):
        return Csm(self.arguments.csm, folder, self.scratch)

    def row(self, name):
        folder = make_layouts.write(name, self.model, self.scratch, True)
        reference = self.scratch / f"{name}.hf"
        try:
            cells = self.refused(name, folder) if name in REFUSED else \
                self.cells(name, folder, reference)
        except RuntimeError as error:
            cells = [self.fail(str(error))] + ["-"] * (len(HEAD) - 2)
        for path in (folder, reference):
            shutil.rmtree(path)
        return [name, *cells]

    def fail(self, text):
        self.failed += 1
        return f"FAILED {text}"

    def judge(self, holds, text):
        return text if holds else self.fail(text)

    def refused(self, name, folder):
        done = self.csm(folder).run("generate", "--text", "a", "--json")
        word = REFUSED[name]
        text = self.judge(done.returncode == 1 and word in done.stderr,
                          f"refused: {word}")
        return [text] * (len(HEAD) - 1)

    def cells(self, name, folder, reference):
        csm, other = self.csm(folder), self.csm(reference)
        info = json.loads(csm.must("info", "--json"))
        types = "+".join(row["dtype"] for row in info["tensors"])
        want = comparable(reference)
        wrong = difference(comparable(csm.converted(
            "flat", "--dtype", "f32")), want)
        codes, theirs = csm.codes(self.prompts), other.codes(self.prompts)
        equal = sum(np.array_equal(a, b) for a, b in zip(codes, theirs))
        demo = sum(np.array_equal(a, b) for a, b in zip(codes, self.demo))
        n = len(self.prompts)
        return [self.judge(not info["problems"], f"{info['layout']}, {types}"),
                self.judge(not wrong, wrong or f"{len(want)} equal"),
                self.judge(equal == n, f"{equal}/{n}"),
                self.judge(name not in EXACT or demo == n, f"{demo}/{n}"),
                self.kernels(csm, other, info, theirs[0]),
                self.there_and_back(csm, want)]

    def kernels(self, csm, other, info, codes):
        stored = info["dtype"]
        a = csm.logits(self.prompts[0], codes, "auto")
        b = other.logits(self.prompts[0], codes, "f32")
        error = float(np.sqrt(((a - b) ** 2).sum() / (b ** 2).sum()))
        return self.judge(error <= ERRORS[stored], f"{stored}: {error:.1e}")

    def there_and_back(self, csm, want):
        if FRAME_TABLE in want:  # a second table, which no other layout has
            done = csm.run("convert", "--to", "original", "--output",
                           self.scratch / "no")
            return self.judge(done.returncode == 1 and "one audio table"
                              in done.stderr, "refused: one audio table")
        there = csm.converted("there", "--to", "original", "--dtype", "f32")
        mlx = self.csm(there).converted("mlx", "--to", "mlx")
        gguf = self.csm(mlx).converted("gguf", "--to", "gguf")
        back = self.csm(gguf).converted("back")
        wrong = difference(divided(comparable(back)), divided(want))
        return self.judge(not wrong, wrong or "equal")


def show(rows, markdown):
    if markdown:
        print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(r[i]) for r in [HEAD, *rows]) for i in range(len(HEAD))]
    for row in [HEAD, *rows]:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csm", required=True, type=pathlib.Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    arguments.csm = arguments.csm.resolve()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        matrix = Matrix(arguments, pathlib.Path(folder))
        rows = []
        for name in make_layouts.chosen(arguments.only):
            rows.append(matrix.row(name))
            print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    show(rows, arguments.markdown)
    empty = sum(not cell for row in rows for cell in row)
    print(f"{len(rows)} formats, {matrix.failed} failed, {empty} empty cells")
    return 1 if matrix.failed or empty or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
