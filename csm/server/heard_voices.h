#pragma once

#include <set>
#include <string>

#include "csm/engine/engine.h"

namespace csm::server {

/// The voices that the model has heard: streams that begin with one need not
/// read it again.
///
/// Threads: engine thread only.
class HeardVoices {
 public:
  /// Lets the model hear a voice, once. Beyond kMaxVoices different ones it
  /// does not, as each takes memory for good; streams then read them.
  ///
  /// Throws: as Engine::add_voice.
  void hear(engine::Engine& engine, const engine::Voice& voice);

  static constexpr std::size_t kMaxVoices = 64;

 private:
  std::set<std::string> heard_;  // digests of codes and text
};

}  // namespace csm::server
