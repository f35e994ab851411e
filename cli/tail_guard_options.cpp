#include "cli/tail_guard_options.h"

#include <charconv>
#include <string>

#include "cli/console.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

constexpr int kMostRetries = 100;

}  // namespace

void TailGuardOptions::add_to(CLI::App& command) {
  // Three more takes unless a number is given: --tail-guard=5.
  option_ = command.add_flag(
      "--tail-guard{3}", n_retries_,
      "Speak 3 more takes (--tail-guard=N: N) with the next seeds and keep the "
      "best: none that is cut off, runs on, falls silent or repeats itself, "
      "and of the others the one that ends most like the rest");
}

std::optional<int> TailGuardOptions::retries() const {
  if (option_ == nullptr || option_->count() == 0) return std::nullopt;
  int n = -1;
  const char* end = n_retries_.data() + n_retries_.size();
  const auto [stop, error] = std::from_chars(n_retries_.data(), end, n);
  if (error != std::errc() || stop != end || n < 0 || n > kMostRetries) {
    throw UsageError(str_cat("--tail-guard: expected 0 to ", kMostRetries,
                             " more takes, got '", n_retries_, "'"));
  }
  return n;
}

OrderedJson describe(std::span<const engine::TailAttempt> attempts) {
  OrderedJson list = OrderedJson::array();
  for (const engine::TailAttempt& attempt : attempts) {
    OrderedJson problems = OrderedJson::array();
    for (const engine::TailProblem problem : attempt.report.problems) {
      problems.push_back(engine::to_string(problem));
    }
    const engine::TailMeasures& measures = attempt.report.measures;
    list.push_back({{"seed", attempt.seed},
                    {"problems", problems},
                    {"seconds", measures.seconds},
                    {"end_db", measures.end_db},
                    {"silence_seconds", measures.silence_seconds},
                    {"repetition_seconds", measures.repetition_seconds},
                    {"end_distance", measures.end_distance}});
  }
  return list;
}

void say_attempts(std::span<const engine::TailAttempt> attempts,
                  std::uint64_t chosen_seed) {
  for (const engine::TailAttempt& attempt : attempts) {
    if (attempt.report.problems.empty()) continue;
    std::string problems;
    for (const engine::TailProblem problem : attempt.report.problems) {
      problems += problems.empty() ? "" : ", ";
      problems += engine::to_string(problem);
    }
    say(str_cat("csm: tail guard: seed ", attempt.seed, ": ", problems,
                attempt.seed == chosen_seed ? ", kept all the same" : ""));
  }
}

}  // namespace csm::cli
