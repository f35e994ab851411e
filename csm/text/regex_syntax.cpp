#include "csm/text/regex_syntax.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/text/unicode_class.h"

namespace csm::text {
namespace {

constexpr std::size_t kMaxShown = 24;
constexpr std::size_t kMaxGroups = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Groups whose meaning is the same in both engines.
constexpr std::array<std::string_view, 7> kPlainGroups = {
    "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};

class Translator {
 public:
  Translator(std::string_view regex, const std::string& origin)
      : regex_(regex), origin_(origin) {}

  std::string run() {
    while (pos_ < regex_.size()) step();
    if (!ignore_case_.empty()) corrupt("a closing )");
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse() const {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[text.regex_syntax] expected a construct that is "
                        "supported, got '",
                        printable(regex_.substr(pos_), kMaxShown), "' at byte ",
                        pos_, " (", origin_, ")"));
  }
  [[noreturn]] void corrupt(std::string_view expected) const {
    throw Error(ErrorCode::kCorrupt,
                str_cat("[text.regex_syntax] expected ", expected,
                        ", got the end of the regex (", origin_, ")"));
  }

  [[nodiscard]] bool looking_at(std::string_view text) const {
    return regex_.substr(pos_).starts_with(text);
  }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return pos_ + ahead < regex_.size() ? regex_[pos_ + ahead] : '\0';
  }
  [[nodiscard]] bool ignores_case() const {
    return !ignore_case_.empty() && ignore_case_.back();
  }
  void copy(std::size_t n) {
    out_.append(regex_.substr(pos_, n));
    pos_ += n;
  }

  void step();
  void group();
  void close_group();
  void quantifier();
  void interval();
  void literal();
  void bracket();
  void bracket_item();
  std::optional<std::string> class_escape();
  void escape();
  void hex_escape();

  std::string_view regex_;
  const std::string& origin_;
  std::size_t pos_ = 0;
  std::string out_;
  std::vector<bool> ignore_case_;  // one per open group
};

void Translator::step() {
  switch (peek()) {
    case '(':
      return group();
    case ')':
      return close_group();
    case '[':
      return bracket();
    case '*':
    case '+':
    case '?':
      return quantifier();
    case '{':
      return interval();
    case '^':
    case '$':
      return refuse();
    case '|':
    case '.':
      return copy(1);
    case '\\':
      if (auto items = class_escape()) {
        out_ += str_cat("[", *items, "]");
        return;
      }
      return escape();
    default:
      return literal();
  }
}

void Translator::group() {
  if (ignore_case_.size() >= kMaxGroups || looking_at("(*")) refuse();
  if (!looking_at("(?")) {
    ignore_case_.push_back(ignores_case());
    return copy(1);
  }
  for (const std::string_view form : kPlainGroups) {
    if (!looking_at(form)) continue;
    ignore_case_.push_back(ignores_case() || form == "(?i:");
    return copy(form.size());
  }
  refuse();
}

void Translator::close_group() {
  if (ignore_case_.empty()) refuse();
  ignore_case_.pop_back();
  copy(1);
}

// ?, *, + with an optional lazy or possessive sign.
void Translator::quantifier() {
  copy(1);
  if (peek() == '?' || peek() == '+') copy(1);
  if (peek() == '?' || peek() == '+' || peek() == '*') refuse();
}

// {n}, {n,} or {n,m}. What follows must not be another quantifier: Ruby reads
// "{n}+" as a repetition of a repetition, PCRE2 as possessive.
void Translator::interval() {
  std::size_t end = 1;
  while (is_digit(peek(end))) ++end;
  if (end == 1) refuse();
  if (peek(end) == ',') ++end;
  while (is_digit(peek(end))) ++end;
  if (peek(end) != '}') refuse();
  const char next = peek(end + 1);
  if (next == '?' || next == '+' || next == '*' || next == '{') refuse();
  copy(end + 1);
}

// Oniguruma folds some letter pairs into one letter (ss into sharp s).
void Translator::literal() {
  if (ignores_case()) {
    static constexpr std::array<std::string_view, 5> kFolded = {
        "ss", "ff", "fi", "fl", "st"};
    std::string pair{peek(), peek(1)};
    std::transform(pair.begin(), pair.end(), pair.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const bool ascii = static_cast<unsigned char>(peek()) < 0x80;
    if (!ascii || std::count(kFolded.begin(), kFolded.end(), pair) != 0) {
      refuse();
    }
  }
  copy(1);
}

// \s, \S, \p{..}, \P{..}: the items of a bracket expression.
std::optional<std::string> Translator::class_escape() {
  struct Form {
    std::string_view text;
    UnicodeClass which;
    bool negated;
  };
  static constexpr std::array<Form, 8> kForms = {{
      {"\\s", UnicodeClass::kSpace, false},
      {"\\S", UnicodeClass::kSpace, true},
      {"\\p{L}", UnicodeClass::kLetter, false},
      {"\\P{L}", UnicodeClass::kLetter, true},
      {"\\p{M}", UnicodeClass::kMark, false},
      {"\\P{M}", UnicodeClass::kMark, true},
      {"\\p{N}", UnicodeClass::kNumber, false},
      {"\\P{N}", UnicodeClass::kNumber, true},
  }};
  for (const Form& form : kForms) {
    if (!looking_at(form.text)) continue;
    if (ignores_case()) refuse();  // case folding leaves the class
    pos_ += form.text.size();
    return bracket_items(form.which, form.negated);
  }
  return std::nullopt;
}

void Translator::escape() {
  const char c = peek(1);
  if (c == '\0') corrupt("a character after the backslash");
  if (c == 'x') return hex_escape();
  const bool same_control = c == 'n' || c == 'r' || c == 't' || c == 'f';
  const bool punctuation =
      !is_alpha(c) && !is_digit(c) && static_cast<unsigned char>(c) < 0x80;
  if (!same_control && !punctuation) refuse();
  copy(2);
}

// \x{HHHH}; the two-digit form is a raw byte in Oniguruma.
void Translator::hex_escape() {
  if (ignores_case() || peek(2) != '{') refuse();
  std::size_t end = 3;
  while (is_hex(peek(end))) ++end;
  if (end == 3 || peek(end) != '}') refuse();
  copy(end + 1);
}

// A bracket expression without nesting or set operations.
void Translator::bracket() {
  copy(1);
  if (peek() == '^') copy(1);
  if (peek() == ']') refuse();
  while (peek() != ']') {
    if (pos_ >= regex_.size()) corrupt("a closing ]");
    bracket_item();
  }
  copy(1);
}

void Translator::bracket_item() {
  if (peek() == '[' || looking_at("&&")) refuse();
  if (peek() == '-' && peek(1) == '\\' && is_alpha(peek(2))) refuse();
  if (peek() != '\\') return literal();
  if (auto items = class_escape()) {
    out_ += *items;
    if (peek() == '-' && peek(1) != ']') refuse();  // a range from a class
    return;
  }
  escape();
}

}  // namespace

std::string to_pcre2(std::string_view regex, const std::string& origin) {
  return Translator(regex, origin).run();
}

}  // namespace csm::text
