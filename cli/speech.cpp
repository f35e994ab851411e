#include "cli/speech.h"

#include <chrono>
#include <utility>

#include "cli/console.h"
#include "cli/interrupt.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Samples go on at once, or are kept. False: nobody wants more.
bool take_samples(const std::vector<float>& samples, LiveOutput* live,
                  Speech& speech) {
  speech.n_samples += static_cast<std::int64_t>(samples.size());
  if (live != nullptr) return live->add(samples);
  speech.audio.insert(speech.audio.end(), samples.begin(), samples.end());
  return true;
}

using Status = std::function<std::string(const Speech&)>;

void collect(engine::Session session, Clock::time_point start, LiveOutput* live,
             const Status& status, Speech& speech) {
  Progress progress;
  while (const auto frame = session.next()) {
    const bool wanted = take_samples(frame->audio, live, speech);
    if (speech.n_frames == 0)
      speech.first_output_seconds = seconds_since(start);
    if (!wanted || interrupt_signal() != 0) session.cancel();
    ++speech.n_frames;
    speech.codes.insert(speech.codes.end(), frame->codes.begin(),
                        frame->codes.end());
    progress.show(status(speech));
  }
  speech.stop_reason = *session.stop_reason();
  speech.times = session.times();
  speech.n_invalid_codes = session.n_invalid_codes();
  speech.n_changed_codes = session.n_changed_codes();
  speech.prompt_positions = session.prompt_positions();
}

}  // namespace

double Speech::audio_seconds() const {
  return static_cast<double>(n_samples) /
         static_cast<double>(facts.sample_rate_hz);
}

Totals Speech::totals() const {
  return {.seed = seed,
          .n_frames = n_frames,
          .audio_seconds = audio_seconds(),
          .seconds = seconds,
          .stop_reason = stop_reason,
          .n_invalid_codes = n_invalid_codes,
          .n_changed_codes = n_changed_codes};
}

Talk::Talk(const engine::EngineOptions& model, SpeechExtras extras)
    : load_start_(Clock::now()),
      extras_(std::move(extras)),
      engine_(model),
      load_seconds_(seconds_since(load_start_)),
      start_(Clock::now()),
      conversation_(engine_) {
  if (extras_.live != nullptr) {
    extras_.live->begin(engine_.facts().sample_rate_hz);
  }
  if (extras_.voice) {
    voice_use_ = engine_.add_voice(*extras_.voice);
    add(extras_.voice->segment);
  }
  for (const RecordedTurn& turn : extras_.context) {
    add({.utterance = turn.utterance,
         .codes = read_recording(engine_, turn).codes});
  }
}

Speech Talk::speak(const engine::Utterance& utterance,
                   const engine::GenerationOptions& options,
                   const Status& status) {
  const engine::ModelFacts& facts = engine_.facts();
  const auto start = Clock::now();
  const engine::Forgotten forgotten =
      conversation_.make_room(utterance, options, extras_.max_context);
  std::vector<std::int32_t> spoken;
  if (extras_.resumption) spoken = extras_.resumption->codes(facts);

  const auto speak_once = [&](std::uint64_t seed) {
    Speech speech;
    speech.facts = facts;
    speech.seed = seed;
    engine::GenerationOptions seeded = options;
    seeded.seed = seed;
    collect(engine_.start(utterance, seeded, conversation_.segments(), spoken),
            start_, extras_.live, status, speech);
    return speech;
  };
  Speech speech;
  if (extras_.tail_retries) {
    auto guarded = engine::guard_tail(options.seed, *extras_.tail_retries,
                                      speak_once, [&](const Speech& take) {
                                        return engine::check_tail(
                                            {.codes = take.codes,
                                             .audio = take.audio,
                                             .stop_reason = take.stop_reason},
                                            utterance.text, facts);
                                      });
    speech = std::move(guarded.speech);
    speech.tail_attempts = std::move(guarded.attempts);
  } else {
    speech = speak_once(options.seed);
  }
  speech.voice_use = voice_use_;
  speech.n_context = static_cast<int>(conversation_.segments().size());
  speech.forgotten = forgotten;
  speech.n_resumed = static_cast<int>(spoken.size()) / facts.n_codebooks;
  speech.load_seconds = load_seconds_;
  speech.seconds = seconds_since(start);
  return speech;
}

Speech speak(const engine::EngineOptions& model,
             const engine::Utterance& utterance,
             const engine::GenerationOptions& options,
             const SpeechExtras& extras) {
  Talk talk(model, extras);
  Speech speech = talk.speak(utterance, options, [](const Speech& so_far) {
    return str_cat("speaking: ", so_far.n_frames, " frames, ",
                   fixed(so_far.audio_seconds(), 1), " s of audio");
  });
  speech.seconds = talk.seconds();
  return speech;
}

}  // namespace csm::cli
