#pragma once

// What the tests of engines share.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "csm/engine/session.h"

namespace csm::engine::testing_engine {

/// What a session said.
struct Speech {
  std::vector<std::int32_t> codes;
  std::vector<float> audio;

  bool operator==(const Speech&) const = default;

  void add(const Frame& frame) {
    codes.insert(codes.end(), frame.codes.begin(), frame.codes.end());
    audio.insert(audio.end(), frame.audio.begin(), frame.audio.end());
  }
};

/// All frames that are left.
inline Speech speak_all(Session& session) {
  Speech speech;
  while (const auto frame = session.next()) speech.add(*frame);
  return speech;
}

/// Root mean square of a - b over that of b.
inline double relative_error(const std::vector<float>& a,
                             const std::vector<float>& b) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto want = static_cast<double>(b[i]);
    error += std::pow(static_cast<double>(a[i]) - want, 2);
    size += want * want;
  }
  return std::sqrt(error / size);
}

}  // namespace csm::engine::testing_engine
