#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace csm::text {

/// Length in bytes of the well-formed UTF-8 sequence at the front of `bytes`,
/// 0 if there is none (empty, truncated, overlong, surrogate, above U+10FFFF).
[[nodiscard]] std::size_t utf8_sequence_length(std::string_view bytes);

/// Byte offset of the first ill-formed sequence, or nothing.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(
    std::string_view bytes);

/// Refuses ill-formed UTF-8; `what` names the text in the message.
///
/// Throws: Error{kInvalidArgument} with the byte offset.
void check_utf8(std::string_view bytes, std::string_view what);

/// Replaces each ill-formed sequence (maximal subpart, Unicode 3.9) by U+FFFD.
[[nodiscard]] std::string replace_invalid_utf8(std::string_view bytes);

/// Code point of the well-formed sequence at the front of `bytes`.
/// Precondition: utf8_sequence_length(bytes) > 0.
[[nodiscard]] char32_t first_code_point(std::string_view bytes);

/// Start of the last code point of the well-formed text bytes[0, end), end > 0.
[[nodiscard]] std::size_t last_code_point_start(std::string_view bytes,
                                                std::size_t end);

/// Appends the UTF-8 form of `code_point` (not a surrogate, <= U+10FFFF).
void append_utf8(std::string& out, char32_t code_point);

}  // namespace csm::text
