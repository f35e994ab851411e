#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace csm::text {

/// One turn of a conversation.
struct Turn {
  int speaker = 0;
  std::string text;  ///< UTF-8, not only white space
  /// A recording of the turn, which then is not spoken by the model; as in
  /// the file, relative to its folder. Empty: none.
  std::string audio;
  /// Silence before the turn; none: the default between turns.
  std::optional<int> pause_ms;
};

/// Reads a conversation script, the form by the suffix of its name.
///
/// .txt   a turn on each line, "0: Hello there."; empty lines and lines that
///        begin with # are skipped
/// .json  a list of {"speaker": 0, "text": "Hello there."}, optionally with
///        "audio" (path) and "pause" (seconds)
///
/// Throws: Error{kNotFound}; Error{kUnsupported} for another suffix;
/// Error{kCorrupt} naming the line, or the number of the turn and the field,
/// for whatever does not have this form, and if there is no turn at all.
[[nodiscard]] std::vector<Turn> read_script(const std::filesystem::path& path);

/// The same for the contents of a file; `name` stands for it in messages.
[[nodiscard]] std::vector<Turn> parse_text_script(std::string_view contents,
                                                  const std::string& name);
[[nodiscard]] std::vector<Turn> parse_json_script(std::string_view contents,
                                                  const std::string& name);

}  // namespace csm::text
