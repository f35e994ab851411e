#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "csm/engine/engine_options.h"

namespace csm::engine {

/// What to make of a model folder.
struct QuantizeOptions {
  std::filesystem::path model_dir;             ///< with float weights
  std::filesystem::path output;                ///< the folder to make
  WeightType weight_type = WeightType::kInt4;  ///< kInt8 or kInt4
  int group = 64;        ///< columns that share a scale: 32, 64 or 128
  bool replace = false;  ///< an older quantised model in `output` goes
  int threads = 0;       ///< 0: one for each usable processor
  /// Called with what is being done and the share of it that is, in [0, 1].
  /// May throw to stop; then nothing stays behind. May be empty.
  std::function<void(const char* stage, double share)> progress = {};
};

/// What was written.
struct QuantizeReport {
  int n_int4 = 0;                  ///< matrices of 4 bits
  int n_int8 = 0;                  ///< matrices of 8 bits
  int n_float = 0;                 ///< other tensors
  std::int64_t matrix_values = 0;  ///< weights in integer matrices
  std::int64_t matrix_bytes = 0;   ///< of those, with scales and biases
  std::int64_t source_bytes = 0;   ///< weight files that were read
  std::int64_t bytes = 0;          ///< weight file that was written
};

/// Writes a model with integer weights: config.json with what MLX's tools call
/// "quantization", model.safetensors, and copies of the tokenizer's and other
/// small files. Matrices are those that an Engine makes of the source with the
/// same type of weights, bit for bit, in MLX's layout; embeddings become BF16,
/// as an Engine would hold them; norms and the codec are copied as they are.
///
/// The source is loaded as an Engine would load it, so nothing is written of a
/// model that could not run. Memory: the quantised matrices.
///
/// Throws: Error as Engine for the source; Error{kInvalidArgument} for bad
/// options, a source that has integers already, or an output that cannot be
/// written or is in use; Error{kExhausted} for a full disk. Nothing
/// half-written stays behind.
QuantizeReport quantize_model(const QuantizeOptions& options);

}  // namespace csm::engine
