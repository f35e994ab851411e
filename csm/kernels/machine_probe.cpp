#include "csm/kernels/machine_probe.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>

#include "csm/kernels/parallel.h"
#include "csm/kernels/peak_time.h"

#define CSM_KERNEL_BODY "csm/kernels/machine_probe-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

using Clock = std::chrono::steady_clock;

constexpr IsaTable<float (*)(const float*, std::int64_t)> kRead =
    CSM_ISA_TABLE(read_stream);
constexpr IsaTable<float (*)(std::int64_t, float)> kFmaSix =
    CSM_ISA_TABLE(fma_six);
constexpr IsaTable<float (*)(std::int64_t, float)> kFmaTwelve =
    CSM_ISA_TABLE(fma_twelve);

constexpr std::size_t kMega = 1UL << 20U;
constexpr std::size_t kStepFloats = 64;  // kReadStep of every instruction set

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::size_t buffer_bytes() {
  long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  cache = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  const std::size_t wanted = 8 * static_cast<std::size_t>(std::max(cache, 0L));
  return std::clamp(wanted, 256 * kMega, 1024 * kMega);
}

/// Operations a second of one way to chain the multiply-adds.
double fma_speed(ThreadPool& pool, float (*run)(std::int64_t, float),
                 int n_chains, std::vector<float>& sums) {
  constexpr float kFactor = 0.5F;
  constexpr double kLanesPerChain = 16;
  const double rounds =
      best_rounds_per_second(pool, [&](int thread, std::int64_t n) {
        sums[static_cast<std::size_t>(thread)] += run(n, kFactor);
      });
  return 2.0 * kLanesPerChain * n_chains * rounds;
}

}  // namespace

BandwidthProbe::BandwidthProbe(ThreadPool& pool, Isa isa)
    : pool_(&pool),
      isa_(isa),
      buffer_(buffer_bytes()),
      sums_(static_cast<std::size_t>(pool.size())) {
  std::fill_n(floats(), buffer_.size() / sizeof(float), 1.0F);
  (void)pass();
}

double BandwidthProbe::pass() {
  const auto n_steps =
      static_cast<std::int64_t>(buffer_.size() / (sizeof(float) * kStepFloats));
  constexpr auto kStep = static_cast<std::int64_t>(kStepFloats);
  const auto start = Clock::now();
  pool_->run(pool_->size(), [&](int thread) {
    const Range steps = part_of(n_steps, thread, pool_->size());
    sums_[static_cast<std::size_t>(thread)] =
        kRead[isa_](floats() + steps.begin * kStep, steps.size() * kStep);
  });
  return seconds_since(start);
}

double BandwidthProbe::measure(double seconds) {
  double spent = 0;
  double n_bytes = 0;
  while (spent < seconds) {
    spent += pass();
    n_bytes += static_cast<double>(bytes());
  }
  return n_bytes / spent;
}

double fma_peak(ThreadPool& pool, Isa isa) {
  std::vector<float> sums(static_cast<std::size_t>(pool.size()));
  const double six = fma_speed(pool, kFmaSix[isa], 6, sums);
  const double twelve = fma_speed(pool, kFmaTwelve[isa], 12, sums);
  // Reading the sums keeps the work from being removed.
  const float sum = std::accumulate(sums.begin(), sums.end(), 0.0F);
  return sum > 0.0F ? std::max(six, twelve) : 0.0;
}

}  // namespace csm::kernels
