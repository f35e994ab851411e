#include "csm/weights/gguf_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "csm/weights/gguf_testing.h"
#include "csm/weights/read_tensor.h"
#include "csm/weights/safetensors.h"

namespace csm::weights {
namespace {

namespace fs = std::filesystem;
using testing_support::expect_error;
using testing_support::gguf_pair;
using testing_support::gguf_string;
using testing_support::gguf_strings;
using testing_support::gguf_text;
using testing_support::gguf_u32;
using testing_support::kGgufArray;
using testing_support::kGgufString;
using testing_support::raw;
using testing_support::read_file;
using testing_support::ScratchFolder;
using testing_support::TestGguf;
using testing_support::write_file;

// tools/oracle/gguf_goldens.py
const std::string kData = std::string(CSM_SOURCE_DIR) + "/tests/data/gguf/";

const TensorView* find(const GgufFile& file, std::string_view name) {
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

// The file that PyPI gguf wrote, under another version.
class GgufGolden : public testing::TestWithParam<char> {
 protected:
  GgufGolden() {
    std::string bytes = read_file(kData + "blocks.gguf");
    bytes[4] = GetParam();
    write_file(path_, bytes);
  }

  ScratchFolder folder_;
  fs::path path_ = folder_.path() / "a.gguf";
};

TEST_P(GgufGolden, MetadataOfEveryType) {
  const GgufFile file(path_);
  const GgufMetadata& metadata = file.metadata();
  EXPECT_EQ(metadata.string("general.architecture"), "test");
  EXPECT_EQ(metadata.integer("general.alignment"), 64);
  EXPECT_EQ(metadata.integer("test.u8"), 200);
  EXPECT_EQ(metadata.integer("test.i8"), -100);
  EXPECT_EQ(metadata.integer("test.u16"), 60000);
  EXPECT_EQ(metadata.integer("test.i16"), -30000);
  EXPECT_EQ(metadata.integer("test.u32"), 4000000000);
  EXPECT_EQ(metadata.integer("test.i32"), -2000000000);
  EXPECT_EQ(metadata.integer("test.u64"),
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(metadata.integer("test.i64"), -(std::int64_t{1} << 62));
  EXPECT_EQ(metadata.number("test.f32"), static_cast<double>(0.1F));
  EXPECT_EQ(metadata.number("test.f64"), 0.1);
  EXPECT_EQ(metadata.number("test.i8"), -100);
  EXPECT_EQ(metadata.string("test.string"), "Gr\u00fc\u00dfe");
  EXPECT_EQ(metadata.strings("test.strings"),
            (std::vector<std::string_view>{"", "a b", "\u0120the"}));
  EXPECT_TRUE(metadata.has("test.nested"));
  EXPECT_FALSE(metadata.has("test.absent"));
  EXPECT_FALSE(metadata.integer("test.absent").has_value());
}

TEST_P(GgufGolden, ValuesOfAnotherKindAreRefused) {
  const GgufFile file(path_);
  const GgufMetadata& metadata = file.metadata();
  const auto refused = [&](const char* key, const char* type, auto&& get) {
    expect_error(ErrorCode::kCorrupt, {"a.gguf", key, type}, get);
  };
  refused("test.u64_large", "uint64",
          [&] { (void)metadata.integer("test.u64_large"); });
  refused("test.f32", "float32", [&] { (void)metadata.integer("test.f32"); });
  refused("test.bool", "bool", [&] { (void)metadata.number("test.bool"); });
  refused("test.u8", "uint8", [&] { (void)metadata.string("test.u8"); });
  refused("test.string", "string",
          [&] { (void)metadata.strings("test.string"); });
  refused("test.numbers", "array of int32",
          [&] { (void)metadata.strings("test.numbers"); });
  refused("test.nested", "array of array",
          [&] { (void)metadata.strings("test.nested"); });
}

TEST_P(GgufGolden, TensorsAreThoseThatWereWritten) {
  const GgufFile file(path_);
  const SafetensorsFile values(kData + "values.safetensors");
  ASSERT_EQ(file.tensors().size(), values.tensors().size());
  for (const TensorView& tensor : file.tensors()) {
    const TensorView* expected = values.find(tensor.name);
    ASSERT_NE(expected, nullptr) << tensor.name;
    EXPECT_EQ(tensor.shape, expected->shape) << tensor.name;
  }
  EXPECT_EQ(find(file, "f32")->dtype, Dtype::kF32);
  EXPECT_EQ(find(file, "f16")->dtype, Dtype::kF16);
  EXPECT_EQ(find(file, "bf16")->dtype, Dtype::kBf16);
  EXPECT_EQ(find(file, "q4_0")->dtype, Dtype::kQ4_0);
  EXPECT_EQ(find(file, "q8_0")->dtype, Dtype::kQ8_0);
  EXPECT_EQ(find(file, "q4_k")->dtype, Dtype::kQ4K);
  EXPECT_EQ(find(file, "q5_k")->dtype, Dtype::kQ5K);
  EXPECT_EQ(find(file, "q6_k")->dtype, Dtype::kQ6K);
  const auto f32 = find(file, "f32")->bytes;
  const auto expected = values.find("f32")->bytes;
  ASSERT_EQ(f32.size(), expected.size());
  EXPECT_EQ(std::memcmp(f32.data(), expected.data(), f32.size()), 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, GgufGolden, testing::Values('\2', '\3'));

// Files that are wrong in one thing.
class GgufFileError : public testing::Test {
 protected:
  void expect(ErrorCode code, const std::vector<std::string>& parts,
              const std::string& bytes) {
    const fs::path path = folder_.path() / "bad.gguf";
    write_file(path, bytes);
    std::vector<std::string> all = parts;
    all.emplace_back("bad.gguf");
    expect_error(code, all, [&] { const GgufFile file(path); });
  }
  void expect_corrupt(const std::vector<std::string>& parts,
                      const TestGguf& file) {
    expect(ErrorCode::kCorrupt, parts, file.bytes());
  }

  ScratchFolder folder_;
  TestGguf file_ = {
      .pairs = {gguf_u32("a", 1), gguf_string("b", "text"),
                gguf_strings("c", {"x", "", "yz"})},
      .tensors = {{.name = "t", .shape = {2, 3}}, {.name = "u", .shape = {5}}}};
};

TEST_F(GgufFileError, NoErrorWithoutAMistake) {
  const fs::path path = folder_.path() / "good.gguf";
  write_file(path, file_.bytes());
  EXPECT_EQ(GgufFile(path).tensors().size(), 2U);
}

// Cut anywhere, the end of the last tensor's padding apart, a file is refused.
TEST_F(GgufFileError, EveryTruncation) {
  const std::string bytes = file_.bytes();
  const fs::path path = folder_.path() / "cut.gguf";
  write_file(path, bytes);
  const std::size_t end = bytes.size() - 32 + 20;
  fs::resize_file(path, end);
  EXPECT_EQ(GgufFile(path).tensors()[1].bytes.size(), 20U);
  for (std::size_t size = end - 1; size > 0; --size) {
    fs::resize_file(path, size);
    expect_error(ErrorCode::kCorrupt, {"cut.gguf"},
                 [&] { const GgufFile file(path); });
  }
}

// Reads all that a file gives; true if it is refused.
bool is_refused(const fs::path& path) {
  try {
    const GgufFile file(path);
    std::size_t sum = 0;
    for (const TensorView& tensor : file.tensors()) {
      for (const std::byte b : tensor.bytes) {
        sum += std::to_integer<std::size_t>(b);
      }
    }
    EXPECT_LE(sum, 255U);
    (void)file.metadata().strings("c");
  } catch (const Error&) {
    return true;
  }
  return false;
}

// No change of a byte leads out of the file.
TEST_F(GgufFileError, EveryByteChanged) {
  const std::string bytes = file_.bytes();
  const fs::path path = folder_.path() / "changed.gguf";
  write_file(path, bytes);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t i, char byte) {
    file.seekp(static_cast<std::streamoff>(i));
    file.put(byte);
    file.flush();
  };
  std::size_t n_refused = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int change : {0x01, 0x20, 0xFF}) {
      put(i, static_cast<char>(bytes[i] ^ change));
      if (is_refused(path)) ++n_refused;
    }
    put(i, bytes[i]);
  }
  EXPECT_GT(n_refused, 300U);
}

TEST_F(GgufFileError, MagicAndVersions) {
  file_.magic = "GGML";
  expect_corrupt({"begins with \"GGUF\""}, file_);
  file_.magic = "GGUF";
  for (const std::uint32_t version : {0U, 1U, 4U}) {
    file_.version = version;
    expect(ErrorCode::kUnsupported,
           {"version 2 or 3", "got " + std::to_string(version)}, file_.bytes());
  }
  file_.version = 0x03000000;
  expect(ErrorCode::kUnsupported, {"big endian"}, file_.bytes());
}

TEST_F(GgufFileError, CountsBeyondTheFile) {
  for (const std::uint64_t n : {3ULL, 60000ULL}) {
    file_.n_tensors = n;
    expect_corrupt({}, file_);
  }
  for (const std::uint64_t n : {65537ULL, ~0ULL}) {
    file_.n_tensors = n;
    expect_corrupt({"at most 65536 tensors"}, file_);
  }
  file_.n_tensors.reset();
  for (const std::uint64_t n : {65537ULL, 1ULL << 63U}) {
    file_.n_pairs = n;
    expect_corrupt({"at most 65536 keys"}, file_);
  }
  for (const std::uint64_t n : {2ULL, 4ULL, 60000ULL}) {
    file_.n_pairs = n;
    expect_corrupt({}, file_);
  }
}

TEST_F(GgufFileError, LengthsBeyondTheFile) {
  for (const std::uint64_t n : {1000ULL, 1ULL << 40U, ~0ULL}) {
    const std::string length = raw(std::uint64_t{n});
    file_.pairs = {gguf_pair("k", kGgufString, length + "abc")};
    expect_corrupt({"key k"}, file_);
    file_.pairs = {gguf_pair("k", kGgufArray, raw(kGgufString) + length)};
    expect_corrupt({"key k"}, file_);
    file_.pairs = {gguf_pair("k", kGgufArray, raw(10U) + length)};
    expect_corrupt({"key k", "elements"}, file_);
    file_.pairs = {length + "abc"};
    expect_corrupt({"key"}, file_);
    file_.pairs = {gguf_pair(
        "k", kGgufArray, raw(kGgufString) + raw(std::uint64_t{1}) + length)};
    expect_corrupt({"key k"}, file_);
  }
  file_.pairs = {gguf_u32("", 1)};
  expect_corrupt({"1 to 65535 bytes of a key", "got 0"}, file_);
  file_.pairs = {gguf_u32(std::string(65536, 'k'), 1)};
  expect_corrupt({"got 65536"}, file_);
}

TEST_F(GgufFileError, TypesOfValues) {
  file_.pairs = {gguf_pair("k", 13, "abcd")};
  expect_corrupt({"type below 13 of key k", "got 13"}, file_);
  file_.pairs = {gguf_pair("k", kGgufArray, raw(13U) + raw(std::uint64_t{0}))};
  expect_corrupt({"type below 13 of key k"}, file_);
  std::string nested = raw(kGgufString) + raw(std::uint64_t{0});
  for (int depth = 0; depth < 4; ++depth) {
    nested = raw(kGgufArray) + raw(std::uint64_t{1}) + nested;
  }
  file_.pairs = {gguf_pair("k", kGgufArray, nested)};
  expect_corrupt({"nested at most 4 deep", "key k"}, file_);
}

TEST_F(GgufFileError, TwiceTheSame) {
  file_.pairs.push_back(gguf_u32("a", 2));
  expect_corrupt({"key a once"}, file_);
  file_.pairs.pop_back();
  file_.tensors[1].name = "t";
  expect_corrupt({"tensor t", "twice"}, file_);
}

TEST_F(GgufFileError, Alignments) {
  for (const std::uint32_t alignment : {0U, 24U, 1U << 21U}) {
    file_.pairs = {gguf_u32("general.alignment", alignment)};
    expect_corrupt({"power of two", "general.alignment"}, file_);
  }
  file_.pairs = {gguf_string("general.alignment", "32")};
  expect_corrupt({"an integer", "general.alignment"}, file_);
  file_.pairs = {gguf_u32("general.alignment", 64)};
  expect_corrupt({}, file_);
  file_.alignment = 64;
  const fs::path path = folder_.path() / "aligned.gguf";
  write_file(path, file_.bytes());
  EXPECT_EQ(GgufFile(path).tensors().size(), 2U);
}

TEST_F(GgufFileError, NamesOfTensors) {
  file_.tensors[0].name = "";
  expect_corrupt({"a tensor's name", "got 0"}, file_);
  file_.tensors[0].name = std::string(1025, 'n');
  expect_corrupt({"a tensor's name", "got 1025"}, file_);
  file_.tensors[0].name = "bad\nname";
  file_.tensors[0].type = 99;
  expect(ErrorCode::kUnsupported, {"bad?name"}, file_.bytes());
}

TEST_F(GgufFileError, TypesOfTensors) {
  const auto unsupported = [&](std::uint32_t type, const char* name) {
    file_.tensors[0].type = type;
    expect(ErrorCode::kUnsupported, {"tensor t", name}, file_.bytes());
  };
  unsupported(3, "got Q4_1");
  unsupported(10, "got Q2_K");
  unsupported(23, "got IQ4_XS");
  unsupported(39, "got MXFP4");
  unsupported(4, "got number 4");
  unsupported(~0U, "got number 4294967295");
}

TEST_F(GgufFileError, Extents) {
  auto& shape = file_.tensors[0].shape;
  shape = {1, 1, 1, 1, 1};
  expect_corrupt({"tensor t", "at most 4 extents, got 5"}, file_);
  shape = {1ULL << 63U};
  expect_corrupt({"tensor t", "below 2^63"}, file_);
  shape = {1ULL << 31U, 1ULL << 31U};
  expect_corrupt({"tensor t", "a size below 2^63 bytes"}, file_);
  shape = {1ULL << 62U, 1ULL << 62U};
  expect_corrupt({"tensor t", "a size below 2^63 bytes"}, file_);
  shape = {1ULL << 40U};
  expect_corrupt({"tensor t", "expected 4398046511104 bytes"}, file_);
  shape = {2, 3, 2};
  file_.tensors[0].data = std::string(24, '\0');
  expect_corrupt({"tensor u", "at offset 64, behind the others, got 32"},
                 file_);
}

TEST_F(GgufFileError, RowsThatAreNoBlocks) {
  file_.tensors[0].type = 2;
  file_.tensors[0].shape = {2, 48};
  expect_corrupt({"tensor t", "multiple of 32", "Q4_0", "[2, 48]"}, file_);
  file_.tensors[0].type = 12;
  file_.tensors[0].shape = {256, 128};
  expect_corrupt({"tensor t", "multiple of 256", "Q4_K"}, file_);
  file_.tensors[0].shape = {};
  expect_corrupt({"tensor t", "multiple of 256", "[]"}, file_);
}

TEST_F(GgufFileError, Offsets) {
  file_.tensors[1].offset = 0;  // overlaps
  expect_corrupt({"tensor u", "offset 32", "got 0"}, file_);
  file_.tensors[1].offset = 16;
  expect_corrupt({"tensor u", "got 16"}, file_);
  file_.tensors[1].offset = 64;  // leaves a gap
  expect_corrupt({"tensor u", "got 64"}, file_);
  file_.tensors[1].offset = ~0ULL - 31;
  expect_corrupt({"tensor u"}, file_);
  file_.tensors[1].offset.reset();
  expect(ErrorCode::kCorrupt, {"bytes of data"},
         file_.bytes() + std::string(32, '\0'));
}

TEST_F(GgufFileError, NoTensors) {
  const fs::path path = folder_.path() / "none.gguf";
  write_file(path, TestGguf{}.bytes());
  EXPECT_TRUE(GgufFile(path).tensors().empty());
  write_file(path, TestGguf{}.bytes().substr(0, 24));
  EXPECT_TRUE(GgufFile(path).tensors().empty());
}

}  // namespace
}  // namespace csm::weights
