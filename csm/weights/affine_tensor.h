#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "csm/weights/aligned_array.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/quantization.h"
#include "csm/weights/read_tensor.h"

namespace csm::weights {

/// A tensor of integer weights for
///   w[..., i] = scales[..., i / group] * q[..., i] + biases[..., i / group]:
/// three tensors of a file, X.weight, X.scales and X.biases, as MLX stores it,
/// or one of blocks, as GGUF does.
struct AffineSource {
  const SourceTensor* words = nullptr;   // U32 [..., in * bits / 32] or blocks
  const SourceTensor* scales = nullptr;  // F32, F16 or BF16 [..., in / group]
  const SourceTensor* biases = nullptr;  // the same
};

/// The parts of the tensor of integers whose X.weight this is; all null if it
/// is none.
///
/// Throws: Error{kNotFound} if one of scales and biases is missing;
/// Error{kUnsupported} for scales of another dtype's words, and for MLX's modes
/// that are not affine.
[[nodiscard]] AffineSource find_affine(const Checkpoint& checkpoint,
                                       const SourceTensor& tensor);

/// Such a tensor in memory.
struct AffineTensor {
  AffineForm form;   // 4 or 8 bits
  mx::array words;   // uint32; element i is at bit (i * bits) mod 32
  mx::array scales;  // bfloat16 if stored so, else float32; finite
  mx::array biases;  // as the scales

  [[nodiscard]] std::size_t bytes() const {
    return words.nbytes() + scales.nbytes() + biases.nbytes();
  }
};

/// The form in which a tensor is stored, told from the extents of its rows.
/// Of blocks the form in which they are read.
///
/// shape     of the weights, [..., in]
/// declared  what config.json says; nothing if it says nothing
/// Throws: Error{kCorrupt} or Error{kUnsupported} naming the tensor if the
/// three do not fit each other or the columns; Error{kCorrupt} if the form
/// differs from the declared one.
[[nodiscard]] AffineForm stored_form(const AffineSource& source,
                                     const std::vector<int>& shape,
                                     const std::optional<AffineForm>& declared);

/// Reads rows of a tensor, in the widened_form() of its stored_form(); the
/// weights that they stand for do not change.
///
/// shape  of the weights; all its rows must exist
/// Throws: Error{kCorrupt} naming a scale or bias that is not finite, or with
/// which a weight would not be.
[[nodiscard]] AffineTensor read_affine(const AffineSource& source,
                                       const RowOrder& order,
                                       const std::vector<int>& shape,
                                       AffineForm stored);

/// The weights that the integers stand for, each rounded to float32 and then
/// to `dtype`.
///
/// shape  of the weights
/// dtype  mx::float32 or mx::bfloat16
[[nodiscard]] mx::array dequantize(const AffineTensor& tensor,
                                   const std::vector<int>& shape,
                                   mx::Dtype dtype);

}  // namespace csm::weights
