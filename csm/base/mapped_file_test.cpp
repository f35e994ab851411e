#include "csm/base/mapped_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "csm/base/error.h"

namespace csm {
namespace {

namespace fs = std::filesystem;

class MappedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("mapped_file_") +
            testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name, std::ios::binary) << text;
    return dir_ / name;
  }

  ErrorCode code_of(const fs::path& path) {
    try {
      const MappedFile file(path);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path.string()),
                std::string::npos);
      return error.code();
    }
    ADD_FAILURE() << "no throw";
    return ErrorCode::kInternal;
  }

  fs::path dir_;
};

TEST_F(MappedFileTest, BytesEqualContents) {
  const MappedFile file(write("a", std::string("x\0yz", 4)));
  ASSERT_EQ(file.bytes().size(), 4U);
  EXPECT_EQ(std::memcmp(file.bytes().data(), "x\0yz", 4), 0);
}

TEST_F(MappedFileTest, MoveKeepsTheMapping) {
  MappedFile first(write("a", "hello"));
  const std::byte* data = first.bytes().data();
  const MappedFile second(std::move(first));
  EXPECT_EQ(second.bytes().data(), data);
  EXPECT_EQ(std::memcmp(second.bytes().data(), "hello", 5), 0);
}

TEST_F(MappedFileTest, ReleaseKeepsContentsReadable) {
  const std::string text(1 << 16, 'q');
  const MappedFile file(write("big", text));
  file.release(file.bytes());
  EXPECT_EQ(std::memcmp(file.bytes().data(), text.data(), text.size()), 0);
}

TEST_F(MappedFileTest, BadPathsThrow) {
  EXPECT_EQ(code_of(dir_ / "absent"), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(dir_), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(write("empty", "")), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace csm
