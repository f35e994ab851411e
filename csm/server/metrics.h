#pragma once

#include <memory>
#include <string>

#include "csm/server/speech_engine.h"

namespace csm::server {

/// What one stream came to, as its listener had it.
struct StreamCount {
  const char* outcome = "completed";  ///< completed, cancelled or failed
  double first_audio_seconds = 0;     ///< from the request to the first sound
  double sound_seconds = 0;
  double seconds = 0;  ///< from the first sound to the last
  double underrun_seconds = 0;
  double longest_underrun = 0;
  bool plays = true;  ///< somebody listened while it was made
};

/// Counters and histograms, as Prometheus reads them.
///
/// Threads: any.
class Metrics : public EngineObserver {
 public:
  Metrics();
  ~Metrics() override;

  void on_step(int n_rows, int n_positions, double seconds) override;
  void on_streams(int n_streams, int n_silent) override;

  /// A request was answered. route is one of few known names.
  void on_request(const std::string& route, int status);
  void on_stream(const StreamCount& stream);
  void on_connections(int n_connections);

  /// All of it in Prometheus' text format.
  [[nodiscard]] std::string text() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace csm::server
