#include "csm/weights/npy.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::read_file;
using testing_support::ScratchFolder;
using testing_support::write_file;

Json goldens() {
  return Json::parse(read_file(std::filesystem::path(CSM_SOURCE_DIR) /
                               "tests/data/weights/goldens.json"))["npy"];
}

std::string unhex(const Json& value) {
  const auto hex = value.get<std::string>();
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return out;
}

// What the oracle script stored: -3, -2, ... and a quarter of them.
template <class T>
std::vector<T> sequence(std::size_t n, T factor) {
  std::vector<T> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back((static_cast<T>(i) - 3) * factor);
  }
  return out;
}

TEST(Npy, WritesTheBytesOfNumpySaveAndReadsThemBack) {
  const ScratchFolder folder;
  const auto path = folder / "a.npy";
  const Json cases = goldens()["written"];
  EXPECT_EQ(cases.size(), 12U);
  for (const Json& golden : cases) {
    const auto shape = golden["shape"].get<std::vector<std::int64_t>>();
    std::size_t n = 1;
    for (const auto dim : shape) n *= static_cast<std::size_t>(dim);
    if (golden["dtype"] == "i4") {
      const auto data = sequence<std::int32_t>(n, 1);
      write_npy(path, shape, std::span(data));
      EXPECT_EQ(read_npy_i32(path).data, data);
      EXPECT_EQ(read_npy_i32(path).shape, shape);
    } else {
      const auto data = sequence<float>(n, 0.25F);
      write_npy(path, shape, std::span(data));
      EXPECT_EQ(read_npy_f32(path).data, data);
      EXPECT_EQ(read_npy_f32(path).shape, shape);
    }
    EXPECT_EQ(read_file(path), unhex(golden["file"]));
  }
}

TEST(Npy, ReadsOtherFormsOfNumpy) {
  const ScratchFolder folder;
  const auto path = folder / "a.npy";
  for (const char* form : {"version_2", "version_3", "i8"}) {
    write_file(path, unhex(goldens()[form]));
    EXPECT_EQ(read_npy_i32(path).data, sequence<std::int32_t>(12, 1)) << form;
  }
  write_file(path, unhex(goldens()["scalar_i4"]));
  EXPECT_EQ(read_npy_i32(path).data, std::vector<std::int32_t>{7});
  EXPECT_TRUE(read_npy_i32(path).shape.empty());
}

TEST(Npy, OtherTypesAreRefusedByName) {
  const ScratchFolder folder;
  const auto path = folder / "a.npy";
  const std::array<std::pair<const char*, const char*>, 5> cases = {
      {{"big_endian", "'>i4'"},
       {"f8", "'<f8'"},
       {"bool", "'|b1'"},
       {"fortran", "Fortran order"},
       {"i8_large", "2147483648"}}};
  for (const auto& [form, part] : cases) {
    write_file(path, unhex(goldens()[form]));
    const auto code = std::string(form) == "i8_large" ? ErrorCode::kCorrupt
                                                      : ErrorCode::kUnsupported;
    expect_error(code, {part, "a.npy"}, [&] { (void)read_npy_i32(path); });
  }
  write_file(path, unhex(goldens()["record"]));
  EXPECT_THROW((void)read_npy_i32(path), Error);
  write_file(path, unhex(goldens()["i8"]));
  expect_error(ErrorCode::kUnsupported, {"<f4", "'<i8'"},
               [&] { (void)read_npy_f32(path); });
}

TEST(Npy, EveryTruncationIsAnError) {
  const ScratchFolder folder;
  const auto path = folder / "a.npy";
  const std::string good = unhex(goldens()["written"][2]["file"]);
  for (std::size_t size = 0; size < good.size(); ++size) {
    write_file(path, good.substr(0, size));
    expect_error(ErrorCode::kCorrupt, {"a.npy"},
                 [&] { (void)read_npy_i32(path); });
  }
  write_file(path, good + "x");
  expect_error(ErrorCode::kCorrupt, {"expected 48 bytes"},
               [&] { (void)read_npy_i32(path); });
}

TEST(Npy, ChangedBytesGiveAnErrorOrAnArray) {
  const ScratchFolder folder;
  const auto path = folder / "a.npy";
  const std::string good = unhex(goldens()["written"][2]["file"]);
  for (std::size_t at = 0; at < 128; ++at) {
    for (const char c : {'\0', '9', '\''}) {
      std::string bytes = good;
      bytes[at] = c;
      write_file(path, bytes);
      try {
        EXPECT_EQ(read_npy_i32(path).data.size(), 12U);
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      }
    }
  }
}

struct BadHeader {
  std::string name;
  std::string header;
};

void PrintTo(const BadHeader& bad, std::ostream* out) { *out << bad.name; }

class BadNpy : public testing::TestWithParam<BadHeader> {};

TEST_P(BadNpy, GivesAOneLineError) {
  const ScratchFolder folder;
  const auto path = folder / "a.npy";
  const std::string& header = GetParam().header;
  write_file(path, std::string("\x93NUMPY\x01\0", 8) +
                       static_cast<char>(header.size() & 0xFFU) +
                       static_cast<char>(header.size() >> 8U) + header +
                       "12345678");
  expect_error(ErrorCode::kCorrupt, {"a.npy"},
               [&] { (void)read_npy_i32(path); });
}

constexpr const char* kHead = "{'descr': '<i4', 'fortran_order': False, ";

INSTANTIATE_TEST_SUITE_P(
    All, BadNpy,
    testing::Values(
        BadHeader{"empty", ""}, BadHeader{"text", "hello"},
        BadHeader{"open", "{"}, BadHeader{"no_keys", "{}"},
        BadHeader{"no_shape", std::string(kHead) + "}"},
        BadHeader{"twice", "{'descr': '<i4', 'descr': '<i4', }"},
        BadHeader{"unknown_key", std::string(kHead) + "'shape': (2,), 'x': 1}"},
        BadHeader{"negative", std::string(kHead) + "'shape': (-2,)}"},
        BadHeader{"huge",
                  std::string(kHead) + "'shape': (99999999999999999999,)}"},
        BadHeader{"overflow",
                  std::string(kHead) + "'shape': (4611686018427387904, 4)}"},
        BadHeader{"large", std::string(kHead) + "'shape': (1000000, 1000)}"},
        BadHeader{"dims",
                  std::string(kHead) + "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 2)}"},
        BadHeader{"no_comma", std::string(kHead) + "'shape': (2 2)}"},
        BadHeader{"nan", std::string(kHead) + "'shape': (nan,)}"},
        BadHeader{"real", std::string(kHead) + "'shape': (2.0,)}"},
        BadHeader{"list", std::string(kHead) + "'shape': [2]}"},
        BadHeader{"trailing", std::string(kHead) + "'shape': (2,)} 1"},
        BadHeader{"bool",
                  "{'descr': '<i4', 'fortran_order': None, "
                  "'shape': (2,)}"}),
    [](const auto& test) { return test.param.name; });

TEST(Npy, OtherFilesAndVersions) {
  const ScratchFolder folder;
  const auto path = folder / "a.npy";
  write_file(path, "RIFF....WAVEfmt ");
  expect_error(ErrorCode::kCorrupt, {"NumPy"},
               [&] { (void)read_npy_i32(path); });
  std::string bytes = unhex(goldens()["written"][0]["file"]);
  bytes[6] = 4;
  write_file(path, bytes);
  expect_error(ErrorCode::kUnsupported, {"got 4.0"},
               [&] { (void)read_npy_i32(path); });
  expect_error(ErrorCode::kNotFound, {"absent.npy"},
               [&] { (void)read_npy_i32(folder / "absent.npy"); });
}

TEST(Npy, UnwritableTargetLeavesNothing) {
  const ScratchFolder folder;
  const std::vector<float> data = {1.0F};
  const std::vector<std::int64_t> shape = {1};
  expect_error(ErrorCode::kInvalidArgument, {"absent"}, [&] {
    write_npy(folder / "absent" / "a.npy", shape, std::span(data));
  });
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace csm::weights
