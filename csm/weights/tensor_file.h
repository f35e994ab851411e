#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/weights/dtype.h"

namespace csm::weights {

/// A tensor as it lies in a file. `bytes` views into the file's mapping and
/// has any alignment; elements are little endian, row-major. Of a block dtype
/// the last extent is a multiple of block_values(), and a row is whole blocks.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;

  [[nodiscard]] std::size_t n_values() const;
};

/// "[2, 3]", "[]" for a scalar.
[[nodiscard]] std::string to_string(std::span<const std::int64_t> shape);

/// Bytes of a tensor; nothing if they are 2^63 or more.
///
/// Preconditions: extents are not negative, rows whole blocks of the type.
[[nodiscard]] std::optional<std::uint64_t> byte_count(
    Dtype dtype, std::span<const std::int64_t> shape);

/// A file of named tensors, mapped read-only and checked, whatever its format.
/// Views end with the object. Threads: const-safe.
class TensorFile {
 public:
  TensorFile() = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;
  virtual ~TensorFile() = default;

  /// In the order of their data. Names differ; bytes fit dtype and shape.
  [[nodiscard]] virtual const std::vector<TensorView>& tensors() const = 0;
  [[nodiscard]] virtual const std::filesystem::path& path() const = 0;
  /// Says that these bytes of a tensor need not stay resident.
  virtual void release(std::span<const std::byte> range) const = 0;

  /// What the file itself says about the model, as Hugging Face's config.json
  /// says it; nothing if such files do not.
  [[nodiscard]] virtual std::optional<Json> config() const {
    return std::nullopt;
  }
  /// The tokenizer inside the file as a tokenizer.json; nothing if none.
  [[nodiscard]] virtual std::optional<Json> tokenizer() const {
    return std::nullopt;
  }
};

}  // namespace csm::weights
