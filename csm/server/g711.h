#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace csm::server {

/// ITU-T G.711 samples, one byte each: the telephone's mu-law and A-law.
///
/// samples  16-bit PCM
[[nodiscard]] std::string encode_mu_law(std::span<const std::int16_t> samples);
[[nodiscard]] std::string encode_a_law(std::span<const std::int16_t> samples);

}  // namespace csm::server
