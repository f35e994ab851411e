#pragma once

#include "csm/base/json.h"
#include "csm/weights/gguf_file.h"

namespace csm::weights {

/// The configuration of a GGUF file (general.architecture csm-tts or csm) in
/// the form of Hugging Face's config.json.
///
/// Sizes are those of the keys csm.*, without a key those of the tensors, and
/// where neither tells they are left out, which stands for csm-1b's: heads of
/// 64 and 128 values. What such files do not store is that of csm-1b: rope is
/// scaled, and the depth decoder's base and epsilon are the backbone's.
///
/// Keys of our own that such files need not have, for models of other sizes:
/// csm.{backbone,depth}.rope_scaling.{factor,low_freq_factor,high_freq_factor,
/// original_max_pos} (factor 1: none), csm.depth.{max_pos,rope_theta,
/// rms_norm_eps}, csm.mimi.{head_dim,window}.
///
/// Throws: Error{kUnsupported} for another architecture; Error{kCorrupt}
/// naming a key of the wrong type. Values are for whoever reads the result to
/// check.
[[nodiscard]] Json gguf_config(const GgufFile& file);

}  // namespace csm::weights
