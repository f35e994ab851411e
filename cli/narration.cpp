#include "cli/narration.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/receipt.h"
#include "cli/time_left.h"
#include "csm/audio/audio_writer.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

namespace fs = std::filesystem;

std::int64_t samples_of(int ms, const engine::ModelFacts& facts) {
  return std::int64_t{ms} * facts.sample_rate_hz / 1000;
}

// "turn-07.wav": as many digits as the last turn has, at least two.
fs::path turn_file(const std::string& folder, int turn, int n_turns) {
  const std::string number = std::to_string(turn + 1);
  const std::size_t width =
      std::max<std::size_t>(2, std::to_string(n_turns).size());
  return fs::path(folder) / str_cat("turn-",
                                    std::string(width - number.size(), '0'),
                                    number, ".wav");
}

// Everything that is heard, in order: the whole, and the file of the turn.
class Sound {
 public:
  Sound(const NarrationOutput& output, const engine::ModelFacts& facts,
        int n_turns)
      : output_(output), facts_(facts), n_turns_(n_turns) {
    if (output.turn_folder.empty()) return;
    std::error_code ignored;  // opening the first file tells
    fs::create_directories(output.turn_folder, ignored);
  }

  void begin_turn(int turn) {
    if (output_.turn_folder.empty() || turn == turn_) return;
    end_turn();
    turn_ = turn;
    writer_.emplace(
        turn_file(output_.turn_folder, turn, n_turns_),
        audio::AudioWriterOptions{.sample_rate = facts_.sample_rate_hz});
  }

  void end_turn() {
    if (writer_) n_clipped_ += writer_->finish().n_clipped;
    writer_.reset();
  }

  // in_whole  false if the whole has them already, or must not
  // in_turn   whether the turn's own file gets them
  void add(std::span<const float> samples, bool in_whole, bool in_turn) {
    if (in_whole && output_.whole != nullptr) {
      wanted_ = output_.whole->add(samples) && wanted_;
    }
    if (in_turn && writer_) (void)writer_->append(samples);
  }

  void add_silence(int ms, bool in_turn) {
    const std::vector<float> silence(
        static_cast<std::size_t>(samples_of(ms, facts_)));
    if (!silence.empty()) add(silence, true, in_turn);
  }

  [[nodiscard]] bool wanted() const { return wanted_; }
  [[nodiscard]] std::int64_t n_clipped() const { return n_clipped_; }

 private:
  NarrationOutput output_;
  engine::ModelFacts facts_;
  int n_turns_;
  int turn_ = -1;
  std::optional<audio::AudioWriter> writer_;
  bool wanted_ = true;
  std::int64_t n_clipped_ = 0;
};

// The state of a narration that is going on.
class Narrator {
 public:
  Narrator(const engine::EngineOptions& model, const ReadingPlan& plan,
           const engine::GenerationOptions& options, const SpeechExtras& extras,
           const NarrationOutput& output)
      : plan_(plan),
        options_(options),
        is_live_(extras.live != nullptr),
        talk_(model, extras),
        sound_(output, talk_.engine().facts(), plan.pieces.back().turn + 1),
        left_(plan) {
    if (output.whole != nullptr && !is_live_) {
      output.whole->begin(facts().sample_rate_hz);
    }
    narration_.facts = facts();
    narration_.is_conversation = plan.is_conversation;
    narration_.seed = options.seed;
  }

  Narration run() {
    for (std::size_t i = 0; i < plan_.pieces.size(); ++i) {
      if (interrupt_signal() != 0 || !sound_.wanted()) break;
      take(i);
    }
    sound_.end_turn();
    narration_.n_clipped = sound_.n_clipped();
    narration_.load_seconds = talk_.load_seconds();
    narration_.seconds = talk_.seconds();
    return std::move(narration_);
  }

 private:
  [[nodiscard]] const engine::ModelFacts& facts() {
    return talk_.engine().facts();
  }

  void take(std::size_t i) {
    const Piece& piece = plan_.pieces[i];
    sound_.begin_turn(piece.turn);
    silence(piece.gap_ms, false);
    silence(piece.pause_before_ms, true);
    SpokenPiece spoken{.piece = piece,
                       .start = narration_.n_samples,
                       .n_samples = 0,
                       .speech = {},
                       .codes_sha256 = {}};
    if (piece.recording.empty()) {
      speak(i, spoken);
    } else {
      play(spoken);
    }
    narration_.n_samples += spoken.n_samples;
    narration_.pieces.push_back(std::move(spoken));
    silence(piece.pause_after_ms, true);
  }

  void silence(int ms, bool in_turn) {
    sound_.add_silence(ms, in_turn);
    narration_.n_samples += samples_of(ms, facts());
  }

  void speak(std::size_t i, SpokenPiece& spoken) {
    engine::GenerationOptions options = options_;
    options.seed += i;
    Speech speech =
        talk_.speak(spoken.piece.utterance, options, [&](const Speech& so_far) {
          return left_.words(i, so_far.audio_seconds());
        });
    sound_.add(speech.audio, !is_live_, true);
    if (narration_.codes.empty()) {
      narration_.first_output_seconds = speech.first_output_seconds;
    }
    narration_.codes.insert(narration_.codes.end(), speech.codes.begin(),
                            speech.codes.end());
    spoken.n_samples = speech.n_samples;
    spoken.codes_sha256 = codes_digest(speech.codes);
    talk_.add({.utterance = spoken.piece.utterance,
               .codes = std::exchange(speech.codes, {})});
    // Not `= {}`, which keeps the memory.
    speech.audio = std::vector<float>();
    spoken.speech = std::move(speech);
  }

  void play(SpokenPiece& spoken) {
    Recording recording = read_recording(
        talk_.engine(),
        {.utterance = spoken.piece.utterance, .file = spoken.piece.recording});
    if (recording.audio.empty()) {
      recording.audio = talk_.engine().decode(recording.codes);
    }
    sound_.add(recording.audio, true, true);
    spoken.n_samples = static_cast<std::int64_t>(recording.audio.size());
    spoken.codes_sha256 = codes_digest(recording.codes);
    talk_.add({.utterance = spoken.piece.utterance,
               .codes = std::move(recording.codes)});
  }

  const ReadingPlan& plan_;
  engine::GenerationOptions options_;
  bool is_live_;
  Talk talk_;
  Sound sound_;
  TimeLeft left_;
  Narration narration_;
};

}  // namespace

Narration narrate(const engine::EngineOptions& model, const ReadingPlan& plan,
                  engine::GenerationOptions options, int max_chunk_ms,
                  const SpeechExtras& extras, const NarrationOutput& output) {
  if (max_chunk_ms > 0) {
    options.max_audio_ms = std::min(options.max_audio_ms, 2 * max_chunk_ms);
  }
  return Narrator(model, plan, options, extras, output).run();
}

}  // namespace csm::cli
