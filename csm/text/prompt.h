#pragma once

#include <string>
#include <string_view>

namespace csm::text {

/// The text of one segment as the model reads it: "[0]Hello.", no space after
/// the bracket, the text untouched.
///
/// Throws: Error{kInvalidArgument} if `speaker` is negative, or `text` is empty
/// or not UTF-8.
/// Source: spec/csm-model.md 5.
[[nodiscard]] std::string segment_text(int speaker, std::string_view text);

/// Reads a speaker number as users write it: decimal digits only.
///
/// Throws: Error{kInvalidArgument} for anything else, or above 999,999,999.
[[nodiscard]] int parse_speaker(std::string_view digits);

}  // namespace csm::text
