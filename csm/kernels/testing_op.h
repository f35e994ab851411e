#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/kernels/exec_op.h"
#include "csm/kernels/kernel_testing.h"

// Helpers of the tests of graph operations.
namespace csm::kernels::testing {

inline mx::Stream cpu_stream() {
  return mx::default_stream(mx::Device(mx::Device::cpu));
}

inline Exec fused_exec(ThreadPool* pool = nullptr) {
  return {.stream = cpu_stream(), .pool = pool};
}

inline Exec composed_exec() {
  return {.stream = cpu_stream(), .composed = true};
}

inline mx::array random_array(const mx::Shape& shape, std::uint32_t seed,
                              float scale = 1.0F) {
  std::size_t n = 1;
  for (int extent : shape) n *= static_cast<std::size_t>(extent);
  return mx::array(random_floats(n, seed, scale).begin(), shape);
}

inline mx::array to_bf16_array(const mx::array& x) {
  mx::array y = mx::astype(x, mx::bfloat16, cpu_stream());
  y.eval();
  return y;
}

/// Evaluates; the elements in row-major order.
inline std::vector<float> values_of(const mx::array& x) {
  mx::array dense = mx::contiguous(x, false, cpu_stream());
  dense.eval();
  return {dense.data<float>(), dense.data<float>() + dense.size()};
}

inline ::testing::AssertionResult same(const mx::array& got,
                                       const mx::array& want) {
  if (got.shape() != want.shape()) {
    return ::testing::AssertionFailure() << "shapes differ";
  }
  return bits_equal(values_of(got), values_of(want));
}

/// Largest difference at most `tolerance` times the largest expected value.
inline ::testing::AssertionResult close(const mx::array& got,
                                        const mx::array& want,
                                        double tolerance = 2e-6) {
  if (got.shape() != want.shape()) {
    return ::testing::AssertionFailure() << "shapes differ";
  }
  const std::vector<float> a = values_of(got);
  const std::vector<float> b = values_of(want);
  float largest = 0;
  for (float v : b) largest = std::max(largest, std::abs(v));
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error =
        std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(error <= tolerance * static_cast<double>(largest))) {
      return ::testing::AssertionFailure()
             << "index " << i << ": " << a[i] << ", expected " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

/// The message of the Error that fn throws; its code must be `code`.
inline std::string error_of(ErrorCode code, const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), std::string(to_string(code)));
    return error.what();
  }
  ADD_FAILURE() << "nothing thrown";
  return "";
}

}  // namespace csm::kernels::testing
