#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "csm/base/json.h"
#include "csm/base/mapped_file.h"
#include "csm/weights/gguf_metadata.h"
#include "csm/weights/tensor_file.h"

namespace csm::weights {

/// One GGUF file of version 2 or 3, mapped read-only.
///
/// Layout: "GGUF", u32 version, u64 tensors, u64 pairs, the pairs of
/// gguf_metadata.h, for each tensor its name, u32 number of extents, u64
/// extents (innermost first), u32 type and u64 offset; then, at a multiple of
/// general.alignment (32), the data, every tensor padded to such a multiple.
/// Everything that the head claims is checked before a byte of data can be
/// reached. Source: spec/weights.md 4.
class GgufFile : public TensorFile {
 public:
  /// Maps and checks `path`.
  ///
  /// Throws: Error{kNotFound}; Error{kUnsupported} for other versions, big
  /// endian files, naming a tensor of a type that this library does not have,
  /// and for what check_packing() refuses; Error{kCorrupt} naming file and
  /// tensor or key for whatever else is wrong: counts, names and sizes that do
  /// not fit the file, extents whose product overflows, rows that are not
  /// whole blocks, offsets that overlap or leave gaps, bytes behind the data.
  explicit GgufFile(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<TensorView>& tensors() const override {
    return tensors_;
  }
  [[nodiscard]] const std::filesystem::path& path() const override {
    return file_.path();
  }
  void release(std::span<const std::byte> range) const override {
    file_.release(range);
  }
  /// As gguf_config().
  [[nodiscard]] std::optional<Json> config() const override;
  /// As gguf_tokenizer().
  [[nodiscard]] std::optional<Json> tokenizer() const override;

  [[nodiscard]] const GgufMetadata& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  GgufMetadata metadata_;
  std::vector<TensorView> tensors_;
};

}  // namespace csm::weights
