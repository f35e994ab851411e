#include "csm/audio/player.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

constexpr std::chrono::milliseconds kPoll{2};

std::size_t buffer_samples(const PlayerOptions& options) {
  options.validate();
  const auto n = static_cast<std::size_t>(options.sample_rate) *
                 static_cast<std::size_t>(options.buffer.count()) / 1000;
  return std::max<std::size_t>(n, 1);
}

}  // namespace

void PlayerOptions::validate() const {
  constexpr std::chrono::milliseconds kMaxBuffer{60000};
  const auto require = [](bool truth, const char* field, auto got) {
    if (truth) return;
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[audio.play] expected ", field, ", got ", got));
  };
  require(sample_rate >= 1, "a sample rate of at least 1 Hz", sample_rate);
  require(buffer.count() > 0 && buffer <= kMaxBuffer,
          "a buffer of 1 to 60000 ms", buffer.count());
  require(patience.count() > 0, "a patience of at least 1 ms",
          patience.count());
}

Player::Player(std::unique_ptr<OutputDevice> device,
               const PlayerOptions& options)
    : options_(options),
      ring_(buffer_samples(options)),
      device_(std::move(device)) {}

Player::~Player() { device_->stop(); }

void Player::fill(std::span<float> out) {
  n_calls_.fetch_add(1, std::memory_order_relaxed);
  const bool ended = ended_.load(std::memory_order_acquire);
  const std::size_t n = ring_.read(out);
  std::ranges::fill(out.subspan(n), 0.0F);
  report_.n_played += static_cast<std::int64_t>(n);
  if (n > 0 && pending_ > 0) {
    report_.n_missing += std::exchange(pending_, 0);
    ++report_.n_underruns;
  }
  if (n == out.size()) return;
  pending_ += static_cast<std::int64_t>(out.size() - n);
  if (ended) done_.store(true, std::memory_order_release);
}

void Player::note_progress() {
  const std::int64_t n_calls = n_calls_.load(std::memory_order_relaxed);
  const Clock::time_point now = Clock::now();
  if (n_calls != last_calls_) {
    last_calls_ = n_calls;
    last_change_ = now;
  } else if (now - last_change_ > options_.patience) {
    throw Error(ErrorCode::kBackend,
                str_cat("[audio.play] expected the audio device to go on, got "
                        "no call for ",
                        options_.patience.count(), " ms"));
  }
}

std::size_t Player::write_some(std::span<const float> samples) {
  std::array<float, 256> block;
  std::size_t n_taken = 0;
  while (n_taken < samples.size()) {
    const std::size_t n = std::min(samples.size() - n_taken, block.size());
    std::ranges::transform(samples.subspan(n_taken, n), block.begin(),
                           [](float x) { return std::clamp(x, -1.0F, 1.0F); });
    const std::size_t taken = ring_.write(std::span(block).first(n));
    n_taken += taken;
    if (taken < n) break;
  }
  return n_taken;
}

void Player::play(std::span<const float> samples) {
  last_change_ = Clock::now();
  while (!samples.empty()) {
    samples = samples.subspan(write_some(samples));
    if (!started_) {
      started_ = true;
      device_->start(options_.sample_rate,
                     [this](std::span<float> out) { fill(out); });
    }
    if (samples.empty()) return;
    note_progress();
    std::this_thread::sleep_for(kPoll);
  }
}

bool Player::wait(std::chrono::milliseconds at_most) {
  const Clock::time_point until = Clock::now() + at_most;
  while (started_ && !done_.load(std::memory_order_acquire)) {
    if (Clock::now() >= until) return false;
    note_progress();
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

PlaybackReport Player::stop() {
  device_->stop();
  return report_;
}

}  // namespace csm::audio
