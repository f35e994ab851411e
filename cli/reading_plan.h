#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/context_options.h"
#include "cli/text_source.h"
#include "csm/engine/session.h"

namespace csm::cli {

/// What is spoken in one go, and the silence around it.
struct Piece {
  int turn = 0;             // of the conversation, from 0
  int gap_ms = 0;           // silence between turns, before the piece
  int pause_before_ms = 0;  // silence that belongs to the turn
  int pause_after_ms = 0;
  engine::Utterance utterance;
  std::string recording;  // file that holds it already; empty: none
};

/// All that is to be said, in order.
struct ReadingPlan {
  std::vector<Piece> pieces;  // at least one
  bool is_conversation = false;

  /// Whether it is one utterance and nothing else.
  [[nodiscard]] bool is_single() const;
};

/// The options --conversation, --turn-gap-ms, --output-dir, --max-chunk-ms and
/// --max-context.
struct ReadingOptions {
  std::string conversation;
  int turn_gap_ms = 0;
  std::string output_dir;
  int max_chunk_ms = 20000;
  std::optional<int> max_context;

  void add_to(CLI::App& command);

  /// Cuts the text into chunks, or reads the script.
  ///
  /// source  where the text is, unless there is a conversation
  /// Throws: UsageError for options that exclude each other; as
  /// TextSource::read, text::plan_reading and text::read_script.
  [[nodiscard]] ReadingPlan plan(const TextSource& source) const;

  /// Positions of earlier speech that the pieces of a plan hear at most, if
  /// there is a limit besides the model's: by default kLongTextContext for a
  /// text that was cut.
  [[nodiscard]] std::optional<int> context_limit(const ReadingPlan& plan) const;

  static constexpr int kLongTextContext = 512;
};

}  // namespace csm::cli
