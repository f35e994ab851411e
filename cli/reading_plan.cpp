#include "cli/reading_plan.h"

#include <filesystem>
#include <utility>

#include "cli/console.h"
#include "csm/text/chunks.h"
#include "csm/text/pauses.h"
#include "csm/text/script.h"

namespace csm::cli {
namespace {

constexpr int kMaxChunkMs = 600000;

// Appends the pieces of one turn.
void add_turn(const text::Reading& reading, Piece piece, ReadingPlan& plan) {
  for (const text::Chunk& chunk : reading.chunks) {
    piece.pause_before_ms = chunk.pause_ms;
    piece.utterance.text = chunk.text;
    plan.pieces.push_back(piece);
    piece.gap_ms = 0;
  }
  plan.pieces.back().pause_after_ms = reading.final_pause_ms;
}

ReadingPlan plan_script(const std::string& script, int turn_gap_ms,
                        int max_chunk_ms) {
  ReadingPlan plan{.pieces = {}, .is_conversation = true};
  const auto folder = std::filesystem::path(script).parent_path();
  int number = 0;
  for (const text::Turn& turn : text::read_script(script)) {
    Piece piece{.turn = number,
                .gap_ms = turn.pause_ms.value_or(number > 0 ? turn_gap_ms : 0),
                .utterance = {.speaker = turn.speaker, .text = turn.text},
                .recording = {}};
    if (turn.audio.empty()) {
      add_turn(text::plan_reading(turn.text, max_chunk_ms), std::move(piece),
               plan);
    } else {
      piece.recording = (folder / turn.audio).string();
      plan.pieces.push_back(std::move(piece));
    }
    ++number;
  }
  return plan;
}

}  // namespace

bool ReadingPlan::is_single() const {
  const Piece& first = pieces.front();
  return !is_conversation && pieces.size() == 1 && first.pause_before_ms == 0 &&
         first.pause_after_ms == 0;
}

void ReadingOptions::add_to(CLI::App& command) {
  command.add_option("--conversation", conversation,
                     "Script of a dialogue, .txt with lines 'speaker: text' or "
                     ".json; each turn hears those before it");
  command
      .add_option("--turn-gap-ms", turn_gap_ms,
                  "Silence between the turns of a conversation")
      ->check(CLI::Range(0, text::kMaxPauseMs))
      ->capture_default_str();
  command.add_option("--output-dir", output_dir,
                     "Folder for a WAV file of each turn of a conversation");
  command
      .add_option("--max-chunk-ms", max_chunk_ms,
                  "Text that is estimated to take longer is spoken sentence by "
                  "sentence; 0: never")
      ->check(CLI::Range(0, kMaxChunkMs))
      ->capture_default_str();
  command
      .add_option("--max-context", max_context,
                  "Positions of earlier speech that a turn or chunk hears at "
                  "most (default: 512 in a text that was cut, otherwise what "
                  "the model has room for)")
      ->check(CLI::NonNegativeNumber);
}

std::optional<int> ReadingOptions::context_limit(
    const ReadingPlan& plan) const {
  if (max_context || plan.is_conversation || plan.is_single()) {
    return max_context;
  }
  return kLongTextContext;
}

ReadingPlan ReadingOptions::plan(const TextSource& source) const {
  if (conversation.empty()) {
    if (!output_dir.empty()) {
      throw UsageError("--output-dir goes with --conversation only");
    }
    engine::Utterance utterance = source.read();
    const auto reading = text::plan_reading(utterance.text, max_chunk_ms);
    ReadingPlan plan;
    add_turn(reading, {.utterance = std::move(utterance), .recording = {}},
             plan);
    return plan;
  }
  if (source.is_given()) {
    throw UsageError(
        "expected exactly one of --text, --text-file, - and --conversation");
  }
  if (source.has_speaker()) {
    throw UsageError(
        "--speaker does not go with --conversation, whose turns have their "
        "own speakers");
  }
  return plan_script(conversation, turn_gap_ms, max_chunk_ms);
}

}  // namespace csm::cli
