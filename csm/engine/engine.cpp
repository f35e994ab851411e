#include "csm/engine/engine.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/base/thread_pool.h"
#include "csm/codec/codebooks.h"
#include "csm/codec/mimi_config.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/codec/mimi_encoder.h"
#include "csm/engine/check_codes.h"
#include "csm/engine/frame_batch.h"
#include "csm/engine/guarded.h"
#include "csm/engine/model_source.h"
#include "csm/engine/prefix_store.h"
#include "csm/engine/random_model.h"
#include "csm/engine/runtime.h"
#include "csm/kernels/exec_op.h"
#include "csm/model/csm_model.h"
#include "csm/model/model_config.h"
#include "csm/text/prompt.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/aligned_array.h"
#include "csm/weights/model_digest.h"
#include "csm/weights/weight_store.h"

namespace csm::engine {
namespace {

[[noreturn]] void invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "[engine] " + message);
}

// Composed operations take integer weights in MLX's layout.
model::WeightPolicy weight_policy(const EngineOptions& options,
                                  const kernels::Exec& exec, ThreadPool* pool,
                                  weights::ArrayArena& arena) {
  return model::WeightPolicy::of(
      kernel_type(options.weight_type),
      {.tiled = exec.use_cpu_kernels(), .pool = pool, .arena = &arena});
}

void check_prompt(const Prompt& prompt, const ModelFacts& facts) {
  if (prompt.n_positions() == 0) {
    invalid("expected at least one token, got none (prompt)");
  }
  for (const Prompt::Part& part : prompt.parts()) {
    const int limit = part.is_audio ? facts.n_codes : facts.n_text_tokens;
    for (const std::int32_t id : part.values) {
      if (id < 0 || id >= limit) {
        invalid(str_cat("expected ", part.is_audio ? "codes" : "token ids",
                        " in [0, ", limit, "), got ", id, " (prompt)"));
      }
    }
  }
  if (prompt.n_positions() > facts.max_positions) {
    throw Error(
        ErrorCode::kExhausted,
        str_cat("[engine] expected a prompt of at most ", facts.max_positions,
                " positions, the model's context, got ", prompt.n_positions(),
                " (prompt)"));
  }
}

}  // namespace

struct Engine::Parts {
  EngineOptions options;
  std::unique_ptr<ThreadPool> pool;
  kernels::StageClock clock = {};
  kernels::Exec exec;
  std::optional<text::Tokenizer> tokenizer;  // none with random weights
  model::CsmModel model;
  codec::Codebooks codebooks;
  codec::MimiDecoder decoder;
  std::optional<codec::MimiEncoder> encoder;  // none unless asked for
  ModelFacts facts;
  ModelCost cost;
  std::map<std::string, weights::WeightStore::Taken, std::less<>> tensors;
  PrefixStore prefixes = {};

  static std::unique_ptr<Parts> load(const EngineOptions& options);
  [[nodiscard]] FrameContext context() const {
    return {&exec, &model, &decoder};
  }
  // what  that the codes belong to, for the error; may be empty
  void check_codes(std::span<const std::int32_t> codes, int limit,
                   const std::string& what = {}) const;
  [[nodiscard]] mx::array codes_array(
      std::span<const std::int32_t> codes) const;
  /// past  of another session; may be null
  [[nodiscard]] KnownBeginning known_beginning(const Prompt& prompt,
                                               const ReadPrompt* past) const;
  /// What a cache of a voice must agree with; nothing where bits may differ.
  [[nodiscard]] std::optional<VoiceCacheKey> voice_cache_key() const;
  /// h [1, D] and the frame's codes [K] -> logits of all codebooks [K, V]
  [[nodiscard]] mx::array score_frame(
      const mx::array& h, std::span<const std::int32_t> codes) const;
};

std::unique_ptr<Engine::Parts> Engine::Parts::load(
    const EngineOptions& options) {
  options.validate();
  Runtime runtime = Runtime::make(options);
  ModelSource source = open_model(options, runtime.pool.get());
  const model::ModelConfig& config = source.config;
  const codec::MimiConfig& codec_config = source.codec;
  const kernels::Exec& exec = runtime.exec;
  weights::ArrayArena arena;
  auto model = model::CsmModel::load(
      config, source.store,
      weight_policy(options, exec, runtime.pool.get(), arena));
  auto codebooks = codec::Codebooks::load(codec_config, source.store);
  std::optional<codec::MimiEncoder> encoder;
  if (options.encoder) {
    encoder = codec::MimiEncoder::load(codec_config, codebooks, source.store);
  }
  auto decoder = codec::MimiDecoder::load(codec_config, codebooks, source.store,
                                          codec_weights(options, exec));
  source.store.check_all_used();

  auto parts = std::unique_ptr<Parts>(
      new Parts{.options = options,
                .pool = std::move(runtime.pool),
                .exec = exec,
                .tokenizer = std::move(source.tokenizer),
                .model = std::move(model),
                .codebooks = std::move(codebooks),
                .decoder = std::move(decoder),
                .encoder = std::move(encoder),
                .facts = source.facts(),
                .cost = measure_cost(config, codec_config, source.store),
                .tensors = source.store.taken()});
  if (options.timed) parts->exec.clock = &parts->clock;
  return parts;
}

void Engine::Parts::check_codes(std::span<const std::int32_t> codes, int limit,
                                const std::string& what) const {
  engine::check_codes(codes, {.unit = "engine",
                              .n_codebooks = facts.n_codebooks,
                              .limit = limit,
                              .what = what});
}

mx::array Engine::Parts::codes_array(
    std::span<const std::int32_t> codes) const {
  const int n_frames = static_cast<int>(codes.size()) / facts.n_codebooks;
  return mx::array(codes.data(), {n_frames, facts.n_codebooks}, mx::int32);
}

KnownBeginning Engine::Parts::known_beginning(const Prompt& prompt,
                                              const ReadPrompt* past) const {
  const KnownBeginning stored = prefixes.find(prompt);
  if (!exec.use_cpu_kernels()) {
    // Bits may change with the order of computing: whole voices only.
    const bool whole = stored.n_positions > 0 &&
                       stored.read->prompt.n_positions() == stored.n_positions;
    return whole ? stored : KnownBeginning();
  }
  if (past == nullptr) return stored;
  const auto spoken = KnownBeginning::of(*past, prompt);
  return spoken.n_positions > stored.n_positions ? spoken : stored;
}

std::optional<VoiceCacheKey> Engine::Parts::voice_cache_key() const {
  if (!exec.use_cpu_kernels()) return std::nullopt;
  const nn::LlamaConfig& backbone = model.config().backbone;
  const auto digest_folder = options.digest_dir.empty()
                                 ? std::optional<std::filesystem::path>()
                                 : options.digest_dir;
  return VoiceCacheKey{
      .weights_sha256 = digest_of(options.files(), digest_folder),
      .weight_type = options.weight_type,
      .n_layers = backbone.n_layers,
      .n_kv_heads = backbone.n_kv_heads,
      .head_dim = backbone.head_dim};
}

mx::array Engine::Parts::score_frame(
    const mx::array& h, std::span<const std::int32_t> codes) const {
  model::DepthState state = model.new_depth_state();
  std::vector<mx::array> logits = {model.c0_logits(exec, h)};
  for (int codebook = 1; codebook < facts.n_codebooks; ++codebook) {
    const auto index = static_cast<std::size_t>(codebook) - 1;
    const mx::array previous(&codes[index], {1, 1}, mx::int32);
    logits.push_back(codebook == 1
                         ? model.depth_start(exec, h, previous, state)
                         : model.depth_next(exec, previous, codebook, state));
  }
  return mx::concatenate(logits, 0, exec.stream);
}

Engine::Engine(const EngineOptions& options)
    : parts_(guarded("loading", [&] { return Parts::load(options); })) {}

Engine::~Engine() = default;

const ModelFacts& Engine::facts() const { return parts_->facts; }
const ModelCost& Engine::cost() const { return parts_->cost; }
int Engine::threads() const { return parts_->pool->size(); }

void Engine::save_random_model(const std::filesystem::path& folder) const {
  const EngineOptions& options = parts_->options;
  if (options.random_weights.empty()) {
    invalid("expected random weights to save, got a model that has files");
  }
  write_random_model(folder, options.random_weights, options.weight_seed,
                     parts_->tensors);
}

std::vector<std::int32_t> Engine::prompt_tokens(
    const Utterance& utterance) const {
  if (utterance.text.empty()) invalid("expected some text, got none (text)");
  if (!parts_->tokenizer) {
    throw Error(ErrorCode::kUnsupported,
                "[engine] expected a model with a tokenizer, got random "
                "weights (text)");
  }
  const std::string segment =
      text::segment_text(utterance.speaker, utterance.text);
  auto tokens = parts_->tokenizer->encode(segment, true);
  const auto n_positions = static_cast<std::size_t>(facts().max_positions);
  if (tokens.size() > n_positions) {
    throw Error(ErrorCode::kExhausted,
                str_cat("[engine] expected a text of at most ", n_positions,
                        " tokens, the model's context, got ", tokens.size(),
                        " (text)"));
  }
  return tokens;
}

Prompt Engine::context_prompt(std::span<const Segment> context) const {
  Prompt prompt;
  for (std::size_t i = 0; i < context.size(); ++i) {
    const Segment& segment = context[i];
    parts_->check_codes(segment.codes, facts().n_codes,
                        str_cat(" (context segment ", i + 1, ")"));
    prompt.add_text(prompt_tokens(segment.utterance));
    prompt.add_audio(segment.codes, facts().n_codebooks,
                     parts_->model.config().codebook_eos);
  }
  return prompt;
}

Prompt Engine::make_prompt(const Utterance& utterance,
                           std::span<const Segment> context) const {
  Prompt prompt = context_prompt(context);
  prompt.add_text(prompt_tokens(utterance));
  return prompt;
}

Session Engine::start(const Utterance& utterance,
                      const GenerationOptions& options,
                      std::span<const Segment> context,
                      std::vector<std::int32_t> spoken) {
  options.validate(facts().n_codes);
  return start_prompt(make_prompt(utterance, context), options,
                      std::move(spoken));
}

Session Engine::start_tokens(std::vector<std::int32_t> ids,
                             const GenerationOptions& options) {
  Prompt prompt;
  prompt.add_text(std::move(ids));
  return start_prompt(prompt, options);
}

Session Engine::start_prompt(const Prompt& prompt,
                             const GenerationOptions& options,
                             std::vector<std::int32_t> spoken,
                             const Session* earlier) {
  options.validate(facts().n_codes);
  check_prompt(prompt, facts());
  if (!spoken.empty()) {
    parts_->check_codes(spoken, facts().n_codes, " (spoken before)");
  }
  // The last frame is not fed back, so it needs no position.
  const std::int64_t room = facts().max_positions - prompt.n_positions() + 1;
  const std::int64_t wanted = options.max_frames(facts());
  if (wanted < 1) {
    invalid(str_cat("expected max_audio_ms of at least one frame, got ",
                    options.max_audio_ms));
  }
  const int max_frames = static_cast<int>(std::min(wanted, room));
  HeadStart head = {
      .known = parts_->known_beginning(
          prompt,
          earlier == nullptr ? nullptr : state_of(earlier, "earlier").past()),
      .spoken = std::move(spoken)};
  return Session(std::make_unique<SessionState>(
      parts_->context(), prompt, options, max_frames, std::move(head)));
}

Voice Engine::make_voice(const Segment& segment) {
  Parts& parts = *parts_;
  parts.check_codes(segment.codes, parts.facts.n_codec_codes, " (voice)");
  Voice voice = {.segment = segment,
                 .n_codebooks = parts.facts.n_codebooks,
                 .n_codec_codes = parts.facts.n_codec_codes,
                 .codec_sha256 = parts.codebooks.digest(),
                 .cache = std::nullopt};
  const Prompt prompt = context_prompt({&segment, 1});
  check_prompt(prompt, parts.facts);
  if (const auto key = parts.voice_cache_key()) {
    voice.cache = guarded("voice", [&] {
      const ReadPrompt& read = parts.prefixes.read(parts.context(), prompt);
      return VoiceCache{.key = *key, .rows = read.state.read_rows(parts.exec)};
    });
  }
  return voice;
}

VoiceUse Engine::add_voice(const Voice& voice) {
  Parts& parts = *parts_;
  check_voice(voice, parts.facts, parts.codebooks.digest());
  const Prompt prompt = context_prompt({&voice.segment, 1});
  check_prompt(prompt, parts.facts);
  VoiceUse use = {.from_cache = false, .why_not = "it has no cache"};
  if (voice.cache) {
    use.why_not =
        why_unfit(*voice.cache, parts.voice_cache_key(), prompt.n_positions());
  }
  return guarded("voice", [&] {
    if (use.why_not.empty()) {
      use.from_cache =
          parts.prefixes.take(parts.context(), prompt, voice.cache->rows);
      if (!use.from_cache)
        use.why_not = "its cache holds other values than the model's";
    }
    if (!use.from_cache) (void)parts.prefixes.read(parts.context(), prompt);
    return use;
  });
}

SessionState& Engine::state_of(const Session* session, const char* what) const {
  SessionState* state = session == nullptr ? nullptr : session->state_.get();
  if (state == nullptr || state->context().exec != &parts_->exec) {
    invalid(
        str_cat("expected sessions of this engine, got another (", what, ")"));
  }
  return *state;
}

std::vector<StepResult> Engine::step(std::span<Session* const> sessions) {
  std::vector<SessionState*> states;
  for (const Session* session : sessions) {
    SessionState* state = &state_of(session, "step");
    if (std::find(states.begin(), states.end(), state) != states.end()) {
      invalid("expected every session once, got one twice (step)");
    }
    states.push_back(state);
  }
  return step_frames(parts_->context(), states);
}

std::vector<float> Engine::score(const Utterance& utterance,
                                 std::span<const std::int32_t> codes) {
  const Parts& parts = *parts_;
  parts.check_codes(codes, parts.facts.n_codes);
  const auto prompt = prompt_tokens(utterance);
  const int n_prompt = static_cast<int>(prompt.size());
  const auto n_codebooks = static_cast<std::size_t>(parts.facts.n_codebooks);
  const int n_frames = static_cast<int>(codes.size() / n_codebooks);

  return guarded("score", [&] {
    const mx::Stream& stream = parts.exec.stream;
    const mx::array ids(prompt.data(), {n_prompt}, mx::int32);
    mx::array x = parts.model.embed_text(parts.exec, ids);
    if (n_frames > 1) {
      // Nothing is predicted from the last frame.
      const auto fed = codes.first(codes.size() - n_codebooks);
      x = mx::concatenate(
          {x, parts.model.embed_frames(parts.exec, parts.codes_array(fed))}, 0,
          stream);
    }
    model::BackboneState state = parts.model.new_state();
    const mx::array hidden = parts.model.backbone(parts.exec, x, state);
    std::vector<float> logits;
    logits.reserve(codes.size() *
                   static_cast<std::size_t>(parts.facts.n_codes));
    for (int frame = 0; frame < n_frames; ++frame) {
      const int row = n_prompt - 1 + frame;
      const mx::array h =
          mx::slice(hidden, {row, 0}, {row + 1, hidden.shape(1)}, stream);
      const mx::array rows = parts.score_frame(
          h, codes.subspan(static_cast<std::size_t>(frame) * n_codebooks,
                           n_codebooks));
      mx::eval(rows);
      logits.insert(logits.end(), rows.data<float>(),
                    rows.data<float>() + rows.size());
    }
    return logits;
  });
}

std::vector<float> Engine::decode(std::span<const std::int32_t> codes) {
  return start_decoding(facts().n_codebooks).push(codes);
}

DecodeStream Engine::start_decoding(int n_codebooks) {
  return {parts_->exec, parts_->decoder, n_codebooks};
}

std::vector<std::int32_t> Engine::encode(std::span<const float> samples,
                                         const EncodeOptions& options) {
  if (samples.empty()) invalid("expected at least one sample, got none");
  EncodeStream stream = start_encoding(options);
  auto codes = stream.push(samples);
  const auto last = stream.finish();
  codes.insert(codes.end(), last.begin(), last.end());
  return codes;
}

EncodeStream Engine::start_encoding(EncodeOptions options) {
  if (!parts_->encoder) {
    invalid(
        "expected an engine that loaded its encoder, got one that did not "
        "(EngineOptions::encoder)");
  }
  if (options.n_codebooks == 0) options.n_codebooks = facts().n_codebooks;
  return {parts_->exec, *parts_->encoder, options};
}

}  // namespace csm::engine
