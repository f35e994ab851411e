#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>

#include "csm/base/scratch_folder_testing.h"

namespace csm::audio::testing_support {

/// Tests that write files into a folder of their own.
class FolderTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return folder_ / name;
  }
  [[nodiscard]] std::size_t n_files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }

 private:
  csm::testing_support::ScratchFolder folder_;
};

}  // namespace csm::audio::testing_support
