#include "csm/base/atomic_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "csm/base/error.h"

namespace csm {
namespace {

namespace fs = std::filesystem;

class AtomicFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("atomic_folder_") +
            testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }

  fs::path dir_;
};

TEST_F(AtomicFolderTest, CommitGivesTheFinalNameOnly) {
  AtomicFolder folder(dir_ / "model/");
  write(folder.temp_path() / "a", "hello");
  EXPECT_FALSE(fs::exists(dir_ / "model"));
  folder.commit(false);
  EXPECT_EQ(read(dir_ / "model" / "a"), "hello");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFolderTest, WithoutCommitNothingStays) {
  {
    const AtomicFolder folder(dir_ / "model");
    write(folder.temp_path() / "a", "half");
    EXPECT_EQ(entries(), 1U);
  }
  EXPECT_EQ(entries(), 0U);
}

TEST_F(AtomicFolderTest, OldFolder_GoesOnlyIfTold) {
  fs::create_directories(dir_ / "model");
  write(dir_ / "model" / "old", "old");
  {
    AtomicFolder folder(dir_ / "model");
    write(folder.temp_path() / "a", "new");
    EXPECT_THROW(folder.commit(false), Error);
  }
  EXPECT_EQ(read(dir_ / "model" / "old"), "old");
  EXPECT_EQ(entries(), 1U);
  {
    AtomicFolder folder(dir_ / "model");
    write(folder.temp_path() / "a", "new");
    folder.commit(true);
  }
  EXPECT_EQ(read(dir_ / "model" / "a"), "new");
  EXPECT_FALSE(fs::exists(dir_ / "model" / "old"));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFolderTest, EmptyFolder_IsReplaced) {
  fs::create_directories(dir_ / "model");
  AtomicFolder folder(dir_ / "model");
  write(folder.temp_path() / "a", "new");
  folder.commit(false);
  EXPECT_EQ(read(dir_ / "model" / "a"), "new");
}

TEST_F(AtomicFolderTest, MissingParentOrNoName_IsRefused) {
  for (const fs::path& path :
       {dir_ / "nowhere" / "model", fs::path("/"), dir_ / ".."}) {
    try {
      const AtomicFolder folder(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find(path.string()),
                std::string::npos);
    }
  }
}

}  // namespace
}  // namespace csm
