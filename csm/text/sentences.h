#pragma once

#include <memory>
#include <string_view>
#include <vector>

namespace csm::text {

/// Where a text may be cut, the best place first.
enum class Border {
  kSentence,   ///< behind a sentence
  kClause,     ///< behind a comma, semicolon, colon, dash or the like
  kLine,       ///< where a line may be broken, mostly between words
  kCharacter,  ///< between what readers see as characters
};

/// Cuts texts at the borders that Unicode (UAX 14 and 29, by ICU) knows.
///
/// Sentences do not end behind "Mr.", "Dr." and other common English
/// abbreviations, nor behind initials, nor where a small letter follows. Which
/// borders there are depends on the version of ICU in details.
/// Threads: one thread at a time.
class Segmenter {
 public:
  /// Throws: Error{kBackend} if ICU lacks its data.
  Segmenter();
  ~Segmenter();
  Segmenter(const Segmenter&) = delete;
  Segmenter& operator=(const Segmenter&) = delete;

  /// The pieces of `text` between borders of this kind; put together they are
  /// the text. White space goes with the piece before it.
  ///
  /// text  valid UTF-8
  [[nodiscard]] std::vector<std::string_view> split(std::string_view text,
                                                    Border border);

 private:
  struct Iterators;
  std::unique_ptr<Iterators> iterators_;
};

}  // namespace csm::text
