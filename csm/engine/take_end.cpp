#include "csm/engine/take_end.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <tuple>
#include <utility>

namespace csm::engine {
namespace {

constexpr std::size_t kBands = std::tuple_size_v<TakeEnd::value_type>;
constexpr double kEndSeconds = 0.7;  // a word or two
constexpr int kHopsPerSecond = 50;
constexpr int kWindowsPerSecond = 40;
constexpr double kTopHz = 8000;
constexpr double kRange = 1e-6;  // of the loudest band; less is silence

using Bands = std::array<double, kBands>;

double mel(double hz) { return 2595 * std::log10(1 + hz / 700); }

// Power of each multiple of kWindowsPerSecond Hz up to the top.
class Spectrum {
 public:
  explicit Spectrum(int rate_hz)
      : size_(static_cast<std::size_t>(rate_hz / kWindowsPerSecond)),
        n_lines_(std::min(size_ / 2, static_cast<std::size_t>(
                                         kTopHz / kWindowsPerSecond)) +
                 1) {
    for (std::size_t i = 0; i < size_; ++i) {
      const double turn = 2 * std::numbers::pi * static_cast<double>(i) /
                          static_cast<double>(size_);
      cos_.push_back(std::cos(turn));
      sin_.push_back(std::sin(turn));
    }
  }

  [[nodiscard]] std::size_t window() const { return size_; }

  [[nodiscard]] Bands bands(std::span<const float> samples) const {
    const double step = mel(kTopHz) / (kBands + 1);
    Bands bands{};
    for (std::size_t line = 1; line < n_lines_; ++line) {
      const double at =
          mel(static_cast<double>(line) * kWindowsPerSecond) / step;
      const double power = power_of(samples, line);
      // Triangles: a line counts for the two centres it lies between.
      const auto below = static_cast<std::size_t>(at);
      const double share = at - std::floor(at);
      if (below >= 1 && below <= kBands) {
        bands[below - 1] += (1 - share) * power;
      }
      if (below < kBands) bands[below] += share * power;
    }
    return bands;
  }

 private:
  [[nodiscard]] double power_of(std::span<const float> samples,
                                std::size_t line) const {
    double re = 0;
    double im = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const double hann = 0.5 - 0.5 * cos_[i];
      const double value = hann * static_cast<double>(samples[i]);
      const std::size_t turn = line * i % size_;
      re += value * cos_[turn];
      im += value * sin_[turn];
    }
    return re * re + im * im;
  }

  std::size_t size_;
  std::size_t n_lines_;
  std::vector<double> cos_;  // [size]
  std::vector<double> sin_;
};

// Powers become logarithms without their mean.
void level(TakeEnd& end) {
  double loudest = 0;
  for (const Bands& bands : end) {
    loudest = std::max(loudest, *std::max_element(bands.begin(), bands.end()));
  }
  const double floor = std::max(loudest * kRange, 1e-30);
  for (Bands& bands : end) {
    for (double& band : bands) band = std::log(std::max(band, floor));
    const double mean =
        std::accumulate(bands.begin(), bands.end(), 0.0) / kBands;
    for (double& band : bands) band -= mean;
  }
}

double distance(const Bands& one, const Bands& other) {
  double sum = 0;
  for (std::size_t i = 0; i < kBands; ++i) {
    sum += (one[i] - other[i]) * (one[i] - other[i]);
  }
  return std::sqrt(sum / kBands);
}

// The cheapest way to a pair, and its pairs.
struct Way {
  double sum = std::numeric_limits<double>::infinity();
  int n_pairs = 0;
};

}  // namespace

TakeEnd measure_end(std::span<const float> sound, int rate_hz) {
  const Spectrum spectrum(rate_hz);
  const auto hop = static_cast<std::size_t>(rate_hz / kHopsPerSecond);
  const auto most = static_cast<std::size_t>(kEndSeconds * rate_hz);
  const auto last = sound.last(std::min(most, sound.size()));
  TakeEnd end;
  for (std::size_t at = 0; at + spectrum.window() <= last.size(); at += hop) {
    end.push_back(spectrum.bands(last.subspan(at, spectrum.window())));
  }
  level(end);
  return end;
}

double end_distance(const TakeEnd& one, const TakeEnd& other) {
  if (one.empty() || other.empty()) return 0;
  // before[j]: the way to the last row's pair j - 1; none leads past an edge.
  std::vector<Way> before(other.size() + 1);
  before[0].sum = 0;
  for (const Bands& bands : one) {
    std::vector<Way> row(other.size() + 1);
    for (std::size_t j = 1; j < row.size(); ++j) {
      const Way from =
          std::min({before[j - 1], before[j], row[j - 1]},
                   [](const Way& a, const Way& b) { return a.sum < b.sum; });
      row[j] = {.sum = from.sum + distance(bands, other[j - 1]),
                .n_pairs = from.n_pairs + 1};
    }
    before = std::move(row);
  }
  return before.back().sum / before.back().n_pairs;
}

}  // namespace csm::engine
