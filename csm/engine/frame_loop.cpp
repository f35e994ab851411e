#include "csm/engine/frame_loop.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <numeric>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/sampling/sampler.h"

namespace csm::engine {
namespace {

using Clock = std::chrono::steady_clock;
using kernels::Stage;

mx::array int_array(const std::vector<std::int32_t>& values, mx::Shape shape) {
  return mx::array(values.data(), std::move(shape), mx::int32);
}

// [T, D] -> [1, D]
mx::array last_row(const kernels::Exec& exec, const mx::array& rows) {
  const int n_rows = rows.shape(0);
  return mx::slice(rows, {n_rows - 1, 0}, {n_rows, rows.shape(1)}, exec.stream);
}

template <class T>
std::vector<T> to_vector(const mx::array& values) {
  return {values.data<T>(), values.data<T>() + values.size()};
}

}  // namespace

FrameLoop::FrameLoop(const FrameContext& context,
                     std::vector<std::int32_t> prompt,
                     const GenerationOptions& options, int max_frames)
    : context_(context),
      prompt_(std::move(prompt)),
      sampler_(
          options.sampler_options(context.decoder->config().codebook_size)),
      noise_(options.rng, options.seed),
      backbone_state_(context.model->new_state()),
      depth_state_(context.model->new_depth_state()),
      codec_state_(context.decoder->new_state()),
      max_frames_(max_frames),
      stop_at_end_(options.stop_at_end) {}

mx::array FrameLoop::step_backbone() {
  const kernels::Exec exec = context_.exec->at(Stage::kBackbone);
  const model::CsmModel& model = *context_.model;
  const mx::array x =
      last_codes_
          ? model.embed_frames(exec, *last_codes_)
          : model.embed_text(
                exec, int_array(prompt_, {static_cast<int>(prompt_.size())}));
  return last_row(exec, model.backbone(exec, x, backbone_state_));
}

mx::array FrameLoop::draw_noise() {
  const int n_codebooks = context_.model->config().n_codebooks;
  const int vocab = context_.model->config().audio_vocab;
  const auto n_draws =
      static_cast<std::size_t>(n_codebooks) * static_cast<std::size_t>(vocab);
  const kernels::StageTimer timer(context_.exec->clock, Stage::kSampler);
  if (sampler_.greedy) return mx::zeros({n_codebooks, vocab}, mx::float32);
  if (noise_.has_words() && context_.exec->use_cpu_kernels()) {
    std::vector<std::uint32_t> words(2 * n_draws);
    sampling::draw_frame_words(noise_, n_codebooks, vocab, words);
    return mx::array(words.data(), {n_codebooks, 2 * vocab}, mx::uint32);
  }
  std::vector<float> noise(n_draws);
  sampling::draw_frame_noise(noise_, n_codebooks, vocab, noise);
  return mx::array(noise.data(), {n_codebooks, vocab}, mx::float32);
}

sampling::Sampled FrameLoop::draw_codes(const mx::array& h) {
  const kernels::Exec exec = context_.exec->at(Stage::kSampler);
  const kernels::Exec depth = context_.exec->at(Stage::kDepth);
  const model::CsmModel& model = *context_.model;
  const mx::array noise = draw_noise();
  std::vector<mx::array> codes;
  std::vector<mx::array> changed;
  const auto draw = [&](const mx::array& logits) {
    const int row = static_cast<int>(codes.size());
    const mx::array noise_row =
        mx::slice(noise, {row, 0}, {row + 1, noise.shape(1)}, exec.stream);
    const auto drawn =
        sampling::sample_counted(exec, logits, noise_row, sampler_);
    codes.push_back(drawn.codes);
    changed.push_back(drawn.changed);
  };

  draw(model.c0_logits(context_.exec->at(Stage::kBackbone), h));
  draw(model.depth_start(depth, h, codes.back(), depth_state_));
  for (int codebook = 2; codebook < model.config().n_codebooks; ++codebook) {
    draw(model.depth_next(depth, codes.back(), codebook, depth_state_));
  }
  return {.codes = mx::concatenate(codes, 1, exec.stream),
          .changed = mx::concatenate(changed, 1, exec.stream)};
}

Frame FrameLoop::compute_frame() {
  const sampling::Sampled drawn = draw_codes(step_backbone());
  const mx::array audio = context_.decoder->decode(
      context_.exec->at(Stage::kCodec), drawn.codes, codec_state_);
  // The states too, so that no graph outlives its frame.
  std::vector<mx::array> results = {drawn.codes, drawn.changed, audio};
  backbone_state_.append_arrays(results);
  codec_state_.append_arrays(results);
  try {
    mx::eval(results);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kBackend, str_cat("[engine.frame_loop] frame ",
                                             n_frames_, ": ", error.what()));
  }
  last_codes_ = drawn.codes;
  Frame frame = {.codes = to_vector<std::int32_t>(drawn.codes),
                 .audio = to_vector<float>(audio)};
  const auto bad =
      std::find(frame.codes.begin(), frame.codes.end(), sampling::kBadLogits);
  if (bad != frame.codes.end()) {
    throw Error(ErrorCode::kBackend,
                str_cat("[engine.frame_loop] frame ", n_frames_,
                        ": expected finite logits, got others (codebook ",
                        bad - frame.codes.begin(), ")"));
  }
  const auto changed = to_vector<std::int32_t>(drawn.changed);
  n_changed_codes_ += std::accumulate(changed.begin(), changed.end(), 0);
  return frame;
}

void FrameLoop::record_time(double seconds) {
  if (n_frames_ == 0) {
    times_.prefill = times_.first_audio = seconds;
  } else {
    times_.frames += seconds;
  }
  const kernels::StageClock* clock = context_.exec->clock;
  if (clock == nullptr) return;
  frame_times_ = {.total = seconds,
                  .backbone = clock->seconds(Stage::kBackbone),
                  .depth = clock->seconds(Stage::kDepth),
                  .sampler = clock->seconds(Stage::kSampler),
                  .codec = clock->seconds(Stage::kCodec)};
}

std::optional<Frame> FrameLoop::next() {
  if (stop_reason_) return std::nullopt;
  if (cancelled_) stop_reason_ = StopReason::kCancelled;
  if (ended_) stop_reason_ = StopReason::kEos;
  if (!stop_reason_ && n_frames_ >= max_frames_) {
    stop_reason_ = StopReason::kLength;
  }
  if (stop_reason_) return std::nullopt;

  const auto start = Clock::now();
  if (context_.exec->clock != nullptr) context_.exec->clock->reset();
  Frame frame = compute_frame();
  record_time(std::chrono::duration<double>(Clock::now() - start).count());

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
  return frame;
}

}  // namespace csm::engine
