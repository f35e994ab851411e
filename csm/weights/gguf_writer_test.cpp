#include "csm/weights/gguf_writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "csm/weights/ggml_quantize.h"
#include "csm/weights/gguf_file.h"
#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::read_file;
using testing_support::ScratchFolder;

// tools/oracle/gguf_goldens.py
const std::string kWritten =
    std::string(CSM_SOURCE_DIR) + "/tests/data/gguf/written.gguf";

std::vector<float> floats_of(const GgufFile& file) {
  const auto bytes = file.tensors().front().bytes;
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

GgufPairs pairs() {
  GgufPairs out;
  out.add_string("general.architecture", "csm-tts");
  out.add_string("general.name", "Gr\u00fc\u00dfe");
  out.add_u32("test.u32", 4000000000);
  out.add_f32("test.f32", 0.1F);
  out.add_strings("test.strings",
                  std::vector<std::string>{"", "a b", "\u0120the"});
  return out;
}

const std::vector<TensorPlan>& plans() {
  static const std::vector<TensorPlan> all = {{"f32", Dtype::kF32, {16, 64}},
                                              {"q8_0", Dtype::kQ8_0, {16, 64}},
                                              {"q4_0", Dtype::kQ4_0, {16, 64}},
                                              {"f16", Dtype::kF16, {3}}};
  return all;
}

TEST(GgufWriter, FileAndBlocksAreThoseOfPyPiGgufByteByByte) {
  const GgufFile golden(kWritten);
  const std::vector<float> values = floats_of(golden);
  const ScratchFolder folder;
  GgufWriter writer(folder / "a.gguf", plans(), pairs());
  writer.write(std::as_bytes(std::span(values)).first(10));
  writer.write(std::as_bytes(std::span(values)).subspan(10));
  for (const Dtype dtype : {Dtype::kQ8_0, Dtype::kQ4_0}) {
    std::vector<std::byte> blocks(values.size() / block_values(dtype) *
                                  block_bytes(dtype));
    EXPECT_EQ(quantize_blocks(dtype, values, blocks.data()), std::nullopt);
    writer.write(blocks);
  }
  const std::vector<std::uint16_t> halves = {0, 0x3C00, 0x4000};  // 0, 1, 2
  writer.write(std::as_bytes(std::span(halves)));
  writer.finish();
  EXPECT_TRUE(read_file(folder / "a.gguf") == read_file(kWritten));
}

TEST(GgufWriter, TooMuchOrTooLittleIsOurBug) {
  const ScratchFolder folder;
  const std::vector<std::byte> data(16 * 64 * sizeof(float) + 1);
  GgufWriter writer(folder / "a", plans(), pairs());
  expect_error(ErrorCode::kInternal, {"more data"},
               [&] { writer.write(data); });
  writer.write(std::span(data).first(data.size() - 1));
  expect_error(ErrorCode::kInternal, {"less data"}, [&] { writer.finish(); });
}

TEST(GgufWriter, FolderThatIsNotThere) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidArgument, {"cannot write", "absent"}, [&] {
    GgufWriter(folder / "absent" / "a.gguf", plans(), pairs());
  });
}

TEST(QuantizeBlocks, ScaleThatHalfPrecisionCannotHoldIsFound) {
  for (const auto& [dtype, limit] : {std::pair{Dtype::kQ8_0, 65504.0F * 127},
                                     {Dtype::kQ4_0, 65504.0F * 8}}) {
    std::vector<float> values(96, 1.0F);
    std::vector<std::byte> out(3 * block_bytes(dtype));
    values[70] = -limit;
    EXPECT_EQ(quantize_blocks(dtype, values, out.data()), std::nullopt);
    values[70] = -limit * 1.01F;
    EXPECT_EQ(quantize_blocks(dtype, values, out.data()), 64U);
  }
}

TEST(QuantizeBlocks, TheSmallestNumbersAreZero) {
  for (const Dtype dtype : {Dtype::kQ8_0, Dtype::kQ4_0}) {
    std::vector<float> values(32, std::numeric_limits<float>::denorm_min());
    std::vector<std::byte> out(block_bytes(dtype));
    EXPECT_EQ(quantize_blocks(dtype, values, out.data()), std::nullopt);
    EXPECT_EQ(std::to_integer<int>(out[0]), 0);
    EXPECT_EQ(std::to_integer<int>(out[1]) & 0x7F, 0);
    const auto codes = std::span(out).subspan(2);
    for (const std::byte code : codes) {
      EXPECT_EQ(std::to_integer<int>(code), dtype == Dtype::kQ8_0 ? 0 : 0x88);
    }
  }
}

}  // namespace
}  // namespace csm::weights
