#include "csm/sampling/sample_composed_op.h"

#include <algorithm>
#include <limits>

#include "csm/sampling/sampler.h"

namespace csm::sampling::composed {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kLegacyLast = 31;

// The operations of one sampler on one stream.
struct Ops {
  const SamplerOptions& options;
  const mx::Stream& s;

  // Rounds to bfloat16 where the sampler kind does.
  [[nodiscard]] mx::array rounded(const mx::array& x) const {
    if (options.kind == SamplerKind::kTorchF32) return x;
    return mx::astype(mx::astype(x, mx::bfloat16, s), mx::float32, s);
  }

  [[nodiscard]] mx::array scaled(const mx::array& logits) const {
    const mx::array x = rounded(logits);
    if (options.temperature == 1.0F) return x;
    return rounded(mx::divide(x, mx::array(options.temperature), s));
  }

  [[nodiscard]] mx::array largest(const mx::array& x) const {
    return mx::max(x, -1, true, s);
  }

  [[nodiscard]] mx::array filtered(const mx::array& x) const {
    const int k = std::min(options.top_k, x.shape(1));
    const mx::array kept = mx::topk(x, k, -1, s);
    const mx::array below = mx::less(x, mx::min(kept, -1, true, s), s);
    return mx::where(below, mx::array(-kInfinity), x, s);
  }

  [[nodiscard]] mx::array softmax(const mx::array& x) const {
    const mx::array e = mx::exp(mx::subtract(x, largest(x), s), s);
    const mx::array sum = mx::sum(e, -1, true, s);
    return rounded(mx::multiply(e, mx::reciprocal(sum, s), s));
  }

  // log_softmax with the bfloat16 sum and logarithm of torch's CPU kernel.
  [[nodiscard]] mx::array log_softmax_bf16(const mx::array& x) const {
    const mx::array shifted = mx::subtract(x, largest(x), s);
    const mx::array sum = mx::sum(mx::exp(shifted, s), -1, true, s);
    const mx::array log_sum = rounded(mx::log(rounded(sum), s));
    return rounded(mx::subtract(shifted, log_sum, s));
  }

  // [N, 1] int32 codes of the race over scaled logits and their noise.
  [[nodiscard]] mx::array race(const mx::array& x, const mx::array& q) const {
    mx::array kept = filtered(x);
    if (options.kind == SamplerKind::kTorchBf16) kept = log_softmax_bf16(kept);
    const mx::array quotients =
        rounded(mx::divide(softmax(kept), rounded(q), s));
    const mx::array ranked =
        mx::where(mx::isnan(quotients, s), mx::array(kInfinity), quotients, s);
    return first_largest(ranked);
  }

  [[nodiscard]] mx::array first_largest(const mx::array& x) const {
    return mx::astype(mx::argmax(x, -1, true, s), mx::int32, s);
  }

  [[nodiscard]] mx::array first_columns(const mx::array& x, int n) const {
    return n == x.shape(1) ? x : mx::slice(x, {0, 0}, {x.shape(0), n}, s);
  }

  // [N, 1] bool: PyTorch would refuse the row.
  [[nodiscard]] mx::array bad(const mx::array& x, int n_drawable) const {
    const mx::array usable = mx::less(x, mx::array(kInfinity), s);
    const mx::array finite = mx::isfinite(first_columns(x, n_drawable), s);
    return mx::logical_not(mx::logical_and(mx::all(usable, -1, true, s),
                                           mx::any(finite, -1, true, s), s),
                           s);
  }
};

}  // namespace

Sampled sample_counted(const mx::array& logits, const mx::array& noise,
                       const SamplerOptions& options,
                       const mx::Stream& stream) {
  const Ops ops{options, stream};
  const int vocab = logits.shape(1);
  const bool masks = options.codec_safety == CodecSafety::kMaskInvalid;
  const int n = masks ? std::min(vocab, options.n_valid_codes) : vocab;
  const mx::array x = options.greedy ? logits : ops.scaled(logits);
  const auto draw = [&](int n_columns) {
    const mx::array columns = ops.first_columns(x, n_columns);
    return options.greedy
               ? ops.first_largest(columns)
               : ops.race(columns, ops.first_columns(noise, n_columns));
  };
  mx::array codes = draw(n);
  mx::array changed = mx::zeros_like(codes, stream);
  if (n < vocab) changed = mx::not_equal(codes, draw(vocab), stream);
  if (options.codec_safety == CodecSafety::kLegacyRange) {
    changed = mx::logical_and(
        mx::greater(codes, mx::array(0), stream),
        mx::less_equal(codes, mx::array(kLegacyLast), stream), stream);
    codes = mx::where(changed, mx::array(0), codes, stream);
  }
  const mx::array bad = ops.bad(x, n);
  const mx::array counted = mx::astype(changed, mx::int32, stream);
  return {mx::where(bad, mx::array(kBadLogits), codes, stream),
          mx::where(bad, mx::array(0), counted, stream)};
}

}  // namespace csm::sampling::composed
