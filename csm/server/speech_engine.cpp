#include "csm/server/speech_engine.h"

#include <deque>
#include <exception>
#include <future>
#include <utility>

#include "csm/server/engine_loop.h"

namespace csm::server {
namespace {

constexpr std::size_t kMaxJobs = 64;

[[noreturn]] void refuse(int seconds) {
  throw RequestError(too_many(
      "overloaded", "no more streams can be spoken at the moment", seconds));
}

// Tells how loading went, then works until the inbox stops.
void work(const SpeechEngine::Options& options,
          const std::shared_ptr<Inbox>& inbox, EngineObserver* observer,
          std::promise<engine::ModelFacts> ready) {
  std::optional<engine::Engine> engine;
  std::optional<EngineLoop> loop;
  try {
    engine.emplace(options.model);
    loop.emplace(*engine, *inbox, options.schedule, observer);
    loop->measure();
  } catch (const Error&) {
    ready.set_exception(std::current_exception());
    return;
  }
  ready.set_value(engine->facts());
  loop->run();
  loop.reset();
  const std::lock_guard lock(inbox->mutex);
  inbox->gone.clear();
}

}  // namespace

SpeechEngine::SpeechEngine(const Options& options,
                           std::function<void(std::function<void()>)> post,
                           EngineObserver* observer)
    : inbox_(std::make_shared<Inbox>()), admission_(options.admission) {
  inbox_->post = std::move(post);
  std::promise<engine::ModelFacts> ready;
  std::future<engine::ModelFacts> facts = ready.get_future();
  thread_ = std::thread(work, options, inbox_, observer, std::move(ready));
  try {
    facts_ = facts.get();
  } catch (const Error&) {
    thread_.join();
    throw;
  }
  admission_.frame_seconds = facts_.frame_seconds();
}

void SpeechEngine::stop() {
  std::deque<Inbox::Job> dropped;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->stopping = true;
    dropped.swap(inbox_->jobs);
    inbox_->wake();
  }
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<SpeechStream> SpeechEngine::open(
    StreamSettings settings, std::function<void(StreamEvent)> listener) {
  auto shared = std::make_shared<SpeechStream::Shared>();
  shared->settings = std::move(settings);
  shared->listener = std::move(listener);
  const bool plays = shared->settings.plays;
  const std::lock_guard lock(inbox_->mutex);
  if (const auto seconds =
          refuse_stream(admission_, inbox_->load, inbox_->clock, plays)) {
    refuse(*seconds);
  }
  (plays ? inbox_->load.n_playing : inbox_->load.n_others) += 1;
  inbox_->streams.push_back(shared);
  inbox_->wake();
  return std::unique_ptr<SpeechStream>(
      new SpeechStream(inbox_, std::move(shared)));
}

// A talk is destroyed where it was used: on the engine's thread.
std::shared_ptr<Talk> SpeechEngine::begin_talk() const {
  return std::shared_ptr<Talk>(new Talk, [inbox = inbox_](Talk* talk) {
    std::unique_ptr<Talk> gone(talk);
    const std::lock_guard lock(inbox->mutex);
    inbox->gone.push_back(std::move(gone));
    inbox->wake();
  });
}

std::optional<int> SpeechEngine::refusal(bool plays) const {
  const std::lock_guard lock(inbox_->mutex);
  return refuse_stream(admission_, inbox_->load, inbox_->clock, plays);
}

void SpeechEngine::require_room(bool plays) const {
  if (const auto seconds = refusal(plays)) refuse(*seconds);
}

int SpeechEngine::first_chunk() const {
  const std::lock_guard lock(inbox_->mutex);
  return first_chunk_frames(admission_, inbox_->load.n_playing, inbox_->clock);
}

int SpeechEngine::n_streams() const {
  const std::lock_guard lock(inbox_->mutex);
  return inbox_->load.n_playing + inbox_->load.n_others;
}

void SpeechEngine::run(Inbox::Job job) {
  const std::lock_guard lock(inbox_->mutex);
  if (inbox_->stopping) return;
  if (inbox_->jobs.size() >= kMaxJobs) refuse(1);
  inbox_->jobs.push_back(std::move(job));
  inbox_->wake();
}

}  // namespace csm::server
