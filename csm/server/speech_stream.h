#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "csm/engine/generation_options.h"
#include "csm/engine/session.h"
#include "csm/engine/voice.h"
#include "csm/server/api_error.h"

namespace csm::server {

class Inbox;
class Talk;

/// What is spoken in one go, and the silence around it.
struct Piece {
  std::string text;
  int pause_before_ms = 0;
  int pause_after_ms = 0;
};

/// Something that was said before: a voice, or an utterance with its sound at
/// the model's rate or its codes.
struct HeardTurn {
  std::shared_ptr<const engine::Voice> voice;  ///< nothing else counts then
  engine::Utterance utterance;
  std::vector<float> samples;
  std::vector<std::int32_t> codes;  ///< [n_frames, K] instead
};

/// How a stream speaks.
struct StreamSettings {
  int speaker = 0;
  engine::GenerationOptions options;           ///< piece i: seed + i
  std::shared_ptr<const engine::Voice> voice;  ///< heard first, if any
  std::vector<HeardTurn> context;              ///< heard next
  std::optional<int> max_context;              ///< positions of what is heard
  bool plays = true;           ///< somebody listens while it is made
  std::shared_ptr<Talk> talk;  ///< none: one of its own
};

/// What a stream's listener is told, in this order: for each piece PieceBegan,
/// FrameSpoken any number of times and PieceEnded; StreamEnded once, last.
struct PieceBegan {
  int piece = 0;
  std::string text;
  std::uint64_t seed = 0;
  int n_prompt_positions = 0;
  int max_frames = 0;
};
struct FrameSpoken {
  int piece = 0;
  std::vector<std::int32_t> codes;  ///< [K]; none: silence around the piece
  std::vector<float> samples;
};
struct PieceEnded {
  int piece = 0;
  int n_frames = 0;
  engine::StopReason reason = engine::StopReason::kEos;
  std::vector<std::int32_t> codes;  ///< [n_frames, K]
};
struct StreamEnded {
  std::optional<ApiError> error;  ///< it failed
  bool cancelled = false;
  /// Cancelled with played_ms: what is remembered of it.
  std::vector<engine::Segment> kept = {};
};
using StreamEvent =
    std::variant<PieceBegan, FrameSpoken, PieceEnded, StreamEnded>;

/// A stream that speaks, as its client holds it. Letting go of it cancels it.
///
/// Threads: any.
class SpeechStream {
 public:
  ~SpeechStream();
  SpeechStream(const SpeechStream&) = delete;
  SpeechStream& operator=(const SpeechStream&) = delete;

  /// More to say, behind all that is to be said already.
  void say(std::vector<Piece> pieces);
  /// There is nothing more to say: the stream ends behind its last piece.
  void close();
  /// Ends it before its next frame; StreamEnded is told.
  ///
  /// played_ms  of its sound that was heard, the rest is forgotten by
  ///            settings.talk; nothing: all of it
  void cancel(std::optional<std::int64_t> played_ms = {});
  /// So many frames' sound has left the server: there is room for others.
  void sent(int n_frames);

 private:
  friend class Inbox;
  friend class LaneState;
  friend class SpeechEngine;
  struct Shared;

  SpeechStream(std::shared_ptr<Inbox> inbox, std::shared_ptr<Shared> shared);

  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace csm::server
