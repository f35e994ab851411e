#pragma once

#include <optional>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/weights/gguf_metadata.h"
#include "csm/weights/gguf_writer.h"

namespace csm::weights {

/// What a GGUF file stores of a tokenizer.
struct GgufTokens {
  std::vector<std::string> tokens;  ///< texts in the order of their ids
  std::vector<std::string> merges;  ///< "a b"
};

/// A tokenizer.json with these tokens; what such files do not say is filled in
/// as gguf_tokenizer() does.
///
/// Throws: Error{kCorrupt} for texts that are no UTF-8 or come twice.
[[nodiscard]] Json llama3_tokenizer(const GgufTokens& stored,
                                    const std::string& origin);

/// The tokens of a tokenizer.json; nothing if llama3_tokenizer() would not
/// make the same of them, whatever its post-processor is.
[[nodiscard]] std::optional<GgufTokens> gguf_tokens_of(const Json& tokenizer);

/// Adds the keys that gguf_tokenizer() reads.
void add_gguf_tokens(const GgufTokens& tokens, GgufPairs& to);

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
