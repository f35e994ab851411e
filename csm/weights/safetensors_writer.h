#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "csm/weights/dtype.h"

namespace csm::weights {

/// A tensor that a file will have.
struct TensorPlan {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;

  /// Of its data.
  [[nodiscard]] std::size_t bytes() const;
};

/// Writes one safetensors file as a stream: the header is known beforehand,
/// the data follow in the order of the plan, in pieces of any size.
/// Movable only. Threads: one at a time.
class SafetensorsWriter {
 public:
  /// Writes the header to `path`, which may exist.
  ///
  /// Data begin at a multiple of 8 bytes.
  /// Throws: Error{kInvalidArgument} if the file cannot be opened.
  SafetensorsWriter(const std::filesystem::path& path,
                    std::span<const TensorPlan> tensors,
                    const std::map<std::string, std::string>& metadata);

  /// Throws: Error{kExhausted} if the disk is full.
  void write(std::span<const std::byte> data);

  /// Bytes of the whole file.
  [[nodiscard]] std::size_t file_bytes() const { return file_bytes_; }

  /// Closes the file.
  ///
  /// Throws: Error{kExhausted} as write(); Error{kInternal} if data are
  /// missing.
  void finish();

 private:
  std::filesystem::path path_;
  std::ofstream out_;
  std::size_t left_ = 0;  // bytes of data
  std::size_t file_bytes_ = 0;
};

}  // namespace csm::weights
