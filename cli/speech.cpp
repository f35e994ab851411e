#include "cli/speech.h"

#include <chrono>
#include <cstddef>
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

void read_counts(const engine::Session& session, Speech& speech) {
  speech.stop_reason = *session.stop_reason();
  speech.times = session.times();
  speech.n_invalid_codes = session.n_invalid_codes();
  speech.n_changed_codes = session.n_changed_codes();
  speech.prompt_positions = session.prompt_positions();
  speech.known_positions = session.known_positions();
}

// Whether a take goes on, after a step.
bool take_in(const engine::StepResult& result, engine::Session& session,
             LiveOutput* live, Clock::time_point start, Speech& take) {
  if (result.error) throw *result.error;
  if (!result.frame) return false;
  const bool wanted = take_samples(result.frame->audio, live, take);
  if (take.n_frames == 0) take.first_output_seconds = seconds_since(start);
  if (!wanted || interrupt_signal() != 0) session.cancel();
  ++take.n_frames;
  const auto& codes = result.frame->codes;
  take.codes.insert(take.codes.end(), codes.begin(), codes.end());
  return true;
}

std::vector<engine::TailAttempt> judge(const std::vector<Speech>& takes,
                                       const std::string& text) {
  std::vector<engine::Take> sounds;
  for (const Speech& take : takes) {
    sounds.push_back({.codes = take.codes,
                      .audio = take.audio,
                      .stop_reason = take.stop_reason});
  }
  auto reports = engine::check_takes(sounds, text, takes.front().facts);
  std::vector<engine::TailAttempt> attempts;
  for (std::size_t i = 0; i < takes.size(); ++i) {
    attempts.push_back(
        {.seed = takes[i].seed, .report = std::move(reports[i])});
  }
  return attempts;
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

Speech Talk::speak_best(const engine::Utterance& utterance,
                        engine::GenerationOptions options,
                        const std::vector<std::int32_t>& spoken,
                        const Status& status) {
  std::vector<Speech> takes(
      static_cast<std::size_t>(extras_.tail_retries.value_or(0)) + 1);
  std::vector<engine::Session> sessions;
  for (Speech& take : takes) {
    take.facts = engine_.facts();
    take.seed = options.seed;
    sessions.push_back(conversation_.start(utterance, options, spoken));
    ++options.seed;
  }
  std::vector<engine::Session*> batch;
  for (engine::Session& session : sessions) batch.push_back(&session);

  Progress progress;
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    const auto results = engine_.step(batch);
    for (std::size_t i = 0; i < takes.size(); ++i) {
      if (!take_in(results[i], sessions[i], extras_.live, start_, takes[i])) {
        continue;
      }
      goes_on = true;
      progress.show(status(takes[i]));
    }
  }
  std::vector<engine::TailAttempt> attempts;
  for (std::size_t i = 0; i < takes.size(); ++i) {
    read_counts(sessions[i], takes[i]);
  }
  if (extras_.tail_retries) attempts = judge(takes, utterance.text);
  const std::size_t best = attempts.empty() ? 0 : engine::choose_take(attempts);
  conversation_.keep(std::move(sessions[best]));
  takes[best].tail_attempts = std::move(attempts);
  return std::move(takes[best]);
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

  Speech speech = speak_best(utterance, options, spoken, status);
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
