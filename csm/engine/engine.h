#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "csm/engine/codec_stream.h"
#include "csm/engine/engine_options.h"
#include "csm/engine/generation_options.h"
#include "csm/engine/model_cost.h"
#include "csm/engine/model_facts.h"
#include "csm/engine/prompt.h"
#include "csm/engine/session.h"
#include "csm/engine/voice.h"

namespace csm::engine {

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
  /// context  what was said before, the oldest first
  /// spoken   codes [n, K] of the first frames of this utterance, from a run
  ///          with the same seed and options: they come out of the session as
  ///          they are, and it goes on as that run did
  /// Throws: Error{kInvalidArgument} for empty or malformed text, a bad
  /// speaker, option or context (with its index); Error{kExhausted} if the
  /// prompt does not fit into the model's context with room for one frame.
  [[nodiscard]] Session start(const Utterance& utterance,
                              const GenerationOptions& options,
                              std::span<const Segment> context = {},
                              std::vector<std::int32_t> spoken = {});

  /// The same for a given prompt with token ids in [0, text_vocab) and codes
  /// in [0, V).
  ///
  /// earlier  a session of this engine, or null: the beginning that its prompt
  ///          and frames have in common with this prompt is not read again. The
  ///          speech has the same bits (csm/engine/conversation_test.cpp);
  ///          unused where another order of computing could change them, on a
  ///          GPU
  /// Throws: Error{kInvalidArgument} for an empty prompt, a bad id, code or
  /// option or another engine's session; Error{kExhausted} as above.
  [[nodiscard]] Session start_prompt(const Prompt& prompt,
                                     const GenerationOptions& options,
                                     std::vector<std::int32_t> spoken = {},
                                     const Session* earlier = nullptr);

  /// start_prompt of text alone.
  [[nodiscard]] Session start_tokens(std::vector<std::int32_t> ids,
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

  /// Begins to decode codes of the first n_codebooks of the codec, block by
  /// block.
  ///
  /// Throws: Error{kInvalidArgument} for a number that the codec cannot decode.
  [[nodiscard]] DecodeStream start_decoding(int n_codebooks);

  /// Codes of a given sound. The engine must have been loaded with
  /// EngineOptions::encoder.
  ///
  /// samples  [n] float32 mono at sample_rate_hz, n >= 1, finite
  /// returns  [ceil(n / samples_per_frame), options.n_codebooks]
  /// Throws: Error{kInvalidArgument} for no samples, one that is not finite, a
  /// number of codebooks that the codec does not have or an engine without
  /// encoder.
  [[nodiscard]] std::vector<std::int32_t> encode(
      std::span<const float> samples, const EncodeOptions& options = {});

  /// Begins to encode a sound, block by block.
  ///
  /// Throws: Error{kInvalidArgument} as encode().
  [[nodiscard]] EncodeStream start_encoding(EncodeOptions options = {});

  /// Token ids of an utterance's text, as PyTorch's processor gives.
  [[nodiscard]] std::vector<std::int32_t> prompt_tokens(
      const Utterance& utterance) const;

  /// The whole prompt: for each segment of the context its text, its frames
  /// and the frame that ends audio; then the text to speak.
  ///
  /// Throws: as start().
  [[nodiscard]] Prompt make_prompt(const Utterance& utterance,
                                   std::span<const Segment> context) const;

  /// The context's share of it.
  ///
  /// Throws: as start().
  [[nodiscard]] Prompt context_prompt(std::span<const Segment> context) const;

  /// A voice of something said, to be written as a voice pack. It has a cache
  /// unless the device's bits may differ from another's.
  ///
  /// segment  codes in [0, n_codec_codes)
  /// Throws: Error{kInvalidArgument} for bad text, speaker or codes;
  /// Error{kExhausted} if it does not fit into the model's context.
  [[nodiscard]] Voice make_voice(const Segment& segment);

  /// Lets the model hear a voice once: every session whose context begins with
  /// the voice's segment starts behind it from then on, and speaks the same
  /// bits. The voice's cache is used if it was made with these weights in this
  /// type; otherwise the model reads the segment.
  ///
  /// Throws: Error{kInvalidArgument} for a voice of another codec, number of
  /// codebooks or codes; Error{kExhausted} as make_voice().
  VoiceUse add_voice(const Voice& voice);

 private:
  // Throws: Error{kInvalidArgument} if it is not of this engine; `what` asks.
  [[nodiscard]] SessionState& state_of(const Session* session,
                                       const char* what) const;

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace csm::engine
