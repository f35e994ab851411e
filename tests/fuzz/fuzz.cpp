#include "fuzz.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace csm::fuzz {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder()
      : path(fs::temp_directory_path() /
             ("csm-fuzz-" + std::to_string(::getpid()))) {
    fs::create_directories(path);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path path;
};

}  // namespace

fs::path scratch(const std::string& name) {
  static const Folder folder;
  return folder.path / name;
}

fs::path write_scratch(const std::string& name,
                       std::span<const std::uint8_t> data) {
  fs::path path = scratch(name);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool written =
      file != nullptr &&
      std::fwrite(data.data(), 1, data.size(), file) == data.size() &&
      std::fclose(file) == 0;
  if (!written) {
    std::perror(path.c_str());
    std::abort();
  }
  return path;
}

void touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += static_cast<unsigned>(byte);
  // The volatile store keeps the reads from being removed.
  volatile unsigned kept = sum;
  (void)kept;
}

}  // namespace csm::fuzz
