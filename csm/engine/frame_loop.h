#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "csm/codec/mimi_decoder.h"
#include "csm/engine/generation_options.h"
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

/// The state of one utterance: what a Session is made of.
///
/// Every next() builds the graph of one frame (backbone step, K codes with the
/// sampler in between, codec) and evaluates it once.
/// Threads: engine thread only.
class FrameLoop {
 public:
  /// prompt      token ids, not empty
  /// max_frames  >= 1
  FrameLoop(const FrameContext& context, std::vector<std::int32_t> prompt,
            const GenerationOptions& options, int max_frames);

  [[nodiscard]] std::optional<Frame> next();
  void cancel() { cancelled_ = true; }

  [[nodiscard]] std::optional<StopReason> stop_reason() const {
    return stop_reason_;
  }
  [[nodiscard]] const StageTimes& times() const { return times_; }
  [[nodiscard]] const FrameTimes& frame_times() const { return frame_times_; }
  [[nodiscard]] int n_frames() const { return n_frames_; }
  [[nodiscard]] int max_frames() const { return max_frames_; }
  [[nodiscard]] int prompt_positions() const {
    return static_cast<int>(prompt_.size());
  }
  [[nodiscard]] std::int64_t n_invalid_codes() const {
    return n_invalid_codes_;
  }
  [[nodiscard]] std::int64_t n_changed_codes() const {
    return n_changed_codes_;
  }

 private:
  /// The backbone's row that predicts the next frame, [1, D].
  mx::array step_backbone();
  /// The random numbers of one frame: K rows for the sampler.
  mx::array draw_noise();
  /// Draws the K codes of a frame, lazily: both arrays [1, K] int32.
  sampling::Sampled draw_codes(const mx::array& h);
  Frame compute_frame();
  void record_time(double seconds);

  FrameContext context_;
  std::vector<std::int32_t> prompt_;
  sampling::SamplerOptions sampler_;
  sampling::NoiseStream noise_;
  model::BackboneState backbone_state_;
  model::DepthState depth_state_;
  codec::MimiDecoder::State codec_state_;
  std::optional<mx::array> last_codes_;  // [1, K] int32, not before frame 0

  int max_frames_;
  int n_frames_ = 0;
  std::int64_t n_invalid_codes_ = 0;
  std::int64_t n_changed_codes_ = 0;
  bool cancelled_ = false;
  bool ended_ = false;  // the model ended speech with the last frame
  std::optional<StopReason> stop_reason_;
  StageTimes times_;
  bool stop_at_end_;
  FrameTimes frame_times_;
};

}  // namespace csm::engine
