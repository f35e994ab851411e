#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/weights/dtype.h"

namespace csm::weights {

/// A tensor that a file will have.
struct TensorPlan {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;

  /// Of its data. Precondition: whole blocks.
  [[nodiscard]] std::size_t bytes() const;
};

/// A file of weights as it is written: what is in it is known beforehand, the
/// data follow in the order of the plan, in pieces of any size within a tensor.
/// Movable only. Threads: one at a time.
class TensorWriter {
 public:
  virtual ~TensorWriter() = default;
  TensorWriter(const TensorWriter&) = delete;
  TensorWriter& operator=(const TensorWriter&) = delete;

  /// Throws: Error{kExhausted} if the disk is full.
  virtual void write(std::span<const std::byte> data) = 0;

  /// Closes the file.
  ///
  /// Throws: Error{kExhausted} as write(); Error{kInternal} if data are
  /// missing.
  virtual void finish() = 0;

 protected:
  /// component  that writes, for messages
  /// Throws: Error{kInvalidArgument} if the file cannot be opened.
  TensorWriter(const std::filesystem::path& path, const char* component);
  TensorWriter(TensorWriter&&) = default;
  TensorWriter& operator=(TensorWriter&&) = default;

  // Throw: Error{kExhausted} if the disk is full.
  void put(std::span<const std::byte> data);
  void close();

 private:
  [[noreturn]] void fail(ErrorCode code) const;

  std::filesystem::path path_;
  const char* component_;
  std::ofstream out_;
};

}  // namespace csm::weights
