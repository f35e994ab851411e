#include "csm/audio/resampler.h"

#include <soxr.h>

#include <array>
#include <cstddef>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {

void Resampler::Delete::operator()(soxr* resampler) const {
  soxr_delete(resampler);
}

Resampler::Resampler(int from_hz, int to_hz) {
  if (from_hz < 1 || to_hz < 1) {
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[audio.resample] expected rates of at least 1 Hz, got ",
                from_hz, " and ", to_hz));
  }
  if (from_hz == to_hz) return;
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
  const soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
  soxr_error_t error = nullptr;
  soxr_.reset(
      soxr_create(from_hz, to_hz, 1, &error, &io, &quality, &one_thread));
  if (soxr_ == nullptr || error != nullptr) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[audio.resample] expected rates that libsoxr "
                        "converts, got ",
                        from_hz, " to ", to_hz, " Hz: ", soxr_strerror(error)));
  }
}

Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;
Resampler::~Resampler() = default;

std::vector<float> Resampler::push(std::span<const float> samples) {
  if (soxr_ == nullptr) return {samples.begin(), samples.end()};
  return process(samples.data(), samples.size());
}

std::vector<float> Resampler::finish() {
  return soxr_ == nullptr ? std::vector<float>() : process(nullptr, 0);
}

std::vector<float> Resampler::process(const float* samples, std::size_t n) {
  std::vector<float> out;
  std::array<float, 4096> block{};
  std::size_t n_taken = 0;
  std::size_t n_given = block.size();
  while (n_taken < n || n_given == block.size()) {
    std::size_t taken = 0;
    const float* next = samples == nullptr ? nullptr : samples + n_taken;
    const soxr_error_t error =
        soxr_process(soxr_.get(), next, n - n_taken, &taken, block.data(),
                     block.size(), &n_given);
    if (error != nullptr) {
      throw Error(ErrorCode::kBackend,
                  str_cat("[audio.resample] libsoxr: ", error));
    }
    n_taken += taken;
    out.insert(out.end(), block.data(), block.data() + n_given);
  }
  return out;
}

}  // namespace csm::audio
