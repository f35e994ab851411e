#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csm/base/mapped_file.h"
#include "csm/weights/tensor_file.h"

namespace csm::weights {

/// One safetensors file, mapped read-only.
///
/// Layout: u64 little endian header length, JSON header, data. Everything that
/// the header claims is checked before a byte of data can be reached.
class SafetensorsFile : public TensorFile {
 public:
  /// Maps and checks `path`.
  ///
  /// Throws: Error{kNotFound}; Error{kCorrupt} naming file and tensor if the
  /// header is longer than the file or 16 MiB, is not JSON, has duplicate
  /// names, a shape whose size overflows or differs from its byte range, or
  /// byte ranges that overlap, leave gaps or do not end with the file;
  /// Error{kUnsupported} naming an unknown dtype.
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<TensorView>& tensors() const override {
    return tensors_;
  }
  /// Null if absent.
  [[nodiscard]] const TensorView* find(std::string_view name) const;
  /// The header's `__metadata__`, empty if absent.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }
  [[nodiscard]] const std::filesystem::path& path() const override {
    return file_.path();
  }
  void release(std::span<const std::byte> range) const override {
    file_.release(range);
  }

 private:
  MappedFile file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace csm::weights
