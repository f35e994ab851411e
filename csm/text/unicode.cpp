#include "csm/text/unicode.h"

#include <algorithm>
#include <cstdint>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::text {
namespace {

// The bytes that may follow a lead byte (Unicode 15, table 3-7).
struct Lead {
  std::size_t length = 0;            // 0: not a lead byte
  std::uint8_t second_first = 0x80;  // range of the second byte
  std::uint8_t second_last = 0xBF;
};

Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0};
  if (byte == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

std::uint8_t byte_at(std::string_view bytes, std::size_t pos) {
  return static_cast<std::uint8_t>(bytes[pos]);
}

// How many bytes at the front form a prefix of some well-formed sequence, and
// whether that is a whole one.
struct Prefix {
  std::size_t length = 0;
  bool whole = false;
};

Prefix well_formed_prefix(std::string_view bytes) {
  if (bytes.empty()) return {};
  const Lead lead = lead_of(byte_at(bytes, 0));
  if (lead.length == 0) return {};
  const std::size_t available = std::min(lead.length, bytes.size());
  std::size_t pos = 1;
  for (; pos < available; ++pos) {
    const std::uint8_t byte = byte_at(bytes, pos);
    const bool fits =
        pos == 1 ? byte >= lead.second_first && byte <= lead.second_last
                 : byte >= 0x80 && byte <= 0xBF;
    if (!fits) break;
  }
  return {pos, pos == lead.length};
}

}  // namespace

std::size_t utf8_sequence_length(std::string_view bytes) {
  const Prefix prefix = well_formed_prefix(bytes);
  return prefix.whole ? prefix.length : 0;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view bytes) {
  std::size_t pos = 0;
  while (pos < bytes.size()) {
    const std::size_t length = utf8_sequence_length(bytes.substr(pos));
    if (length == 0) return pos;
    pos += length;
  }
  return std::nullopt;
}

void check_utf8(std::string_view bytes, std::string_view what) {
  if (const auto offset = find_invalid_utf8(bytes)) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[text.unicode] expected UTF-8, got an ill-formed byte "
                        "sequence at byte offset ",
                        *offset, " (", what, ")"));
  }
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  std::size_t pos = 0;
  while (pos < bytes.size()) {
    const Prefix prefix = well_formed_prefix(bytes.substr(pos));
    if (prefix.whole) {
      out.append(bytes.substr(pos, prefix.length));
    } else {
      out.append("\xEF\xBF\xBD");
    }
    pos += std::max<std::size_t>(prefix.length, 1);
  }
  return out;
}

char32_t first_code_point(std::string_view bytes) {
  const std::uint8_t lead = byte_at(bytes, 0);
  if (lead < 0x80) return lead;
  const std::size_t length = lead_of(lead).length;
  // A lead byte of an n-byte sequence carries 7 - n bits.
  char32_t code_point = lead & ((1U << (7U - length)) - 1U);
  for (std::size_t i = 1; i < length; ++i) {
    code_point = (code_point << 6U) | (byte_at(bytes, i) & 0x3FU);
  }
  return code_point;
}

std::size_t last_code_point_start(std::string_view bytes, std::size_t end) {
  std::size_t pos = end - 1;
  while (pos > 0 && (byte_at(bytes, pos) & 0xC0U) == 0x80U) --pos;
  return pos;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&out](char32_t bits) {
    out.push_back(static_cast<char>(static_cast<std::uint8_t>(bits)));
  };
  if (code_point < 0x80) {
    put(code_point);
    return;
  }
  if (code_point < 0x800) {
    put(0xC0U | (code_point >> 6U));
  } else {
    if (code_point < 0x10000) {
      put(0xE0U | (code_point >> 12U));
    } else {
      put(0xF0U | (code_point >> 18U));
      put(0x80U | ((code_point >> 12U) & 0x3FU));
    }
    put(0x80U | ((code_point >> 6U) & 0x3FU));
  }
  put(0x80U | (code_point & 0x3FU));
}

}  // namespace csm::text
