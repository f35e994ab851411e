#include "csm/kernels/attention_op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/testing_op.h"

namespace csm::kernels {
namespace {

using testing::close;
using testing::composed_exec;
using testing::cpu_stream;
using testing::error_of;
using testing::fused_exec;
using ::testing::HasSubstr;
using testing::random_array;
using testing::same;
using testing::values_of;

constexpr int kTotal = 30;

mx::array rows(const mx::array& x, int from, int to) {
  return mx::slice(x, {from, 0}, {to, x.shape(1)}, cpu_stream());
}

/// Inputs of kTotal steps of one layer.
struct Layer {
  AttentionShape shape;
  int capacity;
  mx::array q = random_array({kTotal, shape.n_heads* shape.head_dim}, 1);
  mx::array k = random_array({kTotal, shape.n_kv_heads* shape.head_dim}, 2);
  mx::array v = random_array({kTotal, shape.n_kv_heads* shape.head_dim}, 3);
  mx::array inv_freq = random_array({shape.head_dim / 2}, 4, 0.2F);

  [[nodiscard]] mx::array empty_cache() const {
    return mx::zeros({shape.n_kv_heads, capacity, shape.head_dim}, mx::float32,
                     cpu_stream());
  }

  [[nodiscard]] AttentionResult step(const Exec& exec, int from, int to,
                                     mx::array k_cache,
                                     mx::array v_cache) const {
    return attention(exec, rows(q, from, to), rows(k, from, to),
                     rows(v, from, to), std::move(k_cache), std::move(v_cache),
                     from, inv_freq, shape);
  }

  /// All steps in chunks of at most n rows; out, keys, values.
  [[nodiscard]] AttentionResult run(const Exec& exec, int n) const {
    std::vector<mx::array> outs;
    mx::array k_cache = empty_cache();
    mx::array v_cache = empty_cache();
    for (int from = 0; from < kTotal; from += n) {
      AttentionResult r = step(exec, from, std::min(kTotal, from + n),
                               std::move(k_cache), std::move(v_cache));
      outs.push_back(r.out);
      k_cache = r.k_cache;
      v_cache = r.v_cache;
    }
    return {mx::concatenate(outs, 0, cpu_stream()), k_cache, v_cache};
  }
};

const Layer& plain_layer() {
  static const Layer layer{{.n_heads = 4, .n_kv_heads = 2, .head_dim = 16}, 32};
  return layer;
}

const Layer& ring_layer() {
  static const Layer layer{
      {.n_heads = 2, .n_kv_heads = 2, .head_dim = 12, .window = 7}, 10};
  return layer;
}

TEST(AttentionOp, FusedAgainstComposed_Close) {
  ThreadPool pool(2);
  for (const Layer* layer : {&plain_layer(), &ring_layer()}) {
    for (int n : {1, 2, 4}) {
      const AttentionResult got = layer->run(fused_exec(&pool), n);
      const AttentionResult want = layer->run(composed_exec(), n);
      EXPECT_TRUE(close(got.out, want.out)) << n;
      EXPECT_TRUE(close(got.k_cache, want.k_cache)) << n;
      EXPECT_TRUE(same(got.v_cache, want.v_cache)) << n;
    }
  }
}

TEST(AttentionOp, AnyChunksAndPool_BitEqual) {
  ThreadPool pool(3);
  for (const Layer* layer : {&plain_layer(), &ring_layer()}) {
    const AttentionResult want = layer->run(fused_exec(), 1);
    for (int n : {2, 3, 4}) {
      const AttentionResult got = layer->run(fused_exec(&pool), n);
      EXPECT_TRUE(same(got.out, want.out)) << n;
      EXPECT_TRUE(same(got.k_cache, want.k_cache)) << n;
      EXPECT_TRUE(same(got.v_cache, want.v_cache)) << n;
    }
  }
  EXPECT_TRUE(same(plain_layer().run(fused_exec(), kTotal).out,
                   plain_layer().run(fused_exec(), 1).out));
}

const float* buffer_of(mx::array& x) {
  x.eval();
  return x.data<float>();
}

TEST(AttentionOp, CacheHandleGivenAway_BufferIsReused) {
  const Layer& layer = plain_layer();
  mx::array keys = layer.empty_cache();
  mx::array values = layer.empty_cache();
  const float* key_buffer = buffer_of(keys);
  const float* value_buffer = buffer_of(values);
  for (int t = 0; t < 5; ++t) {
    AttentionResult r =
        layer.step(fused_exec(), t, t + 1, std::move(keys), std::move(values));
    keys = std::move(r.k_cache);
    values = std::move(r.v_cache);
    mx::eval(r.out, keys, values);
    EXPECT_EQ(keys.data<float>(), key_buffer) << t;
    EXPECT_EQ(values.data<float>(), value_buffer) << t;
  }
}

TEST(AttentionOp, CacheHandleReplacedByResult_BufferIsReused) {
  const Layer& layer = plain_layer();
  mx::array keys = layer.empty_cache();
  mx::array values = layer.empty_cache();
  const float* key_buffer = buffer_of(keys);
  buffer_of(values);
  AttentionResult r = layer.step(fused_exec(), 0, 1, keys, values);
  keys = r.k_cache;
  values = r.v_cache;
  mx::eval(r.out);
  EXPECT_EQ(buffer_of(keys), key_buffer);
}

TEST(AttentionOp, CacheHandleHeld_OldValueIsKept) {
  const Layer& layer = plain_layer();
  AttentionResult before =
      layer.step(fused_exec(), 0, 3, layer.empty_cache(), layer.empty_cache());
  const std::vector<float> old_keys = values_of(before.k_cache);
  const std::vector<float> old_values = values_of(before.v_cache);
  // Two different continuations of the same past.
  const AttentionResult a =
      layer.step(fused_exec(), 3, 4, before.k_cache, before.v_cache);
  const AttentionResult b =
      attention(fused_exec(), rows(layer.q, 9, 10), rows(layer.k, 9, 10),
                rows(layer.v, 9, 10), before.k_cache, before.v_cache, 3,
                layer.inv_freq, layer.shape);
  mx::eval(a.out, b.out);
  EXPECT_EQ(values_of(before.k_cache), old_keys);
  EXPECT_EQ(values_of(before.v_cache), old_values);
  EXPECT_NE(values_of(a.k_cache), values_of(b.k_cache));
  EXPECT_TRUE(same(a.out, rows(layer.run(fused_exec(), 1).out, 3, 4)));
}

TEST(AttentionOp, LazyChain_SameAsStepwise) {
  ThreadPool pool(2);
  for (const Layer* layer : {&plain_layer(), &ring_layer()}) {
    mx::array keys = layer->empty_cache();
    mx::array values = layer->empty_cache();
    std::vector<mx::array> outs;
    for (int t = 0; t < kTotal; ++t) {
      AttentionResult r = layer->step(fused_exec(&pool), t, t + 1,
                                      std::move(keys), std::move(values));
      mx::eval(r.out, r.k_cache, r.v_cache);
      outs.push_back(r.out);
      keys = std::move(r.k_cache);
      values = std::move(r.v_cache);
    }
    EXPECT_TRUE(same(layer->run(fused_exec(&pool), 1).out,
                     mx::concatenate(outs, 0, cpu_stream())));
  }
}

TEST(AttentionOp, WrongArguments_NamedErrors) {
  const Layer& layer = plain_layer();
  const auto run = [&](int position, const AttentionShape& shape,
                       const mx::array& k_cache) {
    static_cast<void>(attention(fused_exec(), layer.q, layer.k, layer.v,
                                k_cache, layer.empty_cache(), position,
                                layer.inv_freq, shape));
  };
  const auto invalid = [&](int position, AttentionShape shape,
                           const mx::array& k_cache) {
    return error_of(ErrorCode::kInvalidArgument,
                    [&] { run(position, shape, k_cache); });
  };
  const mx::array cache = layer.empty_cache();
  AttentionShape shape = layer.shape;
  EXPECT_EQ(error_of(ErrorCode::kExhausted, [&] { run(3, shape, cache); }),
            "[kernels.attention] expected at most 32 positions, got 3 + 30");
  EXPECT_THAT(invalid(-1, shape, cache), HasSubstr("position >= 0, got -1"));
  EXPECT_THAT(invalid(0, shape, layer.q), HasSubstr("k_cache of shape"));
  shape.window = 5;
  EXPECT_EQ(invalid(3, shape, cache),
            "[kernels.attention] expected a ring of at least window + rows - 1 "
            "= 5 + 30 - 1 slots, got 32");
  shape.n_kv_heads = 3;
  EXPECT_THAT(invalid(0, shape, cache), HasSubstr("n_kv_heads to divide"));
  shape = {.n_heads = 4, .n_kv_heads = 2, .head_dim = 15};
  EXPECT_THAT(invalid(0, shape, cache), HasSubstr("even head_dim"));
  shape = {.n_heads = 4, .n_kv_heads = 2, .head_dim = 8};
  EXPECT_THAT(invalid(0, shape, cache), HasSubstr("q of shape [n >= 1, 32]"));
}

}  // namespace
}  // namespace csm::kernels
