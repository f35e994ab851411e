#!/usr/bin/env python3
"""csm convert and csm info as a user meets them.

    convert_test.py --csm PROGRAM --model FOLDER

A model goes from Hugging Face's layout to the original's, to MLX's and back,
and into a GGUF file: names and order of rows are checked here, from what spec
and converters of others say, and all must speak the same codes. Adapters are merged.
What cannot be done leaves nothing behind.
"""

import hashlib
import json
import shutil
import signal
import struct
import subprocess
import sys
import time

from bad_input_test import FAILED, USAGE, Weights, writing_verdict

FRAME_TABLE = "backbone_model.embed_tokens.embed_audio_tokens.weight"
DEPTH_TABLE = "depth_decoder.model.embed_tokens.weight"
KYUTAI = "tokenizer-e351c8d8-checkpoint125.safetensors"
CODEC = "codec_model."
TEXT = "Good morning."

# Of the first layer of the backbone and around it: Hugging Face's, the
# original's and MLX's names, and whether rows are in pairs there.
NAMES = [
    ("embed_text_tokens.weight", "text_embeddings.weight",
     "text_embeddings.weight", False),
    (DEPTH_TABLE, "audio_embeddings.weight", "audio_embeddings.weight", False),
    ("depth_decoder.codebooks_head.weight", "audio_head", "audio_head", False),
    ("lm_head.weight", "codebook0_head.weight", "codebook0_head.weight",
     False)]
LAYER = [("self_attn.q_proj.weight", "attn.q_proj.weight", True),
         ("self_attn.k_proj.weight", "attn.k_proj.weight", True),
         ("self_attn.v_proj.weight", "attn.v_proj.weight", False),
         ("self_attn.o_proj.weight", "attn.output_proj.weight", False),
         ("mlp.gate_proj.weight", "mlp.w1.weight", False),
         ("mlp.up_proj.weight", "mlp.w3.weight", False),
         ("mlp.down_proj.weight", "mlp.w2.weight", False),
         ("input_layernorm.weight", "sa_norm.scale", False),
         ("post_attention_layernorm.weight", "mlp_norm.scale", False)]
for _hf, _mine in (("backbone_model", "backbone"),
                   ("depth_decoder.model", "decoder")):
    NAMES += [(f"{_hf}.layers.0.{a}", f"{_mine}.layers.0.{b}",
               f"{_mine}.layers.0.{a}", pairs) for a, b, pairs in LAYER]


class Converter:
    """Runs the program; every run must succeed without a word."""

    def __init__(self, bench):
        self.bench = bench
        self.root = bench.root

    def run(self, *words, status=0):
        done = subprocess.run([self.bench.program, *map(str, words)],
                              capture_output=True, text=True, timeout=300)
        if done.returncode != status:
            self.bench.problems.append(f"{words}: {done.stderr.strip()}")
        return done.stdout

    def convert(self, source, name, *words):
        """Converts into root/name; the folder and what --json said."""
        folder = self.root / name
        said = self.run("convert", "--model", source, "--output", folder,
                        "--json", *words)
        return folder, json.loads(said)

    def codes(self, *words):
        return json.loads(self.run(
            "generate", "--text", TEXT, "--seed", 4, "--max-audio-ms", 640,
            "--dtype", "f32", "--json", *words))["codes_sha256"]

    def check(self, what, holds):
        self.bench.check(what, holds)


def tensors(path):
    """Name -> (dtype, shape, bytes)."""
    weights = Weights(path)
    out = {}
    for name, entry in weights.header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            out[name] = (entry["dtype"], entry["shape"],
                         bytes(weights.payload[begin:end]))
    return out


def in_pairs(tensor, n_heads):
    """Rows j and j + half of every head side by side."""
    dtype, shape, data = tensor
    size = len(data) // shape[0]
    half = shape[0] // n_heads // 2
    order = [head * 2 * half + c * half + j for head in range(n_heads)
             for j in range(half) for c in range(2)]
    return dtype, shape, b"".join(data[i * size: (i + 1) * size]
                                  for i in order)


def n_heads(config, name):
    part = config if name.startswith("backbone") \
        else config["depth_decoder_config"]
    return part["num_key_value_heads" if "k_proj" in name
                else "num_attention_heads"]


def round_trip(converter):
    """Names, rows, the codec's own file, and the way back."""
    model = converter.bench.model
    config = json.loads((model / "config.json").read_text())
    original, _ = converter.convert(model, "original", "--to", "original")
    mlx, _ = converter.convert(original, "mlx", "--to", "mlx")
    back, report = converter.convert(mlx, "back")
    source = tensors(model / "model.safetensors")
    source.setdefault(DEPTH_TABLE, source.pop(FRAME_TABLE, None))
    for column, folder in ((1, original), (2, mlx)):
        made = tensors(folder / "model.safetensors")
        for row in NAMES:
            want = source[row[0]]
            if row[3]:
                want = in_pairs(want, n_heads(config, row[0]))
            converter.check(f"{folder.name}: {row[column]}",
                            made.get(row[column]) == want)
        converter.check(f"{folder.name}: as many tensors", len(made) == len(
            [n for n in source if not n.startswith(CODEC)]))
        codec = tensors(folder / KYUTAI)
        converter.check(
            f"{folder.name}: codec",
            codec["quantizer.rvq_first.vq.layers.0._codebook.embedding_sum"]
            == source[CODEC + "quantizer.semantic_residual_vector_quantizer."
                              "layers.0.codebook.embed_sum"])
    made = tensors(back / "model.safetensors")
    made = {n: t for n, t in made.items() if not n.endswith("initialized")}
    want = {n: t for n, t in source.items() if not n.endswith("initialized")}
    converter.check("back: names", made.keys() == want.keys())
    converter.check("back: tensors", made == want)
    converter.check("back: report", report["from"] == "mlx" and
                    report["to"] == "huggingface" and report["tokenizer"] and
                    report["files"][0]["bytes"] ==
                    (back / "model.safetensors").stat().st_size)
    said = {f: converter.codes("--model", f)
            for f in (model, original, mlx, back)}
    converter.check(f"codes differ: {said}", len(set(said.values())) == 1)
    for folder in (original, mlx, back):
        describe(converter, folder)
    return original


def describe(converter, folder):
    """csm info tells layout, types, and files with their digests."""
    info = json.loads(converter.run("info", folder, "--json"))
    converter.check(f"info {folder.name}: layout", info["layout"] == {
        "back": "huggingface"}.get(folder.name, folder.name))
    converter.check(f"info {folder.name}: problems", info["problems"] == [])
    files = {f["name"]: f for f in info["files"]}
    converter.check(f"info {folder.name}: files", {
        "model.safetensors", "config.json", "tokenizer.json"} <= set(files)
        and (KYUTAI in files) == (folder.name != "back"))
    for name, file in files.items():
        data = (folder / name).read_bytes()
        converter.check(f"info {folder.name}: {name}", file["sha256"] ==
                        hashlib.sha256(data).hexdigest() and
                        file["bytes"] == len(data))
    stored = sum(len(t[2]) for name in files if name.endswith(".safetensors")
                 for t in tensors(folder / name).values())
    converter.check(f"info {folder.name}: bytes", stored == sum(
        row["bytes"] for row in info["tensors"]))
    text = converter.run("info", folder)
    converter.check(f"info {folder.name}: text", "problems: none" in text and
                    files["config.json"]["sha256"] in text)


def floats(tensor):
    dtype, _, data = tensor
    if dtype == "BF16":
        data = b"".join(b"\0\0" + data[i: i + 2]
                        for i in range(0, len(data), 2))
    kind = "e" if dtype == "F16" else "f"
    return [x for (x,) in struct.iter_unpack("<" + kind, data)]


def type_cases(converter):
    """Every type; float32 keeps values, half precision rounds to nearest."""
    name = "backbone_model.layers.1.self_attn.k_proj.weight"
    want = floats(tensors(converter.bench.model / "model.safetensors")[name])
    wide, _ = converter.convert(converter.bench.model, "wide", "--dtype",
                                "f32")
    for dtype, kind in (("f32", "f"), ("f16", "e"), ("bf16", None)):
        folder, _ = converter.convert(wide, dtype, "--dtype", dtype)
        made = tensors(folder / "model.safetensors")
        values = [x if kind is None else
                  struct.unpack("<" + kind, struct.pack("<" + kind, x))[0]
                  for x in want]  # the source is bfloat16
        converter.check(f"{dtype}: values", floats(made[name]) == values)
        kinds = {t[0] for n, t in made.items() if not n.startswith(CODEC)}
        converter.check(f"{dtype}: types {kinds}", kinds == {dtype.upper()})
        shutil.rmtree(folder)
    return wide


GGUF_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 8: "Q8_0", 30: "BF16"}
SIZES = {"F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "Q4_0": (32, 18),
         "Q8_0": (32, 34)}


class Gguf:
    """What is in a GGUF file (spec: ggml's docs/gguf.md), version 3."""

    def __init__(self, path):
        self.data, self.at = path.read_bytes(), 0
        assert self.take(4) == b"GGUF" and self.number("I") == 3
        n_tensors, n_pairs = self.number("Q"), self.number("Q")
        self.pairs = {}
        for _ in range(n_pairs):
            key = self.text()
            self.pairs[key] = self.value(self.number("I"))
        claims = [(self.text(), [self.number("Q") for _ in range(
            self.number("I"))][::-1], self.number("I"), self.number("Q"))
            for _ in range(n_tensors)]
        begin = -(-self.at // 32) * 32
        self.tensors = {}
        for name, shape, kind, offset in claims:
            dtype, n = GGUF_TYPES[kind], 1
            for extent in shape:
                n *= extent
            values, size = SIZES[dtype]
            first = begin + offset
            self.tensors[name] = (dtype, shape, self.data[
                first: first + n // values * size])

    def take(self, n):
        self.at += n
        return self.data[self.at - n: self.at]

    def number(self, kind):
        return struct.unpack("<" + kind, self.take(struct.calcsize(kind)))[0]

    def text(self):
        return self.take(self.number("Q")).decode()

    def value(self, kind):
        if kind == 9:
            element, n = self.number("I"), self.number("Q")
            return [self.value(element) for _ in range(n)]
        return self.text() if kind == 8 else self.number({4: "I", 6: "f"}[kind])


# Of the first layer of the backbone and around it, by CrispASR's names.
GGUF_NAMES = [
    (row, f"backbone.blk.0.{crisp}.weight") for row, crisp in (
        ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"), ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"))]


def gguf_cases(converter, wide):
    """One file with everything, of each type; rows as Hugging Face has them."""
    model = converter.bench.model
    source = tensors(model / "model.safetensors")
    widened = tensors(wide / "model.safetensors")
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    folder, report = converter.convert(model, "gguf", "--to", "gguf")
    made = Gguf(folder / "model.gguf")
    for row, crisp in GGUF_NAMES:
        name = f"backbone_model.layers.0.{row}.weight"
        matrix = len(source[name][1]) > 1
        converter.check(f"gguf: {crisp}", made.tensors.get(crisp) == (
            source if matrix else widened)[name])
    converter.check("gguf: frame rate",
                    made.pairs["csm.mimi.frame_rate"] == 12.5)
    n = len(tokenizer["model"]["vocab"])
    tokens = made.pairs["tokenizer.ggml.tokens"]
    converter.check("gguf: tokens", tokens[n:] == [
        t["content"] for t in tokenizer["added_tokens"]] and all(
        tokenizer["model"]["vocab"][t] == i for i, t in enumerate(tokens[:n])))
    converter.check("gguf: report", report["files"][0]["tensors"] == len(
        made.tensors) and report["to"] == "gguf")
    converter.check("gguf: no other configuration",
                    not (folder / "config.json").exists())
    # The file alone is a model.
    alone = converter.root / "alone" / "voice.gguf"
    alone.parent.mkdir()
    shutil.copy(folder / "model.gguf", alone)
    said = {converter.codes("--model", m) for m in (model, alone)}
    converter.check(f"gguf: codes {said}", len(said) == 1)
    info = json.loads(converter.run("info", alone, "--json"))
    converter.check("gguf: info", info["layout"] == "csm-tts" and
                    info["problems"] == [])
    back, _ = converter.convert(alone, "from-gguf")
    again, _ = converter.convert(back, "gguf-again", "--to", "gguf")
    converter.check("gguf: there and back", Gguf(
        again / "model.gguf").tensors == made.tensors)
    for dtype, v in (("f32", "F32"), ("f16", "F16"), ("bf16", "BF16"),
                     ("q8_0", "Q8_0"), ("q4_0", "Q8_0")):
        converter.run("convert", "--model", model, "--output", folder,
                      "--force", "--to", "gguf", "--dtype", dtype)
        of = {n: t[0] for n, t in Gguf(folder / "model.gguf").tensors.items()}
        converter.check(f"gguf {dtype}: types", (
            of["backbone.blk.1.ffn_up.weight"], of["depth.blk.0.attn_v.weight"],
            of["backbone.output_norm.weight"]) == (dtype.upper(), v, "F32"))
        converter.codes("--model", folder)


def write_safetensors(path, named):
    """Float32 tensors: name -> (shape, values)."""
    header, payload = {}, b""
    for name, (shape, values) in named.items():
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets":
                        [len(payload), len(payload) + len(data)]}
        payload += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + payload)


def adapter_cases(converter, wide):
    """A merged model is the model with the adapter, whatever the layout."""
    folder = converter.root / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": 1, "lora_alpha": 0.5}))
    module = "backbone_model.layers.1.self_attn.q_proj"
    rows, columns = tensors(wide / "model.safetensors")[module + ".weight"][1]
    a = [(i % 5 - 2) / 4 for i in range(columns)]
    b = [(i % 7 - 3) / 8 for i in range(rows)]
    name = "base_model.model." + module
    write_safetensors(folder / "adapter_model.safetensors", {
        name + ".lora_A.weight": ([1, columns], a),
        name + ".lora_B.weight": ([rows, 1], b)})
    merged, _ = converter.convert(converter.bench.model, "merged", "--dtype",
                                  "f32", "--adapter", folder)
    single = struct.Struct("<f")

    def rounded(x):
        return single.unpack(single.pack(x))[0]

    plain = floats(tensors(wide / "model.safetensors")[module + ".weight"])
    made = floats(tensors(merged / "model.safetensors")[module + ".weight"])
    # The product is exact, so that one rounding is left.
    want = [rounded(plain[r * columns + c] + 0.5 * b[r] * a[c])
            for r in range(rows) for c in range(columns)]
    converter.check("merged weights", made == want)
    with_it = ("--adapter", folder)
    said = {converter.codes("--model", merged),
            converter.codes(*with_it),
            converter.codes("--model", converter.root / "original", *with_it),
            converter.codes("--model", converter.root / "mlx", "--adapter",
                            f"{folder}:0.25", "--adapter", f"{folder}:0.75")}
    converter.check(f"codes with the adapter: {said}", len(said) == 1)
    without = converter.codes()
    converter.check("the adapter changes nothing", without not in said)
    converter.check("strength 0", without == converter.codes(
        "--adapter", f"{folder}:0"))
    return folder


def refusal_cases(converter, wide, original, adapter):
    """What csm convert does not do, and that it leaves nothing."""
    bench = converter.bench
    base = ["convert", "--model", str(bench.model), "--output"]
    made = str(bench.out / "model")
    bench.expect("convert without output", base[:-1], USAGE, "--output")
    for option, value in (("--to", "ggml"), ("--to", "mimi"),
                          ("--dtype", "int8"), ("--dtype", "f64"),
                          ("--dtype", "q8_0")):
        bench.expect(f"convert {option} {value}",
                     [*base, made, option, value], USAGE, option)
    bench.expect("output taken", [*base, str(original)], FAILED, "original",
                 "does not exist")
    bench.expect("output the model", [*base, str(bench.model), "--force"],
                 FAILED, "another folder")
    other = bench.root / "precious"
    other.mkdir()
    (other / "notes.txt").write_text("x")
    bench.expect("force on other files", [*base, str(other), "--force"],
                 FAILED, "other files")
    converter.check("other files lost", (other / "notes.txt").exists())
    converter.run(*base, original, "--to", "original", "--force")
    bench.expect("full disk", [*base, made], FAILED, "model.safetensors",
                 file_limit=1 << 20)
    bench.expect("no model", ["convert", "--model", "/nonexistent/m",
                              "--output", made], FAILED, "/nonexistent/m")
    tiny = bench.model.parents[1] / "tests/data/tiny/explicit_heads"
    bench.expect("two audio tables",
                 ["convert", "--model", str(tiny), "--output", made, "--to",
                  "mlx"], FAILED, "one audio table", "mlx")
    bench.expect("full disk, gguf", [*base, made, "--to", "gguf"], FAILED,
                 "model.gguf", file_limit=1 << 20)
    bench.expect("no adapter", [*base, made, "--adapter", "/nonexistent/a"],
                 FAILED, "--adapter", "/nonexistent/a")
    bench.expect("adapter's strength", [*base, made, "--adapter",
                                        f"{adapter}:much"], USAGE, "much")

    def large(folder):
        (folder / "model.safetensors").unlink()
        weights = Weights(wide / "model.safetensors")
        begin = weights.header["lm_head.weight"]["data_offsets"][0]
        weights.payload[begin: begin + 4] = struct.pack("<f", 1e6)
        weights.save(folder / "model.safetensors")
    broken = bench.broken_model("large", large)
    bench.expect("too large for f16",
                 ["convert", "--model", str(broken), "--output", made,
                  "--dtype", "f16"], FAILED, "F16", "element 0", "c0_head")

    def huge(folder):
        weights = Weights(folder / "model.safetensors")
        begin = weights.header["lm_head.weight"]["data_offsets"][0]
        weights.payload[begin + 256: begin + 260] = struct.pack("<f", 1e9)
        weights.save(folder / "model.safetensors")
    bench.expect("too large for blocks",
                 ["convert", "--model", str(bench.broken_model(
                     "huge", lambda f: (large(f), huge(f)))), "--output", made,
                  "--to", "gguf", "--dtype", "q4_0"], FAILED, "Q8_0",
                 "element 64", "c0_head")


def interrupt_case(converter):
    """Ctrl-C on the way leaves nothing."""
    out = converter.bench.out
    run = subprocess.Popen(
        [converter.bench.program, "convert", "--model",
         str(converter.bench.model), "--output", str(out / "model")],
        stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while run.poll() is None and not list(out.iterdir()):
        if time.monotonic() > until:
            break
        time.sleep(0.001)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    left = [p.name for p in out.iterdir()]
    # It may have been done already.
    converter.check(f"interrupted: {run.returncode}, {left}",
                    (run.returncode, left) in ((1, []), (0, ["model"])))
    shutil.rmtree(out)
    out.mkdir()


def cases(bench):
    converter = Converter(bench)
    original = round_trip(converter)
    wide = type_cases(converter)
    gguf_cases(converter, wide)
    adapter = adapter_cases(converter, wide)
    refusal_cases(converter, wide, original, adapter)
    interrupt_case(converter)


if __name__ == "__main__":
    sys.exit(writing_verdict("convert", __doc__, cases))
