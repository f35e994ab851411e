#include "csm/engine/session.h"

#include <utility>

#include "csm/engine/frame_loop.h"

namespace csm::engine {

const char* to_string(StopReason reason) {
  switch (reason) {
    case StopReason::kEos:
      return "eos";
    case StopReason::kLength:
      return "length";
    case StopReason::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

Session::Session(std::unique_ptr<FrameLoop> loop) : loop_(std::move(loop)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

std::optional<Frame> Session::next() { return loop_->next(); }
void Session::cancel() { loop_->cancel(); }
std::optional<StopReason> Session::stop_reason() const {
  return loop_->stop_reason();
}
const StageTimes& Session::times() const { return loop_->times(); }
const FrameTimes& Session::frame_times() const { return loop_->frame_times(); }
int Session::n_frames() const { return loop_->n_frames(); }
int Session::max_frames() const { return loop_->max_frames(); }
int Session::prompt_positions() const { return loop_->prompt_positions(); }
std::int64_t Session::n_invalid_codes() const {
  return loop_->n_invalid_codes();
}
std::int64_t Session::n_changed_codes() const {
  return loop_->n_changed_codes();
}

}  // namespace csm::engine
