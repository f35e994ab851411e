#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "csm/engine/engine_options.h"
#include "csm/engine/generation_options.h"
#include "csm/engine/model_cost.h"
#include "csm/engine/session.h"

namespace csm::engine {

/// Sizes of a loaded model that callers need.
struct ModelFacts {
  int n_codebooks = 0;     ///< K
  int n_codes = 0;         ///< V, rows of a head
  int n_codec_codes = 0;   ///< codes that the codec can decode
  int n_text_tokens = 0;   ///< rows of the text embedding
  int max_positions = 0;   ///< context of the backbone, in frames
  int sample_rate_hz = 0;  ///< of the audio
  int samples_per_frame = 0;
};

/// A model, its tokenizer and its codec, ready to speak.
///
/// Owns weights and threads; sessions share them. Construction loads and
/// checks the model, which takes as long as reading the file does.
/// Threads: one thread at a time, always the one that constructed it.
class Engine {
 public:
  /// Throws: Error naming the file and field for whatever is wrong with the
  /// model; as EngineOptions::validate.
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] const ModelFacts& facts() const;
  [[nodiscard]] const ModelCost& cost() const;
  /// Threads of the CPU kernels.
  [[nodiscard]] int threads() const;

  /// Begins to speak. Nothing is computed before Session::next.
  ///
  /// Throws: Error{kInvalidArgument} for empty or malformed text, a bad
  /// speaker or option; Error{kExhausted} if the prompt does not fit into the
  /// model's context with room for one frame.
  [[nodiscard]] Session start(const Utterance& utterance,
                              const GenerationOptions& options);

  /// The same for given token ids, each in [0, text_vocab).
  ///
  /// Throws: Error{kInvalidArgument} for an empty prompt or a bad id or option;
  /// Error{kExhausted} as above.
  [[nodiscard]] Session start_tokens(std::vector<std::int32_t> prompt,
                                     const GenerationOptions& options);

  /// Speaks one frame of several sessions at once, which takes little longer
  /// than one of them: the weights of the language model are read once for all.
  /// Sessions may join and leave the batch between any two steps, and a new one
  /// brings its prompt. Each speaks exactly what it would alone.
  ///
  /// sessions  of this engine, each once; those that have ended stay as they
  ///           are and get neither frame nor error
  /// returns   one result for each session, in order
  /// Throws: Error{kInvalidArgument} for a session that is null, was moved
  /// from, is another engine's or is there twice; nothing has changed then.
  /// What goes wrong in one session is the error of its result and ends it
  /// alone; only a failure of the shared computation (out of memory, the
  /// device) ends all.
  [[nodiscard]] std::vector<StepResult> step(
      std::span<Session* const> sessions);

  /// Writes random weights as a folder that transformers reads
  /// (write_random_model).
  ///
  /// Throws: Error{kInvalidArgument} if the weights are not random.
  void save_random_model(const std::filesystem::path& folder) const;

  /// Logits of every codebook for given codes (teacher forcing).
  ///
  /// codes    [n_frames, K] int32, each in [0, V)
  /// returns  [n_frames, K, V] float32: what the model predicts for each
  ///          code from the text and all codes before it
  /// Throws: Error{kInvalidArgument} on a wrong size or code,
  /// Error{kExhausted} if it does not fit into the context.
  [[nodiscard]] std::vector<float> score(const Utterance& utterance,
                                         std::span<const std::int32_t> codes);

  /// Sound of given codes.
  ///
  /// codes    [n_frames, K] int32, each in [0, n_codec_codes)
  /// returns  [n_frames * samples_per_frame] float32 mono
  /// Throws: Error{kInvalidArgument} on a wrong size or code.
  [[nodiscard]] std::vector<float> decode(std::span<const std::int32_t> codes);

  /// Token ids of the prompt for an utterance, as PyTorch's processor gives.
  [[nodiscard]] std::vector<std::int32_t> prompt_tokens(
      const Utterance& utterance) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace csm::engine
