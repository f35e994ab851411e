#include "csm/weights/gguf_packing.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "csm/weights/gguf_file.h"
#include "csm/weights/gguf_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::gguf_string;
using testing_support::ScratchFolder;
using testing_support::TestGguf;
using testing_support::write_file;

constexpr std::uint32_t kQ4K = 12;
constexpr std::uint64_t kBlocks = 40;
constexpr std::size_t kBlockBytes = 144;

// Blocks whose scales and minima are those bytes of the head.
std::string blocks(const std::string& scales) {
  std::mt19937 random(1);
  std::string out;
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    // d and dmin: 2^-10; bytes of nibbles: uniform, around 7.5
    out += std::string("\x00\x14\x00\x14", 4) + scales;
    for (std::size_t j = 16; j < kBlockBytes; ++j) {
      out.push_back(static_cast<char>(random() & 0xFFU));
    }
  }
  return out;
}

class GgufPacking : public testing::Test {
 protected:
  void open(const std::string& architecture, const std::string& data) {
    const TestGguf file = {
        .pairs = {gguf_string("general.architecture", architecture)},
        .tensors = {{.name = "w",
                     .shape = {kBlocks, 256},
                     .type = kQ4K,
                     .data = data}}};
    write_file(folder_.path() / "a.gguf", file.bytes());
    const GgufFile opened(folder_.path() / "a.gguf");
  }

  ScratchFolder folder_;
  // Scale 8 and minimum 60 of every sub-block: values -60..60, mean 0.
  const std::string right_ = "\x08\x08\x08\x08\xFC\xFC\xFC\xFC\xC8\xC8\xC8\xC8";
};

TEST_F(GgufPacking, WeightsAroundZeroPass) { open("csm", blocks(right_)); }

// Scales and minima of other places: the offset of a sub-block is arbitrary.
TEST_F(GgufPacking, OffsetsAreRefused) {
  const std::string wrong = "\x3F\x01\x22\x03\x04\x3F\x06\x27\x11\x5A\x0F\x77";
  expect_error(ErrorCode::kUnsupported, {"Q4_K", "csm.rs", "a.gguf, tensor w"},
               [&] { open("csm", blocks(wrong)); });
  open("csm-tts", blocks(wrong));  // only csm.rs is under suspicion
}

TEST_F(GgufPacking, ZerosPass) {
  open("csm", std::string(kBlocks * kBlockBytes, '\0'));
}

}  // namespace
}  // namespace csm::weights
