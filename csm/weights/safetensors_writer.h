#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "csm/weights/tensor_writer.h"

namespace csm::weights {

/// Writes one safetensors file as a stream. Movable only.
class SafetensorsWriter : public TensorWriter {
 public:
  /// Writes the header to `path`, which may exist.
  ///
  /// Data begin at a multiple of 8 bytes.
  /// Throws: Error{kInvalidArgument} if the file cannot be opened.
  SafetensorsWriter(const std::filesystem::path& path,
                    std::span<const TensorPlan> tensors,
                    const std::map<std::string, std::string>& metadata);

  void write(std::span<const std::byte> data) override;

  /// Bytes of the whole file.
  [[nodiscard]] std::size_t file_bytes() const { return file_bytes_; }

  void finish() override;

 private:
  std::size_t left_ = 0;  // bytes of data
  std::size_t file_bytes_ = 0;
};

}  // namespace csm::weights
