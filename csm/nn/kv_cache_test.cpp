#include "csm/nn/kv_cache.h"

#include <gtest/gtest.h>

#include <climits>
#include <vector>

#include "csm/base/error.h"

namespace csm::nn {
namespace {

constexpr KvCacheShape kShape{
    .n_layers = 2, .n_kv_heads = 1, .head_dim = 4, .max_positions = 300};

kernels::Exec cpu() { return {.stream = mx::default_stream(mx::Device::cpu)}; }

/// Rows first..first+n of a fixed sequence, [n, 4].
mx::array rows(int first, int n, float scale) {
  std::vector<float> values;
  for (int i = first * 4; i < (first + n) * 4; ++i) {
    values.push_back(scale * static_cast<float>((i * 37) % 23 - 11));
  }
  return mx::array(values.begin(), {n, 4}, mx::float32);
}

const mx::array& frequencies() {
  static const mx::array out({1.0F, 0.25F}, {2}, mx::float32);
  return out;
}

/// Feeds n rows through both layers; the output of the last layer, [n, 4].
std::vector<float> feed(KvCache& cache, int n) {
  const int first = cache.position();
  cache.reserve(cpu(), n);
  mx::array out = rows(first, n, 0.1F);
  for (int layer = 0; layer < 2; ++layer) {
    out = cache.attend(cpu(), layer, out, rows(first, n, 0.2F),
                       rows(first, n, 0.3F), frequencies(), 1);
  }
  cache.advance(n);
  out.eval();
  return {out.data<float>(), out.data<float>() + out.size()};
}

std::vector<float> tail(const std::vector<float>& values, std::size_t n) {
  return {values.end() - static_cast<std::ptrdiff_t>(n), values.end()};
}

TEST(KvCache, GrowsByNeed_ResultsStayTheSame) {
  KvCache whole(kShape);
  const std::vector<float> want = feed(whole, 300);
  KvCache stepped(kShape);
  feed(stepped, 250);  // one growth at 256 follows
  for (int i = 250; i < 299; ++i) {
    feed(stepped, 1);
  }
  EXPECT_EQ(feed(stepped, 1), tail(want, 4));
  EXPECT_EQ(stepped.position(), 300);
}

TEST(KvCache, Memory_FollowsTheLengthOfTheSequence) {
  KvCache cache(kShape);
  std::vector<mx::array> arrays;
  cache.append_arrays(arrays);
  EXPECT_TRUE(arrays.empty());
  feed(cache, 1);
  cache.append_arrays(arrays);
  ASSERT_EQ(arrays.size(), 4U);
  EXPECT_EQ(arrays[0].shape(1), 256);
  feed(cache, 256);
  arrays.clear();
  cache.append_arrays(arrays);
  EXPECT_EQ(arrays[3].shape(1), 300);
}

TEST(KvCache, Full_Exhausted) {
  KvCache cache(kShape);
  feed(cache, 299);
  EXPECT_EQ(cache.room(), 1);
  try {
    cache.reserve(cpu(), 2);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kExhausted);
    EXPECT_STREQ(error.what(),
                 "[nn.kv_cache] expected at most 300 positions, got 301");
  }
  feed(cache, 1);  // the failed call changed nothing
  EXPECT_EQ(cache.room(), 0);
}

TEST(KvCache, Fork_SidesDoNotSeeEachOther) {
  KvCache cache(kShape);
  feed(cache, 10);
  KvCache other = cache.fork();
  feed(other, 5);
  EXPECT_EQ(cache.position(), 10);
  EXPECT_EQ(other.position(), 15);

  KvCache fresh(kShape);
  feed(fresh, 10);
  EXPECT_EQ(feed(cache, 3), feed(fresh, 3));
  EXPECT_EQ(feed(other, 1), [] {
    KvCache straight(kShape);
    feed(straight, 15);
    return feed(straight, 1);
  }());
}

/// Rows of [n, 4] arrays, the first of each, then the second of each...
mx::array side_by_side(const std::vector<mx::array>& arrays) {
  return mx::reshape(mx::stack(arrays, 1), {-1, 4});
}

TEST(KvCache, SequencesInStep_EqualOnesByThemselves) {
  KvCacheShape shape = kShape;
  shape.n_sequences = 3;
  KvCache together(shape);
  std::vector<KvCache> alone;
  for (int s = 0; s < 3; ++s) alone.emplace_back(kShape);
  for (const int n : {2, 1, 5, 250}) {
    std::vector<mx::array> want;
    std::vector<mx::array> inputs;
    together.reserve(cpu(), n);
    for (int s = 0; s < 3; ++s) {
      KvCache& cache = alone[static_cast<std::size_t>(s)];
      inputs.push_back(rows(cache.position() + 100 * s, n, 0.2F));
      cache.reserve(cpu(), n);
      want.push_back(cache.attend(cpu(), 1, inputs.back(), inputs.back(),
                                  inputs.back(), frequencies(), 1));
      cache.advance(n);
    }
    const mx::array x = side_by_side(inputs);
    const mx::array got = together.attend(cpu(), 1, x, x, x, frequencies(), 1);
    together.advance(n);
    EXPECT_TRUE(mx::array_equal(got, side_by_side(want)).item<bool>()) << n;
  }
  EXPECT_EQ(together.position(), 258);
}

TEST(KvCache, Batch_EachShareSeesItsOwnPast) {
  KvCache first(kShape);
  KvCache second(kShape);
  feed(first, 20);
  feed(second, 3);
  KvCache first_alone = first.fork();
  KvCache second_alone = second.fork();
  const CacheShare shares[] = {{.cache = &first, .n_positions = 2},
                               {.cache = &second, .n_positions = 1}};
  const auto attend = [&](KvCache& cache, const mx::array& x) {
    cache.reserve(cpu(), x.shape(0));
    return cache.attend(cpu(), 0, x, x, x, frequencies(), 1);
  };
  first.reserve(cpu(), 2);
  second.reserve(cpu(), 1);
  const mx::array a = rows(7, 2, 0.2F);
  const mx::array b = rows(40, 1, 0.3F);
  const mx::array x = mx::concatenate({a, b}, 0);
  const mx::array got =
      attend_each(cpu(), shares, 0, x, x, x, frequencies(), 1);
  const mx::array want =
      mx::concatenate({attend(first_alone, a), attend(second_alone, b)}, 0);
  EXPECT_TRUE(mx::array_equal(got, want).item<bool>());
}

TEST(KvCache, Restart_ForgetsTheOldSequence) {
  KvCache cache(kShape);
  const std::vector<float> want = feed(cache, 7);
  cache.restart();
  EXPECT_EQ(cache.position(), 0);
  EXPECT_EQ(feed(cache, 7), want);
}

TEST(KvCache, Window_RunsOnBeyondItsRing) {
  KvCacheShape shape = kShape;
  shape.window = 6;
  shape.max_positions = 6 + 4 - 1;
  KvCache ring(shape);
  EXPECT_GT(ring.room(), 1 << 30);

  KvCacheShape wide = shape;  // the same window in a ring that never wraps
  wide.max_positions = 100;
  KvCache straight(wide);
  const std::vector<float> want = feed(straight, 40);
  std::vector<float> got;
  for (const int n : {4, 1, 3, 4, 2, 4, 4, 1, 1, 4, 3, 4, 4, 1}) {
    const std::vector<float> part = feed(ring, n);
    got.insert(got.end(), part.begin(), part.end());
  }
  EXPECT_EQ(got, want);
}

TEST(KvCache, Rows_ContinueAsTheCacheTheyCameFrom) {
  KvCache original(kShape);
  feed(original, 257);
  const KvRows rows = original.read_rows(cpu());
  EXPECT_EQ(rows.n_positions, 257);
  EXPECT_EQ(rows.keys.size(), 2U * 257 * 4);
  KvCache restored(kShape);
  restored.write_rows(cpu(), rows);
  EXPECT_EQ(restored.position(), 257);
  EXPECT_EQ(restored.read_rows(cpu()), rows);
  EXPECT_EQ(feed(restored, 3), feed(original, 3));
  EXPECT_NE(restored.read_rows(cpu()), rows);
}

TEST(KvCache, Rewind_WritesTheSameAgain) {
  KvCache cache(kShape);
  feed(cache, 9);
  const KvRows rows = cache.read_rows(cpu());
  cache.rewind(5);
  EXPECT_EQ(cache.read_rows(cpu()).n_positions, 5);
  feed(cache, 4);
  EXPECT_EQ(cache.read_rows(cpu()), rows);
}

TEST(KvCache, Rows_BeyondTheRoomAreExhausted) {
  KvCache cache(kShape);
  KvRows rows{.n_positions = 301, .keys = {}, .values = {}};
  rows.keys.resize(2U * 301 * 4);
  rows.values = rows.keys;
  EXPECT_THROW(cache.write_rows(cpu(), rows), Error);
}

}  // namespace
}  // namespace csm::nn
