#include "csm/codec/packed_codes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/scratch_folder_testing.h"
#include "csm/base/sha256.h"

namespace csm::codec {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr CodesFormat kFormat{
    .n_codebooks = 3, .sample_rate = 24000, .samples_per_frame = 1920};
constexpr std::size_t kHeader = 24;
constexpr std::size_t kDigest = 32;

class PackedCodesFile : public testing::Test {
 protected:
  [[nodiscard]] std::string written(const std::vector<std::int32_t>& codes,
                                    const CodesFormat& format = kFormat) const {
    write_packed_codes(path_, format, codes);
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// What reading these bytes says.
  [[nodiscard]] std::string refusal(
      const std::string& bytes, ErrorCode code = ErrorCode::kCorrupt) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      (void)read_packed_codes(path_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      const std::string message = error.what();
      EXPECT_THAT(message, HasSubstr("a.csmc"));
      EXPECT_EQ(message.find('\n'), std::string::npos);
      return message;
    }
    ADD_FAILURE() << "accepted";
    return {};
  }

  csm::testing_support::ScratchFolder folder_;
  fs::path path_ = folder_ / "a.csmc";
};

// The same bytes with a checksum that fits them.
std::string sealed(std::string bytes) {
  bytes.resize(bytes.size() - kDigest);
  const std::string hex =
      sha256_hex(std::as_bytes(std::span(bytes.data(), bytes.size())));
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<std::int32_t> random_codes(std::size_t n) {
  std::mt19937 engine(7);
  std::vector<std::int32_t> codes;
  for (std::size_t i = 0; i < n; ++i) {
    codes.push_back(static_cast<std::int32_t>(engine() % 2048));
  }
  return codes;
}

TEST_F(PackedCodesFile, AnyLength_RoundTrips) {
  for (const std::size_t n : {0U, 3U, 6U, 9U, 12U, 15U, 18U, 21U, 24U, 3000U}) {
    const std::vector<std::int32_t> codes = random_codes(n);
    EXPECT_EQ(written(codes).size(), kHeader + (n * 11 + 7) / 8 + kDigest);
    const PackedCodes read = read_packed_codes(path_);
    EXPECT_EQ(read.format, kFormat);
    EXPECT_EQ(read.codes, codes) << n;
  }
}

TEST_F(PackedCodesFile, Bytes_AreAsDocumented) {
  const std::string bytes = written({1, 2047, 0});
  const std::string want{
      "CSMC"
      "\x01\x00"
      "\x03\x00"
      "\x01\x00\x00\x00\x00\x00\x00\x00"
      "\xC0\x5D\x00\x00"
      "\x80\x07\x00\x00"
      // 11 bits each, the lowest first
      "\x01\xF8\x3F\x00\x00",
      kHeader + 5};
  EXPECT_EQ(bytes.substr(0, want.size()), want);
  EXPECT_EQ(bytes, sealed(bytes));
}

TEST_F(PackedCodesFile, CodesThatDoNotFit_RefusedAndNothingWritten) {
  for (const std::int32_t bad : {-1, 2048, 1 << 30}) {
    try {
      write_packed_codes(path_, kFormat,
                         std::vector<std::int32_t>{0, 1, 2, 3, bad, 5});
      ADD_FAILURE() << "accepted " << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.what(), HasSubstr("frame 1, codebook 1"));
    }
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(PackedCodesFile, EveryFlippedBit_IsNoticed) {
  const std::string good = written(random_codes(12));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const bool version = bit / 8 == 4 || bit / 8 == 5;
    EXPECT_NE(
        refusal(bytes, version ? ErrorCode::kUnsupported : ErrorCode::kCorrupt),
        "")
        << bit;
  }
}

TEST_F(PackedCodesFile, EveryTruncation_IsNoticed) {
  const std::string good = written(random_codes(12));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(refusal(good.substr(0, size)), "") << size;
  }
  EXPECT_THAT(refusal(good + "x"), HasSubstr("bytes for 4 frames of 3 codes"));
}

TEST_F(PackedCodesFile, SealedLies_AreRefused) {
  const std::string good = written(random_codes(12));
  const auto with = [&](std::size_t at, const std::string& value) {
    std::string bytes = good;
    bytes.replace(at, value.size(), value);
    return sealed(bytes);
  };
  EXPECT_THAT(refusal(with(6, std::string(2, '\0'))), HasSubstr("codebooks"));
  EXPECT_THAT(refusal(with(6, "\xFF\xFF")), HasSubstr("codebooks"));
  EXPECT_THAT(refusal(with(6, "\x04")), HasSubstr("bytes for 4 frames of 4"));
  EXPECT_THAT(refusal(with(8, std::string(8, '\xFF'))), HasSubstr("frames"));
  EXPECT_THAT(refusal(with(8, "\x05")), HasSubstr("bytes for 5 frames"));
  EXPECT_THAT(refusal(with(16, std::string(4, '\0'))), HasSubstr("Hz"));
  EXPECT_THAT(refusal(with(16, "\xFF\xFF\xFF\xFF")), HasSubstr("Hz"));
  EXPECT_THAT(refusal(with(20, std::string(4, '\0'))),
              HasSubstr("samples of a frame"));
  EXPECT_THAT(refusal(with(4, "\x02"), ErrorCode::kUnsupported),
              HasSubstr("version 1, got 2"));
  // 12 codes are 132 bits; the last four of byte 16 belong to none.
  std::string bytes = good;
  bytes[kHeader + 16] = static_cast<char>(bytes[kHeader + 16] | '\x80');
  EXPECT_THAT(refusal(sealed(bytes)), HasSubstr("zeros behind the last code"));
}

TEST_F(PackedCodesFile, OtherFiles_AreRefused) {
  EXPECT_THAT(refusal("\x93NUMPY and so on, long enough for a header and more"),
              HasSubstr("a .csmc file"));
  EXPECT_THAT(refusal(std::string(100, '\0')), HasSubstr("a .csmc file"));
  fs::remove(path_);
  try {
    (void)read_packed_codes(path_);
    ADD_FAILURE() << "read a file that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  }
}

}  // namespace
}  // namespace csm::codec
