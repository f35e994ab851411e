#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace csm::weights {

/// How a checkpoint names its tensors (spec/weights.md 1).
enum class Layout {
  kHuggingFace,  ///< transformers' CsmForConditionalGeneration
  kOriginal,     ///< SesameAILabs/csm (torchtune)
  kUnknown,
};

[[nodiscard]] const char* to_string(Layout layout);

/// The layout that a tensor of this name gives away, or kUnknown.
[[nodiscard]] Layout layout_of(std::string_view source_name);

/// Canonical name of a tensor, nothing if the layout has no such tensor.
///
/// CSM: text_emb, audio_emb, dd.audio_emb, c0_head, audio_head, proj, bb.norm,
/// dd.norm, {bb,dd}.<layer>.{q,k,v,o,gate,up,down,attn_norm,ffn_norm}.
/// Codec: "codec." and the name of Hugging Face's Mimi class.
///
/// audio_emb is the table that feeds frames, dd.audio_emb the depth decoder's
/// name for it; a tied checkpoint has either or both.
[[nodiscard]] std::optional<std::string> canonical_name(
    Layout layout, std::string_view source_name);

/// The name that the layout has for a canonical one (for messages).
[[nodiscard]] std::optional<std::string> source_name(
    Layout layout, std::string_view canonical);

/// True for buffers that carry no information for inference.
[[nodiscard]] bool is_ignorable(std::string_view canonical);

/// Canonical names that any checkpoint with these names must have but lacks:
/// the fixed ones, every kind in every layer up to the highest, and the two
/// tensors of every codebook. One of the two audio tables is enough.
[[nodiscard]] std::vector<std::string> missing_names(
    std::span<const std::string> canonical);

}  // namespace csm::weights
