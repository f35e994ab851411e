#include "csm/weights/random_values.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "csm/base/sha256.h"
#include "csm/weights/weight_store.h"

namespace csm::weights {
namespace {

constexpr std::uint64_t kSeed = 7;

std::vector<float> all_values(const std::string& name,
                              const std::vector<int>& shape) {
  const RandomValues random(name, shape, kSeed);
  std::vector<float> values(random.size());
  random.write_all(Target::kF32, reinterpret_cast<std::byte*>(values.data()),
                   nullptr);
  return values;
}

double deviation(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * v;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(RandomValues, SameForAnyThreadCountAndRange) {
  const std::vector<int> shape{301, 1003};
  const RandomValues random("bb.0.q", shape, kSeed);
  std::vector<std::byte> one(random.size() * 2);
  random.write_all(Target::kBf16, one.data(), nullptr);
  for (const int n_threads : {2, 3, 7}) {
    ThreadPool pool(n_threads);
    std::vector<std::byte> many(one.size());
    random.write_all(Target::kBf16, many.data(), &pool);
    EXPECT_EQ(sha256_hex(one), sha256_hex(many)) << n_threads << " threads";
  }
  for (const std::size_t first : {0UL, 1UL, 5UL, 70000UL}) {
    std::vector<std::byte> part(2 * 999);
    random.write(first, 999, Target::kBf16, part.data());
    EXPECT_TRUE(
        std::equal(part.begin(), part.end(),
                   one.begin() + static_cast<std::ptrdiff_t>(2 * first)))
        << first;
  }
}

TEST(RandomValues, Float32HoldsTheBfloat16Values) {
  const std::vector<int> shape{70, 1000};
  const RandomValues random("dd.1.down", shape, kSeed);
  const std::vector<float> wide = all_values("dd.1.down", shape);
  std::vector<std::uint16_t> half(random.size());
  random.write_all(Target::kBf16, reinterpret_cast<std::byte*>(half.data()),
                   nullptr);
  for (std::size_t i = 0; i < half.size(); ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(half[i]) << 16U;
    ASSERT_EQ(std::memcmp(&bits, &wide[i], sizeof(bits)), 0) << i;
  }
}

TEST(RandomValues, ScaleKeepsSumsNearOne) {
  EXPECT_NEAR(deviation(all_values("bb.0.q", {512, 400})), 0.05, 0.001);
  EXPECT_NEAR(deviation(all_values("c0_head", {515, 400})), 0.1, 0.002);
  EXPECT_NEAR(deviation(all_values("audio_head", {2, 100, 515})), 0.2, 0.004);
  const auto gains = all_values("bb.norm", {1000});
  EXPECT_NEAR(std::accumulate(gains.begin(), gains.end(), 0.0) / 1000, 1, 0.01);
  for (const float usage :
       all_values("codec.x.codebook.cluster_usage", {500})) {
    EXPECT_GE(usage, 0.5F);
  }
}

TEST(RandomValues, NamesAndSeedsDiffer) {
  const std::vector<int> shape{8, 8};
  EXPECT_NE(all_values("bb.0.q", shape), all_values("bb.1.q", shape));
  std::vector<float> other(64);
  RandomValues("bb.0.q", shape, kSeed + 1)
      .write_all(Target::kF32, reinterpret_cast<std::byte*>(other.data()),
                 nullptr);
  EXPECT_NE(all_values("bb.0.q", shape), other);
}

TEST(RandomStore, TablesAreTiedAndTensorsListed) {
  auto store = WeightStore::random(kSeed, nullptr);
  const auto frames = store.take("audio_emb", {6, 4}, mx::bfloat16);
  const auto depth = store.take("dd.audio_emb", {6, 4}, mx::bfloat16);
  EXPECT_EQ(frames.data<mx::bfloat16_t>(), depth.data<mx::bfloat16_t>());
  (void)store.take("bb.norm", {4}, mx::float32);
  store.check_all_used();
  ASSERT_EQ(store.taken().size(), 2U);
  EXPECT_EQ(store.taken().at("audio_emb").bytes, 48U);
  EXPECT_EQ(store.taken().at("bb.norm").bytes, 16U);
}

}  // namespace
}  // namespace csm::weights
