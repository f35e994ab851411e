// Sound of any kind that libsndfile knows, as it is and resampled.

#include "csm/audio/audio_reader.h"
#include "csm/audio/read_all.h"
#include "csm/audio/resampled_reader.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const auto path = fuzz::write_scratch("sound", {data, size});
  constexpr std::size_t kMaxSamples = 200'000;
  fuzz::refusable([&] {
    audio::AudioReader reader(path);
    (void)audio::read_all(reader, reader.sample_rate(), path,
                          {.samples = kMaxSamples});
  });
  fuzz::refusable([&] {
    constexpr int kRate = 24000;
    (void)audio::read_audio_at(path, kRate, {.samples = kMaxSamples});
  });
  return 0;
}
