#include "csm/server/base64.h"

#include <array>
#include <cstdint>

namespace csm::server {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t byte_at(std::string_view bytes, std::size_t index) {
  return index < bytes.size() ? static_cast<unsigned char>(bytes[index]) : 0U;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::uint32_t group = byte_at(bytes, at) << 16U |
                                byte_at(bytes, at + 1) << 8U |
                                byte_at(bytes, at + 2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) {
      out += kAlphabet[group >> shift & 63U];
    }
  }
  const std::size_t n_missing = (3 - bytes.size() % 3) % 3;
  out.replace(out.size() - n_missing, n_missing, n_missing, '=');
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.starts_with("data:")) {
    const auto comma = text.find(";base64,");
    if (comma == std::string_view::npos) return std::nullopt;
    text.remove_prefix(comma + 8);
  }
  std::size_t n_padding = 0;
  while (n_padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++n_padding;
  }
  if (text.size() % 4 == 1) return std::nullopt;
  if (n_padding > 0 && (text.size() + n_padding) % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned n_bits = 0;
  for (const char letter : text) {
    const auto value = kAlphabet.find(letter);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    n_bits += 6;
    if (n_bits >= 8) {
      n_bits -= 8;
      out += static_cast<char>(bits >> n_bits & 0xFFU);
    }
  }
  if ((bits & ((1U << n_bits) - 1U)) != 0) return std::nullopt;
  return out;
}

}  // namespace csm::server
