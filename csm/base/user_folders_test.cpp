#include "csm/base/user_folders.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "csm/base/env.h"

namespace csm {
namespace {

namespace fs = std::filesystem;

// Sets variables for one test and puts the old values back.
class UserFolders : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kNames) before_.push_back(read_env(name));
  }
  void TearDown() override {
    for (std::size_t i = 0; i < before_.size(); ++i) set(kNames[i], before_[i]);
  }
  static void set(const char* name, const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name, value->c_str(), 1);
    } else {
      ::unsetenv(name);
    }
  }

 private:
  static constexpr const char* kNames[] = {"HOME", "XDG_DATA_HOME",
                                           "XDG_CACHE_HOME"};
  std::vector<std::optional<std::string>> before_;
};

TEST_F(UserFolders, XdgVariablesComeFirst) {
  set("HOME", "/home/a");
  set("XDG_DATA_HOME", "/data");
  set("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(user_data_folder(), fs::path("/data/csm"));
  EXPECT_EQ(user_cache_folder(), fs::path("/cache/csm"));
}

TEST_F(UserFolders, HomeWithoutThemOrWithRelativeOnes) {
  set("HOME", "/home/a");
  set("XDG_DATA_HOME", "");
  set("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(user_data_folder(), fs::path("/home/a/.local/share/csm"));
  EXPECT_EQ(user_cache_folder(), fs::path("/home/a/.cache/csm"));
}

TEST_F(UserFolders, NothingWithoutAHome) {
  set("HOME", std::nullopt);
  set("XDG_DATA_HOME", std::nullopt);
  set("XDG_CACHE_HOME", std::nullopt);
  EXPECT_EQ(user_data_folder(), std::nullopt);
  EXPECT_EQ(user_cache_folder(), std::nullopt);
}

}  // namespace
}  // namespace csm
