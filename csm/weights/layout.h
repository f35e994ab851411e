#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace csm::weights {

/// How a checkpoint names its tensors (spec/weights.md 1, 4 and 5,
/// spec/mimi-codec.md 7), which also says how the rows of q and k are ordered.
enum class Layout {
  kHuggingFace,  ///< transformers' CsmForConditionalGeneration
  kOriginal,     ///< SesameAILabs/csm (torchtune); some GGUF files
  kMlx,          ///< csm-mlx, mlx-audio
  kCsmTts,       ///< GGUF files of the architecture csm-tts
  kMimi,         ///< a codec alone: transformers' MimiModel
  kKyutai,       ///< a codec alone: kyutai's moshi
  kUnknown,
};

/// "huggingface", "original", "mlx", "csm-tts", "mimi", "kyutai", "unknown".
[[nodiscard]] const char* to_string(Layout layout);

/// A layout of whole models, by its name.
[[nodiscard]] std::optional<Layout> parse_layout(std::string_view name);

/// The names that parse_layout() takes: "huggingface, original, ...".
[[nodiscard]] std::string layout_names();

/// The layout that names give away, or kUnknown.
///
/// has  whether there is a tensor of that name
[[nodiscard]] Layout detect_layout(
    const std::function<bool(std::string_view)>& has);

/// True for the layouts of a codec alone.
[[nodiscard]] bool is_codec_layout(Layout layout);

}  // namespace csm::weights
