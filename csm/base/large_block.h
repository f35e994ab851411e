#pragma once

#include <cstddef>

namespace csm {

/// Memory for values that are read through front to back, such as weights: in
/// huge pages where the system has them, so that a stream of reads does not
/// wait for the address of every fourth kilobyte. Untouched memory costs
/// nothing. Zero at first.
class LargeBlock {
 public:
  /// Size and alignment of a huge page on the machines that we know.
  static constexpr std::size_t kHugePage = std::size_t{2} << 20U;

  /// Throws: Error{kExhausted} with the size if there is not so much memory.
  explicit LargeBlock(std::size_t n_bytes);
  ~LargeBlock();
  LargeBlock(const LargeBlock&) = delete;
  LargeBlock& operator=(const LargeBlock&) = delete;

  /// Aligned to kHugePage.
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace csm
