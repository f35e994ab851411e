#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "csm/engine/conversation.h"
#include "csm/server/said.h"

namespace csm::server {

/// What one stream, or one conversation of several, has been hearing: voices,
/// sound that the client brought, and what the model said itself.
///
/// What the latest stream said can still be cut to what was heard of it, until
/// the next stream begins. Must not be used after its engine.
/// Threads: engine thread only, but for being made.
class Talk {
 public:
  /// The latest stream's speech is settled; another begins.
  void begin() { recent_.clear(); }

  /// A voice to speak in, once.
  void hear_voice(engine::Engine& engine, const engine::Voice& voice);

  /// Something that was said by others.
  void hear(engine::Engine& engine, engine::Segment segment);

  /// Begins to speak after all that was heard; what there is no room for is
  /// forgotten for good.
  ///
  /// max_positions  that it may take in any case
  /// Throws: as engine::Conversation::start.
  [[nodiscard]] engine::Session start(engine::Engine& engine,
                                      const engine::Utterance& utterance,
                                      const engine::GenerationOptions& options,
                                      std::optional<int> max_positions);

  /// Something that the model said in the present stream.
  ///
  /// session  that start() made for it
  void add(engine::Engine& engine, Said said, engine::Session session);

  /// Lets go of what the model has read: the next start() reads it again.
  void rest() { latest_.reset(); }

  /// Forgets what was not played of the latest stream.
  ///
  /// returns  what was
  std::vector<engine::Segment> trim(engine::Engine& engine,
                                    std::int64_t played_ms);

 private:
  engine::Conversation& heard(engine::Engine& engine);

  std::optional<engine::Conversation> heard_;
  std::optional<engine::Session> latest_;  // what it has read need not be again
  std::vector<Said> recent_;               // of the latest stream
  std::set<std::string> voices_;           // digests of their codes
};

}  // namespace csm::server
