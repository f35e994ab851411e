#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/tensor_writer.h"

namespace csm::weights {

/// Keys and values for the head of a GGUF file, in the order of the calls.
class GgufPairs {
 public:
  void add_u32(std::string_view key, std::uint32_t value);
  void add_f32(std::string_view key, float value);
  void add_string(std::string_view key, std::string_view value);
  void add_strings(std::string_view key, std::span<const std::string> values);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// As the file has them.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void begin(std::string_view key, std::uint32_t type);

  std::uint64_t count_ = 0;
  std::string bytes_;
};

/// Writes one GGUF file of version 3 as a stream: little endian, data and
/// tensors at multiples of 32 bytes. Movable only.
/// Source: spec/weights.md 4; bytes as PyPI gguf 0.19.0 writes them
/// (csm/weights/gguf_writer_test.cpp).
class GgufWriter : public TensorWriter {
 public:
  /// Writes the head to `path`, which may exist.
  ///
  /// Throws: Error{kInvalidArgument} if the file cannot be opened.
  /// Precondition: types that GGUF has, at most 4 extents.
  GgufWriter(const std::filesystem::path& path,
             std::span<const TensorPlan> tensors, const GgufPairs& pairs);

  void write(std::span<const std::byte> data) override;
  void finish() override;

 private:
  // Zeros up to the next multiple.
  void pad(std::size_t size);

  std::vector<std::size_t> sizes_;  // of the tensors
  std::size_t next_ = 0;            // tensor
  std::size_t done_ = 0;            // bytes of that tensor
};

}  // namespace csm::weights
