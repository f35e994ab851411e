#include "cli/speech.h"

#include <chrono>
#include <utility>

#include "cli/console.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

using Clock = std::chrono::steady_clock;

void collect(engine::Session session, Speech& speech) {
  Progress progress;
  while (const auto frame = session.next()) {
    ++speech.n_frames;
    speech.codes.insert(speech.codes.end(), frame->codes.begin(),
                        frame->codes.end());
    speech.audio.insert(speech.audio.end(), frame->audio.begin(),
                        frame->audio.end());
    progress.show(str_cat("speaking: ", speech.n_frames, " frames, ",
                          fixed(speech.audio_seconds(), 1), " s of audio"));
  }
  speech.stop_reason = *session.stop_reason();
  speech.times = session.times();
  speech.n_invalid_codes = session.n_invalid_codes();
  speech.n_changed_codes = session.n_changed_codes();
  speech.prompt_positions = session.prompt_positions();
}

}  // namespace

double Speech::audio_seconds() const {
  return static_cast<double>(audio.size()) /
         static_cast<double>(facts.sample_rate_hz);
}

double Speech::real_time_factor() const {
  return audio.empty() ? 0 : seconds / audio_seconds();
}

Speech speak(const engine::EngineOptions& model,
             const engine::Utterance& utterance,
             const engine::GenerationOptions& options) {
  const auto load_start = Clock::now();
  engine::Engine engine(model);
  Speech speech;
  speech.facts = engine.facts();
  speech.load_seconds = seconds_since(load_start);

  const auto start = Clock::now();
  collect(engine.start(utterance, options), speech);
  speech.seconds = seconds_since(start);
  return speech;
}

}  // namespace csm::cli
