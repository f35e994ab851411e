#include "csm/hub/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "csm/base/error.h"
#include "csm/base/scratch_folder_testing.h"
#include "csm/hub/pull.h"

namespace csm::hub {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

class CacheTest : public testing::Test {
 protected:
  void add(const std::string& file, const std::string& text) {
    write(cache_.blob("e-" + text), text);
    cache_.link(kCommit, file, "e-" + text);
  }
  [[nodiscard]] Settings settings() const { return {.cache = root_.path()}; }

  testing_support::ScratchFolder root_;
  Repository repository_ = parse_repository("a/b").value();
  RepositoryCache cache_{root_.path(), repository_};
};

// Python's layout; tests/cli/pull_test.py asks huggingface_hub itself.
TEST_F(CacheTest, Layout) {
  cache_.create();
  cache_.set_commit("refs/pr/1", kCommit);
  add("config.json", "x");
  add("q8/model.gguf", "y");
  const fs::path folder = root_ / "models--a--b";
  EXPECT_EQ(cache_.folder(), folder);
  EXPECT_EQ(fs::read_symlink(folder / "snapshots" / kCommit / "config.json"),
            "../../blobs/e-x");
  EXPECT_EQ(fs::read_symlink(folder / "snapshots" / kCommit / "q8/model.gguf"),
            "../../../blobs/e-y");
  EXPECT_EQ(cache_.commit("refs/pr/1"), kCommit);
  EXPECT_FALSE(cache_.commit("main"));
  EXPECT_EQ(cache_.commit(kCommit), kCommit);
  EXPECT_THAT(cache_.files(kCommit),
              ElementsAre("config.json", "q8/model.gguf"));
  ASSERT_EQ(cached_repositories(root_.path()).size(), 1U);
  EXPECT_EQ(cached_repositories(root_.path())[0].id, "a/b");
  EXPECT_THAT(cached_repositories(root_.path())[0].revisions,
              ElementsAre("refs/pr/1"));
}

TEST_F(CacheTest, LinksAreReplacedAndDeadOnesDoNotCount) {
  cache_.create();
  add("config.json", "x");
  add("config.json", "z");
  EXPECT_EQ(fs::read_symlink(cache_.snapshot(kCommit) / "config.json"),
            "../../blobs/e-z");
  fs::remove(cache_.blob("e-z"));
  EXPECT_THAT(cache_.files(kCommit), IsEmpty());
}

TEST_F(CacheTest, RefsThatAreNoCommits) {
  write(cache_.folder() / "refs" / "main", "../../../etc");
  EXPECT_FALSE(cache_.commit("main"));
}

TEST_F(CacheTest, AModelIsFoundWhenAllOfItIsHere) {
  EXPECT_FALSE(find_pulled(settings(), repository_));
  cache_.set_commit("main", kCommit);
  add("config.json", "x");
  EXPECT_FALSE(find_pulled(settings(), repository_));
  add("model.safetensors.index.json",
      R"({"weight_map": {"t": "m-1.safetensors", "u": "m-2.safetensors"}})");
  add("m-1.safetensors", "1");
  EXPECT_FALSE(find_pulled(settings(), repository_));
  add("m-2.safetensors", "2");
  const auto found = find_pulled(settings(), repository_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->folder, cache_.snapshot(kCommit));
  EXPECT_EQ(found->model, found->folder);
  EXPECT_EQ(found->files.size(), 4U);
}

TEST_F(CacheTest, OneOfSeveralFilesIsNamed) {
  cache_.set_commit("main", kCommit);
  add("q4.gguf", "4");
  add("q8.gguf", "8");
  EXPECT_THROW((void)find_pulled(settings(), repository_), Error);
  repository_.file = "q8.gguf";
  EXPECT_EQ(find_pulled(settings(), repository_)->model,
            cache_.snapshot(kCommit) / "q8.gguf");
}

TEST_F(CacheTest, OneWriterOfABlob) {
  cache_.create();
  const auto never = [] { return false; };
  const BlobLock first(cache_.lock_file("e"), never, [] {});
  EXPECT_TRUE(first.held());
  int n_looks = 0;
  bool waited = false;
  const BlobLock second(
      cache_.lock_file("e"), [&] { return ++n_looks > 1; },
      [&] { waited = true; });
  EXPECT_FALSE(second.held());
  EXPECT_TRUE(waited);
}

}  // namespace
}  // namespace csm::hub
