#pragma once

#include <optional>
#include <string>

#include "csm/base/json.h"
#include "csm/weights/gguf_metadata.h"

namespace csm::weights {

/// The tokenizer of a GGUF file in the form of Llama 3's tokenizer.json;
/// nothing if the file has none.
///
/// Such files store no more than the texts of all ids and the merges. What
/// else Llama 3 has is filled in: its regex, merges ignored for a piece that
/// is an entry, and every text "<|...|>" a special token. There is no
/// post-processor.
///
/// origin  the file, for messages
/// Throws: Error{kCorrupt} naming the key for a list without the other one, or
/// texts that are no UTF-8 or come twice; Error{kUnsupported} for another
/// model or pre-tokenizer than Llama 3's.
[[nodiscard]] std::optional<Json> gguf_tokenizer(const GgufMetadata& metadata,
                                                 const std::string& origin);

}  // namespace csm::weights
