#include "csm/text/script.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/mapped_file.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/text/pauses.h"
#include "csm/text/prompt.h"
#include "csm/text/unicode.h"
#include "csm/text/white_space.h"

namespace csm::text {
namespace {

constexpr std::size_t kMaxBytes = 16UL << 20;
constexpr std::size_t kShownBytes = 40;
constexpr int kMaxSpeaker = 999999999;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

[[noreturn]] void corrupt(const std::string& message) {
  throw Error(ErrorCode::kCorrupt, "[text.script] " + message);
}

void check_not_empty(const std::vector<Turn>& turns, const std::string& name) {
  if (turns.empty()) {
    corrupt(str_cat("expected at least one turn, got none (", name, ")"));
  }
}

Turn parse_line(std::string_view line, const std::string& where) {
  const std::size_t colon = line.find(':');
  const std::string_view digits = trim(line.substr(0, colon));
  const bool is_speaker = colon != std::string_view::npos && !digits.empty() &&
                          digits.size() <= std::to_string(kMaxSpeaker).size() &&
                          std::all_of(digits.begin(), digits.end(), [](char c) {
                            return c >= '0' && c <= '9';
                          });
  if (!is_speaker) {
    corrupt(
        str_cat("expected 'speaker: text' with the number of a speaker, "
                "got '",
                printable(line, kShownBytes), "' (", where, ")"));
  }
  const std::string_view text = trim(line.substr(colon + 1));
  if (text.empty()) {
    corrupt(str_cat("expected some text behind the speaker, got none (", where,
                    ")"));
  }
  return {.speaker = parse_speaker(digits),
          .text = std::string(text),
          .audio = {},
          .pause_ms = {}};
}

Turn parse_object(const JsonObject& json) {
  for (const auto& [key, value] : json.value().items()) {
    if (key != "speaker" && key != "text" && key != "audio" && key != "pause") {
      json.fail(key, "only speaker, text, audio and pause");
    }
  }
  Turn turn;
  turn.speaker = static_cast<int>(json.integer("speaker", 0, kMaxSpeaker));
  turn.text = json.string("text");
  if (trim(turn.text).empty()) json.fail("text", "some text");
  turn.audio = json.string_or("audio", "");
  if (json.has("audio") && turn.audio.empty()) json.fail("audio", "a path");
  if (json.has("pause")) {
    turn.pause_ms = static_cast<int>(
        std::lround(1000 * json.number("pause", 0, kMaxPauseMs / 1000)));
  }
  return turn;
}

}  // namespace

std::vector<Turn> parse_text_script(std::string_view contents,
                                    const std::string& name) {
  if (contents.starts_with(kByteOrderMark)) {
    contents.remove_prefix(kByteOrderMark.size());
  }
  std::vector<Turn> turns;
  for (int number = 1; !contents.empty(); ++number) {
    const std::size_t end = std::min(contents.find('\n'), contents.size());
    const std::string_view line = trim(contents.substr(0, end));
    contents.remove_prefix(std::min(end + 1, contents.size()));
    const std::string where = str_cat(name, ", line ", number);
    if (const auto bad = find_invalid_utf8(line)) {
      corrupt(str_cat("expected UTF-8, got another byte at column ", *bad + 1,
                      " (", where, ")"));
    }
    if (line.empty() || line.front() == '#') continue;
    turns.push_back(parse_line(line, where));
  }
  check_not_empty(turns, name);
  return turns;
}

std::vector<Turn> parse_json_script(std::string_view contents,
                                    const std::string& name) {
  const Json json = parse_json(contents, name);
  if (!json.is_array()) {
    corrupt(str_cat("expected a list of turns, got ", json.type_name(), " (",
                    name, ")"));
  }
  std::vector<Turn> turns;
  for (const Json& turn : json) {
    turns.push_back(parse_object(
        JsonObject(turn, str_cat(name, ", turn ", turns.size() + 1))));
  }
  check_not_empty(turns, name);
  return turns;
}

std::vector<Turn> read_script(const std::filesystem::path& path) {
  const std::string suffix = path.extension().string();
  if (suffix != ".txt" && suffix != ".json") {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[text.script] expected a script named .txt or .json, "
                        "got '",
                        path.string(), "'"));
  }
  const MappedFile file(path);
  if (file.bytes().size() > kMaxBytes) {
    corrupt(str_cat("expected at most ", kMaxBytes, " bytes, got ",
                    file.bytes().size(), " (", path.string(), ")"));
  }
  const std::string_view contents(
      reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  return suffix == ".txt" ? parse_text_script(contents, path.string())
                          : parse_json_script(contents, path.string());
}

}  // namespace csm::text
