#include "csm/validate/model_source.h"

#include <algorithm>
#include <cstddef>

#include "csm/base/error.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"

namespace csm::validate {
namespace {

/// One utterance that was generated.
struct Generation {
  std::vector<std::int32_t> codes;  // [F, K]
  int n_frames = 0;
  bool ended = false;  // by the model itself
};

Generation generate(engine::Engine& engine, const engine::Utterance& utterance,
                    const engine::GenerationOptions& options) {
  Generation result;
  engine::Session session = engine.start(utterance, options);
  while (const auto frame = session.next()) {
    result.codes.insert(result.codes.end(), frame->codes.begin(),
                        frame->codes.end());
    ++result.n_frames;
  }
  result.ended = session.stop_reason() == engine::StopReason::kEos;
  return result;
}

// Appends up to n_wanted frames from the middle of a scored utterance.
int append_middle(const std::vector<float>& logits, int n_frames, int n_wanted,
                  LogitRows& rows) {
  const int n_taken = std::min(n_frames, n_wanted);
  const auto frame_values = static_cast<std::size_t>(rows.n_codebooks) *
                            static_cast<std::size_t>(rows.vocab);
  const auto first =
      static_cast<std::size_t>((n_frames - n_taken) / 2) * frame_values;
  const auto size = static_cast<std::size_t>(n_taken) * frame_values;
  const auto part = std::span<const float>(logits).subspan(first, size);
  rows.data.insert(rows.data.end(), part.begin(), part.end());
  rows.n_frames += n_taken;
  return n_taken;
}

}  // namespace

ModelRows rows_of_model(engine::Engine& engine,
                        const ModelSourceOptions& options,
                        const std::function<void(int, int)>& progress) {
  const engine::ModelFacts& facts = engine.facts();
  ModelRows result;
  result.rows = {.n_frames = 0,
                 .n_codebooks = facts.n_codebooks,
                 .vocab = facts.n_codes,
                 .n_valid_codes = facts.n_codec_codes,
                 .data = {}};
  const int n_prompts = static_cast<int>(options.prompts.size());
  const int n_runs = n_prompts * options.n_seeds;
  OrderedJson generations = OrderedJson::array();
  for (int run = 0; run < n_runs; ++run) {
    const int prompt = run % n_prompts;
    const engine::Utterance utterance = {
        .speaker = prompt % options.n_speakers,
        .text = options.prompts[static_cast<std::size_t>(prompt)]};
    engine::GenerationOptions generation = options.generation;
    generation.seed += static_cast<std::uint64_t>(run / n_prompts);
    generation.max_audio_ms = options.max_audio_ms;
    const Generation speech = generate(engine, utterance, generation);
    const int still_wanted = options.n_frames - result.rows.n_frames;
    const int share = (still_wanted + n_runs - run - 1) / (n_runs - run);
    int n_taken = 0;
    if (speech.n_frames > 0 && share > 0) {
      n_taken = append_middle(engine.score(utterance, speech.codes),
                              speech.n_frames, share, result.rows);
    }
    generations.push_back(
        {{"prompt", utterance.text},
         {"speaker", utterance.speaker},
         {"seed", generation.seed},
         {"frames", speech.n_frames},
         {"frames_taken", n_taken},
         {"ended", speech.ended},
         {"codes_sha256", sha256_hex(std::as_bytes(std::span(speech.codes)))}});
    if (progress) progress(run + 1, n_runs);
  }
  if (result.rows.n_frames == 0) {
    throw Error(ErrorCode::kBackend,
                "[validate.model] expected speech from the model, got no "
                "frame");
  }
  result.description = {{"generations", generations}};
  return result;
}

const std::vector<std::string>& default_prompts() {
  static const std::vector<std::string> kPrompts = {
      "Hello, it is good to hear you again.",
      "The quick brown fox jumps over the lazy dog.",
      "We walked along the river until the sun went down.",
      "Could you please tell me what time it is?",
      "Seven small boats came back before the storm.",
      "She opened the window and listened to the rain.",
      "Nobody knew where the old road would lead them.",
      "Thank you very much, and have a pleasant evening."};
  return kPrompts;
}

}  // namespace csm::validate
