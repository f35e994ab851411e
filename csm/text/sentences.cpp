#include "csm/text/sentences.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/text/unicode.h"
#include "csm/text/white_space.h"

namespace csm::text {
namespace {

using IteratorPtr = std::unique_ptr<icu::BreakIterator>;
using Pieces = std::vector<std::string_view>;

// Beyond those that ICU knows of.
constexpr std::string_view kAbbreviations[] = {"Dr.", "Prof.", "St.",
                                               "vs.", "e.g.",  "i.e."};

void check(UErrorCode status, const char* what) {
  if (U_SUCCESS(status)) return;
  throw Error(ErrorCode::kBackend, str_cat("[text.sentences] ICU cannot ", what,
                                           ": ", u_errorName(status)));
}

// A UText over a string; closes itself.
class Text {
 public:
  explicit Text(std::string_view utf8) {
    UErrorCode status = U_ZERO_ERROR;
    utext_openUTF8(&text_, utf8.data(), static_cast<std::int64_t>(utf8.size()),
                   &status);
    check(status, "read a text");
  }
  ~Text() { utext_close(&text_); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  UText* get() { return &text_; }

 private:
  UText text_ = UTEXT_INITIALIZER;
};

// ICU counts in 32 bits; a text is at most 16 MiB here.
Pieces split_by(icu::BreakIterator& iterator, std::string_view utf8) {
  Text text(utf8);
  UErrorCode status = U_ZERO_ERROR;
  iterator.setText(text.get(), status);
  check(status, "cut a text");
  Pieces pieces;
  std::size_t begin = 0;
  for (auto at = iterator.first(); at != icu::BreakIterator::DONE;
       at = iterator.next()) {
    const auto end = static_cast<std::size_t>(at);
    if (end > begin) pieces.push_back(utf8.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

bool starts_small(std::string_view text) {
  return u_islower(static_cast<UChar32>(first_code_point(text))) != 0;
}

// With an abbreviation or, "J. R. Smith", an initial.
bool ends_abbreviated(std::string_view text) {
  text = trim(text);
  const std::size_t space = text.find_last_of(kWhiteSpace);
  if (space != std::string_view::npos) text.remove_prefix(space + 1);
  const bool initial =
      text.size() == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] == '.';
  return initial ||
         std::find(std::begin(kAbbreviations), std::end(kAbbreviations),
                   text) != std::end(kAbbreviations);
}

// What ICU takes for two sentences and is one, as in `"Stop!" he said.`
Pieces join_parts(const Pieces& pieces) {
  Pieces joined;
  for (const std::string_view piece : pieces) {
    if (!joined.empty() &&
        (starts_small(piece) || ends_abbreviated(joined.back()))) {
      joined.back() = {joined.back().data(),
                       joined.back().size() + piece.size()};
    } else {
      joined.push_back(piece);
    }
  }
  return joined;
}

bool ends_clause(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return u_hasBinaryProperty(c, UCHAR_TERMINAL_PUNCTUATION) != 0 ||
         u_charType(c) == U_DASH_PUNCTUATION ||
         u_charType(c) == U_END_PUNCTUATION;
}

bool is_wide(char32_t code_point) {
  const int width = u_getIntPropertyValue(static_cast<UChar32>(code_point),
                                          UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH;
}

// Behind punctuation that white space follows, or that is a wide character: a
// comma inside "3,000" and the hyphen of a word are none.
Pieces split_clauses(std::string_view text) {
  Pieces pieces;
  std::size_t begin = 0;
  bool mark = false;  // the last visible character ends a clause
  bool wide = false;
  bool space = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const char32_t c = first_code_point(rest);
    if (u_isUWhiteSpace(static_cast<UChar32>(c)) != 0) {
      space = true;
    } else {
      if (mark && (space || (wide && !ends_clause(c)))) {
        pieces.push_back(text.substr(begin, at - begin));
        begin = at;
      }
      mark = ends_clause(c);
      wide = is_wide(c);
      space = false;
    }
    at += utf8_sequence_length(rest);
  }
  if (begin < text.size()) pieces.push_back(text.substr(begin));
  return pieces;
}

}  // namespace

struct Segmenter::Iterators {
  IteratorPtr sentence;
  IteratorPtr line;
  IteratorPtr character;
};

Segmenter::Segmenter() : iterators_(std::make_unique<Iterators>()) {
  const icu::Locale english = icu::Locale::getEnglish();
  UErrorCode status = U_ZERO_ERROR;
  // With ICU's own list of abbreviations.
  iterators_->sentence.reset(icu::BreakIterator::createSentenceInstance(
      icu::Locale("en@ss=standard"), status));
  iterators_->line.reset(
      icu::BreakIterator::createLineInstance(english, status));
  iterators_->character.reset(
      icu::BreakIterator::createCharacterInstance(english, status));
  check(status, "find sentences");
}

Segmenter::~Segmenter() = default;

std::vector<std::string_view> Segmenter::split(std::string_view text,
                                               Border border) {
  switch (border) {
    case Border::kSentence:
      return join_parts(split_by(*iterators_->sentence, text));
    case Border::kClause:
      return split_clauses(text);
    case Border::kLine:
      return split_by(*iterators_->line, text);
    case Border::kCharacter:
      return split_by(*iterators_->character, text);
  }
  return {text};
}

}  // namespace csm::text
