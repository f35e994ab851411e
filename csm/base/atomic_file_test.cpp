#include "csm/base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

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

// A temporary file whose writer has not come to its destructor.
void write_and_die(const fs::path& path) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const AtomicFile file(path);
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST_F(AtomicFileTest, AbandonedFiles_GoAndThoseOfLiveWritersStay) {
  write_and_die(dir_ / "a.voice");
  write_and_die(dir_ / "b.voice");
  write_and_die(dir_ / "b.other");
  ASSERT_EQ(files(), 3U);
  {
    AtomicFile live(dir_ / "a.voice");
    std::ofstream(live.temp_path()) << "new";
    EXPECT_EQ(remove_abandoned_files(dir_, ".voice"), 2);
    EXPECT_EQ(files(), 2U);
    live.commit();
  }
  EXPECT_EQ(read(dir_ / "a.voice"), "new");
  EXPECT_EQ(remove_abandoned_files(dir_, ".voice"), 0);
  EXPECT_EQ(remove_abandoned_files(dir_, ".other"), 1);
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, AbandonedFiles_OfAnotherProcessThatLivesStay) {
  int ready[2];
  int done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(done[1]);
    AtomicFile file(dir_ / "a.voice");
    char byte = 0;
    (void)!::write(ready[1], "x", 1);
    (void)!::read(done[0], &byte, 1);
    file.commit();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(remove_abandoned_files(dir_, ".voice"), 0);
  for (const int end : {done[0], done[1], ready[0], ready[1]}) ::close(end);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(fs::is_regular_file(dir_ / "a.voice"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFileTest, AbandonedFiles_WhatHasNoSuchNameStays) {
  for (const char* name :
       {"a.voice", ".a.voice", ".a.voice.part-", ".a.voice.part-12345",
        ".a.voice.part-1234567", "a.voice.part-123456", ".part-123456"}) {
    std::ofstream(dir_ / name) << "kept";
  }
  fs::create_directory(dir_ / ".b.voice.part-123456");
  fs::create_symlink("a.voice", dir_ / ".c.voice.part-123456");
  const std::size_t n_files = files();
  EXPECT_EQ(remove_abandoned_files(dir_, ".voice"), 0);
  EXPECT_EQ(files(), n_files);
  EXPECT_EQ(remove_abandoned_files(dir_ / "absent", ".voice"), 0);
}

// Cleaners and writers at once: no writer loses its file.
TEST_F(AtomicFileTest, AbandonedFiles_CleanersDoNotHarmWriters) {
  constexpr int kFiles = 100;
  std::atomic<bool> done = false;
  std::thread cleaner([&] {
    while (!done) (void)remove_abandoned_files(dir_, ".voice");
  });
  for (int i = 0; i < kFiles; ++i) {
    const std::string text = std::to_string(i);
    EXPECT_NO_THROW(write_file_atomically(dir_ / (text + ".voice"), text));
    EXPECT_EQ(read(dir_ / (text + ".voice")), text);
  }
  done = true;
  cleaner.join();
  EXPECT_EQ(files(), std::size_t{kFiles});
}

}  // namespace
}  // namespace csm
