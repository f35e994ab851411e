#pragma once

#include <string>
#include <string_view>

namespace csm::text {

/// Rewrites a pre-tokenizer's regex, which PyPI `tokenizers` gives to
/// Oniguruma (Ruby syntax), into one that PCRE2 matches the same way.
///
/// \s, \p{L}, \p{M}, \p{N} and their negations become explicit code point
/// ranges. Constructs on which the two engines or their Unicode tables could
/// differ (\w, \b, ^, $, (?i) without a colon, set operations, back
/// references, ...) are refused: a silent difference would change token ids.
///
/// `origin` names the file and field in messages.
///
/// Throws: Error{kUnsupported} naming the construct and its byte offset,
/// Error{kCorrupt} for an unterminated construct.
[[nodiscard]] std::string to_pcre2(std::string_view regex,
                                   const std::string& origin);

}  // namespace csm::text
