#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "csm/base/error.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/engine/generation_options.h"
#include "csm/engine/prompt.h"
#include "csm/engine/session.h"
#include "csm/kernels/exec_op.h"
#include "csm/model/csm_model.h"
#include "csm/sampling/noise.h"
#include "csm/sampling/sample_op.h"

namespace csm::engine {

/// The shared, constant things that a frame needs. Does not own them.
struct FrameContext {
  const kernels::Exec* exec;
  const model::CsmModel* model;
  const codec::MimiDecoder* decoder;
};

/// What one frame of one session came to.
struct FrameResult {
  Frame frame;
  int n_changed_codes = 0;  ///< see Session::n_changed_codes
};

/// What the model has read, in this order.
struct ReadPrompt {
  Prompt prompt;
  model::BackboneState state;  ///< behind the prompt
};

/// The beginning of a prompt that the model has read for another one.
struct KnownBeginning {
  const ReadPrompt* read = nullptr;  ///< null: none
  int n_positions = 0;               ///< of it that this prompt begins with

  /// The part of `read` that begins the prompt and is shorter.
  static KnownBeginning of(const ReadPrompt& read, const Prompt& prompt);

  /// Of the model behind these positions.
  [[nodiscard]] model::BackboneState state(const model::CsmModel& model) const;
};

/// What a session need not compute.
struct HeadStart {
  /// Used by the constructor alone.
  KnownBeginning known = {};
  /// Codes of the first frames [n, K], which come out as they are. The random
  /// numbers go on behind theirs.
  std::vector<std::int32_t> spoken = {};
};

/// The rows that the backbone reads of a prompt, [T, D].
[[nodiscard]] mx::array embed_prompt(const kernels::Exec& exec,
                                     const model::CsmModel& model,
                                     const Prompt& prompt);

/// The state of one utterance: what a Session is made of. FrameBatch computes
/// its frames, alone or together with those of others.
///
/// Threads: engine thread only.
class SessionState {
 public:
  /// prompt      not empty
  /// max_frames  >= 1
  SessionState(const FrameContext& context, const Prompt& prompt,
               const GenerationOptions& options, int max_frames,
               HeadStart head = {});

  /// Threads: any.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  /// Before a step: whether this session has another frame to compute. If not,
  /// stop_reason() is set from here on.
  [[nodiscard]] bool wants_frame();

  /// Whether the next frame is one that was spoken before: replay() gives it,
  /// without a step.
  [[nodiscard]] bool replays() const { return n_replayed_ < n_spoken(); }

  /// The frame that replays() promises; none if it ends the speech.
  ///
  /// Throws: whatever MLX does; the session's arrays are lost then.
  [[nodiscard]] std::optional<Frame> replay();

  /// After a step: takes the frame in, or ends because of it.
  ///
  /// step     what the whole step took
  /// returns  the frame; none if it is the one that ends the speech
  /// Throws: Error{kBackend} for logits that are not finite; the session has
  /// failed then.
  [[nodiscard]] std::optional<Frame> accept(FrameResult result,
                                            const FrameTimes& step);

  /// Ends the session, whose arrays are not to be used any more.
  void fail() { stop_reason_ = StopReason::kFailed; }

  /// The rows that the backbone reads next, [T, D].
  [[nodiscard]] mx::array next_input(const kernels::Exec& exec) const {
    return embed_prompt(exec, *context_.model, unread_);
  }
  [[nodiscard]] int next_positions() const { return unread_.n_positions(); }

  /// What the backbone has read, for others to begin with; null if it was lost.
  [[nodiscard]] const ReadPrompt* past() const {
    return stop_reason_ == StopReason::kFailed ? nullptr : &past_;
  }

  /// The random numbers of the next frame, K rows for sampling::sample_rows;
  /// none if they are not used.
  void draw_noise();
  [[nodiscard]] sampling::RowDraw row_draw(int codebook) const {
    return {.options = sampler_, .noise = noise_rows_, .noise_row = codebook};
  }

  [[nodiscard]] const FrameContext& context() const { return context_; }
  [[nodiscard]] model::BackboneState& backbone() { return past_.state; }
  [[nodiscard]] codec::MimiDecoder::State& codec() { return codec_; }
  [[nodiscard]] std::optional<StopReason> stop_reason() const {
    return stop_reason_;
  }
  [[nodiscard]] const StageTimes& times() const { return times_; }
  [[nodiscard]] const FrameTimes& frame_times() const { return frame_times_; }
  [[nodiscard]] int n_frames() const { return n_frames_; }
  [[nodiscard]] int max_frames() const { return max_frames_; }
  [[nodiscard]] int prompt_positions() const { return prompt_positions_; }
  [[nodiscard]] int known_positions() const { return known_positions_; }
  [[nodiscard]] std::int64_t n_invalid_codes() const {
    return n_invalid_codes_;
  }
  [[nodiscard]] std::int64_t n_changed_codes() const {
    return n_changed_codes_;
  }

 private:
  [[nodiscard]] int n_spoken() const;
  void record_time(const FrameTimes& step);
  // Counts a frame; none is left of the one that ends the speech.
  std::optional<Frame> keep(Frame frame);
  void check_codes(std::span<const std::int32_t> codes);

  FrameContext context_;
  int prompt_positions_;
  int known_positions_;
  std::vector<std::int32_t> spoken_;  // [n, K], frames that are replayed
  ReadPrompt past_;
  Prompt unread_;  // what the next step reads; first: the rest of the prompt
                   // and spoken frames, then the last frame
  sampling::SamplerOptions sampler_;
  sampling::NoiseStream noise_;
  std::optional<mx::array> noise_rows_;  // of the next frame
  codec::MimiDecoder::State codec_;

  int max_frames_;
  int n_steps_ = 0;
  int n_replayed_ = 0;
  int n_frames_ = 0;
  std::int64_t n_invalid_codes_ = 0;
  std::int64_t n_changed_codes_ = 0;
  std::atomic<bool> cancelled_ = false;
  bool stop_at_end_;
  bool ended_ = false;  // the model ended speech with the last frame
  std::optional<StopReason> stop_reason_;
  StageTimes times_;
  FrameTimes frame_times_;
};

}  // namespace csm::engine
