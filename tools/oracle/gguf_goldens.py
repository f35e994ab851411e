"""Writes tests/data/gguf: what PyPI gguf writes, and what it reads from it.

    python tools/oracle/gguf_goldens.py

blocks.gguf         tensors of every type that we read, blocks of random bits
                    with scales of all kinds, and metadata of every type
values.safetensors  gguf.dequantize of each tensor, under the same names
written.gguf        floats, and what gguf.quantize makes of them
grouped.gguf        the model tests/data/tiny/grouped in CrispASR's form

Reads the model that tools/oracle/tiny_models.py wrote; run it behind that.
"""

import argparse
import pathlib
import sys

import gguf
import manifest
import numpy
from safetensors.numpy import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "layouts"))
import gguf_files  # noqa: E402
from source_model import SourceModel  # noqa: E402

OUT = ROOT / "tests" / "data" / "gguf"
SEED = 20262
Type = gguf.GGMLQuantizationType
Value = gguf.GGUFValueType
BLOCKS = 24
# Halves that scales may be: subnormal, small, the largest, negative, zeros.
HALVES = numpy.array([0x0001, 0x03FF, 0x0400, 0x1555, 0x2E66, 0x3C00, 0x7BFF,
                      0x8001, 0xAE66, 0xFBFF, 0x0000, 0x8000], "<u2")


def random_blocks(rng, kind, scale_offsets):
    """Blocks of any bits, with halves at the given offsets."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=numpy.uint8)
    for offset in scale_offsets:
        halves = rng.permutation(numpy.resize(HALVES, BLOCKS))
        blocks[:, offset:offset + 2] = halves.view("u1").reshape(BLOCKS, 2)
    return blocks.reshape(2, -1)  # two rows


def tensors():
    rng = numpy.random.default_rng(SEED)
    floats = rng.standard_normal((2, 3, 5), dtype=numpy.float32)
    return {
        "f32": (floats, Type.F32),
        "f16": (floats.astype(numpy.float16), Type.F16),
        "bf16": (gguf.quantize(floats, Type.BF16), Type.BF16),
        "q4_0": (random_blocks(rng, Type.Q4_0, [0]), Type.Q4_0),
        "q8_0": (random_blocks(rng, Type.Q8_0, [0]), Type.Q8_0),
        "q4_k": (random_blocks(rng, Type.Q4_K, [0, 2]), Type.Q4_K),
        "q5_k": (random_blocks(rng, Type.Q5_K, [0, 2]), Type.Q5_K),
        "q6_k": (random_blocks(rng, Type.Q6_K, [208]), Type.Q6_K),
    }


def add_metadata(writer):
    writer.add_custom_alignment(64)
    writer.add_uint8("test.u8", 200)
    writer.add_int8("test.i8", -100)
    writer.add_uint16("test.u16", 60000)
    writer.add_int16("test.i16", -30000)
    writer.add_uint32("test.u32", 4000000000)
    writer.add_int32("test.i32", -2000000000)
    writer.add_uint64("test.u64", (1 << 63) - 1)
    writer.add_key_value("test.u64_large", 1 << 63, Value.UINT64)
    writer.add_key_value("test.i64", -(1 << 62), Value.INT64)
    writer.add_float32("test.f32", 0.1)
    writer.add_float64("test.f64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "Gr\u00fc\u00dfe")
    writer.add_array("test.strings", ["", "a b", "\u0120the"])
    writer.add_array("test.numbers", [1, 2, 3])
    writer.add_array("test.nested", [["a"], ["b", "c"]])


def write_blocks(path):
    writer = gguf.GGUFWriter(path, "test")
    add_metadata(writer)
    for name, (data, kind) in tensors().items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rows_of_all_sizes(rng):
    """Blocks of zeros, of one value, of ties, of subnormal and large scales."""
    rows = rng.standard_normal((16, 64), dtype=numpy.float32)
    rows *= numpy.float32(2) ** rng.integers(-30, 18, (16, 1))
    rows[0] = 0
    rows[1, :32] = 0
    rows[1, 5] = -0.75
    rows[2] = rng.integers(-127, 128, 64) / numpy.float32(2)  # halves
    rows[2, ::32] = 127
    rows[3] = rng.integers(-16, 17, 64) / numpy.float32(2)
    rows[3, ::32] = -8
    rows[4, 3:6] = [-2.5, 2.5, -2.5]  # which is first
    return rows


def write_written(path):
    """Byte for byte what csm writes too."""
    floats = rows_of_all_sizes(numpy.random.default_rng(SEED))
    writer = gguf.GGUFWriter(path, "csm-tts")
    writer.add_name("Gr\u00fc\u00dfe")
    writer.add_uint32("test.u32", 4000000000)
    writer.add_float32("test.f32", 0.1)
    writer.add_array("test.strings", ["", "a b", "\u0120the"])
    writer.add_tensor("f32", floats)
    for name, kind in (("q8_0", Type.Q8_0), ("q4_0", Type.Q4_0)):
        writer.add_tensor(name, gguf.quantize(floats, kind), raw_dtype=kind)
    writer.add_tensor("f16", numpy.arange(3, dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def kind_of(name, shape, dtype):
    """Exact: the model has bfloat16, of which codebooks are quotients."""
    return gguf_files.crisp_kind(
        name, shape, "f32" if "_codebook" in name else dtype)


def write_model(path):
    model = SourceModel(ROOT / "tests" / "data" / "tiny" / "grouped")
    gguf_files.write(path, "csm-tts", gguf_files.crisp_tensors(model),
                     kind_of, "bf16",
                     lambda writer: gguf_files.crisp_keys(model, writer))


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    file, values = OUT / "blocks.gguf", OUT / "values.safetensors"
    written, model = OUT / "written.gguf", OUT / "grouped.gguf"
    write_blocks(file)
    write_written(written)
    save_file({t.name: gguf.dequantize(t.data, t.tensor_type)
               for t in gguf.GGUFReader(file).tensors}, values)
    write_model(model)
    manifest.record([file, values, written, model], __file__,
                    ["gguf", "numpy", "safetensors"], SEED)


if __name__ == "__main__":
    main()
