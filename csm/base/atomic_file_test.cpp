#include "csm/base/atomic_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "csm/base/error.h"

namespace csm {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("atomic_file_") +
            testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }

  fs::path dir_;
};

TEST_F(AtomicFileTest, CommitGivesTheFinalNameOnly) {
  write_file_atomically(dir_ / "out.bin", "hello");
  EXPECT_EQ(read(dir_ / "out.bin"), "hello");
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, ReplacesAnOlderFile) {
  write_file_atomically(dir_ / "out.bin", "old and longer");
  write_file_atomically(dir_ / "out.bin", "new");
  EXPECT_EQ(read(dir_ / "out.bin"), "new");
}

TEST_F(AtomicFileTest, WithoutCommitNothingStaysAndTheOldFileIsKept) {
  write_file_atomically(dir_ / "out.bin", "old");
  {
    const AtomicFile file(dir_ / "out.bin");
    std::ofstream(file.temp_path()) << "half";
    EXPECT_EQ(files(), 2U);
  }
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(read(dir_ / "out.bin"), "old");
}

TEST_F(AtomicFileTest, BadTargetsThrow) {
  for (const fs::path& path : {dir_ / "absent" / "x", dir_, dir_ / ""}) {
    try {
      const AtomicFile file(path);
      ADD_FAILURE() << "no throw for " << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    }
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(AtomicFileTest, Device_IsRefusedAndNotReplaced) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_THROW(write_file_atomically("/dev/full", "x"), Error);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

}  // namespace
}  // namespace csm
