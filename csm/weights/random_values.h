#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "csm/base/thread_pool.h"
#include "csm/weights/convert.h"

namespace csm::weights {

/// Values of one tensor of a model with random weights: uniform around a
/// centre, each a function of seed, name and index alone.
///
/// Scales keep activations near one and logits near N(0, 2), so that sampling
/// has something to choose from: matrices have the variance 1 / inputs, gains
/// lie around 1, biases around 0. Every value is a bfloat16, so that a model is
/// the same in every weight type that holds bfloat16.
/// Threads: const-safe.
class RandomValues {
 public:
  /// canonical  name as in tensor_names.h
  /// shape      at least one dimension
  RandomValues(std::string_view canonical, std::span<const int> shape,
               std::uint64_t seed);

  /// Elements of the tensor.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Writes the elements [first, first + n) in `target`'s type to `out`.
  void write(std::size_t first, std::size_t n, Target target,
             std::byte* out) const;

  /// The same in parallel, unless `pool` is null.
  void write_range(std::size_t first, std::size_t n, Target target,
                   std::byte* out, ThreadPool* pool) const;

  /// Writes all elements, in parallel unless `pool` is null.
  void write_all(Target target, std::byte* out, ThreadPool* pool) const {
    write_range(0, size_, target, out, pool);
  }

 private:
  std::uint64_t key_;
  std::size_t size_;
  float low_;   // of the values
  float step_;  // between the 2^16 values
};

}  // namespace csm::weights
