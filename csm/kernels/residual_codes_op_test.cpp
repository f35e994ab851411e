#include "csm/kernels/residual_codes_op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/residual_codes.h"
#include "csm/kernels/testing_op.h"

namespace csm::kernels {
namespace {

using testing::composed_exec;
using testing::cpu_stream;
using testing::error_of;
using testing::fused_exec;
using ::testing::HasSubstr;
using testing::random_array;
using testing::random_floats;

using Codes = std::vector<std::int32_t>;

constexpr int kRows = 20;
constexpr int kWidth = 45;
constexpr int kEntries = 70;
constexpr int kBooks = 3;

Codes codes_of(const mx::array& codes) {
  mx::array dense = mx::contiguous(codes, false, cpu_stream());
  dense.eval();
  return {dense.data<std::int32_t>(),
          dense.data<std::int32_t>() + dense.size()};
}

ResidualBooks random_books() {
  const mx::array entries = random_array({kBooks * kEntries, kWidth}, 1);
  return {.entries = entries,
          .squares = squared_lengths(entries),
          .n_entries = kEntries};
}

std::size_t size(int n) { return static_cast<std::size_t>(n); }

// By the definition, in double precision.
TEST(ResidualCodes, AgainstDoubles_NearestOfEachBook) {
  const std::vector<float> entries =
      random_floats(size(kBooks * kEntries * kWidth), 1);
  std::vector<float> left = random_floats(size(kRows * kWidth), 2, 2.0F);
  const Codes got = codes_of(
      residual_codes(fused_exec(), random_array({kRows, kWidth}, 2, 2.0F),
                     random_books(), kBooks));
  for (int row = 0; row < kRows; ++row) {
    float* x = &left[size(row * kWidth)];
    for (int book = 0; book < kBooks; ++book) {
      const float* first = &entries[size(book * kEntries * kWidth)];
      double least = std::numeric_limits<double>::infinity();
      int best = 0;
      for (int e = 0; e < kEntries; ++e) {
        double sum = 0;
        for (int i = 0; i < kWidth; ++i) {
          const double d = static_cast<double>(x[i]) -
                           static_cast<double>(first[e * kWidth + i]);
          sum += d * d;
        }
        if (sum < least) {
          least = sum;
          best = e;
        }
      }
      ASSERT_EQ(got[size(row * kBooks + book)], best) << row << " " << book;
      for (int i = 0; i < kWidth; ++i) x[i] -= first[best * kWidth + i];
    }
  }
}

TEST(ResidualCodes, Composed_TheSameCodes) {
  const mx::array x = random_array({kRows, kWidth}, 2, 2.0F);
  EXPECT_EQ(
      codes_of(residual_codes(composed_exec(), x, random_books(), kBooks)),
      codes_of(residual_codes(fused_exec(), x, random_books(), kBooks)));
}

TEST(ResidualCodes, AnyRowsThreadsBooks_TheSameCodes) {
  ThreadPool pool(3);
  const ResidualBooks books = random_books();
  const mx::array x = random_array({kRows, kWidth}, 2, 2.0F);
  const Codes want = codes_of(residual_codes(fused_exec(), x, books, kBooks));
  EXPECT_EQ(codes_of(residual_codes(fused_exec(&pool), x, books, kBooks)),
            want);
  for (int row = 0; row < kRows; ++row) {
    const mx::array one =
        mx::slice(x, {row, 0}, {row + 1, kWidth}, cpu_stream());
    const Codes alone = codes_of(residual_codes(fused_exec(), one, books, 2));
    EXPECT_EQ(alone, Codes(want.begin() + row * kBooks,
                           want.begin() + row * kBooks + 2));
  }
}

TEST(ResidualCodes, AnyIsa_TheSameCodes) {
  const std::vector<float> x = random_floats(size(kRows * kWidth), 2, 2.0F);
  const std::vector<float> entries =
      random_floats(size(kBooks * kEntries * kWidth), 1);
  const auto run = [&](Isa isa) {
    std::vector<float> squares;
    for (int row = 0; row < kBooks * kEntries; ++row) {
      squares.push_back(
          squared_length(&entries[size(row * kWidth)], kWidth, isa));
    }
    Codes codes(size(kRows * kBooks));
    const ResidualQuantizer q{.x = x.data(),
                              .entries = entries.data(),
                              .squares = squares.data(),
                              .n_rows = kRows,
                              .width = kWidth,
                              .n_entries = kEntries,
                              .n_books = kBooks,
                              .codes = codes.data()};
    testing::Guarded scratch(quantizer_scratch(q));
    run_quantizer(q, scratch.data(), nullptr, isa);
    EXPECT_TRUE(scratch.intact());
    return codes;
  };
  const Codes want = run(Isa::kScalar);
  for (const Isa isa : testing::vector_isas()) EXPECT_EQ(run(isa), want);
}

TEST(ResidualCodes, EqualEntries_TheLowestIndex) {
  const std::vector<float> rows = {5, 5, 1, 2, 1, 2, 1, 2};
  const mx::array entries(rows.data(), {4, 2}, mx::float32);
  const ResidualBooks books{
      .entries = entries, .squares = squared_lengths(entries), .n_entries = 4};
  const mx::array x({1.0F, 2.5F}, {1, 2});
  for (const Exec& exec : {fused_exec(), composed_exec()}) {
    EXPECT_EQ(codes_of(residual_codes(exec, x, books, 1)), Codes{1});
  }
}

TEST(ResidualCodes, NotANumber_SomeCodeOfTheBook) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values(size(kWidth), nan);
  const mx::array x(values.data(), {1, kWidth}, mx::float32);
  EXPECT_EQ(codes_of(residual_codes(fused_exec(), x, random_books(), 2)),
            (Codes{0, 0}));
}

TEST(ResidualCodes, WrongArguments_InvalidArgument) {
  const auto message = [](const mx::array& x, const ResidualBooks& books,
                          int n_books) {
    return error_of(ErrorCode::kInvalidArgument, [&] {
      static_cast<void>(residual_codes(fused_exec(), x, books, n_books));
    });
  };
  const mx::array x = random_array({2, kWidth}, 2);
  EXPECT_THAT(message(x, random_books(), 0), HasSubstr("n_books >= 1, got 0"));
  EXPECT_THAT(message(x, random_books(), 4), HasSubstr("n_books <= 3, got 4"));
  EXPECT_THAT(message(random_array({2, 7}, 2), random_books(), 1),
              HasSubstr("entries of shape"));
}

}  // namespace
}  // namespace csm::kernels
