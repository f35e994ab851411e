#pragma once

#include <optional>
#include <span>
#include <vector>

#include "csm/engine/context.h"
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
/// What is forgotten does not come back. Must not outlive its engine.
/// Threads: engine thread only.
class Conversation {
 public:
  explicit Conversation(Engine& engine) : engine_(&engine) {}

  /// Appends something that was said. Without any frame it has no effect, as
  /// the model knows no silent segments.
  ///
  /// Throws: as Engine::make_prompt.
  void add(Segment segment);

  /// Forgets segments until the rest, the text to speak and the frames that
  /// the options allow fit into the model's context together.
  ///
  /// max_positions  that the rest may take in any case
  /// Throws: as Engine::prompt_tokens.
  Forgotten make_room(const Utterance& next, const GenerationOptions& options,
                      std::optional<int> max_positions = {});

  /// The segments that are left, the oldest first.
  [[nodiscard]] std::span<const Segment> segments() const { return segments_; }

  /// Positions that they take.
  [[nodiscard]] int n_positions() const;

 private:
  Engine* engine_;
  std::vector<Segment> segments_;
  std::vector<ContextItem> items_;  // of the segments
};

}  // namespace csm::engine
