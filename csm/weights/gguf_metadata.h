#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace csm::weights {

/// Reads the head of a GGUF file front to back: little endian numbers, and
/// strings behind their length. Nothing is read behind the last byte.
class GgufCursor {
 public:
  /// origin  the file, for messages
  GgufCursor(std::span<const std::byte> bytes, std::string origin)
      : bytes_(bytes), origin_(std::move(origin)) {}

  /// what  is read, for messages
  /// Throws: Error{kCorrupt} if the file ends before.
  std::uint32_t u32(std::string_view what);
  std::uint64_t u64(std::string_view what);
  std::span<const std::byte> take(std::uint64_t n, std::string_view what);
  /// A string of 1 to max_bytes bytes; of any length if max_bytes is nothing.
  std::string_view text(std::optional<std::uint64_t> max_bytes,
                        std::string_view what);

  [[nodiscard]] std::uint64_t position() const { return position_; }
  /// What was read from that position on.
  [[nodiscard]] std::span<const std::byte> since(std::uint64_t position) const {
    return bytes_.subspan(static_cast<std::size_t>(position),
                          static_cast<std::size_t>(position_ - position));
  }
  [[nodiscard]] std::uint64_t remaining() const {
    return bytes_.size() - position_;
  }
  [[nodiscard]] const std::string& origin() const { return origin_; }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
  std::string origin_;
};

/// The keys and values in the head of a GGUF file, viewed where they lie.
/// Threads: const-safe.
class GgufMetadata {
 public:
  GgufMetadata() = default;

  /// Reads and checks `count` pairs; values are looked at when asked for.
  ///
  /// Throws: Error{kCorrupt} naming the key for a type that GGUF does not
  /// have, more elements than the file has bytes for, arrays nested deeper
  /// than 4, a key that comes twice or is empty or longer than 65535 bytes,
  /// and more pairs than 65536.
  GgufMetadata(GgufCursor& cursor, std::uint64_t count);

  [[nodiscard]] bool has(std::string_view key) const {
    return values_.contains(key);
  }

  // Values; nothing if the key is absent.
  // Throw: Error{kCorrupt} naming the key if its value is of another kind.

  /// Of any integer type.
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
  /// Of any integer or float type; finite.
  [[nodiscard]] std::optional<double> number(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> string(std::string_view key) const;
  [[nodiscard]] std::optional<std::vector<std::string_view>> strings(
      std::string_view key) const;

 private:
  struct Value {
    std::uint32_t type = 0;
    std::uint32_t element = 0;  // type of an array's
    std::uint64_t count = 0;    // of an array
    std::span<const std::byte> bytes;
  };

  static Value read_value(GgufCursor& cursor, std::uint32_t type,
                          std::string_view what, int depth);
  static void read_array(GgufCursor& cursor, Value& out, std::string_view what,
                         int depth);
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[noreturn]] void refuse(std::string_view key, std::string_view expected,
                           const Value& value) const;

  std::string origin_;
  std::map<std::string, Value, std::less<>> values_;
};

}  // namespace csm::weights
