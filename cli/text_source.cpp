#include "cli/text_source.h"

#include <fstream>
#include <iostream>
#include <utility>

#include "cli/console.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

constexpr std::size_t kMaxTextBytes = 16UL << 20;

std::string read_all(std::istream& in, const std::string& name) {
  std::string text;
  char buffer[65536];
  while (in.read(buffer, sizeof(buffer)) || in.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxTextBytes) {
      throw Error(ErrorCode::kInvalidArgument,
                  str_cat("[cli] expected at most ", kMaxTextBytes,
                          " bytes of text (", name, ")"));
    }
  }
  if (in.bad()) {
    throw Error(ErrorCode::kNotFound, str_cat("[cli] cannot read ", name));
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

void TextSource::add_to(CLI::App& command) {
  text_option_ = command.add_option("--text", text, "Text to speak");
  command.add_option("--text-file", file, "File with the text, UTF-8");
  command.add_option("stdin", dash, "- reads the text from standard input");
  speaker_option_ =
      command.add_option("--speaker", speaker, "Number of the speaker")
          ->check(CLI::Range(0, 999999))
          ->capture_default_str();
}

engine::Utterance TextSource::read() const {
  if (!dash.empty() && dash != "-") {
    throw UsageError(
        str_cat("expected --text or - for standard input, got '", dash, "'"));
  }
  const bool given = text_option_->count() > 0;
  if (int{given} + int{!file.empty()} + int{!dash.empty()} != 1) {
    throw UsageError("expected exactly one of --text, --text-file and -");
  }
  engine::Utterance utterance{.speaker = speaker, .text = text};
  if (!dash.empty()) {
    utterance.text = read_all(std::cin, "standard input");
  } else if (!file.empty()) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      throw Error(ErrorCode::kNotFound,
                  str_cat("[cli] cannot read --text-file '", file, "'"));
    }
    utterance.text = read_all(in, file);
  }
  return utterance;
}

bool TextSource::is_given() const {
  return text_option_->count() > 0 || !file.empty() || !dash.empty();
}

bool TextSource::has_speaker() const {
  return speaker_option_ != nullptr && speaker_option_->count() > 0;
}

}  // namespace csm::cli
