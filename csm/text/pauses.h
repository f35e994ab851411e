#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace csm::text {

/// Some silence, and the text behind it up to the next pause.
struct Passage {
  int pause_ms = 0;
  std::string text;  ///< untouched; may be empty

  bool operator==(const Passage&) const = default;
};

inline constexpr int kMaxPauseMs = 60000;

/// Cuts a text at its pauses: "One. [pause 0.5s] Two." Seconds or
/// milliseconds ("[pause 500ms]"), a colon instead of the space and a space
/// before the unit are allowed, as are capital letters.
///
/// returns  at least one passage; the first has no pause
/// Throws: Error{kInvalidArgument} with the byte offset for a pause that cannot
/// be read or is longer than kMaxPauseMs. Other brackets are text.
[[nodiscard]] std::vector<Passage> split_pauses(std::string_view text);

}  // namespace csm::text
