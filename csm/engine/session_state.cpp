#include "csm/engine/session_state.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "csm/base/str_cat.h"
#include "csm/kernels/rows_op.h"
#include "csm/sampling/sampler.h"

namespace csm::engine {
namespace {

mx::array int_array(const std::vector<std::int32_t>& values, mx::Shape shape) {
  return mx::array(values.data(), std::move(shape), mx::int32);
}

mx::array embed_codes(const kernels::Exec& exec, const model::CsmModel& model,
                      const std::vector<std::int32_t>& codes) {
  const int n_codebooks = model.config().n_codebooks;
  const int n_frames = static_cast<int>(codes.size()) / n_codebooks;
  return model.embed_frames(exec, int_array(codes, {n_frames, n_codebooks}));
}

}  // namespace

mx::array embed_prompt(const kernels::Exec& exec, const model::CsmModel& model,
                       const Prompt& prompt) {
  std::vector<mx::array> rows;
  for (const Prompt::Part& part : prompt.parts()) {
    rows.push_back(part.is_audio
                       ? embed_codes(exec, model, part.values)
                       : model.embed_text(
                             exec, int_array(part.values, {part.n_positions})));
  }
  return rows.size() == 1 ? rows[0]
                          : mx::concatenate(std::move(rows), 0, exec.stream);
}

KnownBeginning KnownBeginning::of(const ReadPrompt& read,
                                  const Prompt& prompt) {
  return {.read = &read,
          .n_positions =
              std::min(read.prompt.n_common(prompt), prompt.n_positions() - 1)};
}

model::BackboneState KnownBeginning::state(const model::CsmModel& model) const {
  if (n_positions == 0) return model.new_state();
  model::BackboneState state = read->state.fork();
  state.rewind(n_positions);
  return state;
}

SessionState::SessionState(const FrameContext& context, const Prompt& prompt,
                           const GenerationOptions& options, int max_frames,
                           HeadStart head)
    : context_(context),
      prompt_positions_(prompt.n_positions()),
      known_positions_(head.known.n_positions),
      spoken_(std::move(head.spoken)),
      past_{.prompt = prompt.first(head.known.n_positions),
            .state = head.known.state(*context.model)},
      unread_(prompt.without_first(head.known.n_positions)),
      sampler_(
          options.sampler_options(context.decoder->config().codebook_size)),
      noise_(options.rng, options.seed),
      codec_(context.decoder->new_state()),
      max_frames_(max_frames),
      stop_at_end_(options.stop_at_end) {
  if (spoken_.empty()) return;
  unread_.add_frames(spoken_, context.model->config().n_codebooks);
}

int SessionState::n_spoken() const {
  return static_cast<int>(spoken_.size()) /
         context_.model->config().n_codebooks;
}

bool SessionState::wants_frame() {
  if (stop_reason_) return false;
  if (cancelled_.load(std::memory_order_relaxed)) {
    stop_reason_ = StopReason::kCancelled;
  } else if (ended_) {
    stop_reason_ = StopReason::kEos;
  } else if (n_frames_ >= max_frames_) {
    stop_reason_ = StopReason::kLength;
  }
  return !stop_reason_;
}

void SessionState::draw_noise() {
  if (sampler_.greedy) return;
  const int n_codebooks = context_.model->config().n_codebooks;
  const int vocab = context_.model->config().audio_vocab;
  const auto n_draws =
      static_cast<std::size_t>(n_codebooks) * static_cast<std::size_t>(vocab);
  if (noise_.has_words() && context_.exec->use_cpu_kernels()) {
    noise_rows_ = kernels::new_array({n_codebooks, 2 * vocab}, mx::uint32);
    sampling::draw_frame_words(
        noise_, n_codebooks, vocab,
        {noise_rows_->data<std::uint32_t>(), 2 * n_draws});
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
              str_cat("[engine.session] frame ", n_frames_,
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

std::optional<Frame> SessionState::replay() {
  draw_noise();  // as the run did that spoke the frame
  const auto width =
      static_cast<std::ptrdiff_t>(context_.model->config().n_codebooks);
  const auto begin = spoken_.begin() + n_replayed_ * width;
  Frame frame = {.codes = {begin, begin + width}, .audio = {}};
  const mx::array samples = context_.decoder->decode(
      *context_.exec,
      int_array(frame.codes, {1, static_cast<int>(frame.codes.size())}),
      codec_);
  std::vector<mx::array> results = {samples};
  codec_.append_arrays(results);
  mx::eval(results);
  frame.audio = {samples.data<float>(), samples.data<float>() + samples.size()};
  ++n_replayed_;
  return keep(std::move(frame));
}

std::optional<Frame> SessionState::accept(FrameResult result,
                                          const FrameTimes& step) {
  check_codes(result.frame.codes);
  record_time(step);
  ++n_steps_;
  past_.prompt.append(unread_);
  unread_ = {};
  unread_.add_frames(result.frame.codes, context_.model->config().n_codebooks);
  n_changed_codes_ += result.n_changed_codes;
  return keep(std::move(result.frame));
}

std::optional<Frame> SessionState::keep(Frame frame) {
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
