#include "csm/text/byte_level.h"

#include "csm/text/unicode.h"

namespace csm::text {
namespace {

bool stands_for_itself(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
         byte >= 174;
}

}  // namespace

ByteAlphabet::ByteAlphabet() {
  bytes_.fill(-1);
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t code_point = stands_for_itself(byte) ? byte : next++;
    append_utf8(characters_[byte], code_point);
    bytes_[code_point] = static_cast<std::int16_t>(byte);
  }
}

std::optional<std::string> ByteAlphabet::to_bytes(
    std::string_view token) const {
  std::string out;
  out.reserve(token.size());
  for (std::size_t pos = 0; pos < token.size();) {
    const std::string_view rest = token.substr(pos);
    const std::size_t length = utf8_sequence_length(rest);
    if (length == 0) return std::nullopt;
    const char32_t code_point = first_code_point(rest);
    if (code_point >= kCodePoints || bytes_[code_point] < 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<char>(bytes_[code_point]));
    pos += length;
  }
  return out;
}

}  // namespace csm::text
