#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "csm/weights/aligned_array.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/quantization.h"

namespace csm::weights {

/// A tensor of integer weights as MLX stores it: three tensors of a file,
/// X.weight, X.scales and X.biases, for
///   w[..., i] = scales[..., i / group] * q[..., i] + biases[..., i / group].
struct AffineSource {
  const SourceTensor* words = nullptr;   // U32 [..., in * bits / 32]
  const SourceTensor* scales = nullptr;  // F32, F16 or BF16 [..., in / group]
  const SourceTensor* biases = nullptr;  // the same
};

/// Such a tensor in memory.
struct AffineTensor {
  AffineForm form;
  mx::array words;   // uint32; element i is at bit (i * bits) mod 32
  mx::array scales;  // bfloat16 if stored so, else float32; finite
  mx::array biases;  // as the scales

  [[nodiscard]] std::size_t bytes() const {
    return words.nbytes() + scales.nbytes() + biases.nbytes();
  }
};

/// Whether the three tensors fit each other and the shape of the weights.
///
/// shape     of the weights, [..., in]
/// declared  what config.json says; nothing if it says nothing
/// Throws: Error{kCorrupt} or Error{kUnsupported} naming the tensor that does
/// not fit; Error{kCorrupt} if the form differs from the declared one.
[[nodiscard]] AffineForm check_affine(
    const AffineSource& source, const std::vector<int>& shape,
    const std::optional<AffineForm>& declared);

/// Reads one of shape[0] parts (all, if `part` is nothing) of a tensor that
/// check_affine() accepts.
///
/// Throws: Error{kCorrupt} naming a scale or bias that is not finite, or with
/// which a weight would not be.
[[nodiscard]] AffineTensor read_affine(const AffineSource& source,
                                       const std::vector<int>& shape,
                                       AffineForm form,
                                       std::optional<int> part = std::nullopt);

/// The weights that the integers stand for, each rounded to float32 and then
/// to `dtype`.
///
/// shape  of the weights
/// dtype  mx::float32 or mx::bfloat16
[[nodiscard]] mx::array dequantize(const AffineTensor& tensor,
                                   const std::vector<int>& shape,
                                   mx::Dtype dtype);

}  // namespace csm::weights
