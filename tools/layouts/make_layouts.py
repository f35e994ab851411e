"""Writes a model in every layout that csm reads, without csm's own writers.

    python tools/layouts/make_layouts.py --from models/demo --out DIR
        [--only NAME...] [--random CASE] [--references] [--list]

--from        folder in Hugging Face's layout
--random      instead, a random model of tools/oracle/random_models.py
--only        these layouts; a name with * stands for several
--references  beside DIR/NAME also DIR/NAME.hf: a float32 folder in Hugging
              Face's layout with exactly the values that DIR/NAME stands for
--list        says the names and ends

The writers are safetensors, transformers, mlx and gguf. Tensors that a layout
cannot hold in a type (rows that are no whole groups or blocks) stay as the
real writers leave them. A model with two audio tables has no original and no
MLX layout; those are left out.
"""

import argparse
import copy
import fnmatch
import json
import pathlib
import shutil
import sys
import tempfile

import gguf_files
import mlx_files
import original_names as names
import torch
from source_model import (CODEC, DEPTH_TABLE, FRAME_TABLE, SourceModel, cast,
                          save, write_json)

ORACLE = pathlib.Path(__file__).resolve().parents[1] / "oracle"
KYUTAI_FILE = "tokenizer-e351c8d8-checkpoint125.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json",
                   "special_tokens_map.json")
SHARD_BYTES = 4 << 20
LAYOUTS = {}  # name -> function(model, out) -> values under HF's names


def layout(name):
    def add(function):
        LAYOUTS[name] = function
        return function
    return add


# ---- Hugging Face

def without(tensors, *left_out):
    return {n: t for n, t in tensors.items() if n not in left_out}


def write_hf(model, out, tensors):
    save(tensors, out / "model.safetensors")
    write_json(model.config, out / "config.json")
    model.copy_others(out)
    return tensors


def tied_values(model):
    """One table, under the depth decoder's name, as save_pretrained does."""
    return without(model.values, FRAME_TABLE) if model.tied else model.values


def write_shards(model, out, tensors, stem, index_name):
    """Shards of about SHARD_BYTES and their index."""
    shards, size = [{}], 0
    for name, tensor in tensors.items():
        if size > SHARD_BYTES:
            shards, size = [*shards, {}], 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    weight_map = {}
    for i, shard in enumerate(shards):
        file = f"{stem}-{i + 1:05}-of-{len(shards):05}.safetensors"
        save(shard, out / file)
        weight_map |= dict.fromkeys(shard, file)
    total = sum(t.nbytes for t in tensors.values())
    write_json({"metadata": {"total_size": total}, "weight_map": weight_map},
               out / index_name)


@layout("hf")
def hf(model, out):
    """The types of the source, one file, one table."""
    stored = {n: t for n, t in model.stored.items()}
    if model.tied:
        table = stored.pop(FRAME_TABLE, None)
        stored.setdefault(DEPTH_TABLE, table)
    return write_hf(model, out, cast_as_stored(stored))


def cast_as_stored(tensors):
    return {n: t.contiguous().clone() for n, t in tensors.items()}


for _dtype in ("f32", "f16", "bf16"):
    def _hf_type(model, out, dtype=_dtype):
        return write_hf(model, out, cast(tied_values(model), dtype))
    LAYOUTS[f"hf_{_dtype}"] = _hf_type


@layout("hf_sharded")
def hf_sharded(model, out):
    tensors = cast(tied_values(model), "f32")
    write_shards(model, out, tensors, "model", "model.safetensors.index.json")
    write_json(model.config, out / "config.json")
    model.copy_others(out)
    return tensors


@layout("hf_pretrained")
def hf_pretrained(model, out):
    """Written by transformers, in shards."""
    from transformers import CsmForConditionalGeneration

    net = CsmForConditionalGeneration.from_pretrained(
        model.folder, dtype=torch.float32)
    net.save_pretrained(out, max_shard_size=SHARD_BYTES)
    model.copy_others(out, TOKENIZER_FILES)
    return model.values


@layout("hf_frame_table")
def hf_frame_table(model, out):
    return write_hf(model, out, cast(without(model.values, DEPTH_TABLE), "f32"))


@layout("hf_both_tables")
def hf_both_tables(model, out):
    return write_hf(model, out, cast(model.values, "f32"))


@layout("hf_untied")
def hf_untied(model, out):
    """Two tables that differ: the frames' rows are in another order."""
    values = dict(model.values)
    values[FRAME_TABLE] = values[FRAME_TABLE].flip(0)
    untied = copy.copy(model)
    untied.config = model.config | {"tie_codebooks_embeddings": False}
    return write_hf(untied, out, cast(values, "f32"))


# ---- original

def original_config(model):
    """As in sesame/csm-1b: the original's five keys and Hugging Face's."""
    return model.config | original_keys(model)


def original_keys(model):
    return {"backbone_flavor": "llama-1B", "decoder_flavor": "llama-100M",
            "text_vocab_size": model.config["text_vocab_size"],
            "audio_vocab_size": model.config["vocab_size"],
            "audio_num_codebooks": model.config["num_codebooks"]}


def write_original(model, out, dtype):
    tensors = cast(names.original(model), dtype)
    save(tensors, out / "model.safetensors")
    write_json(original_config(model), out / "config.json")
    model.copy_others(out, TOKENIZER_FILES)
    return names.from_original(model, tensors)


def write_kyutai(model, folder):
    """The codec's file, in float32 as released."""
    save(cast(names.kyutai_mimi(model), "f32"), folder / KYUTAI_FILE)
    return {CODEC + n: t for n, t in model.codec().items()}


def write_hf_codec(model, folder):
    """The codec as kyutai/mimi has it."""
    save(cast(model.codec(), "f32"), folder / "model.safetensors")
    write_json(model.config["codec_config"]
               | {"architectures": ["MimiModel"]}, folder / "config.json")
    model.copy_others(folder, ("preprocessor_config.json",))
    return {CODEC + n: t for n, t in model.codec().items()}


for _dtype in ("f32", "f16", "bf16"):
    def _original(model, out, dtype=_dtype):
        return write_original(model, out, dtype) | write_kyutai(model, out)
    LAYOUTS[f"original_{_dtype}"] = _original


@layout("original_hf_mimi")
def original_hf_mimi(model, out):
    """The codec in a folder of its own, as kyutai/mimi."""
    return write_original(model, out, "f32") | write_hf_codec(
        model, out / "mimi")


@layout("original_llama")
def original_llama(model, out):
    """Llama's own tokenizer: BOS only, and its names of two tokens."""
    values = write_original(model, out, "f32") | write_kyutai(model, out)
    text = (out / "tokenizer.json").read_text()
    for i, name in enumerate(("<|AUDIO|>", "<|audio_eos|>")):
        text = text.replace(name, f"<|reserved_special_token_{i}|>")
    tokenizer = json.loads(text)
    template = tokenizer["post_processor"]
    for kind in ("single", "pair"):
        template[kind] = [t for t in template[kind]
                          if t.get("SpecialToken", {}).get("id")
                          != "<|end_of_text|>"]
    template["special_tokens"].pop("<|end_of_text|>")
    write_json(tokenizer, out / "tokenizer.json")
    for name in TOKENIZER_FILES[1:]:
        (out / name).unlink(missing_ok=True)
    return values


@layout("original_five_keys")
def original_five_keys(model, out):
    """config.json with the original's five keys only: loads where the sizes
    are csm-1b's, and tells what is missing otherwise."""
    values = write_original(model, out, "f32") | write_kyutai(model, out)
    write_json(original_keys(model), out / "config.json")
    return values


@layout("sesame")
def sesame(model, out):
    """Both formats in one folder, as in sesame/csm-1b."""
    write_original(model, out, "f32")
    tensors = cast(tied_values(model), "f32")
    write_shards(model, out, tensors, "transformers",
                 "transformers.safetensors.index.json")
    model.copy_others(out)
    return tensors


# ---- MLX

def write_mlx(model, out, tensors, quantization=None, form_of=lambda m: None,
              file="model.safetensors", mode="affine"):
    arrays, values = mlx_files.quantised(tensors, form_of, mode)
    mlx_files.save(arrays, out / file)
    config = original_config(model)
    if quantization:
        config["quantization"] = quantization
        config["quantization_config"] = quantization
    write_json(config, out / "config.json")
    model.copy_others(out, TOKENIZER_FILES)
    return values


def mlx_reference(model, values, prefix):
    return names.from_mlx(model, values, prefix)


for _dtype in ("f32", "f16", "bf16"):
    def _senstella(model, out, dtype=_dtype):
        values = write_mlx(model, out, cast(names.mlx(model), dtype),
                           file="ckpt.safetensors")
        return mlx_reference(model, values, "") | write_kyutai(model, out)

    def _mlx_audio(model, out, dtype=_dtype):
        values = write_mlx(model, out, cast(names.mlx(model, "model."), dtype))
        return mlx_reference(model, values, "model.") | write_kyutai(model, out)
    LAYOUTS[f"mlx_senstella_{_dtype}"] = _senstella
    LAYOUTS[f"mlx_audio_{_dtype}"] = _mlx_audio


def write_mlx_quantised(model, out, form, prefix="model.", modules=None,
                        dtype="bf16", mode="affine", declared=True):
    modules = {prefix + name: other for name, other in (modules or {}).items()}
    quantization = mlx_files.config(form, modules, mode) if declared else None
    values = write_mlx(
        model, out, cast(names.mlx(model, prefix), dtype), quantization,
        lambda module: modules.get(module, form), mode=mode)
    return mlx_reference(model, values, prefix) | write_kyutai(model, out)


for _bits in (2, 3, 4, 5, 6, 8):
    for _group in (32, 64, 128):
        def _mlx_quantised(model, out, form=(_bits, _group)):
            return write_mlx_quantised(model, out, form)
        LAYOUTS[f"mlx_q{_bits}_g{_group}"] = _mlx_quantised

for _dtype in ("f32", "f16"):  # of scales and biases
    def _mlx_scales(model, out, dtype=_dtype):
        return write_mlx_quantised(model, out, (4, 64), dtype=dtype)
    LAYOUTS[f"mlx_q4_g64_{_dtype}"] = _mlx_scales


@layout("mlx_q4_senstella")
def mlx_q4_senstella(model, out):
    return write_mlx_quantised(model, out, (4, 64), prefix="")


@layout("mlx_q8_undeclared")
def mlx_q8_undeclared(model, out):
    """No "quantization" in config.json: shapes alone tell."""
    return write_mlx_quantised(model, out, (8, 64), declared=False)


@layout("mlx_mixed")
def mlx_mixed(model, out):
    """Entries for modules: other bits, another group, and no integers."""
    return write_mlx_quantised(model, out, (4, 64), modules={
        "backbone.layers.0.self_attn.v_proj": (8, 64),
        "backbone.layers.0.mlp.gate_proj": (6, 32),
        "decoder.layers.0.mlp.up_proj": (3, 64),
        "text_embeddings": (8, 128), "codebook0_head": False})


@layout("mlx_mxfp4")
def mlx_mxfp4(model, out):
    """A mode without biases, which csm refuses."""
    return write_mlx_quantised(model, out, (4, 32), mode="mxfp4")


for _bits in (4, 8):
    def _hf_quantised(model, out, form=(_bits, 64)):
        """Hugging Face's names and order, quantised by MLX."""
        tensors = cast(tied_values(model), "bf16")
        floats = {n: t for n, t in tensors.items() if n.startswith(CODEC)}
        lm = without(tensors, *floats)
        arrays, values = mlx_files.quantised(lm, lambda module: form)
        arrays |= {n: mlx_files.to_mlx(t) for n, t in floats.items()}
        mlx_files.save(arrays, out / "model.safetensors")
        write_json(model.config | {"quantization": mlx_files.config(form)},
                   out / "config.json")
        model.copy_others(out)
        return values | floats
    LAYOUTS[f"hf_q{_bits}"] = _hf_quantised


# ---- GGUF

def write_crisp(model, out, dtype, both_tables=True):
    tokenizer = json.loads((model.folder / "tokenizer.json").read_text())

    def keys(writer):
        gguf_files.crisp_keys(model, writer)
        gguf_files.crisp_tokens(tokenizer, writer)
    values = gguf_files.write(
        out / f"csm-1b-{dtype}.gguf", "csm-tts",
        gguf_files.crisp_tensors(model, both_tables), gguf_files.crisp_kind,
        dtype, keys)
    return gguf_files.from_crisp(model, values)


def write_csmrs(model, out, dtype, tensors):
    values = gguf_files.write(
        out / f"{dtype}.gguf", "csm", tensors, gguf_files.csmrs_kind, dtype,
        lambda writer: gguf_files.csmrs_keys(model, writer))
    write_json(model.config, out / "config.json")
    model.copy_others(out, TOKENIZER_FILES)
    return values


for _dtype in (*gguf_files.PLAIN, *gguf_files.BLOCKS):
    def _crisp(model, out, dtype=_dtype):
        return write_crisp(model, out, dtype)

    def _csmrs(model, out, dtype=_dtype):
        return write_csmrs(model, out, dtype, tied_values(model))
    LAYOUTS[f"gguf_crisp_{_dtype}"] = _crisp
    LAYOUTS[f"gguf_csmrs_{_dtype}"] = _csmrs


@layout("gguf_crisp_depth_table")
def gguf_crisp_depth_table(model, out):
    return write_crisp(model, out, "f16", both_tables=False)


for _dtype in ("f16", "q8_0"):
    def _csmrs_original(model, out, dtype=_dtype):
        values = write_csmrs(model, out, dtype, names.original(model))
        return names.from_original(model, values) | write_kyutai(model, out)
    LAYOUTS[f"gguf_csmrs_original_{_dtype}"] = _csmrs_original


# ---- command line

ONE_TABLE = ("original*", "sesame", "mlx*", "gguf_csmrs_original*",
             "hf_frame_table", "gguf_crisp_depth_table")


def possible(name, model):
    return model.tied or not any(fnmatch.fnmatch(name, p) for p in ONE_TABLE)


def chosen(patterns):
    if not patterns:
        return list(LAYOUTS)
    for pattern in patterns:
        if not fnmatch.filter(LAYOUTS, pattern):
            raise SystemExit(f"no layout {pattern}; --list says which exist")
    return [n for n in LAYOUTS
            if any(fnmatch.fnmatch(n, p) for p in patterns)]


def write_reference(model, values, out):
    tensors = cast(values, "f32")
    if model.tied and FRAME_TABLE in tensors and DEPTH_TABLE in tensors:
        if torch.equal(tensors[FRAME_TABLE], tensors[DEPTH_TABLE]):
            del tensors[FRAME_TABLE]
    write_hf(model, out, tensors)


def write(name, model, out, references=False):
    """Writes one layout into out/name, replacing what is there."""
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    values = LAYOUTS[name](model, folder)
    if references:
        reference = out / f"{name}.hf"
        shutil.rmtree(reference, ignore_errors=True)
        write_reference(model, values, reference)
        if name == "hf_untied":
            shutil.copy(folder / "config.json", reference)
    return folder


def open_source(arguments, folder):
    if not arguments.random:
        return SourceModel(arguments.source)
    sys.path.insert(0, str(ORACLE))
    import random_models

    random_models.write(arguments.random, folder)
    return SourceModel(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--from", dest="source", type=pathlib.Path,
                        default="models/demo")
    parser.add_argument("--random")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--references", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list or not arguments.out:
        print("\n".join(LAYOUTS))
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        model = open_source(arguments, pathlib.Path(temporary) / "model")
        for name in chosen(arguments.only):
            if not possible(name, model):
                print(f"{name}: left out, the model has two audio tables")
                continue
            folder = write(name, model, arguments.out, arguments.references)
            size = sum(f.stat().st_size for f in folder.rglob("*")
                       if f.is_file())
            print(f"{name}: {size} bytes")


if __name__ == "__main__":
    main()
