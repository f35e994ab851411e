#include "csm/engine/tail_guard.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "csm/engine/take_end.h"

namespace csm::engine {
namespace {

// Bounds from a few utterances and from what speech in general needs;
// docs/voices.md holds them against what was measured later.
constexpr double kCutOffDb = -20;          // the end of a word lies below
constexpr double kSilenceDb = -30;         // against loud speech
constexpr double kNothingDb = -70;         // against full scale
constexpr double kLongSilence = 1.0;       // s; a full stop takes about 0.5
constexpr double kLongRepetition = 0.8;    // s; a held vowel takes about 0.3
constexpr double kLeastPerLetter = 0.035;  // s; quick speech takes 0.05
constexpr double kMostPerLetter = 0.15;    // s; slow speech takes 0.1
constexpr double kAllowance = 1.5;         // s more, for silence around it

constexpr double kBlockSeconds = 0.02;
constexpr std::size_t kEndBlocks = 2;
constexpr double kLoudShare = 0.9;  // of the blocks lie below loud speech
constexpr double kFloorDb = -120;
constexpr double kMostLag = 2.0;  // s, of a repetition
// A mismatch takes this many matches away.
constexpr int kMismatch = 2;
constexpr int kDigitLetters = 4;

double seconds_per_frame(const ModelFacts& facts) {
  return static_cast<double>(facts.samples_per_frame) /
         static_cast<double>(facts.sample_rate_hz);
}

double to_db(double power) {
  return power > 0 ? std::max(kFloorDb, 10 * std::log10(power)) : kFloorDb;
}

// Level of each run of `size` samples, whole runs only.
std::vector<double> levels_of(std::span<const float> audio, std::size_t size) {
  std::vector<double> levels;
  for (std::size_t at = 0; at + size <= audio.size(); at += size) {
    double sum = 0;
    for (const float sample : audio.subspan(at, size)) {
      sum += static_cast<double>(sample) * static_cast<double>(sample);
    }
    levels.push_back(to_db(sum / static_cast<double>(size)));
  }
  return levels;
}

// Levels in dB of full scale.
struct Levels {
  std::vector<double> blocks;  // of 20 ms
  double loud = kFloorDb;      // of loud speech
  double silent = kNothingDb;  // below it nothing is to be heard
};

Levels measure_levels(std::span<const float> audio, int rate_hz) {
  Levels levels;
  levels.blocks =
      levels_of(audio, static_cast<std::size_t>(kBlockSeconds * rate_hz));
  if (levels.blocks.empty()) return levels;
  std::vector<double> sorted = levels.blocks;
  std::sort(sorted.begin(), sorted.end());
  levels.loud = sorted[static_cast<std::size_t>(
      kLoudShare * static_cast<double>(sorted.size() - 1))];
  levels.silent = std::max(levels.loud + kSilenceDb, kNothingDb);
  return levels;
}

double end_level(const Levels& levels) {
  double end = kFloorDb;
  const std::size_t n = levels.blocks.size();
  for (std::size_t i = n - std::min(kEndBlocks, n); i < n; ++i) {
    if (levels.blocks[i] > levels.silent) {
      end = std::max(end, levels.blocks[i] - levels.loud);
    }
  }
  return end;
}

double longest_silence(const Levels& levels) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const double level : levels.blocks) {
    run = level <= levels.silent ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return static_cast<double>(longest) * kBlockSeconds;
}

// For each frame whether anything is to be heard.
std::vector<bool> sounding_frames(const Take& take, const ModelFacts& facts,
                                  double silent) {
  std::vector<bool> sounding;
  for (const double level : levels_of(
           take.audio, static_cast<std::size_t>(facts.samples_per_frame))) {
    sounding.push_back(level > silent);
  }
  return sounding;
}

// Frames of the longest run in which codebook 0, which carries what is said,
// is what it was `lag` frames before, but for a few.
int longest_run(const Take& take, const std::vector<bool>& sounding,
                std::size_t width, std::size_t lag) {
  int longest = 0;
  int run = 0;
  for (std::size_t t = lag; t < sounding.size(); ++t) {
    const bool same = sounding[t] && sounding[t - lag] &&
                      take.codes[t * width] == take.codes[(t - lag) * width];
    run = std::max(0, run + (same ? 1 : -kMismatch));
    longest = std::max(longest, run);
  }
  return longest;
}

double longest_repetition(const Take& take, const ModelFacts& facts,
                          double silent) {
  const std::vector<bool> sounding = sounding_frames(take, facts, silent);
  const double frame_seconds = seconds_per_frame(facts);
  const auto width = static_cast<std::size_t>(facts.n_codebooks);
  const auto most = static_cast<std::size_t>(kMostLag / frame_seconds);
  int longest = 0;
  for (std::size_t lag = 1; lag <= most && lag < sounding.size(); ++lag) {
    longest = std::max(longest, longest_run(take, sounding, width, lag));
  }
  return longest * frame_seconds;
}

int count_letters(std::string_view text) {
  int n = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= '0' && byte <= '9') {
      n += kDigitLetters;
    } else if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
               byte >= 0xC0) {  // one for each character beyond ASCII
      ++n;
    }
  }
  return n;
}

// What is to be heard: without the silence at its end.
std::span<const float> until_silence(const Take& take, const Levels& levels,
                                     const ModelFacts& facts) {
  std::size_t n = levels.blocks.size();
  while (n > 0 && levels.blocks[n - 1] <= levels.silent) --n;
  return take.audio.first(
      n * static_cast<std::size_t>(kBlockSeconds * facts.sample_rate_hz));
}

TailMeasures measure(const Take& take, const Levels& levels,
                     std::string_view text, const ModelFacts& facts) {
  return {.seconds = static_cast<double>(take.audio.size()) /
                     static_cast<double>(facts.sample_rate_hz),
          .end_db = end_level(levels),
          .silence_seconds = longest_silence(levels),
          .repetition_seconds = longest_repetition(take, facts, levels.silent),
          .n_letters = count_letters(text)};
}

TailReport check_levels(const Take& take, const Levels& levels,
                        std::string_view text, const ModelFacts& facts) {
  TailReport report;
  report.measures = measure(take, levels, text, facts);
  // Nothing is to be said of an end that somebody else made.
  if (take.stop_reason == StopReason::kCancelled) return report;
  const TailMeasures& m = report.measures;
  // A problem counts one, and up to one more for how far it goes.
  const auto found = [&report](TailProblem problem, double excess) {
    report.problems.push_back(problem);
    report.badness += 1 + std::clamp(excess, 0.0, 1.0);
  };
  const double least = kLeastPerLetter * m.n_letters;
  const double most = kAllowance + kMostPerLetter * m.n_letters;
  if (m.end_db > kCutOffDb) {
    found(TailProblem::kCutOff, 1 - m.end_db / kCutOffDb);
  }
  if (m.seconds < least) found(TailProblem::kTooShort, 1 - m.seconds / least);
  if (m.seconds > most || take.stop_reason == StopReason::kLength) {
    found(TailProblem::kTooLong, m.seconds / most - 1);
  }
  if (m.silence_seconds > kLongSilence) {
    found(TailProblem::kSilence, m.silence_seconds / kLongSilence - 1);
  }
  if (m.repetition_seconds > kLongRepetition) {
    found(TailProblem::kRepetition, m.repetition_seconds / kLongRepetition - 1);
  }
  return report;
}

}  // namespace

const char* to_string(TailProblem problem) {
  switch (problem) {
    case TailProblem::kCutOff:
      return "cut_off";
    case TailProblem::kTooShort:
      return "too_short";
    case TailProblem::kTooLong:
      return "too_long";
    case TailProblem::kSilence:
      return "silence";
    case TailProblem::kRepetition:
      return "repetition";
  }
  return "unknown";
}

TailReport check_tail(const Take& take, std::string_view text,
                      const ModelFacts& facts) {
  return check_levels(take, measure_levels(take.audio, facts.sample_rate_hz),
                      text, facts);
}

std::vector<TailReport> check_takes(std::span<const Take> takes,
                                    std::string_view text,
                                    const ModelFacts& facts) {
  std::vector<TailReport> reports;
  std::vector<TakeEnd> ends;
  for (const Take& take : takes) {
    const Levels levels = measure_levels(take.audio, facts.sample_rate_hz);
    reports.push_back(check_levels(take, levels, text, facts));
    ends.push_back(
        measure_end(until_silence(take, levels, facts), facts.sample_rate_hz));
  }
  for (std::size_t i = 0; i < ends.size(); ++i) {
    double& mean = reports[i].measures.end_distance;
    for (const TakeEnd& other : ends) mean += end_distance(ends[i], other);
    if (ends.size() > 1) mean /= static_cast<double>(ends.size() - 1);
  }
  return reports;
}

std::size_t choose_take(std::span<const TailAttempt> attempts) {
  const auto rank = [](const TailAttempt& attempt) {
    const TailReport& report = attempt.report;
    return std::pair(report.badness, report.measures.end_distance);
  };
  const auto best = std::min_element(
      attempts.begin(), attempts.end(),
      [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return static_cast<std::size_t>(best - attempts.begin());
}

}  // namespace csm::engine
