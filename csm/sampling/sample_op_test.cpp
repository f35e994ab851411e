#include "csm/sampling/sample_op.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/thread_pool.h"
#include "csm/sampling/sampler.h"

namespace csm::sampling {
namespace {

constexpr int kVocab = 515;

std::vector<float> normal_rows(int n, int vocab, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 2.5F);
  std::vector<float> rows(static_cast<std::size_t>(n) *
                          static_cast<std::size_t>(vocab));
  for (float& value : rows) value = normal(random);
  return rows;
}

std::vector<std::uint32_t> noise_words(int n, int vocab) {
  TorchCpuGenerator generator(31);
  std::vector<std::uint32_t> words(static_cast<std::size_t>(n) * 2 *
                                   static_cast<std::size_t>(vocab));
  generator.words(words);
  return words;
}

std::vector<float> noise_values(int n, int vocab) {
  TorchCpuGenerator generator(31);
  std::vector<float> values(static_cast<std::size_t>(n) *
                            static_cast<std::size_t>(vocab));
  generator.exponential(values);
  return values;
}

mx::array to_array(const std::vector<float>& values, int n) {
  return mx::array(values.data(), {n, static_cast<int>(values.size()) / n},
                   mx::float32);
}

std::vector<std::int32_t> to_vector(mx::array codes) {
  mx::eval(codes);
  const auto* data = codes.data<std::int32_t>();
  return {data, data + codes.size()};
}

kernels::Exec cpu_exec() {
  return {.stream = mx::default_stream(mx::Device::cpu)};
}

std::vector<SamplerOptions> all_options() {
  std::vector<SamplerOptions> all;
  for (const SamplerKind kind :
       {SamplerKind::kTorchF32, SamplerKind::kTorchBf16}) {
    for (const CodecSafety safety :
         {CodecSafety::kMaskInvalid, CodecSafety::kTorch,
          CodecSafety::kLegacyRange}) {
      for (const bool greedy : {false, true}) {
        all.push_back({.temperature = 0.9F,
                       .top_k = 50,
                       .greedy = greedy,
                       .kind = kind,
                       .codec_safety = safety,
                       .n_valid_codes = 480});
        all.push_back(all.back());
        all.back().temperature = 1.0F;
        all.back().top_k = 2000;
      }
    }
  }
  return all;
}

TEST(Sample, RowsOnCpuKernels_EqualDrawCode) {
  constexpr int kRows = 9;
  const std::vector<float> logits = normal_rows(kRows, kVocab, 1);
  const std::vector<float> noise = noise_values(kRows, kVocab);
  const std::vector<std::uint32_t> words = noise_words(kRows, kVocab);
  const mx::array word_array(words.data(), {kRows, 2 * kVocab}, mx::uint32);
  ThreadPool pool(2);
  kernels::Exec exec = cpu_exec();
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    exec.pool = threads;
    for (const SamplerOptions& options : all_options()) {
      SCOPED_TRACE(options.to_string());
      const mx::array x = to_array(logits, kRows);
      const Sampled sampled =
          sample_counted(exec, x, to_array(noise, kRows), options);
      const auto codes = to_vector(sampled.codes);
      const auto changed = to_vector(sampled.changed);
      EXPECT_EQ(to_vector(sample(exec, x, word_array, options)), codes);
      for (std::size_t row = 0; row < kRows; ++row) {
        const std::size_t first = row * kVocab;
        const Draw draw = draw_code(
            {logits.data() + first, kVocab},
            NoiseRow::values({noise.data() + first, kVocab}), options);
        EXPECT_EQ(codes[row], draw.code);
        EXPECT_EQ(changed[row], draw.changed ? 1 : 0);
      }
    }
  }
}

TEST(Sample, ComposedOperations_GiveTheSameCodes) {
  constexpr int kRows = 300;
  const mx::array logits = to_array(normal_rows(kRows, kVocab, 2), kRows);
  const mx::array noise = to_array(noise_values(kRows, kVocab), kRows);
  kernels::Exec composed = cpu_exec();
  composed.composed = true;
  for (const SamplerOptions& options : all_options()) {
    SCOPED_TRACE(options.to_string());
    const Sampled expected = sample_counted(cpu_exec(), logits, noise, options);
    const Sampled sampled = sample_counted(composed, logits, noise, options);
    EXPECT_EQ(to_vector(sampled.codes), to_vector(expected.codes));
    EXPECT_EQ(to_vector(sampled.changed), to_vector(expected.changed));
  }
}

// Every row with options of its own, and with noise of its own kind.
std::vector<RowDraw> mixed_rows(int n, bool words_too) {
  const std::vector<SamplerOptions> all = all_options();
  const std::vector<float> values = noise_values(n, kVocab);
  const std::vector<std::uint32_t> words = noise_words(n, kVocab);
  std::vector<RowDraw> rows;
  for (int row = 0; row < n; ++row) {
    RowDraw draw = {.options = all[static_cast<std::size_t>(row) % all.size()],
                    .noise = to_array(values, n),
                    .noise_row = n - 1 - row};
    draw.options.temperature += 0.01F * static_cast<float>(row / 3);
    if (words_too && row % 2 == 0) {
      draw.noise = mx::array(words.data(), {n, 2 * kVocab}, mx::uint32);
    }
    if (draw.options.greedy) draw.noise.reset();
    rows.push_back(std::move(draw));
  }
  return rows;
}

TEST(Sample, RowsOfOwnOptions_EqualDrawCode) {
  constexpr int kRows = 48;
  const std::vector<float> logits = normal_rows(kRows, kVocab, 6);
  const std::vector<float> values = noise_values(kRows, kVocab);
  ThreadPool pool(2);
  for (const bool composed : {false, true}) {
    kernels::Exec exec = cpu_exec();
    exec.composed = composed;
    exec.pool = &pool;
    const std::vector<RowDraw> rows = mixed_rows(kRows, !composed);
    const Sampled sampled = sample_rows(exec, to_array(logits, kRows), rows);
    const auto codes = to_vector(sampled.codes);
    const auto changed = to_vector(sampled.changed);
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto at = static_cast<std::size_t>(rows[row].noise_row) * kVocab;
      const Draw draw = draw_code(
          {logits.data() + row * kVocab, kVocab},
          NoiseRow::values({values.data() + at, kVocab}), rows[row].options);
      EXPECT_EQ(codes[row], draw.code) << row << " composed " << composed;
      EXPECT_EQ(changed[row], draw.changed ? 1 : 0) << row;
    }
  }
}

TEST(Sample, WrongRows_InvalidArgument) {
  const mx::array logits = to_array(normal_rows(2, kVocab, 5), 2);
  const std::vector<RowDraw> good = mixed_rows(2, false);
  EXPECT_NO_THROW((void)sample_rows(cpu_exec(), logits, good));
  EXPECT_THROW((void)sample_rows(cpu_exec(), logits, std::span(good).first(1)),
               Error);
  const auto refused = [&](const std::function<void(RowDraw&)>& spoil) {
    std::vector<RowDraw> rows = good;
    rows[1].options.greedy = false;
    rows[1].noise = good[0].noise;
    spoil(rows[1]);
    EXPECT_THROW((void)sample_rows(cpu_exec(), logits, rows), Error);
  };
  refused([](RowDraw& row) { row.noise.reset(); });
  refused([](RowDraw& row) { row.noise_row = 2; });
  refused([](RowDraw& row) { row.noise_row = -1; });
  refused([](RowDraw& row) { row.noise = mx::zeros({2, kVocab + 1}); });
  refused([](RowDraw& row) { row.options.temperature = 0.0F; });
}

TEST(Sample, UnusableRow_IsRefusedAlone) {
  std::vector<float> logits = normal_rows(4, kVocab, 3);
  logits[kVocab + 7] = std::numeric_limits<float>::quiet_NaN();
  logits[2 * kVocab + 514] = std::numeric_limits<float>::infinity();
  for (std::size_t idx = 0; idx < kVocab; ++idx) {
    logits[3 * kVocab + idx] = -std::numeric_limits<float>::infinity();
  }
  const mx::array noise = to_array(noise_values(4, kVocab), 4);
  for (const bool is_composed : {false, true}) {
    for (const SamplerOptions& options : all_options()) {
      kernels::Exec exec = cpu_exec();
      exec.composed = is_composed;
      const Sampled sampled =
          sample_counted(exec, to_array(logits, 4), noise, options);
      const auto codes = to_vector(sampled.codes);
      EXPECT_GE(codes[0], 0);
      for (const std::size_t row : {1U, 2U, 3U}) {
        EXPECT_EQ(codes[row], kBadLogits) << options.to_string();
        EXPECT_EQ(to_vector(sampled.changed)[row], 0);
      }
    }
  }
}

TEST(Sample, LazyStridedInputs_AreRead) {
  // Logits computed in the same graph, noise a slice of a whole frame's.
  const kernels::Exec exec = cpu_exec();
  const std::vector<float> logits = normal_rows(1, kVocab, 4);
  const std::vector<float> frame = noise_values(3, kVocab);
  const mx::array half =
      mx::multiply(to_array(logits, 1), mx::array(0.5F), exec.stream);
  const mx::array doubled = mx::add(half, half, exec.stream);
  const mx::array frame_array = to_array(frame, 3);
  const mx::array transposed =
      mx::transpose(mx::contiguous(mx::transpose(frame_array, exec.stream),
                                   false, exec.stream),
                    exec.stream);
  const SamplerOptions options = {.n_valid_codes = 512};
  for (const mx::array& noise : {frame_array, transposed}) {
    const mx::array row = mx::slice(noise, {1, 0}, {2, kVocab}, exec.stream);
    EXPECT_EQ(
        to_vector(sample(exec, doubled, row, options))[0],
        sample_torch_f32(logits, {frame.data() + kVocab, kVocab}, options));
  }
}

TEST(Sample, WrongArguments_InvalidArgument) {
  const mx::array logits = to_array(normal_rows(2, 67, 5), 2);
  const mx::array noise = to_array(noise_values(2, 67), 2);
  const mx::array words = mx::zeros({2, 134}, mx::uint32);
  const SamplerOptions options = {.n_valid_codes = 64};
  SamplerOptions bad = options;
  bad.temperature = 0.0F;
  const kernels::Exec exec = cpu_exec();
  kernels::Exec composed = exec;
  composed.composed = true;
  EXPECT_NO_THROW((void)sample(exec, logits, words, options));
  EXPECT_THROW((void)sample(exec, logits, noise, bad), Error);
  EXPECT_THROW((void)sample(composed, logits, words, options), Error);
  EXPECT_THROW((void)sample(exec, mx::zeros({67}), noise, options), Error);
  EXPECT_THROW(
      (void)sample(exec, mx::zeros({2, 67}, mx::bfloat16), noise, options),
      Error);
  EXPECT_THROW((void)sample(exec, logits, mx::zeros({2, 66}), options), Error);
  EXPECT_THROW(
      (void)sample(exec, logits, mx::zeros({2, 67}, mx::uint32), options),
      Error);
  EXPECT_THROW(
      (void)sample(exec, logits, mx::zeros({2, 67}, mx::int32), options),
      Error);
  try {
    (void)sample(exec, logits, mx::zeros({1, 67}), options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "[sampling.sample] expected noise [N, V] float32 or [N, 2 V] "
              "uint32, got shape [1, 67]");
  }
}

}  // namespace
}  // namespace csm::sampling
