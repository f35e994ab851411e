#pragma once

#include <span>
#include <string>

namespace csm::text {

/// Character classes with the members that PyPI `tokenizers` 0.22.2 gives them
/// (Unicode 16), whatever PCRE2's own tables say.
enum class UnicodeClass {
  kLetter,  ///< \p{L}
  kMark,    ///< \p{M}
  kNumber,  ///< \p{N}
  kSpace,   ///< \s, White_Space
  kWord,    ///< Alphabetic, M, Nd, Pc, Join_Control
};

/// First and last code point, both included.
struct CodePointRange {
  char32_t first;
  char32_t last;
};

/// The members of a class: ascending, disjoint, not adjacent.
[[nodiscard]] std::span<const CodePointRange> ranges_of(UnicodeClass which);

[[nodiscard]] bool is_member(UnicodeClass which, char32_t code_point);

/// The members, or all code points that are none, as items of a regex bracket
/// expression: "\x{9}-\x{d}\x{20}...".
[[nodiscard]] std::string bracket_items(UnicodeClass which, bool negated);

}  // namespace csm::text
