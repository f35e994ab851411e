#include "csm/validate/probes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>

#include "csm/validate/reference_sampler.h"

namespace csm::validate {
namespace {

constexpr double kGap = 1e-5;
constexpr double kSmall = 2e-6;
constexpr double kLarge = 12.0;
constexpr float kHopeless = -32.0F;  // e^-32 against noise: never wins
constexpr double kGrid = 262144.0;   // 2^18

bool is_extreme(ProbeKind kind, double q) {
  return kind == ProbeKind::kSmallNoise ? q > 0.0 && q < kSmall : q > kLarge;
}

// Uniform bits beyond which is_extreme can hold, to spare logarithms.
bool may_be_extreme(ProbeKind kind, std::uint64_t bits) {
  const double u =
      std::ldexp(static_cast<double>(bits % (std::uint64_t{1} << 53U)), -53);
  return kind == ProbeKind::kSmallNoise ? u < 2.0 * kSmall : u > 0.99999;
}

struct Candidate {
  std::int32_t code;
  double q;
};

// The first code whose noise is extreme under this seed.
std::optional<Candidate> find_extreme(ProbeKind kind, int vocab,
                                      std::uint64_t seed) {
  ReferenceNoise noise(seed);
  for (std::int32_t code = 0; code < vocab; ++code) {
    const std::uint64_t bits = noise.next();
    if (!may_be_extreme(kind, bits)) continue;
    const double q = ReferenceNoise::exponential(bits);
    if (is_extreme(kind, q)) return Candidate{code, q};
  }
  return std::nullopt;
}

// The code with the most ordinary noise: nearest to 1 on a logarithmic scale.
Candidate find_rival(int vocab, std::uint64_t seed, std::int32_t but) {
  ReferenceNoise noise(seed);
  Candidate rival{0, 0.0};
  double nearest = 1e9;
  for (std::int32_t code = 0; code < vocab; ++code) {
    const double q = ReferenceNoise::exponential(noise.next());
    const double distance = std::abs(std::log(q));
    if (code == but || distance >= nearest) continue;
    nearest = distance;
    rival = {code, q};
  }
  return rival;
}

// Both quotients are equal if logit - logit' = log(q / q'); the candidate gets
// (1 +- gap) times as much.
Probe build(const Candidate& extreme, const Candidate& rival, int vocab,
            std::uint64_t seed, bool extreme_wins) {
  const double gap = extreme_wins ? kGap : -kGap;
  const double difference = std::log(extreme.q / rival.q) + std::log1p(gap);
  const double rounded = std::round(difference * kGrid) / kGrid;
  Probe probe;
  probe.rows = {
      .n_frames = 1,
      .n_codebooks = 1,
      .vocab = vocab,
      .n_valid_codes = vocab,
      .data = std::vector<float>(static_cast<std::size_t>(vocab), kHopeless)};
  probe.rows.data[static_cast<std::size_t>(extreme.code)] =
      static_cast<float>(rounded);
  probe.rows.data[static_cast<std::size_t>(rival.code)] = 0.0F;
  probe.seed = seed;
  probe.expected = extreme_wins ? extreme.code : rival.code;
  probe.rival = extreme_wins ? rival.code : extreme.code;
  return probe;
}

}  // namespace

const char* to_string(ProbeKind kind) {
  return kind == ProbeKind::kSmallNoise ? "small_noise" : "large_noise";
}

std::vector<Probe> make_probes(ProbeKind kind, int vocab, int n_probes) {
  std::vector<Probe> probes;
  for (std::uint64_t seed = 0; static_cast<int>(probes.size()) < n_probes;
       ++seed) {
    const auto extreme = find_extreme(kind, vocab, seed);
    if (!extreme) continue;
    const Candidate rival = find_rival(vocab, seed, extreme->code);
    const bool extreme_wins = probes.size() % 2 == 0;
    probes.push_back(build(*extreme, rival, vocab, seed, extreme_wins));
  }
  return probes;
}

sampling::SamplerOptions probe_options(int vocab) {
  sampling::SamplerOptions options;
  options.temperature = 1.0F;
  options.top_k = vocab;
  options.codec_safety = sampling::CodecSafety::kTorch;
  return options;
}

int count_failed_probes(const std::vector<Probe>& probes,
                        const DrawCodes& sampler) {
  int n_failed = 0;
  for (const Probe& probe : probes) {
    const auto codes =
        sampler(probe.rows, probe_options(probe.rows.vocab), 1, probe.seed);
    n_failed += codes.at(0) == probe.expected ? 0 : 1;
  }
  return n_failed;
}

}  // namespace csm::validate
