#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace csm::text {

/// A stretch of text that is spoken in one go, after some silence.
struct Chunk {
  int pause_ms = 0;
  std::string text;
};

/// A text as it is read aloud.
struct Reading {
  std::vector<Chunk> chunks;  ///< at least one
  int final_pause_ms = 0;     ///< silence behind the last chunk
};

/// About how long the text takes to say: 65 ms for a character, 200 ms for a
/// wide one (Chinese, Japanese, Korean), 300 ms for a digit.
///
/// text  valid UTF-8
[[nodiscard]] double estimate_speech_ms(std::string_view text);

/// Takes pauses (split_pauses) out of a text and cuts what is between them
/// into chunks.
///
/// What estimate_speech_ms() holds for no longer than `max_chunk_ms` stays one
/// chunk; without any pause it is the text itself, untouched. Longer text gets
/// a chunk for every sentence, only very short ones (below 1.5 s) go with a
/// neighbour. A sentence of more than max_chunk_ms is cut behind clauses, a
/// clause between words, a word between characters. White space around chunks
/// is dropped; inside those of a text that was cut, it becomes one space. An
/// empty line always ends a chunk there.
///
/// max_chunk_ms  > 0, or 0: never cut except at pauses
/// Throws: Error{kInvalidArgument} if the text is not UTF-8, has a bad pause
/// or nothing but pauses and white space besides.
[[nodiscard]] Reading plan_reading(std::string_view text, int max_chunk_ms);

}  // namespace csm::text
