#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/layout.h"

namespace csm::weights {

/// What a tensor of a file is for the model.
///
/// Canonical names of CSM: text_emb, audio_emb, dd.audio_emb, c0_head,
/// audio_head, proj, bb.norm, dd.norm,
/// {bb,dd}.<layer>.{q,k,v,o,gate,up,down,attn_norm,ffn_norm}.
/// Codec: "codec." and the name of Hugging Face's Mimi class; or
/// codebook.embed for entries that are divided by their usage already.
///
/// audio_emb is the table that feeds frames, dd.audio_emb the depth decoder's
/// name for it; a tied checkpoint has either or both.
struct TensorRole {
  std::string canonical;
  /// The rows of a head are pairs 2j, 2j + 1 of what rope turns; canonical are
  /// halves j, j + head_dim / 2.
  bool interleaved = false;
  int part = 0;     ///< which of
  int n_parts = 1;  ///< equally many rows of the tensor

  bool operator==(const TensorRole&) const = default;
};

/// The roles of a tensor: one, or one for each part of a stacked one; none if
/// the layout has no such tensor.
[[nodiscard]] std::vector<TensorRole> roles_of(Layout layout,
                                               std::string_view source_name);

/// Canonical name of a tensor that has a single role.
[[nodiscard]] std::optional<std::string> canonical_name(
    Layout layout, std::string_view source_name);

/// The name that the layout has for a canonical one.
[[nodiscard]] std::optional<std::string> source_name(
    Layout layout, std::string_view canonical);

/// True for buffers that carry no information for inference, and parts of
/// other programs that this one does not use.
[[nodiscard]] bool is_ignorable(std::string_view canonical);

/// True for tensors of the codec.
[[nodiscard]] bool is_codec(std::string_view canonical);

/// Canonical names that any checkpoint with these names must have but lacks:
/// the fixed ones, every kind in every layer up to the highest, and the
/// tensors of every codebook. One of the two audio tables is enough.
[[nodiscard]] std::vector<std::string> missing_names(
    std::span<const std::string> canonical);

}  // namespace csm::weights
