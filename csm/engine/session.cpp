#include "csm/engine/session.h"

#include <utility>

#include "csm/engine/frame_batch.h"

namespace csm::engine {

const char* to_string(StopReason reason) {
  switch (reason) {
    case StopReason::kEos:
      return "eos";
    case StopReason::kLength:
      return "length";
    case StopReason::kCancelled:
      return "cancelled";
    case StopReason::kFailed:
      return "failed";
  }
  return "unknown";
}

Session::Session(std::unique_ptr<SessionState> state)
    : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

std::optional<Frame> Session::next() {
  SessionState* const self = state_.get();
  StepResult result = step_frames(self->context(), {&self, 1})[0];
  if (result.error) throw *result.error;
  return std::move(result.frame);
}

StopReason Session::run(const std::function<bool(const Frame&)>& on_frame) {
  for (const Frame& frame : *this) {
    if (!on_frame(frame)) cancel();
  }
  return *stop_reason();
}

void Session::cancel() { state_->cancel(); }
std::optional<StopReason> Session::stop_reason() const {
  return state_->stop_reason();
}
const StageTimes& Session::times() const { return state_->times(); }
const FrameTimes& Session::frame_times() const { return state_->frame_times(); }
int Session::n_frames() const { return state_->n_frames(); }
int Session::max_frames() const { return state_->max_frames(); }
int Session::prompt_positions() const { return state_->prompt_positions(); }
int Session::known_positions() const { return state_->known_positions(); }
std::int64_t Session::n_invalid_codes() const {
  return state_->n_invalid_codes();
}
std::int64_t Session::n_changed_codes() const {
  return state_->n_changed_codes();
}

}  // namespace csm::engine
