#!/usr/bin/env python3
"""Writes the seeds in tests/fuzz/corpus, one folder for each target.

    python tools/oracle/fuzz_seeds.py

Small whole files of every kind that csm reads, by the libraries that people
write them with. Inputs that fuzzing has found (named by what they broke) are
left alone; `seed-*` is what this script owns.
"""

import hashlib
import io
import json
import pathlib
import struct

import gguf
import numpy
import soundfile
import torch
from safetensors.torch import save
from tokenizers import (Regex, Tokenizer, decoders, models, pre_tokenizers,
                        processors)
from transformers import CsmConfig, GenerationConfig

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/fuzz/corpus"
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def put(target, name, data):
    path = CORPUS / target / f"seed-{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def safetensors():
    torch.manual_seed(1)
    kinds = {str(kind).split(".")[1]: torch.zeros(2, 3).to(kind) for kind in (
        torch.float32, torch.float16, torch.bfloat16, torch.int64,
        torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)}
    put("safetensors", "dtypes", save(kinds, metadata={"format": "pt"}))
    put("safetensors", "shapes", save({
        "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 4),
        "cube": torch.randn(2, 2, 2)}))
    put("safetensors", "not-finite", save({
        "x": torch.tensor([float("nan"), float("inf")])}))
    put("safetensors", "names", save({
        "backbone_model.layers.0.self_attn.q_proj.weight":
            torch.randn(4, 4, dtype=torch.bfloat16),
        "embed_text_tokens.weight": torch.randn(3, 4)}))
    put("safetensors", "mlx", save({
        "model.backbone.layers.0.self_attn.q_proj.weight":
            torch.zeros(2, 4, dtype=torch.uint32),
        "model.backbone.layers.0.self_attn.q_proj.scales": torch.ones(2, 1),
        "model.backbone.layers.0.self_attn.q_proj.biases": torch.zeros(2, 1)}))


def index():
    for name, shards in (("two", {"x": "x.safetensors", "y": "y.safetensors"}),
                         ("one", {"x": "x.safetensors"}),
                         ("outside", {"x": "../x.safetensors"})):
        put("index", name, json.dumps({"metadata": {"total_size": 4},
                                       "weight_map": shards}, indent=2))


def write_gguf(architecture, fill):
    path = CORPUS / "gguf.tmp"
    writer = gguf.GGUFWriter(path, architecture)
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    data = path.read_bytes()
    path.unlink()
    return data


def gguf_files():
    rng = numpy.random.default_rng(1)
    kinds = gguf.GGMLQuantizationType

    def blocks(writer):
        writer.add_uint32("csm.backbone.n_layers", 2)
        writer.add_float32("csm.backbone.rope_theta", 500000.0)
        writer.add_array("test.nested", [["a"], ["b"]])
        for kind in (kinds.Q4_0, kinds.Q8_0, kinds.Q4_K, kinds.Q5_K,
                     kinds.Q6_K):
            n, size = gguf.GGML_QUANT_SIZES[kind]
            data = rng.integers(0, 60, (2, size), dtype=numpy.uint8)
            writer.add_tensor(kind.name, data, raw_dtype=kind)

    def tokens(writer):
        writer.add_custom_alignment(64)
        for key, value in (("backbone.n_layers", 1), ("depth.n_layers", 1),
                           ("audio_num_codebooks", 4), ("text_vocab_size", 8),
                           ("audio_vocab_size", 16), ("mimi.n_layers", 1)):
            writer.add_uint32(f"csm.{key}", value)
        writer.add_array("tokenizer.ggml.tokens",
                         ["a", "b", "ab", "\u0120", "<|begin_of_text|>"])
        writer.add_array("tokenizer.ggml.merges", ["a b"])
        writer.add_tensor("backbone.output_norm.weight",
                          numpy.ones(4, numpy.float32))
        writer.add_tensor("backbone.text_embd.weight",
                          numpy.ones((8, 4), numpy.float16))
        writer.add_tensor("mimi.enc_tfm.layers.0.attn.qkv_w",
                          numpy.ones((12, 4), numpy.float16))

    def csmrs(writer):
        writer.add_uint32("csm.embedding_length", 8)
        writer.add_string("general.name", "csm")
        writer.add_tensor("embed_text_tokens.weight",
                          numpy.ones((2, 8), numpy.float32))

    put("gguf", "blocks", write_gguf("csm-tts", blocks))
    data = write_gguf("csm-tts", tokens)
    put("gguf", "tokens", data)
    put("gguf", "version-2", data[:4] + struct.pack("<I", 2) + data[8:])
    put("gguf", "csmrs", write_gguf("csm", csmrs))
    put("gguf", "llama", write_gguf("llama", lambda writer: None))


def configs():
    small = CsmConfig(num_codebooks=4, vocab_size=16, hidden_size=32,
                      num_hidden_layers=1, num_attention_heads=2,
                      num_key_value_heads=1, text_vocab_size=40)
    put("config", "csm-1b", CsmConfig().to_json_string(use_diff=False))
    put("config", "small", small.to_json_string(use_diff=False))
    put("config", "diff", small.to_json_string())
    put("config", "original", json.dumps({
        "backbone_flavor": "llama-1B", "decoder_flavor": "llama-100M",
        "text_vocab_size": 128256, "audio_vocab_size": 2051,
        "audio_num_codebooks": 32}))
    put("config", "mlx", json.dumps({
        "model_type": "csm", "quantization": {
            "group_size": 64, "bits": 4, "mode": "affine",
            "model.backbone.layers.0.mlp.up_proj": {"group_size": 32,
                                                    "bits": 8},
            "model.projection": False}}))
    put("config", "generation", GenerationConfig(
        do_sample=True, temperature=0.9, top_k=50, max_new_tokens=125
        ).to_json_string(use_diff=False))
    put("config", "depth", json.dumps({
        "do_sample": False, "depth_decoder_do_sample": True,
        "depth_decoder_temperature": 0.5, "depth_decoder_top_k": 20,
        "depth_decoder_min_new_tokens": 31}))


def adapters():
    """What PEFT wrote (lora_goldens.py)."""
    for path in (ROOT / "tests/data/lora").glob("*/adapter_config.json"):
        put("adapter", path.parent.name, path.read_bytes())


def tokenizers():
    letters = [chr(code) for code in range(33, 127)] + ["\u0120", "\u010a"]
    vocab = {token: i for i, token in enumerate(
        letters + ["He", "ll", "Hell", "\u0120t"])}
    tokenizer = Tokenizer(models.BPE(
        vocab=vocab, merges=[("H", "e"), ("l", "l"), ("He", "ll"),
                             ("\u0120", "t")], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT),
                             "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
    first = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A <|end_of_text|>",
        pair="$A $B", special_tokens=[("<|begin_of_text|>", first),
                                      ("<|end_of_text|>", first + 1)])
    text = tokenizer.to_str()
    put("tokenizer", "bpe", text)
    data = json.loads(text)
    data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
    put("tokenizer", "merges-as-text", json.dumps(data))
    data["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"String": " "}
    data["post_processor"] = None
    put("tokenizer", "plain-split", json.dumps(data))


def arrays():
    def saved(array, version=(1, 0)):
        file = io.BytesIO()
        numpy.lib.format.write_array(file, array, version=version)
        return file.getvalue()

    codes = numpy.arange(12).reshape(3, 4)
    for kind in ("<i4", "<i8", "<f4", ">i4", "<f8"):
        put("npy", f"{kind[1:]}-{'little' if kind[0] == '<' else 'big'}",
            saved(codes.astype(kind)))
    put("npy", "version-2", saved(codes.astype("<i4"), (2, 0)))
    put("npy", "version-3", saved(codes.astype("<f4"), (3, 0)))
    put("npy", "fortran", saved(numpy.asfortranarray(codes.astype("<i4"))))
    put("npy", "scalar", saved(numpy.array(3, "<i4")))
    put("npy", "empty", saved(numpy.zeros((0, 32), "<i4")))


def packed_codes():
    """As docs/codes.md has it."""
    for name, frames, books in (("two", 2, 4), ("none", 0, 32), ("one", 1, 1)):
        bits = 0
        for i in range(frames * books):
            bits |= (37 * i % 2048) << (11 * i)
        data = b"CSMC" + struct.pack("<HHQII", 1, books, frames, 24000, 1920)
        data += bits.to_bytes((11 * frames * books + 7) // 8, "little")
        put("codes", name, data + hashlib.sha256(data).digest())


def voices():
    """As docs/voices.md has it."""
    plain = {"codes": torch.arange(8, dtype=torch.int32).reshape(2, 4)}
    cache = {**plain, "keys": torch.ones(1, 2, 3, 4),
             "values": torch.zeros(1, 2, 3, 4)}
    for name, tensors, more in (
            ("codes", plain, {}),
            ("cache", cache, {"dtype": "bf16", "weights_sha256": "0" * 64})):
        fields = {"format": "csm-voice-1", "text": "Hello.", "speaker": "0",
                  "codebook_size": "16", "codec_sha256": "a" * 64, **more}
        lines = "".join(f"{key}={len(value)}:{value}\n"
                        for key, value in sorted(fields.items()))
        for key, tensor in tensors.items():
            digest = hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
            lines += f"{key} {list(tensor.shape)} {digest}\n"
        fields["sha256"] = hashlib.sha256(lines.encode()).hexdigest()
        put("voice", name, save(tensors, metadata=fields))


def sounds():
    wave = 0.3 * numpy.sin(numpy.arange(800) / 5)
    stereo = numpy.stack([wave, -wave / 2], axis=1)[:300]
    for name, sound, rate, container, subtype in (
            ("wav-16", wave[:300], 24000, "WAV", "PCM_16"),
            ("wav-24", stereo, 44100, "WAV", "PCM_24"),
            ("wav-float", wave[:200], 16000, "WAV", "FLOAT"),
            ("wav-ulaw", wave, 8000, "WAV", "ULAW"),
            ("wav-adpcm", wave, 8000, "WAV", "IMA_ADPCM"),
            ("wavex", stereo, 48000, "WAVEX", "PCM_16"),
            ("w64", wave[:200], 24000, "W64", "PCM_16"),
            ("rf64", wave[:200], 24000, "RF64", "PCM_16"),
            ("aiff", wave[:200], 22050, "AIFF", "PCM_16"),
            ("au", wave[:200], 8000, "AU", "ALAW"),
            ("caf", wave[:200], 24000, "CAF", "PCM_16"),
            ("flac", wave, 24000, "FLAC", "PCM_16"),
            ("vorbis", wave, 24000, "OGG", "VORBIS"),
            ("opus", wave, 24000, "OGG", "OPUS"),
            ("mp3", wave, 24000, "MP3", "MPEG_LAYER_III")):
        file = io.BytesIO()
        soundfile.write(file, sound, rate, format=container, subtype=subtype)
        put("audio", name, file.getvalue())


def scripts():
    put("script", "text", "# A talk\n0: Hello there.\n\n1: Hi, [pause 0.5s] "
        "how are you?\n0: Dr. Smith paid $12.50, e.g. twice... Gr\u00fc\u00dfe!\n")
    put("script", "json", json.dumps([
        {"speaker": 0, "text": "Hello there."},
        {"speaker": 1, "text": "Hi.", "pause": 0.5},
        {"speaker": 0, "text": "Heard.", "audio": "a.wav"}]))
    put("script", "wide", "0: \u4f60\u597d\u3002\u518d\u89c1\uff01 "
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301a [pause:250ms]\n")
    put("script", "long", "0: " + "word " * 150 + "\n")


def main():
    for path in CORPUS.rglob("seed-*"):
        path.unlink()
    CORPUS.mkdir(parents=True, exist_ok=True)
    for write in (safetensors, index, gguf_files, configs, adapters, tokenizers,
                  arrays, packed_codes, voices, sounds, scripts):
        write()
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files)} bytes")


if __name__ == "__main__":
    main()
