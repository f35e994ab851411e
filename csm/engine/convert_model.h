#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "csm/engine/engine_options.h"
#include "csm/weights/dtype.h"

namespace csm::engine {

/// What to make of a model.
struct ConvertOptions {
  ModelFiles files;              ///< any layout, with adapters or not
  std::filesystem::path output;  ///< the folder to make
  /// kHuggingFace, kOriginal, kMlx or kCsmTts: a GGUF file.
  weights::Layout layout = weights::Layout::kHuggingFace;
  /// F32, F16 or BF16 of the language model's tensors, or Q8_0 or Q4_0 of its
  /// matrices in a GGUF file; nothing: each as it is stored, F32 where that is
  /// integers. The codec's stay as they are stored.
  std::optional<weights::Dtype> dtype = {};
  bool replace = false;  ///< an older model in `output` goes
  /// Called with what is being done and the share of it that is, in [0, 1].
  /// May throw to stop; then nothing stays behind. May be empty.
  std::function<void(const char* stage, double share)> progress = {};
};

/// What was written.
struct ConvertReport {
  struct File {
    std::string name;
    std::size_t n_tensors = 0;
    std::int64_t bytes = 0;
  };
  std::vector<File> files;     ///< of weights
  weights::Layout from;        ///< layout of the source
  bool has_tokenizer = false;  ///< the source had one, so the result does
};

/// Writes a model in another layout: weights, config.json, tokenizer.json and
/// copies of the other small files. The original's and MLX's layout get the
/// codec as a second file, with kyutai's names. A GGUF file holds everything,
/// the tokenizer too if it is of Llama 3's form; there is no config.json then.
/// Values are those that an Engine loads, merged with adapters, dequantised if
/// they are integers; narrowing rounds to nearest, ties to even.
///
/// Memory: the largest tensor as F32 and once more in its type.
/// Throws: Error as Engine for the source; Error{kUnsupported} for a model that
/// the layout or type cannot hold; Error{kInvalidArgument} for bad options or
/// an output that is in use; Error{kExhausted} for a full disk. Nothing
/// half-written stays behind.
ConvertReport convert_model(const ConvertOptions& options);

}  // namespace csm::engine
