#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace csm::text {

/// GPT-2's byte alphabet: one printable character for each of the 256 bytes,
/// in which byte-level vocabularies are written.
///
/// The bytes 33-126, 161-172 and 174-255 stand for the code points of the same
/// number; the others, in order, for U+0100 and up.
class ByteAlphabet {
 public:
  ByteAlphabet();

  /// The UTF-8 form of the character for `byte`.
  [[nodiscard]] const std::string& character(std::uint8_t byte) const {
    return characters_[byte];
  }

  /// The bytes that a vocabulary entry (UTF-8) stands for; nothing if it has a
  /// character outside the alphabet.
  [[nodiscard]] std::optional<std::string> to_bytes(
      std::string_view token) const;

 private:
  static constexpr std::size_t kCodePoints = 0x144;  // one above the largest

  std::array<std::string, 256> characters_;
  std::array<std::int16_t, kCodePoints> bytes_;  // -1: not in the alphabet
};

}  // namespace csm::text
