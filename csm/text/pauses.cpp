#include "csm/text/pauses.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::text {
namespace {

constexpr std::string_view kOpening = "[pause";
constexpr std::size_t kMaxMarkBytes = 40;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Where a pause begins at or behind `from`: "[pause" and no further letter.
std::size_t find_pause(std::string_view text, std::size_t from) {
  while (true) {
    const auto found =
        std::search(text.begin() + static_cast<std::ptrdiff_t>(from),
                    text.end(), kOpening.begin(), kOpening.end(),
                    [](char a, char b) { return lower(a) == b; });
    if (found == text.end()) return std::string_view::npos;
    from = static_cast<std::size_t>(found - text.begin());
    const std::size_t behind = from + kOpening.size();
    if (behind == text.size() ||
        std::string_view(" :]").find(text[behind]) != std::string_view::npos) {
      return from;
    }
    from = behind;
  }
}

void skip_spaces(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

// A decimal number without sign at the front of `text`, which loses it.
std::optional<double> take_number(std::string_view& text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  double value = 0;
  double scale = 0;  // of the next decimal; 0 before the point
  while (!text.empty()) {
    const char c = text.front();
    if (is_digit(c)) {
      value = scale > 0 ? value + scale * (c - '0') : value * 10 + (c - '0');
      scale /= 10;
    } else if (c == '.' && scale == 0) {
      scale = 0.1;
    } else {
      break;
    }
    text.remove_prefix(1);
  }
  return value;
}

// Milliseconds of what stands between "[pause" and "]".
std::optional<int> parse_pause(std::string_view text) {
  if (text.empty()) return std::nullopt;
  text.remove_prefix(1);  // the space or colon
  skip_spaces(text);
  const auto value = take_number(text);
  skip_spaces(text);
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::string unit(text);
  std::transform(unit.begin(), unit.end(), unit.begin(), lower);
  if (!value || (unit != "s" && unit != "ms")) return std::nullopt;
  const double ms = unit == "s" ? *value * 1000 : *value;
  if (!(ms <= kMaxPauseMs)) return std::nullopt;
  return static_cast<int>(std::lround(ms));
}

}  // namespace

std::vector<Passage> split_pauses(std::string_view text) {
  std::vector<Passage> passages(1);
  std::size_t begin = 0;
  while (true) {
    const std::size_t mark = find_pause(text, begin);
    passages.back().text = text.substr(begin, mark - begin);
    if (mark == std::string_view::npos) return passages;
    const std::size_t inside = mark + kOpening.size();
    const std::size_t end = text.find(']', inside);
    const auto pause = end == std::string_view::npos
                           ? std::nullopt
                           : parse_pause(text.substr(inside, end - inside));
    if (!pause) {
      const std::size_t n_shown = std::min(end - mark, kMaxMarkBytes - 1) + 1;
      throw Error(ErrorCode::kInvalidArgument,
                  str_cat("[text.pauses] expected a pause such as [pause 0.5s] "
                          "of at most ",
                          kMaxPauseMs / 1000, " s, got '",
                          printable(text.substr(mark, n_shown), kMaxMarkBytes),
                          "' (text, byte ", mark, ")"));
    }
    passages.push_back({.pause_ms = *pause, .text = {}});
    begin = end + 1;
  }
}

}  // namespace csm::text
