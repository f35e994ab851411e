#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/bench_run.h"
#include "csm/base/json.h"

namespace csm::cli {

/// Median (mean of the middle two for an even number), least and greatest.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

/// Of `value` over all repetitions; at least one.
[[nodiscard]] Spread spread_of(
    const BenchResult& result,
    const std::function<double(const Repetition&)>& value);

/// Floating-point operations of the prompts' prefill.
[[nodiscard]] double prefill_operations(const BenchPlan& plan,
                                        const BenchResult& result);

/// One object with the keys of docs/performance.md.
[[nodiscard]] OrderedJson bench_json(const BenchPlan& plan,
                                     const BenchResult& result);

/// A table for people.
[[nodiscard]] std::string bench_table(const BenchPlan& plan,
                                      const BenchResult& result);

/// The model's name for people.
[[nodiscard]] std::string model_label(const BenchPlan& plan);

}  // namespace csm::cli
