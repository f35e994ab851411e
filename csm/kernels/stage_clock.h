#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace csm::kernels {

/// What a kernel works for.
enum class Stage {
  kOther,
  kBackbone,  ///< embedding, backbone and the head of codebook 0
  kDepth,     ///< depth decoder and its heads
  kSampler,   ///< random numbers and the draw
  kCodec,
};

/// Adds up the time that kernels spend in each stage.
///
/// The lazy graph of a frame is one evaluation, so stages cannot be timed from
/// outside. Instead every kernel call reads the clock before and after its
/// work, about 50 ns of some 100 µs. Time between kernels belongs to no stage.
/// Threads: thread-safe; read it when nothing is being evaluated.
class StageClock {
 public:
  using Clock = std::chrono::steady_clock;

  void add(Stage stage, Clock::duration time) {
    const auto ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
    nanoseconds_[static_cast<std::size_t>(stage)].fetch_add(
        ns, std::memory_order_relaxed);
  }

  /// Seconds since construction or the last reset().
  [[nodiscard]] double seconds(Stage stage) const {
    constexpr double kNano = 1e-9;
    return kNano * static_cast<double>(
                       nanoseconds_[static_cast<std::size_t>(stage)].load(
                           std::memory_order_relaxed));
  }

  void reset() {
    for (auto& ns : nanoseconds_) ns.store(0, std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::int64_t>, 5> nanoseconds_{};  // by Stage
};

/// Adds the time of its own life to a stage; nothing if `clock` is null.
class StageTimer {
 public:
  StageTimer(StageClock* clock, Stage stage) : clock_(clock), stage_(stage) {
    if (clock_ != nullptr) start_ = StageClock::Clock::now();
  }
  ~StageTimer() {
    if (clock_ != nullptr) {
      clock_->add(stage_, StageClock::Clock::now() - start_);
    }
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  StageClock* clock_;
  Stage stage_;
  StageClock::Clock::time_point start_;
};

}  // namespace csm::kernels
