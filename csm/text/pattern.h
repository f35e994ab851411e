#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace csm::text {

/// A compiled pre-tokenizer regex or literal.
///
/// Compiled by PCRE2 in UTF mode, with its JIT where the platform has one, and
/// with limits on matching effort, memory and nesting, so that neither a
/// hostile pattern nor a hostile text can exhaust stack or time.
/// Threads: const-safe. Cheap to copy (shares the compiled code).
class Pattern {
 public:
  /// Compiles a regex in the syntax of tokenizer.json (see regex_syntax.h).
  ///
  /// `origin` names the file and field in messages.
  ///
  /// Throws: Error{kUnsupported} for constructs that are not supported or a
  /// pattern that can match nothing at all, Error{kCorrupt} if malformed.
  static Pattern regex(std::string_view source, const std::string& origin);

  /// A literal text. Throws: Error{kCorrupt} if it is empty.
  static Pattern literal(std::string_view source, const std::string& origin);

  /// Appends the pieces of `text` to `pieces`: every match and every gap
  /// between matches, in order, none empty (the behaviour "Isolated").
  ///
  /// `text` must be well-formed UTF-8; the pieces view into it.
  ///
  /// Throws: Error{kUnsupported} if matching exceeds the limits.
  void split(std::string_view text,
             std::vector<std::string_view>& pieces) const;

 private:
  class Code;
  explicit Pattern(std::shared_ptr<const Code> code);

  std::shared_ptr<const Code> code_;
};

}  // namespace csm::text
