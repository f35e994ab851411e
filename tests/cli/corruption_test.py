#!/usr/bin/env python3
"""Corrupt model files: what is said about each, in bounded memory.

    corruption_test.py --csm PROGRAM --model FOLDER [--address-space-mb N]

CASES lists the corruptions: which file of which model, what is done to it, and
the words that the one line of the message must have. Nothing may be left in the
output folder, and no run may need more memory than MAX_RESIDENT_MB, whatever a
file claims; with --address-space-mb, which sanitizers cannot have, nor even
reserve it.
"""

import json
import resource
import shutil
import struct
import sys

from bad_input_test import FAILED, Bench, Weights, parser, verdict
from convert_test import write_safetensors

MAX_RESIDENT_MB = 512
GATE = "backbone_model.layers.0.mlp.gate_proj"
MODEL, INDEX = "model.safetensors", "model.safetensors.index.json"
KYUTAI = "tokenizer-e351c8d8-checkpoint125.safetensors"
IN_PROJECTION = "decoder_transformer.transformer.layers.0.self_attn." \
                "in_proj_weight"
NORM = b"backbone.output_norm.weight"  # of the GGUF file, one dimension


# ---- edits: functions of the bytes of a file

def cut(keep):
    return lambda data: data[:int(len(data) * keep)]


def put(offset, fmt, *values):
    """Overwrites a few bytes."""
    def edit(data):
        out = bytearray(data)
        struct.pack_into(fmt, out, offset, *values)
        return bytes(out)
    return edit


def put_behind(name, offset, fmt, *values):
    """The same so far behind a name in the file."""
    return lambda data: put(data.index(name) + len(name) + offset, fmt,
                            *values)(data)


def text(old, new):
    def edit(data):
        assert old.encode() in data, old
        return data.replace(old.encode(), new.encode(), 1)
    return edit


def field(change):
    """Changes JSON."""
    def edit(data):
        values = json.loads(data)
        change(values)
        return json.dumps(values).encode()
    return edit


def header(change):
    """Changes the header of a safetensors file."""
    def edit(data):
        (length,) = struct.unpack("<Q", data[:8])
        tensors = json.loads(data[8: 8 + length])
        change(tensors)
        new = json.dumps(tensors).encode()
        return struct.pack("<Q", len(new)) + new + data[8 + length:]
    return edit


def of(name, key, value):
    return header(lambda t: t[name].__setitem__(key, value))


def renamed(name, to):
    return header(lambda t: t.__setitem__(to, t.pop(name)))


def overlapping(tensors):
    other = GATE.replace("gate", "up") + ".weight"
    tensors[other]["data_offsets"] = tensors[GATE + ".weight"]["data_offsets"]


def poisoned(name, value):
    """A value at the front of a tensor."""
    def edit(data):
        (length,) = struct.unpack("<Q", data[:8])
        begin = json.loads(data[8: 8 + length])[name]["data_offsets"][0]
        return put(8 + length + begin, "<H", value)(data)
    return edit


def first_merge(values):
    values["model"]["merges"][0] = ["no", "such"]


def token_twice(values):
    vocab = values["model"]["vocab"]
    names = list(vocab)
    vocab[names[1]] = vocab[names[0]]


def other_shard(values):
    names = list(values["weight_map"])
    shards = sorted(set(values["weight_map"].values()))
    values["weight_map"][names[0]] = next(
        s for s in shards if s != values["weight_map"][names[0]])


def shard_named(name):
    return field(lambda v: v["weight_map"].__setitem__(
        next(iter(v["weight_map"])), name))


# (what, model, file, edit, words of the message beside the file's name)
CASES = [
    ("data cut off", "hf", MODEL, cut(0.9), ["expected", "bytes"]),
    ("header longer than the file", "hf", MODEL, put(0, "<Q", 1 << 40),
     ["header"]),
    ("header no JSON", "hf", MODEL, put(8, "<B", 0xFF), []),
    ("shape of 2^80 values", "hf", MODEL,
     of(GATE + ".weight", "shape", [1 << 40, 1 << 40]), [GATE]),
    ("shape of another layer", "hf", MODEL,
     of(GATE + ".weight", "shape", [256, 448]),
     [GATE, "expected shape [448, 256], got [256, 448]"]),
    ("type unknown", "hf", MODEL, of(GATE + ".weight", "dtype", "F17"),
     [GATE, "F17"]),
    ("offsets behind the file", "hf", MODEL,
     of(GATE + ".weight", "data_offsets", [0, 1 << 50]), [GATE]),
    ("offsets of another tensor", "hf", MODEL, header(overlapping), []),
    ("NaN in a weight", "hf", MODEL, poisoned(GATE + ".weight", 0x7FC0),
     [GATE, "element 0"]),
    ("a tensor of another name", "hf", MODEL,
     renamed(GATE + ".weight", "surprise"), ["surprise"]),
    ("no shard", "sharded", "model-00002-of-00003.safetensors",
     lambda data: None, []),
    ("shard cut off", "sharded", "model-00002-of-00003.safetensors", cut(0.5),
     ["bytes"]),
    ("shard outside", "sharded", INDEX,
     shard_named("../../etc/passwd.safetensors"),
     ["plain file name", "weight_map"]),
    ("shard of another tensor", "sharded", INDEX, field(other_shard),
     ["expected tensor", "model-0000"]),
    ("index without a map", "sharded", INDEX, lambda data: b"{}",
     ["weight_map"]),
    ("magic", "gguf", "grouped.gguf", put(0, "<4s", b"GGML"), ["GGUF"]),
    ("version 9", "gguf", "grouped.gguf", put(4, "<I", 9), ["version", "9"]),
    ("2^60 tensors", "gguf", "grouped.gguf", put(8, "<Q", 1 << 60),
     ["tensors", str(1 << 60)]),
    ("2^60 keys", "gguf", "grouped.gguf", put(16, "<Q", 1 << 60),
     [str(1 << 60)]),
    ("key of 2^62 bytes", "gguf", "grouped.gguf", put(24, "<Q", 1 << 62), []),
    ("download broke off", "gguf", "grouped.gguf", cut(0.7), []),
    ("type of a tensor unknown", "gguf", "grouped.gguf",
     put_behind(NORM, 12, "<I", 999), [NORM.decode(), "999"]),
    ("tensor behind the end", "gguf", "grouped.gguf",
     put_behind(NORM, 16, "<Q", 1 << 40), ["expected the tensor at offset"]),
    ("dimension of 2^63", "gguf", "grouped.gguf",
     put_behind(NORM, 4, "<Q", 1 << 63), [NORM.decode()]),
    ("config cut off", "hf", "config.json", cut(0.5), []),
    ("width of another model", "hf", "config.json",
     field(lambda v: v.__setitem__("hidden_size", 512)),
     ["expected 512 (hidden_size of the whole model), got 256"]),
    ("2^40 layers", "hf", "config.json",
     field(lambda v: v.__setitem__("num_hidden_layers", 1 << 40)),
     ["num_hidden_layers"]),
    ("no heads", "hf", "config.json",
     field(lambda v: v["depth_decoder_config"].__setitem__(
         "num_attention_heads", 0)), ["num_attention_heads"]),
    ("tokenizer cut off", "hf", "tokenizer.json", cut(0.5), []),
    ("merge of no token", "hf", "tokenizer.json", field(first_merge),
     ["merge", "no"]),
    ("two tokens of one number", "hf", "tokenizer.json", field(token_twice),
     ["id"]),
    ("no scales", "int4", MODEL,
     renamed(GATE + ".scales", "lm_head.bias"), [GATE + ".scales"]),
    ("scales of another shape", "int4", MODEL,
     of(GATE + ".scales", "shape", [4, 448]), [GATE + ".scales"]),
    ("words as floats", "int4", MODEL, of(GATE + ".weight", "dtype", "F32"),
     [GATE, "U32"]),
    ("scale not a number", "int4", MODEL, poisoned(GATE + ".scales", 0x7FC0),
     [GATE + ".scales", "element 0"]),
    ("bits of another file", "int4", "config.json",
     text('"bits": 4', '"bits": 8'), ["bits"]),
    ("codec cut off", "original", KYUTAI, cut(0.5), ["bytes"]),
    ("codec without a tensor", "original", KYUTAI,
     renamed(IN_PROJECTION, "encoder.surprise"), ["encoder.surprise"]),
    ("codec of another shape", "original", KYUTAI,
     of(IN_PROJECTION, "shape", [1, 1]), [IN_PROJECTION]),
    ("codec that is none", "original", KYUTAI, "adapter/adapter_model.safetensors",
     ["Mimi", KYUTAI]),
    ("adapter without configuration", "adapter", "adapter_config.json",
     lambda data: None, []),
    ("adapter of another kind", "adapter", "adapter_config.json",
     text("LORA", "IA3"), ["peft_type", "LORA", "IA3"]),
    ("adapter of another rank", "adapter", "adapter_model.safetensors",
     of("base_model.model.lm_head.lora_A.weight", "shape", [4, 128]),
     ["lm_head.lora_A", "expected shape [2, 256], got [4, 128]"]),
    ("adapter cut off", "adapter", "adapter_model.safetensors", cut(0.5),
     ["bytes"]),
    ("half an adapter", "adapter", "adapter_model.safetensors",
     renamed("base_model.model.lm_head.lora_B.weight",
             "base_model.model.proj.lora_B.weight"), ["lora_B"]),
]


class Corruptions:
    """The whole models, and runs of the program on broken copies."""

    def __init__(self, bench, limit):
        self.bench, self.limit = bench, limit
        data = bench.model.parents[1] / "tests" / "data"
        self.models = {"hf": bench.model,
                       "sharded": data / "tiny" / "explicit_heads"}
        gguf = bench.root / "gguf"
        gguf.mkdir()
        shutil.copy(data / "gguf" / "grouped.gguf", gguf)
        self.models["gguf"] = gguf
        for name, words in (("original", ["convert", "--to", "original"]),
                            ("int4", ["quantize", "--dtype", "int4"])):
            self.models[name] = bench.root / name
            bench.run([*words, "--output", str(self.models[name])])
        self.models["adapter"] = bench.root / "adapter"
        self.write_adapter(self.models["adapter"])

    def write_adapter(self, folder):
        folder.mkdir()
        rows, columns = Weights(self.bench.model / MODEL).header[
            "lm_head.weight"]["shape"]
        (folder / "adapter_config.json").write_text(json.dumps(
            {"peft_type": "LORA", "r": 2, "lora_alpha": 2}))
        name = "base_model.model.lm_head.lora_"
        write_safetensors(folder / "adapter_model.safetensors", {
            name + "A.weight": ([2, columns], [0.5] * 2 * columns),
            name + "B.weight": ([rows, 2], [0.5] * 2 * rows)})

    def arguments(self, kind, folder):
        """What opens the model, without a tokenizer if it has none."""
        if kind in ("sharded", "gguf"):
            return ["convert", "--model", str(folder), "--output",
                    str(self.bench.out / "model")]
        if kind == "adapter":
            return self.bench.speak("--adapter", str(folder))
        return self.bench.speak("--model", str(folder))

    def whole(self):
        """The models are fine as they are."""
        for kind, folder in self.models.items():
            done = self.bench.run(self.arguments(kind, folder))
            self.bench.check(f"{kind}: {done.stderr}", done.returncode == 0)
            shutil.rmtree(self.bench.out)
            self.bench.out.mkdir()

    def case(self, what, kind, file, edit, words):
        folder = self.bench.root / "broken"
        shutil.copytree(self.models[kind], folder)
        if isinstance(edit, str):
            model, name = edit.split("/")
            shutil.copy(self.models[model] / name, folder / file)
        else:
            content = edit((folder / file).read_bytes())
            (folder / file).unlink()
            if content is not None:
                (folder / file).write_bytes(content)
        # Nothing is wrong with a file that only is not what it is called.
        names = [] if isinstance(edit, str) else [file]
        self.bench.expect(what, self.arguments(kind, folder), FAILED, *names,
                          *words, memory_limit=self.limit)
        shutil.rmtree(folder)


def main():
    options = parser(__doc__)
    options.add_argument("--address-space-mb", type=int)
    arguments = options.parse_args()
    bench = Bench(arguments.csm, arguments.model)
    limit = arguments.address_space_mb
    try:
        corruptions = Corruptions(bench, limit and limit << 20)
        corruptions.whole()
        for case in CASES:
            corruptions.case(*case)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        bench.check(f"peak of {peak} MB", peak <= MAX_RESIDENT_MB)
    finally:
        shutil.rmtree(bench.root)
    return verdict("corruptions", bench)


if __name__ == "__main__":
    sys.exit(main())
