#pragma once

// For tests only: writing small GGUF files, well-formed or not.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csm/weights/weights_testing.h"

namespace csm::weights::testing_support {

/// Types of values.
inline constexpr std::uint32_t kGgufU32 = 4;
inline constexpr std::uint32_t kGgufF32 = 6;
inline constexpr std::uint32_t kGgufString = 8;
inline constexpr std::uint32_t kGgufArray = 9;

/// The bytes of a number, little endian as this machine.
template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// A string behind its length.
inline std::string gguf_text(std::string_view text) {
  return raw(std::uint64_t{text.size()}) + std::string(text);
}

/// A key with a value of that type.
inline std::string gguf_pair(std::string_view key, std::uint32_t type,
                             const std::string& value) {
  return gguf_text(key) + raw(type) + value;
}

inline std::string gguf_u32(std::string_view key, std::uint32_t value) {
  return gguf_pair(key, kGgufU32, raw(value));
}

inline std::string gguf_f32(std::string_view key, float value) {
  return gguf_pair(key, kGgufF32, raw(value));
}

inline std::string gguf_string(std::string_view key, std::string_view value) {
  return gguf_pair(key, kGgufString, gguf_text(value));
}

inline std::string gguf_strings(std::string_view key,
                                const std::vector<std::string>& values) {
  std::string out = raw(kGgufString) + raw(std::uint64_t{values.size()});
  for (const std::string& value : values) out += gguf_text(value);
  return gguf_pair(key, kGgufArray, out);
}

/// A tensor to write, of F32 zeros unless said otherwise.
struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> shape;  // outermost first
  std::uint32_t type = 0;
  std::string data = {};
  std::optional<std::uint64_t> offset = {};  // another one than is right
};

/// A file to write; what is given beside pairs and tensors replaces what would
/// be right.
struct TestGguf {
  std::vector<std::string> pairs;
  std::vector<GgufTensor> tensors;
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;
  std::optional<std::uint64_t> n_pairs = {};
  std::optional<std::uint64_t> n_tensors = {};

  [[nodiscard]] std::string bytes() const {
    std::string out = magic + raw(version) +
                      raw(n_tensors.value_or(tensors.size())) +
                      raw(n_pairs.value_or(pairs.size()));
    for (const std::string& pair : pairs) out += pair;
    std::string data;
    for (const GgufTensor& tensor : tensors) {
      std::uint64_t n = 4;
      out += gguf_text(tensor.name);
      out += raw(static_cast<std::uint32_t>(tensor.shape.size()));
      for (std::size_t i = tensor.shape.size(); i-- > 0;) {
        out += raw(tensor.shape[i]);
        n *= tensor.shape[i];
      }
      out += raw(tensor.type);
      out += raw(tensor.offset.value_or(data.size()));
      const bool is_small = n < (1U << 20U);
      data +=
          tensor.data.empty() && is_small ? std::string(n, '\0') : tensor.data;
      pad(data);
    }
    pad(out);
    return out + data;
  }

 private:
  void pad(std::string& bytes) const {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  }
};

}  // namespace csm::weights::testing_support
