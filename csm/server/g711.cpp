#include "csm/server/g711.h"

#include <algorithm>
#include <bit>

namespace csm::server {
namespace {

// The segment is where the highest bit is; four bits behind it are kept.
char mu_law(std::int16_t sample) {
  constexpr int kBias = 132;
  constexpr int kClip = 32635;
  const bool is_negative = sample < 0;
  const int magnitude =
      std::min(is_negative ? -int{sample} : int{sample}, kClip) + kBias;
  const int segment =
      static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude))) - 8;
  const int mantissa = magnitude >> (segment + 3) & 15;
  const int code = (is_negative ? 128 : 0) | segment << 4 | mantissa;
  return static_cast<char>(~code & 255);
}

// A-law has 13 bits; every second bit of a code is inverted.
char a_law(std::int16_t sample) {
  const bool is_negative = sample < 0;
  const int magnitude =
      is_negative ? -(int{sample} >> 3) - 1 : int{sample} >> 3;
  const int width =
      static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude)));
  const int segment = std::max(0, width - 5);
  const int mantissa = magnitude >> std::max(1, segment) & 15;
  const int code = (is_negative ? 0 : 128) | segment << 4 | mantissa;
  return static_cast<char>((code ^ 0x55) & 255);
}

template <class Encode>
std::string encode(std::span<const std::int16_t> samples, Encode&& one) {
  std::string out(samples.size(), '\0');
  std::transform(samples.begin(), samples.end(), out.begin(), one);
  return out;
}

}  // namespace

std::string encode_mu_law(std::span<const std::int16_t> samples) {
  return encode(samples, mu_law);
}

std::string encode_a_law(std::span<const std::int16_t> samples) {
  return encode(samples, a_law);
}

}  // namespace csm::server
