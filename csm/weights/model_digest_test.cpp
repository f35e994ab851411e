#include "csm/weights/model_digest.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
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

// A folder that holds what model_digest() reads; no model.
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
  const std::string before = model_digest(model());
  EXPECT_EQ(before.size(), 64U);
  write_file(model() / "README.md", "not of the model");
  EXPECT_EQ(model_digest(model()), before);
  for (const char* name : {"config.json", "tokenizer.json"}) {
    write_file(model() / name, "{ }");
    EXPECT_NE(model_digest(model()), before) << name;
    write_file(model() / name, "{}");
    EXPECT_EQ(model_digest(model()), before) << name;
  }
  write_weights("abce");
  EXPECT_NE(model_digest(model()), before);
}

TEST_F(ModelDigest, FreshFilesAreReadAgain) {
  const std::string before = kept_model_digest(model(), kept());
  EXPECT_EQ(before, model_digest(model()));
  EXPECT_EQ(n_kept(), 0U);
  write_weights("abce");
  EXPECT_NE(kept_model_digest(model(), kept()), before);
}

TEST_F(ModelDigest, SettledFilesAreKeptUntilTheyChange) {
  std::this_thread::sleep_for(kSettled);
  const std::string before = kept_model_digest(model(), kept());
  EXPECT_EQ(before, model_digest(model()));
  ASSERT_EQ(n_kept(), 1U);
  // What is kept is used: it tells a lie now.
  const fs::path file = fs::directory_iterator(kept())->path();
  write_file(file, std::string(64, '0'));
  EXPECT_EQ(kept_model_digest(model(), kept()), std::string(64, '0'));
  // Damage is not.
  write_file(file, "0123");
  EXPECT_EQ(kept_model_digest(model(), kept()), before);
  // The same size, and the old time of modification: the change shows.
  write_file(file, std::string(64, '0'));
  const fs::path weights = model() / "model.safetensors";
  const auto time = fs::last_write_time(weights);
  write_weights("abce");
  fs::last_write_time(weights, time);
  EXPECT_EQ(kept_model_digest(model(), kept()), model_digest(model()));
}

TEST_F(ModelDigest, NowhereToKeepIsNoError) {
  EXPECT_EQ(kept_model_digest(model(), std::nullopt), model_digest(model()));
  EXPECT_EQ(kept_model_digest(model(), model() / "config.json"),
            model_digest(model()));
  fs::remove(model() / "model.safetensors");
  EXPECT_THROW((void)kept_model_digest(model(), kept()), Error);
}

}  // namespace
}  // namespace csm::weights
