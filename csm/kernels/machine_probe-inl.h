// Body of machine_probe.cpp, compiled once per instruction set
// (for_each_isa.inc).

inline constexpr int kReadStep = 4 * kLanes;

/// Sum of p[0, n), n a multiple of kReadStep.
inline float read_stream(const float* p, std::int64_t n) {
  Lanes a = zero();
  Lanes b = zero();
  Lanes c = zero();
  Lanes d = zero();
  for (std::int64_t i = 0; i < n; i += kReadStep) {
    a = add(a, load(p + i));
    b = add(b, load(p + i + kLanes));
    c = add(c, load(p + i + 2 * kLanes));
    d = add(d, load(p + i + 3 * kLanes));
  }
  return reduce_add(add(add(a, b), add(c, d)));
}

/// kChains independent chains of `rounds` multiply-adds in every lane.
template <unsigned kChains>
inline float fma_chains(std::int64_t rounds, float factor) {
  const Lanes m = splat(factor);
  Lanes sums[kChains];
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) {
    sums[c] = splat(static_cast<float>(c));
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    CSM_UNROLL
    for (unsigned c = 0; c < kChains; ++c) sums[c] = fma(sums[c], m, m);
  }
  Lanes total = zero();
  CSM_UNROLL
  for (unsigned c = 0; c < kChains; ++c) total = add(total, sums[c]);
  return reduce_add(total);
}

// As many chains as hide the latency, where a set of lanes is one register or
// several; the better one is the peak.
inline float fma_six(std::int64_t rounds, float factor) {
  return fma_chains<6>(rounds, factor);
}
inline float fma_twelve(std::int64_t rounds, float factor) {
  return fma_chains<12>(rounds, factor);
}
