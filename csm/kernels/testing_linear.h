#pragma once

#include <optional>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/linear_op.h"
#include "csm/kernels/testing_op.h"

// What the tests of linear operations share, whatever the matrices' type.
namespace csm::kernels::testing {

/// Arguments of all linear operations, in float32.
struct LinearArguments {
  LinearArguments(int width, int hidden)
      : x(random_array({7, width}, 1)),
        scale(random_array({width}, 2)),
        rms{random_array({width}, 3), std::nullopt, 1e-5F},
        layer{random_array({width}, 3), random_array({width}, 4), 1e-5F},
        a{random_array({hidden, width}, 5, 0.2F)},
        b{random_array({hidden, width}, 6, 0.2F)},
        c{random_array({width, hidden}, 7, 0.2F)} {}

  mx::array x;
  mx::array scale;
  Norm rms;
  Norm layer;
  Matrix a;
  Matrix b;
  Matrix c;
};

/// Every linear operation on the rows x; norm_linear with the matrices `side`.
inline std::vector<mx::array> linear_operations(
    const Exec& exec, const LinearArguments& args, const mx::array& x,
    const std::vector<Matrix>& side) {
  std::vector<mx::array> ys;
  ys.push_back(linear(exec, x, args.a));
  ys.push_back(
      linear_residual(exec, linear(exec, x, args.b), args.c, x, std::nullopt));
  ys.push_back(
      linear_residual(exec, linear(exec, x, args.b), args.c, x, args.scale));
  for (const Norm& norm : {args.rms, args.layer}) {
    for (const mx::array& y : norm_linear(exec, x, norm, side)) {
      ys.push_back(y);
    }
    ys.push_back(gated_mlp(exec, x, norm, args.a, args.b, args.c));
    ys.push_back(gelu_mlp(exec, x, norm, args.a, args.c, args.scale));
  }
  return ys;
}

/// A row computed alone, with any pool, has the bits that it has among others.
///
/// operations(exec, x) gives arrays whose rows belong to those of x
template <class Operations>
void expect_rows_independent(const mx::array& x, Operations&& operations) {
  const std::vector<mx::array> all = operations(fused_exec(), x);
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    const std::vector<mx::array> again = operations(fused_exec(&pool), x);
    const mx::array row = mx::slice(x, {4, 0}, {5, x.shape(1)}, cpu_stream());
    const std::vector<mx::array> alone = operations(fused_exec(&pool), row);
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(same(again[i], all[i])) << "operation " << i;
      EXPECT_TRUE(same(alone[i], mx::slice(all[i], {4, 0}, {5, all[i].shape(1)},
                                           cpu_stream())))
          << "operation " << i;
    }
  }
}

}  // namespace csm::kernels::testing
