#pragma once

#include <string_view>

#include "csm/base/json.h"
#include "csm/weights/gguf_writer.h"

namespace csm::weights {

/// The keys of a file of the architecture csm-tts for a config.json with every
/// size, id and rope spelt out; gguf_config() is the way back. What no key
/// says, as the kernels of the codec, is for whoever calls to compare.
///
/// name       of the model: general.name
/// file_type  of most weights, as ggml numbers them: general.file_type
[[nodiscard]] GgufPairs gguf_pairs(const Json& config, std::string_view name,
                                   std::uint32_t file_type);

}  // namespace csm::weights
