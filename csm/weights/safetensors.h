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
#include "csm/weights/dtype.h"

namespace csm::weights {

/// A tensor as it lies in a file. `bytes` views into the file's mapping and
/// has any alignment; elements are little endian, row-major.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// "[2, 3]", "[]" for a scalar.
[[nodiscard]] std::string to_string(std::span<const std::int64_t> shape);

/// One safetensors file, mapped read-only.
///
/// Layout: u64 little endian header length, JSON header, data. Everything that
/// the header claims is checked before a byte of data can be reached.
/// Views end with the object. Movable only. Threads: const-safe.
class SafetensorsFile {
 public:
  /// Maps and checks `path`.
  ///
  /// Throws: Error{kNotFound}; Error{kCorrupt} naming file and tensor if the
  /// header is longer than the file or 16 MiB, is not JSON, has duplicate
  /// names, a shape whose size overflows or differs from its byte range, or
  /// byte ranges that overlap, leave gaps or do not end with the file;
  /// Error{kUnsupported} naming an unknown dtype.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// In the order of their data.
  [[nodiscard]] const std::vector<TensorView>& tensors() const {
    return tensors_;
  }
  /// Null if absent.
  [[nodiscard]] const TensorView* find(std::string_view name) const;
  /// The header's `__metadata__`, empty if absent.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }
  [[nodiscard]] const std::filesystem::path& path() const {
    return file_.path();
  }
  /// Says that a tensor's pages need not stay resident.
  void release(std::span<const std::byte> range) const { file_.release(range); }

 private:
  MappedFile file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace csm::weights
