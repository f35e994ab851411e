#include "csm/kernels/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/kernel_testing.h"
#include "csm/kernels/rope.h"

namespace csm::kernels {
namespace {

using testing::bits_equal;
using testing::Guarded;
using testing::random_floats;

using Floats = std::vector<float>;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

/// Random q, k, v of `total` steps, attended to in any cut.
struct Case {
  std::int64_t n_heads, n_kv_heads, head_dim, capacity, window, total;

  [[nodiscard]] Floats q() const {
    return random_floats(size(total * n_heads * head_dim), 1);
  }
  [[nodiscard]] Floats k() const {
    return random_floats(size(total * n_kv_heads * head_dim), 2);
  }
  [[nodiscard]] Floats v() const {
    return random_floats(size(total * n_kv_heads * head_dim), 3);
  }
  [[nodiscard]] Floats inv_freq() const {
    Floats f;
    for (std::int64_t j = 0; j < head_dim / 2; ++j) {
      f.push_back(static_cast<float>(std::pow(
          10000.0,
          -2.0 * static_cast<double>(j) / static_cast<double>(head_dim))));
    }
    return f;
  }

  [[nodiscard]] Floats run(const std::vector<std::int64_t>& chunks, Isa isa,
                           ThreadPool* pool = nullptr) const {
    const Floats queries = q();
    const Floats keys = k();
    const Floats values = v();
    const Floats freq = inv_freq();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    Floats k_cache(size(n_kv_heads * capacity * head_dim), nan);
    Floats v_cache = k_cache;
    Floats result;
    Attention a{.n_heads = n_heads,
                .n_kv_heads = n_kv_heads,
                .head_dim = head_dim,
                .capacity = capacity,
                .window = window,
                .inv_freq = freq.data(),
                .k_cache = k_cache.data(),
                .v_cache = v_cache.data(),
                .k_read = k_cache.data(),
                .v_read = v_cache.data()};
    for (std::int64_t n : chunks) {
      a.n_rows = n;
      a.q = queries.data() + a.position * n_heads * head_dim;
      a.k = keys.data() + a.position * n_kv_heads * head_dim;
      a.v = values.data() + a.position * n_kv_heads * head_dim;
      Guarded out(size(n * n_heads * head_dim));
      Guarded rope(rope_scratch(a));
      Guarded scratch(attend_scratch(a, pool));
      a.out = out.data();
      write_keys(a, rope.data());
      write_values(a);
      attend(a, scratch.data(), pool, isa);
      EXPECT_TRUE(out.intact() && rope.intact() && scratch.intact());
      result.insert(result.end(), out.values().begin(), out.values().end());
      a.position += n;
    }
    return result;
  }
};

const Case kCases[] = {
    {4, 2, 64, 40, 0, 37},   // GQA, no window
    {4, 1, 128, 37, 0, 37},  // cache exactly full
    {3, 3, 6, 40, 0, 20},    // head narrower than a vector
    {2, 2, 42, 64, 0, 33},   // head not a multiple of one
    {4, 4, 64, 18, 8, 61},   // window and ring beyond its capacity
    {2, 1, 10, 21, 10, 50},
    {10, 2, 42, 40, 0, 37},   // more query heads than share a reading
    {4, 1, 122, 35, 21, 61},  // the same with a ring, lanes and a tail
    {5, 1, 42, 46, 21, 90},   // a ring and a window in blocks of keys
};

Floats rotated(const Floats& x, std::int64_t row, std::int64_t position,
               const Case& c) {
  const Floats freq = c.inv_freq();
  const std::int64_t pairs = c.head_dim / 2;
  Floats cos(size(pairs));
  Floats sin(size(pairs));
  Floats y(size(c.head_dim));
  rope_table(freq.data(), pairs, position, 1, cos.data(), sin.data());
  rope_rotate(x.data() + row * c.head_dim, cos.data(), sin.data(), pairs,
              y.data());
  return y;
}

/// Plain attention of one query in doubles.
std::vector<double> reference(const Case& c, std::int64_t t,
                              std::int64_t head) {
  const Floats values = c.v();
  const std::int64_t kv = head / (c.n_heads / c.n_kv_heads);
  const Floats query = rotated(c.q(), t * c.n_heads + head, t, c);
  std::vector<double> sum(size(c.head_dim), 0.0);
  double total = 0;
  for (std::int64_t p = 0; p <= t; ++p) {
    if (c.window > 0 && t - p >= c.window) continue;
    const Floats key = rotated(c.k(), p * c.n_kv_heads + kv, p, c);
    double score = 0;
    for (std::size_t d = 0; d < key.size(); ++d) {
      score += static_cast<double>(query[d]) * static_cast<double>(key[d]);
    }
    const double weight =
        std::exp(score / std::sqrt(static_cast<double>(c.head_dim)));
    total += weight;
    for (std::int64_t d = 0; d < c.head_dim; ++d) {
      const std::int64_t at = (p * c.n_kv_heads + kv) * c.head_dim + d;
      sum[size(d)] += weight * static_cast<double>(values[size(at)]);
    }
  }
  for (double& v : sum) v /= total;
  return sum;
}

TEST(Attention, AgainstDoubles_Close) {
  for (const Case& c : kCases) {
    const Floats y =
        c.run(std::vector<std::int64_t>(size(c.total), 1), kernel_isa());
    for (std::int64_t t : {std::int64_t{0}, c.total / 2, c.total - 1}) {
      for (std::int64_t head = 0; head < c.n_heads; ++head) {
        const std::vector<double> want = reference(c, t, head);
        for (std::size_t d = 0; d < want.size(); ++d) {
          const std::size_t at = size((t * c.n_heads + head) * c.head_dim) + d;
          EXPECT_NEAR(static_cast<double>(y[at]), want[d], 3e-6);
        }
      }
    }
  }
}

TEST(Attention, AnyChunksIsasThreads_BitEqual) {
  for (const Case& c : kCases) {
    const Floats want =
        c.run(std::vector<std::int64_t>(size(c.total), 1), Isa::kScalar);
    // The longest chunk that a ring allows.
    const std::int64_t longest =
        c.window > 0 ? c.capacity - c.window + 1 : c.total;
    std::vector<std::int64_t> chunks;
    for (std::int64_t left = c.total; left > 0;) {
      chunks.push_back(std::min(left, longest));
      left -= chunks.back();
    }
    std::vector<std::int64_t> ragged;
    for (std::int64_t left = c.total, n = 1; left > 0; n = n % 5 + 1) {
      ragged.push_back(std::min({left, longest, n}));
      left -= ragged.back();
    }
    for (const Isa isa : available_isas()) {
      EXPECT_TRUE(bits_equal(c.run(chunks, isa), want)) << to_string(isa);
      EXPECT_TRUE(bits_equal(c.run(ragged, isa), want)) << to_string(isa);
    }
    for (int threads : {2, 3}) {
      ThreadPool pool(threads);
      EXPECT_TRUE(bits_equal(c.run(chunks, kernel_isa(), &pool), want));
    }
  }
}

}  // namespace
}  // namespace csm::kernels
