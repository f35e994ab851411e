#include "csm/engine/frame_batch.h"

#include <chrono>
#include <cstddef>
#include <exception>
#include <numeric>
#include <optional>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/engine/guarded.h"
#include "csm/kernels/rows_op.h"

namespace csm::engine {
namespace {

using Clock = std::chrono::steady_clock;
using kernels::Stage;

// The frame of N >= 1 sessions, from random numbers to samples.
class FrameBatch {
 public:
  FrameBatch(const FrameContext& context, std::vector<SessionState*> sessions)
      : context_(context),
        model_(*context.model),
        sessions_(std::move(sessions)) {}

  // Throws whatever MLX does; then the states of all sessions are lost.
  std::vector<FrameResult> compute();

 private:
  [[nodiscard]] int size() const { return static_cast<int>(sessions_.size()); }
  void draw_noise();
  // The backbone's rows that predict the next frames, [N, D].
  mx::array step_backbone();
  // Both arrays [N, K] int32.
  sampling::Sampled draw_codes(const mx::array& h);
  // One [samples] for each session.
  std::vector<mx::array> decode(const mx::array& codes);

  const FrameContext& context_;
  const model::CsmModel& model_;
  std::vector<SessionState*> sessions_;
};

void FrameBatch::draw_noise() {
  const kernels::StageTimer timer(context_.exec->clock, Stage::kSampler);
  for (SessionState* session : sessions_) session->draw_noise();
}

// The last row of each share, [N, D].
mx::array last_rows(const kernels::Exec& exec, const mx::array& rows,
                    std::span<const model::BackboneShare> shares) {
  if (rows.shape(0) == static_cast<int>(shares.size())) return rows;
  std::vector<mx::array> out;
  int end = 0;
  for (const model::BackboneShare& share : shares) {
    end += share.n_rows();
    out.push_back(kernels::slice_rows(exec, rows, end - 1, end));
  }
  return kernels::join_rows(exec, std::move(out));
}

mx::array FrameBatch::step_backbone() {
  const kernels::Exec exec = context_.exec->at(Stage::kBackbone);
  std::vector<mx::array> inputs;
  std::vector<model::BackboneShare> shares;
  for (SessionState* session : sessions_) {
    inputs.push_back(session->next_input(exec));
    shares.push_back({.cache = &session->backbone(),
                      .n_positions = session->next_positions()});
  }
  const mx::array x = kernels::join_rows(exec, std::move(inputs));
  return last_rows(exec, model_.backbone(exec, x, shares), shares);
}

sampling::Sampled FrameBatch::draw_codes(const mx::array& h) {
  const kernels::Exec exec = context_.exec->at(Stage::kSampler);
  const kernels::Exec depth = context_.exec->at(Stage::kDepth);
  model::DepthState state = model_.new_depth_state(size());
  std::vector<mx::array> codes;
  std::vector<mx::array> changed;
  const auto draw = [&](const mx::array& logits) {
    std::vector<sampling::RowDraw> rows;
    for (const SessionState* session : sessions_) {
      rows.push_back(session->row_draw(static_cast<int>(codes.size())));
    }
    const sampling::Sampled drawn = sampling::sample_rows(exec, logits, rows);
    codes.push_back(drawn.codes);
    changed.push_back(drawn.changed);
  };

  draw(model_.c0_logits(context_.exec->at(Stage::kBackbone), h));
  draw(model_.depth_start(depth, h, codes.back(), state));
  for (int codebook = 2; codebook < model_.config().n_codebooks; ++codebook) {
    draw(model_.depth_next(depth, codes.back(), codebook, state));
  }
  return {.codes = kernels::join_columns(exec, std::move(codes)),
          .changed = kernels::join_columns(exec, std::move(changed))};
}

std::vector<mx::array> FrameBatch::decode(const mx::array& codes) {
  std::vector<codec::MimiDecoder::State*> states;
  for (SessionState* session : sessions_) states.push_back(&session->codec());
  return context_.decoder->decode_each(context_.exec->at(Stage::kCodec), codes,
                                       states);
}

// Row `row` of [N, C].
template <class T>
std::vector<T> row_of(const mx::array& values, std::size_t row) {
  const auto width = static_cast<std::size_t>(values.shape(1));
  const T* begin = values.data<T>() + row * width;
  return {begin, begin + width};
}

std::vector<FrameResult> FrameBatch::compute() {
  draw_noise();
  const sampling::Sampled drawn = draw_codes(step_backbone());
  const std::vector<mx::array> audio = decode(drawn.codes);
  std::vector<mx::array> results = {drawn.codes, drawn.changed};
  results.insert(results.end(), audio.begin(), audio.end());
  // The states too, so that no graph outlives its frame.
  for (SessionState* session : sessions_) {
    session->backbone().append_arrays(results);
    session->codec().append_arrays(results);
  }
  mx::eval(results);

  std::vector<FrameResult> frames;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    const auto changed = row_of<std::int32_t>(drawn.changed, i);
    const auto* samples = audio[i].data<float>();
    frames.push_back({.frame = {.codes = row_of<std::int32_t>(drawn.codes, i),
                                .audio = {samples, samples + audio[i].size()}},
                      .n_changed_codes =
                          std::accumulate(changed.begin(), changed.end(), 0)});
  }
  return frames;
}

FrameTimes read_clock(const kernels::StageClock* clock, double seconds) {
  FrameTimes times = {.total = seconds};
  if (clock == nullptr) return times;
  times.backbone = clock->seconds(Stage::kBackbone);
  times.depth = clock->seconds(Stage::kDepth);
  times.sampler = clock->seconds(Stage::kSampler);
  times.codec = clock->seconds(Stage::kCodec);
  return times;
}

// Whatever goes wrong in the shared work ends all sessions of the step.
std::vector<FrameResult> compute_or_fail(const FrameContext& context,
                                         const std::vector<SessionState*>& live,
                                         std::optional<Error>& error) {
  try {
    return FrameBatch(context, live).compute();
  } catch (const Error& failure) {
    error = failure;
  } catch (const std::exception& failure) {
    error = Error(ErrorCode::kBackend,
                  str_cat("[engine.frame_batch] a step of ", live.size(),
                          " sessions: ", failure.what()));
  }
  for (SessionState* session : live) session->fail();
  return {};
}

StepResult finish(SessionState& session, FrameResult result,
                  const FrameTimes& step) {
  try {
    return {.frame = session.accept(std::move(result), step),
            .error = std::nullopt};
  } catch (const Error& error) {
    return {.frame = std::nullopt, .error = error};
  }
}

StepResult replay(SessionState& session) {
  try {
    return {.frame = guarded("replay", [&] { return session.replay(); }),
            .error = std::nullopt};
  } catch (const Error& error) {
    session.fail();
    return {.frame = std::nullopt, .error = error};
  }
}

}  // namespace

std::vector<StepResult> step_frames(const FrameContext& context,
                                    std::span<SessionState* const> sessions) {
  std::vector<StepResult> results(sessions.size());
  std::vector<SessionState*> live;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    if (!sessions[i]->wants_frame()) continue;
    if (sessions[i]->replays()) {
      results[i] = replay(*sessions[i]);
      continue;
    }
    live.push_back(sessions[i]);
    places.push_back(i);
  }
  if (live.empty()) return results;

  const auto start = Clock::now();
  kernels::StageClock* clock = context.exec->clock;
  if (clock != nullptr) clock->reset();
  std::optional<Error> error;
  std::vector<FrameResult> frames = compute_or_fail(context, live, error);
  const FrameTimes step = read_clock(
      clock, std::chrono::duration<double>(Clock::now() - start).count());
  for (std::size_t i = 0; i < live.size(); ++i) {
    results[places[i]] = error
                             ? StepResult{.frame = std::nullopt, .error = error}
                             : finish(*live[i], std::move(frames[i]), step);
  }
  return results;
}

}  // namespace csm::engine
