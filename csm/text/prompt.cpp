#include "csm/text/prompt.h"

#include <algorithm>
#include <charconv>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/text/unicode.h"

namespace csm::text {
namespace {

constexpr std::size_t kMaxSpeakerDigits = 9;  // fits an int

}  // namespace

std::string segment_text(int speaker, std::string_view text) {
  if (speaker < 0) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[text.prompt] expected a speaker of 0 or above, got ",
                        speaker, " (speaker)"));
  }
  if (text.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[text.prompt] expected some text, got none (text)");
  }
  check_utf8(text, "text");
  return str_cat("[", speaker, "]", text);
}

int parse_speaker(std::string_view digits) {
  const bool only_digits =
      std::all_of(digits.begin(), digits.end(),
                  [](char c) { return c >= '0' && c <= '9'; });
  if (digits.empty() || digits.size() > kMaxSpeakerDigits || !only_digits) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[text.prompt] expected a speaker number of 1 to ",
                        kMaxSpeakerDigits, " digits, got '",
                        printable(digits, 40), "' (speaker)"));
  }
  int speaker = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), speaker);
  return speaker;
}

}  // namespace csm::text
