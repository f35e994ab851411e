#include "csm/text/unicode_class.h"

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "csm/base/check.h"

namespace csm::text {
namespace {

#include "csm/text/unicode_class_table.inc"

constexpr char32_t kLastCodePoint = 0x10FFFF;

void append_item(std::ostream& out, char32_t first, char32_t last) {
  if (first > last) return;
  out << "\\x{" << static_cast<std::uint32_t>(first) << '}';
  if (last > first) {
    out << "-\\x{" << static_cast<std::uint32_t>(last) << '}';
  }
}

}  // namespace

std::span<const CodePointRange> ranges_of(UnicodeClass which) {
  switch (which) {
    case UnicodeClass::kLetter:
      return kLetterRanges;
    case UnicodeClass::kMark:
      return kMarkRanges;
    case UnicodeClass::kNumber:
      return kNumberRanges;
    case UnicodeClass::kSpace:
      return kSpaceRanges;
    case UnicodeClass::kWord:
      return kWordRanges;
  }
  CSM_CHECK(false, "unknown class");
}

bool is_member(UnicodeClass which, char32_t code_point) {
  const auto ranges = ranges_of(which);
  const auto it = std::upper_bound(
      ranges.begin(), ranges.end(), code_point,
      [](char32_t value, const CodePointRange& r) { return value < r.first; });
  return it != ranges.begin() && code_point <= std::prev(it)->last;
}

std::string bracket_items(UnicodeClass which, bool negated) {
  std::ostringstream out;
  out << std::hex;
  char32_t next = 0;  // first code point behind the previous range
  for (const CodePointRange& range : ranges_of(which)) {
    if (!negated) {
      append_item(out, range.first, range.last);
    } else if (range.first > next) {
      append_item(out, next, range.first - 1);
    }
    next = range.last + 1;
  }
  if (negated) append_item(out, next, kLastCodePoint);
  return std::move(out).str();
}

}  // namespace csm::text
