#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "csm/engine/engine.h"

namespace csm::engine {

/// What a conversation had to forget.
struct Forgotten {
  int n_segments = 0;
  int n_positions = 0;

  Forgotten& operator+=(const Forgotten& other) {
    n_segments += other.n_segments;
    n_positions += other.n_positions;
    return *this;
  }
};

/// What was said so far, as the context of what is said next.
///
/// Holds no more than fits into the model's context: make_room() forgets whole
/// segments, by choose_context(), for the sake of the speech that is wanted.
/// What is forgotten does not come back. Of what the model has read for one
/// session it reads for the next only what stands behind a change. Must not
/// outlive its engine. Threads: engine thread only.
class Conversation {
 public:
  explicit Conversation(Engine& engine) : engine_(&engine) {}

  /// Appends something that was said. Without any frame it has no effect, as
  /// the model knows no silent segments.
  ///
  /// Throws: as Engine::context_prompt.
  void add(Segment segment);

  /// Forgets segments until the rest, the text to speak and the frames that
  /// the options allow fit into the model's context together.
  ///
  /// max_positions  that the rest may take in any case
  /// Throws: as Engine::prompt_tokens.
  Forgotten make_room(const Utterance& next, const GenerationOptions& options,
                      std::optional<int> max_positions = {});

  /// Begins to speak what comes next: Engine::start with segments() as context,
  /// the same bits.
  ///
  /// Throws: as Engine::start.
  [[nodiscard]] Session start(const Utterance& next,
                              const GenerationOptions& options,
                              std::vector<std::int32_t> spoken = {}) const;

  /// Gives a session that start() made back, ended or not: the next start()
  /// need not read again what it has read and spoken.
  void keep(Session session) { latest_ = std::move(session); }

  /// The segments that are left, the oldest first.
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }

  /// Positions that they take.
  [[nodiscard]] int n_positions() const;

 private:
  Engine* engine_;
  std::vector<Segment> segments_;
  std::vector<Prompt> prompts_;  // of the segments
  std::optional<Session> latest_;
};

}  // namespace csm::engine
