#include "csm/weights/safetensors.h"

#include <gtest/gtest.h>

#include <numeric>
#include <ostream>
#include <string>
#include <vector>

#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::safetensors_bytes;
using testing_support::ScratchFolder;
using testing_support::write_file;

constexpr auto kCorrupt = ErrorCode::kCorrupt;
constexpr auto kUnsupported = ErrorCode::kUnsupported;

// Every byte that the views give access to.
unsigned touch(const SafetensorsFile& file) {
  unsigned sum = 0;
  for (const TensorView& view : file.tensors()) {
    for (const std::byte b : view.bytes) sum += std::to_integer<unsigned>(b);
  }
  return sum;
}

std::string good_file() {
  return safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
      R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},)"
      R"("empty":{"dtype":"I64","shape":[0,5],"data_offsets":[28,28]},)"
      R"("scalar":{"dtype":"U8","shape":[],"data_offsets":[28,29]}}   )",
      std::string(28, '\1') + "\7");
}

TEST(Safetensors, GivesTensorsInTheOrderOfTheirData) {
  const ScratchFolder folder;
  write_file(folder / "m.safetensors", good_file());
  const SafetensorsFile file(folder / "m.safetensors");
  ASSERT_EQ(file.tensors().size(), 4U);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.tensors()[0].dtype, Dtype::kBf16);
  EXPECT_EQ(file.tensors()[0].bytes.size(), 4U);
  const TensorView* b = file.find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(b->bytes.size(), 24U);
  ASSERT_NE(file.find("scalar"), nullptr);
  EXPECT_EQ(std::to_integer<int>(file.find("scalar")->bytes[0]), 7);
  EXPECT_EQ(file.find("empty")->bytes.size(), 0U);
  EXPECT_EQ(file.find("nothing"), nullptr);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(touch(file), 28U + 7U);
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const ScratchFolder folder;
  const std::string bytes = good_file();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write_file(folder / "m.safetensors", bytes.substr(0, size));
    expect_error(kCorrupt, {"m.safetensors"},
                 [&] { SafetensorsFile(folder / "m.safetensors"); });
  }
}

// A changed byte may give another well-formed file, or a one-line error, but
// never a view outside the file (the sanitizer build would stop).
TEST(Safetensors, ChangedBytesNeverReachOutsideTheFile) {
  const ScratchFolder folder;
  const std::string good = good_file();
  int n_loaded = 0;
  for (std::size_t at = 0; at + 29 < good.size(); ++at) {
    for (const char c : {'9', '-', '"', '\x80'}) {
      std::string bytes = good;
      bytes[at] = c;
      write_file(folder / "m.safetensors", bytes);
      try {
        touch(SafetensorsFile(folder / "m.safetensors"));
        ++n_loaded;
      } catch (const Error& error) {
        const std::string message = error.what();
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      }
    }
  }
  EXPECT_GT(n_loaded, 0);
}

struct BadFile {
  std::string name;
  ErrorCode code;
  std::vector<std::string> parts;
  std::string header;
  std::size_t data_size;
};

void PrintTo(const BadFile& file, std::ostream* out) { *out << file.name; }

// One tensor "t" with the given claims.
std::string claim(const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape +
         R"(,"data_offsets":)" + offsets + "}}";
}

std::string two(const std::string& first, const std::string& second) {
  return R"({"t":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
         R"(},"u":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
}

std::vector<BadFile> bad_headers() {
  return {
      {"not_json", kCorrupt, {"expected JSON"}, "hello", 0},
      {"binary", kCorrupt, {"expected JSON"}, std::string(64, '\xFF'), 0},
      {"empty_header", kCorrupt, {"expected JSON"}, "", 0},
      {"array", kCorrupt, {"JSON object"}, "[]", 0},
      {"number", kCorrupt, {"JSON object"}, "5", 0},
      {"trailing", kCorrupt, {"expected JSON"}, "{}x", 0},
      {"two_values", kCorrupt, {"expected JSON"}, "{}{}", 0},
      {"deep",
       kCorrupt,
       {"nesting"},
       std::string(200'000, '[') + std::string(200'000, ']'),
       0},
      {"deep_open", kCorrupt, {"nesting"}, std::string(400'000, '['), 0},
      {"metadata_number", kCorrupt, {"'x'"}, R"({"__metadata__":{"x":1}})", 0},
      {"metadata_text",
       kCorrupt,
       {"__metadata__"},
       R"({"__metadata__":"x"})",
       0},
      {"entry_number", kCorrupt, {"tensor t"}, R"({"t":3})", 0},
      {"entry_empty", kCorrupt, {"tensor t", "'dtype'"}, R"({"t":{}})", 0},
      {"duplicate",
       kCorrupt,
       {"'t' twice"},
       R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
       R"("t":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       8},
      {"duplicate_field",
       kCorrupt,
       {"'shape' twice"},
       R"({"t":{"dtype":"U8","shape":[4],"shape":[8],"data_offsets":[0,8]}})",
       8},
      {"name_with_newline", kCorrupt, {"tensor a?b"}, R"({"a\nb":3})", 0},
  };
}

std::vector<BadFile> bad_shapes() {
  return {
      {"dtype_unknown",
       kUnsupported,
       {"tensor t", "'F4'"},
       claim("F4", "[1]", "[0,1]"),
       1},
      {"dtype_lower",
       kUnsupported,
       {"tensor t", "'f32'"},
       claim("f32", "[1]", "[0,4]"),
       4},
      {"dtype_nan",
       kUnsupported,
       {"tensor t", "'NaN'"},
       claim("NaN", "[1]", "[0,4]"),
       4},
      {"shape_short",
       kCorrupt,
       {"tensor t", "[2]", "[0, 4]"},
       claim("F32", "[2]", "[0,4]"),
       4},
      {"shape_long",
       kCorrupt,
       {"tensor t", "expected 8 bytes"},
       claim("F32", "[2]", "[0,12]"),
       12},
      {"shape_negative",
       kCorrupt,
       {"tensor t", "'shape'"},
       claim("F32", "[-1]", "[0,4]"),
       4},
      {"shape_real",
       kCorrupt,
       {"tensor t", "'shape'"},
       claim("F32", "[1.0]", "[0,4]"),
       4},
      {"shape_nan",
       kCorrupt,
       {"expected JSON"},
       claim("F32", "[NaN]", "[0,4]"),
       4},
      {"shape_text",
       kCorrupt,
       {"tensor t", "'shape'"},
       claim("F32", "\"4\"", "[0,4]"),
       4},
      {"shape_null",
       kCorrupt,
       {"tensor t", "'shape'"},
       claim("F32", "null", "[0,4]"),
       4},
      {"shape_overflow",
       kCorrupt,
       {"tensor t", "2^63"},
       claim("F32", "[4294967296,4294967296]", "[0,0]"),
       0},
      {"shape_overflow_to_4",
       kCorrupt,
       {"tensor t", "2^63"},
       claim("U8", "[4611686018427387905,4]", "[0,4]"),
       4},
      {"shape_huge",
       kCorrupt,
       {"tensor t", "'shape'"},
       claim("U8", "[18446744073709551615]", "[0,4]"),
       4},
      {"shape_beyond",
       kCorrupt,
       {"tensor t", "'shape'"},
       claim("U8", "[36893488147419103232]", "[0,4]"),
       4},
      {"dims",
       kCorrupt,
       {"tensor t", "at most 8"},
       claim("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"),
       1},
  };
}

std::vector<BadFile> bad_offsets() {
  return {
      {"offsets_one",
       kCorrupt,
       {"tensor t", "'data_offsets'"},
       claim("U8", "[4]", "[0]"),
       4},
      {"offsets_three",
       kCorrupt,
       {"tensor t", "'data_offsets'"},
       claim("U8", "[4]", "[0,4,8]"),
       4},
      {"offsets_negative",
       kCorrupt,
       {"tensor t", "'data_offsets'"},
       claim("U8", "[4]", "[-4,0]"),
       4},
      {"offsets_backwards",
       kCorrupt,
       {"tensor t", "[4, 0]"},
       claim("U8", "[4]", "[4,0]"),
       4},
      {"offsets_beyond",
       kCorrupt,
       {"expected 400 bytes of data, got 4"},
       claim("U8", "[400]", "[0,400]"),
       4},
      {"offsets_far",
       kCorrupt,
       {"tensor t"},
       claim("U8", "[4]", "[9223372036854775800,9223372036854775804]"),
       4},
      {"gap_in_front",
       kCorrupt,
       {"tensor t", "a gap"},
       claim("U8", "[4]", "[1,5]"),
       5},
      {"bytes_behind",
       kCorrupt,
       {"expected 4 bytes of data, got 5"},
       claim("U8", "[4]", "[0,4]"),
       5},
      {"no_tensor_but_data", kCorrupt, {"expected 0 bytes of data"}, "{}", 3},
      {"overlap",
       kCorrupt,
       {"tensor u", "an overlap"},
       two("[0,4]", "[2,6]"),
       8},
      {"same_place", kCorrupt, {"an overlap"}, two("[0,4]", "[0,4]"), 4},
      {"gap", kCorrupt, {"tensor u", "a gap"}, two("[0,4]", "[5,9]"), 9},
  };
}

class BadSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, GivesAOneLineErrorThatNamesTheFile) {
  const ScratchFolder folder;
  const BadFile& bad = GetParam();
  write_file(folder / "m.safetensors",
             safetensors_bytes(bad.header, std::string(bad.data_size, 'x')));
  std::vector<std::string> parts = bad.parts;
  parts.emplace_back("m.safetensors");
  expect_error(bad.code, parts,
               [&] { SafetensorsFile(folder / "m.safetensors"); });
}

std::string name_of(const testing::TestParamInfo<BadFile>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Header, BadSafetensors,
                         testing::ValuesIn(bad_headers()), name_of);
INSTANTIATE_TEST_SUITE_P(Shapes, BadSafetensors,
                         testing::ValuesIn(bad_shapes()), name_of);
INSTANTIATE_TEST_SUITE_P(Offsets, BadSafetensors,
                         testing::ValuesIn(bad_offsets()), name_of);

TEST(Safetensors, LyingHeaderLengthsAreErrors) {
  const ScratchFolder folder;
  const std::string good = good_file();
  const std::uint64_t file_size = good.size();
  for (const std::uint64_t length :
       {file_size - 7, file_size, std::uint64_t{1} << 32U,
        std::uint64_t{1} << 63U, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
    std::string bytes = good;
    for (std::size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<char>(length >> (8 * i));
    }
    write_file(folder / "m.safetensors", bytes);
    expect_error(kCorrupt, {"a length of " + std::to_string(length)},
                 [&] { SafetensorsFile(folder / "m.safetensors"); });
  }
}

TEST(Safetensors, OverlongHeaderIsRefusedBeforeItIsParsed) {
  const ScratchFolder folder;
  const std::string header(17U << 20U, ' ');
  write_file(folder / "m.safetensors", safetensors_bytes(header, ""));
  expect_error(kCorrupt, {"at most 16777216 bytes"},
               [&] { SafetensorsFile(folder / "m.safetensors"); });
}

TEST(Safetensors, AbsentFileAndFolder) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kNotFound, {"absent"},
               [&] { SafetensorsFile(folder / "absent.safetensors"); });
  expect_error(ErrorCode::kInvalidArgument, {"regular file"},
               [&] { SafetensorsFile(folder.path()); });
}

TEST(Dtype, NamesAndSizesAgree) {
  std::size_t n = 0;
  for (const char* name :
       {"BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "U16", "I16", "F16", "BF16",
        "U32", "I32", "F32", "U64", "I64", "F64"}) {
    const auto dtype = parse_dtype(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_STREQ(to_string(*dtype), name);
    n += size_of(*dtype);
  }
  EXPECT_EQ(n, 5U * 1 + 4U * 2 + 3U * 4 + 3U * 8);
  EXPECT_EQ(parse_dtype(""), std::nullopt);
}

}  // namespace
}  // namespace csm::weights
