#include "csm/weights/convert.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "csm/base/check.h"
#include "csm/weights/float16.h"

namespace csm::weights {
namespace {

// Checked together, so that the inner loop has no branch.
constexpr std::size_t kBlock = 1024;

constexpr std::uint32_t kInfinity = 0x7F800000U;  // exponent bits of float32

template <class T>
T load(const std::byte* in, std::size_t index) {
  T value;
  std::memcpy(&value, in + index * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void store(std::byte* out, std::size_t index, T value) {
  std::memcpy(out + index * sizeof(T), &value, sizeof(T));
}

// Readers: element -> bits of the same value in float32.
struct FromF32 {
  using Stored = std::uint32_t;
  static std::uint32_t widen(std::uint32_t bits) { return bits; }
};

struct FromBf16 {
  using Stored = std::uint16_t;
  static std::uint32_t widen(std::uint16_t bits) {
    return static_cast<std::uint32_t>(bits) << 16U;
  }
};

struct FromF16 {
  using Stored = std::uint16_t;
  static std::uint32_t widen(std::uint16_t bits) { return widen_f16(bits); }
};

// Writers: bits of a float32 -> stored element.
struct ToF32 {
  using Stored = std::uint32_t;
  static constexpr std::uint32_t kExponent = kInfinity;
  static std::uint32_t narrow(std::uint32_t bits) { return bits; }
};

struct ToBf16 {
  using Stored = std::uint16_t;
  static constexpr std::uint32_t kExponent = kInfinity >> 16U;
  static std::uint16_t narrow(std::uint32_t bits) {
    const std::uint32_t odd = (bits >> 16U) & 1U;
    return static_cast<std::uint16_t>((bits + 0x7FFFU + odd) >> 16U);
  }
};

// 1 if the element is not finite before or behind the conversion.
template <class To>
std::uint32_t is_bad(std::uint32_t wide, typename To::Stored stored) {
  const bool source = (wide & kInfinity) == kInfinity;
  const bool result = (stored & To::kExponent) == To::kExponent;
  return static_cast<std::uint32_t>(source) |
         static_cast<std::uint32_t>(result);
}

template <class From, class To>
std::uint32_t convert_block(const std::byte* in, std::size_t n,
                            std::byte* out) {
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t wide = From::widen(load<typename From::Stored>(in, i));
    const typename To::Stored stored = To::narrow(wide);
    bad |= is_bad<To>(wide, stored);
    store(out, i, stored);
  }
  return bad;
}

template <class From, class To>
std::optional<std::size_t> convert_all(std::span<const std::byte> in,
                                       std::byte* out) {
  const std::size_t n = in.size() / sizeof(typename From::Stored);
  for (std::size_t begin = 0; begin < n; begin += kBlock) {
    const std::size_t size = std::min(kBlock, n - begin);
    const std::byte* from = in.data() + begin * sizeof(typename From::Stored);
    std::byte* to = out + begin * sizeof(typename To::Stored);
    if (convert_block<From, To>(from, size, to) == 0) continue;
    std::size_t i = 0;
    while (is_bad<To>(From::widen(load<typename From::Stored>(from, i)),
                      load<typename To::Stored>(to, i)) == 0) {
      ++i;
    }
    return begin + i;
  }
  return std::nullopt;
}

template <class From>
std::optional<std::size_t> convert_from(std::span<const std::byte> in,
                                        Target target, std::byte* out) {
  return target == Target::kF32 ? convert_all<From, ToF32>(in, out)
                                : convert_all<From, ToBf16>(in, out);
}

}  // namespace

bool is_convertible(Dtype source) {
  return source == Dtype::kF32 || source == Dtype::kF16 ||
         source == Dtype::kBf16;
}

std::optional<std::size_t> convert(Dtype source, std::span<const std::byte> in,
                                   Target target, std::byte* out) {
  CSM_CHECK(is_convertible(source), to_string(source));
  CSM_CHECK(in.size() % size_of(source) == 0, in.size());
  if (source == Dtype::kF32) return convert_from<FromF32>(in, target, out);
  if (source == Dtype::kF16) return convert_from<FromF16>(in, target, out);
  return convert_from<FromBf16>(in, target, out);
}

}  // namespace csm::weights
