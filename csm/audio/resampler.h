#pragma once

#include <memory>
#include <span>
#include <vector>

struct soxr;

namespace csm::audio {

/// Changes the sample rate of mono sound by libsoxr at its very high quality,
/// block by block. Equal rates leave every sample as it is.
///
/// Threads: one thread at a time.
class Resampler {
 public:
  /// Throws: Error{kInvalidArgument} unless both rates are at least 1 Hz,
  /// Error{kUnsupported} for rates that libsoxr cannot convert.
  Resampler(int from_hz, int to_hz);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;

  /// samples  [n] -> about n * to / from; the filter holds some back
  [[nodiscard]] std::vector<float> push(std::span<const float> samples);

  /// The rest, at the end of the sound.
  [[nodiscard]] std::vector<float> finish();

 private:
  struct Delete {
    void operator()(soxr* resampler) const;
  };

  [[nodiscard]] std::vector<float> process(const float* samples, std::size_t n);

  std::unique_ptr<soxr, Delete> soxr_;  // none for equal rates
};

}  // namespace csm::audio
