#include "csm/server/engine_loop.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "csm/base/str_cat.h"

namespace csm::server {
namespace {

// Frames of a client's sound that are encoded between two steps.
constexpr int kEncodeBusy = 2;
constexpr int kEncodeIdle = 32;
constexpr std::size_t kMaxTalks = 16;
// How long listeners wait for news that are awaited, and for those that are
// not.
constexpr double kDeliverSeconds = 0.005;
constexpr double kDeliverLater = 0.04;

}  // namespace

EngineLoop::EngineLoop(engine::Engine& engine, Inbox& inbox,
                       const ScheduleRules& rules, EngineObserver* observer)
    : engine_(engine),
      inbox_(inbox),
      rules_(rules),
      observer_(observer),
      start_(std::chrono::steady_clock::now()) {}

double EngineLoop::now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                       start_)
      .count();
}

void EngineLoop::measure() {
  constexpr int kSteps = 4;
  constexpr int kPositions = 16;
  for (const int n_rows : {1, 2, 4, 8}) {
    engine::GenerationOptions options;
    options.stop_at_end = false;
    std::vector<engine::Session> sessions;
    std::vector<engine::Session*> batch;
    sessions.reserve(static_cast<std::size_t>(n_rows));
    for (int i = 0; i < n_rows; ++i) {
      sessions.push_back(engine_.start_tokens(
          std::vector<std::int32_t>(kPositions, 1), options));
      batch.push_back(&sessions.back());
    }
    for (int i = 0; i < kSteps; ++i) {
      const double before = now();
      (void)engine_.step(batch);
      clock_.add(n_rows, i == 0 ? n_rows * kPositions : 0, now() - before);
    }
  }
  publish();
}

void EngineLoop::run() {
  while (wait()) {
    prepare();
    deliver(false);
    step();
    drop_ended();
    publish();
    deliver(idle_);
  }
  for (const auto& lane : lanes_) {
    lane->fail(RequestError({.status = 503,
                             .type = "server_error",
                             .code = "shutting_down",
                             .message = "the server is going down",
                             .param = {}}));
  }
  inbox_.deliver();
}

// Tells listeners what there is, unless steps are so short that as many trips
// to their thread, which takes a core from the model meanwhile, would be felt.
void EngineLoop::deliver(bool at_once) {
  const double time = now();
  const double wait = inbox_.is_awaited ? kDeliverSeconds : kDeliverLater;
  if (!at_once && time - delivered_ < wait) return;
  delivered_ = time;
  inbox_.deliver();
}

// Takes what has come; sleeps while there is nothing to do.
bool EngineLoop::wait() {
  std::deque<Inbox::Job> jobs;
  std::vector<std::unique_ptr<Talk>> gone;
  {
    std::unique_lock lock(inbox_.mutex);
    if (idle_) inbox_.changed.wait(lock, [&] { return inbox_.news; });
    inbox_.news = false;
    if (inbox_.stopping) return false;
    for (Inbox::Stream& stream : inbox_.streams) {
      lanes_.push_back(
          std::make_unique<LaneState>(inbox_, voices_, std::move(stream)));
    }
    inbox_.streams.clear();
    jobs.swap(inbox_.jobs);
    gone.swap(inbox_.gone);
  }
  for (const Inbox::Job& job : jobs) job(engine_);
  return true;
}

void EngineLoop::prepare() {
  const bool busy =
      std::any_of(lanes_.begin(), lanes_.end(),
                  [](const auto& lane) { return lane->session() != nullptr; });
  idle_ = true;
  for (const auto& lane : lanes_) {
    if (lane->prepare(engine_, busy ? kEncodeBusy : kEncodeIdle)) {
      idle_ = false;
    }
  }
}

void EngineLoop::step() {
  std::vector<std::size_t> speaking;
  std::vector<Lane> lanes;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i]->has_ended() || lanes_[i]->session() == nullptr) continue;
    speaking.push_back(i);
    lanes.push_back(lanes_[i]->lane(now()));
  }
  std::vector<std::size_t> chosen;
  for (const std::size_t i : choose_lanes(lanes, rules_, clock_)) {
    chosen.push_back(speaking[i]);
  }
  if (chosen.empty()) return;
  idle_ = false;
  try {
    step_lanes(chosen);
  } catch (const Error& error) {
    for (const std::size_t i : chosen) lanes_[i]->fail(error);
  }
}

void EngineLoop::step_lanes(const std::vector<std::size_t>& chosen) {
  std::vector<engine::Session*> batch;
  int n_positions = 0;
  for (const std::size_t i : chosen) {
    batch.push_back(lanes_[i]->session());
    n_positions += lanes_[i]->lane(0).n_new_positions;
  }
  const double before = now();
  std::vector<engine::StepResult> results = engine_.step(batch);
  const double after = now();
  const int n_rows = static_cast<int>(chosen.size());
  clock_.add(n_rows, n_positions, after - before);
  if (observer_ != nullptr) {
    observer_->on_step(n_rows, n_positions, after - before);
  }
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    lanes_[chosen[i]]->take(engine_, std::move(results[i]), after);
  }
}

void EngineLoop::drop_ended() {
  int n_playing = 0;
  int n_others = 0;
  const auto gone = std::stable_partition(
      lanes_.begin(), lanes_.end(),
      [](const auto& lane) { return !lane->has_ended(); });
  for (auto lane = gone; lane != lanes_.end(); ++lane) {
    ((*lane)->plays() ? n_playing : n_others) += 1;
    keep_talk((*lane)->shared_talk());
  }
  if (gone != lanes_.end()) idle_ = false;
  lanes_.erase(gone, lanes_.end());
  const std::lock_guard lock(inbox_.mutex);
  inbox_.load.n_playing -= n_playing;
  inbox_.load.n_others -= n_others;
}

// What the model has read takes memory: only so many conversations that are
// silent keep it.
void EngineLoop::keep_talk(const std::shared_ptr<Talk>& talk) {
  if (talk == nullptr) return;
  std::erase_if(talks_, [&](const std::weak_ptr<Talk>& other) {
    return other.expired() || other.lock() == talk;
  });
  talks_.push_back(talk);
  if (talks_.size() <= kMaxTalks) return;
  if (const auto oldest = talks_.front().lock()) oldest->rest();
  talks_.pop_front();
}

void EngineLoop::publish() {
  std::optional<double> next_end;
  int n_silent = 0;
  for (const auto& lane : lanes_) {
    const double left = lane->seconds_left();
    if (!next_end || left < *next_end) next_end = left;
    if (lane->is_silent()) ++n_silent;
  }
  if (observer_ != nullptr) {
    observer_->on_streams(static_cast<int>(lanes_.size()), n_silent);
  }
  const std::lock_guard lock(inbox_.mutex);
  inbox_.clock = clock_;
  inbox_.load.next_end_seconds = next_end.value_or(0);
}

}  // namespace csm::server
