#include "csm/weights/model_digest.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <thread>

#include "csm/base/error.h"
#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

namespace fs = std::filesystem;
using testing_support::ScratchFolder;
using testing_support::write_file;

constexpr auto kSettled = std::chrono::milliseconds(2100);

// A folder with files as a model has them.
class ModelDigest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(model());
    write_file(model() / "config.json", "{}");
    write_file(model() / "tokenizer.json", "{}");
    write_weights("abcd");
  }
  void write_weights(const std::string& four_bytes) const {
    const std::string header =
        R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
    std::string length(8, '\0');
    length[0] = static_cast<char>(header.size());
    write_file(model() / "model.safetensors", length + header + four_bytes);
  }
  [[nodiscard]] fs::path model() const { return folder_ / "model"; }
  [[nodiscard]] std::set<fs::path> files() const {
    return {model() / "config.json", model() / "model.safetensors",
            model() / "tokenizer.json"};
  }
  [[nodiscard]] fs::path kept() const { return folder_ / "kept"; }
  [[nodiscard]] std::size_t n_kept() const {
    return fs::exists(kept())
               ? static_cast<std::size_t>(std::distance(
                     fs::directory_iterator(kept()), fs::directory_iterator()))
               : 0;
  }

 private:
  ScratchFolder folder_;
};

TEST_F(ModelDigest, EveryFileCounts) {
  const std::string before = model_digest(files());
  EXPECT_EQ(before.size(), 64U);
  for (const char* name : {"config.json", "tokenizer.json"}) {
    write_file(model() / name, "{ }");
    EXPECT_NE(model_digest(files()), before) << name;
    write_file(model() / name, "{}");
    EXPECT_EQ(model_digest(files()), before) << name;
  }
  write_weights("abce");
  EXPECT_NE(model_digest(files()), before);
}

TEST_F(ModelDigest, FreshFilesAreReadAgain) {
  const std::string before = kept_model_digest(files(), kept());
  EXPECT_EQ(before, model_digest(files()));
  EXPECT_EQ(n_kept(), 0U);
  write_weights("abce");
  EXPECT_NE(kept_model_digest(files(), kept()), before);
}

TEST_F(ModelDigest, SettledFilesAreKeptUntilTheyChange) {
  std::this_thread::sleep_for(kSettled);
  const std::string before = kept_model_digest(files(), kept());
  EXPECT_EQ(before, model_digest(files()));
  ASSERT_EQ(n_kept(), 1U);
  // What is kept is used: it tells a lie now.
  const fs::path file = fs::directory_iterator(kept())->path();
  write_file(file, std::string(64, '0'));
  EXPECT_EQ(kept_model_digest(files(), kept()), std::string(64, '0'));
  // Damage is not.
  write_file(file, "0123");
  EXPECT_EQ(kept_model_digest(files(), kept()), before);
  // The same size, and the old time of modification: the change shows.
  write_file(file, std::string(64, '0'));
  const fs::path weights = model() / "model.safetensors";
  const auto time = fs::last_write_time(weights);
  write_weights("abce");
  fs::last_write_time(weights, time);
  EXPECT_EQ(kept_model_digest(files(), kept()), model_digest(files()));
}

TEST_F(ModelDigest, NowhereToKeepIsNoError) {
  EXPECT_EQ(kept_model_digest(files(), std::nullopt), model_digest(files()));
  EXPECT_EQ(kept_model_digest(files(), model() / "config.json"),
            model_digest(files()));
  fs::remove(model() / "model.safetensors");
  EXPECT_THROW((void)kept_model_digest(files(), kept()), Error);
}

}  // namespace
}  // namespace csm::weights
