#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "csm/validate/measure.h"

namespace csm::validate {

/// Speech measured by temperature and top-k (tools/oracle/speech_sweep.py).
class SpeechSweep {
 public:
  /// Reads and checks the file.
  ///
  /// Throws: Error{kNotFound} if there is none, Error{kCorrupt} if it is
  /// malformed, naming the field.
  [[nodiscard]] static SpeechSweep load(const std::filesystem::path& path);

  /// Adds "speech" to the cells of results["sweep"] that were measured, and
  /// results["speech"]: what was measured, the verdict on the default setting,
  /// how many cells have speech.
  ///
  /// Throws: Error{kInvalidArgument} if no cell of the sweep was measured, or
  /// with another sampler.
  void merge(OrderedJson& results) const;

 private:
  std::string path_;
  OrderedJson json_;
};

/// One measure: its key, what people call it, its unit.
struct SpeechMeasure {
  const char* key;
  const char* name;
  const char* unit;  ///< of the values as shown
  double scale;      ///< shown / measured
  int decimals;
  bool has_best;  ///< the verdict speaks of it
};

inline constexpr SpeechMeasure kSpeechMeasures[] = {
    {"word_error_rate", "Word error rate", "%", 100.0, 1, true},
    {"eos_rate", "Ended by itself", "%", 100.0, 1, true},
    {"duration_ratio", "Duration / flite's", "", 1.0, 2, false},
    {"duration_error_s", "Duration error", "s", 1.0, 2, true},
    {"mcd_db", "Mel-cepstral distortion", "dB", 1.0, 2, true}};

/// Sentences on whether the default setting holds, one a measure, the word
/// error rate first. Empty if the default setting was not measured.
[[nodiscard]] std::vector<std::string> speech_verdict(
    const OrderedJson& results);

/// The part of the report on speech: verdict and tables. Empty without speech.
[[nodiscard]] std::string speech_section(const OrderedJson& results);

}  // namespace csm::validate
