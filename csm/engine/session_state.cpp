#include "csm/engine/session_state.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "csm/base/str_cat.h"
#include "csm/sampling/sampler.h"

namespace csm::engine {
namespace {

mx::array int_array(const std::vector<std::int32_t>& values, mx::Shape shape) {
  return mx::array(values.data(), std::move(shape), mx::int32);
}

}  // namespace

SessionState::SessionState(const FrameContext& context,
                           std::vector<std::int32_t> prompt,
                           const GenerationOptions& options, int max_frames)
    : context_(context),
      prompt_(std::move(prompt)),
      sampler_(
          options.sampler_options(context.decoder->config().codebook_size)),
      noise_(options.rng, options.seed),
      backbone_(context.model->new_state()),
      codec_(context.decoder->new_state()),
      max_frames_(max_frames),
      stop_at_end_(options.stop_at_end) {}

bool SessionState::wants_frame() {
  if (stop_reason_) return false;
  if (cancelled_) {
    stop_reason_ = StopReason::kCancelled;
  } else if (ended_) {
    stop_reason_ = StopReason::kEos;
  } else if (n_frames_ >= max_frames_) {
    stop_reason_ = StopReason::kLength;
  }
  return !stop_reason_;
}

mx::array SessionState::next_input(const kernels::Exec& exec) const {
  const model::CsmModel& model = *context_.model;
  if (n_steps_ == 0) {
    return model.embed_text(exec, int_array(prompt_, {prompt_positions()}));
  }
  const int n_codes = static_cast<int>(last_codes_.size());
  return model.embed_frames(exec, int_array(last_codes_, {1, n_codes}));
}

void SessionState::draw_noise() {
  if (sampler_.greedy) return;
  const int n_codebooks = context_.model->config().n_codebooks;
  const int vocab = context_.model->config().audio_vocab;
  const auto n_draws =
      static_cast<std::size_t>(n_codebooks) * static_cast<std::size_t>(vocab);
  if (noise_.has_words() && context_.exec->use_cpu_kernels()) {
    std::vector<std::uint32_t> words(2 * n_draws);
    sampling::draw_frame_words(noise_, n_codebooks, vocab, words);
    noise_rows_.emplace(words.data(), mx::Shape{n_codebooks, 2 * vocab},
                        mx::uint32);
  } else {
    std::vector<float> values(n_draws);
    sampling::draw_frame_noise(noise_, n_codebooks, vocab, values);
    noise_rows_.emplace(values.data(), mx::Shape{n_codebooks, vocab},
                        mx::float32);
  }
}

void SessionState::check_codes(std::span<const std::int32_t> codes) {
  const auto bad = std::find(codes.begin(), codes.end(), sampling::kBadLogits);
  if (bad == codes.end()) return;
  fail();
  throw Error(ErrorCode::kBackend,
              str_cat("[engine.session] frame ", n_steps_,
                      ": expected finite logits, got others (codebook ",
                      bad - codes.begin(), ")"));
}

void SessionState::record_time(const FrameTimes& step) {
  frame_times_ = step;
  if (n_steps_ == 0) {
    times_.prefill = times_.first_audio = step.total;
  } else {
    times_.frames += step.total;
  }
}

std::optional<Frame> SessionState::accept(FrameResult result,
                                          const FrameTimes& step) {
  Frame& frame = result.frame;
  check_codes(frame.codes);
  record_time(step);
  ++n_steps_;
  last_codes_ = frame.codes;
  n_changed_codes_ += result.n_changed_codes;

  // transformers ends the speech when all codes but the last are the end
  // code, and drops that frame when the last one is, too.
  const std::int32_t end = context_.model->config().codebook_eos;
  ended_ = stop_at_end_ &&
           std::all_of(frame.codes.begin(), frame.codes.end() - 1,
                       [end](std::int32_t code) { return code == end; });
  if (ended_ && frame.codes.back() == end) {
    stop_reason_ = StopReason::kEos;
    return std::nullopt;
  }
  ++n_frames_;
  const int n_valid = context_.decoder->config().codebook_size;
  n_invalid_codes_ +=
      std::count_if(frame.codes.begin(), frame.codes.end(),
                    [n_valid](std::int32_t code) { return code >= n_valid; });
  return std::move(frame);
}

}  // namespace csm::engine
