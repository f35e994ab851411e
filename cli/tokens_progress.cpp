#include "cli/tokens_progress.h"

#include <algorithm>
#include <cmath>

#include "csm/base/str_cat.h"

namespace csm::cli {

std::string minutes(double seconds) {
  const auto whole = static_cast<long>(std::lround(std::max(seconds, 0.0)));
  const long rest = whole % 60;
  return str_cat(whole / 60, ":", rest < 10 ? "0" : "", rest);
}

void TestProgress::show(const std::string& what) {
  constexpr int kWidth = 24;
  const double share = total_ > 0 ? std::min(done_ / total_, 1.0) : 0.0;
  const int filled = static_cast<int>(share * kWidth);
  const std::string bar =
      std::string(static_cast<std::size_t>(filled), '#') +
      std::string(static_cast<std::size_t>(kWidth - filled), '.');
  std::string left;
  constexpr double kEnoughToTell = 0.02;
  if (share > kEnoughToTell) {
    left = minutes(seconds_since(start_) * (1.0 - share) / share) + " left, ";
  }
  line_.show(str_cat("[", bar, "] ", static_cast<int>(share * 100), " %, ",
                     left, what));
}

}  // namespace csm::cli
