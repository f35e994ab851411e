#include "csm/engine/engine.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "csm/base/cpu_info.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/base/thread_pool.h"
#include "csm/codec/mimi_config.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/engine/frame_batch.h"
#include "csm/engine/guarded.h"
#include "csm/engine/model_source.h"
#include "csm/engine/random_model.h"
#include "csm/kernels/exec_op.h"
#include "csm/model/csm_model.h"
#include "csm/model/model_config.h"
#include "csm/text/prompt.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/aligned_array.h"
#include "csm/weights/weight_store.h"

namespace csm::engine {
namespace {

// Frames decoded in one evaluation: enough to share the reading of weights,
// few enough to bound memory.
constexpr int kDecodeChunk = 16;

[[noreturn]] void invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "[engine] " + message);
}

mx::Stream make_stream(DeviceKind kind) {
  const mx::Device device(kind == DeviceKind::kGpu ? mx::Device::gpu
                                                   : mx::Device::cpu);
  if (!mx::is_available(device)) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[engine] expected a ", to_string(kind),
                        " that MLX can use, found none (device)"));
  }
  return mx::new_stream(device);
}

// Composed operations take integer weights in MLX's layout.
model::WeightPolicy weight_policy(const EngineOptions& options,
                                  const kernels::Exec& exec, ThreadPool* pool,
                                  weights::ArrayArena& arena) {
  return model::WeightPolicy::of(
      kernel_type(options.weight_type),
      {.tiled = exec.use_cpu_kernels(), .pool = pool, .arena = &arena});
}

void check_prompt(std::span<const std::int32_t> prompt,
                  const ModelFacts& facts) {
  if (prompt.empty()) invalid("expected at least one token, got none (prompt)");
  for (const std::int32_t id : prompt) {
    if (id < 0 || id >= facts.n_text_tokens) {
      invalid(str_cat("expected token ids in [0, ", facts.n_text_tokens,
                      "), got ", id, " (prompt)"));
    }
  }
  if (prompt.size() > static_cast<std::size_t>(facts.max_positions)) {
    throw Error(
        ErrorCode::kExhausted,
        str_cat("[engine] expected a prompt of at most ", facts.max_positions,
                " positions, the model's context, got ", prompt.size(),
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
  codec::MimiDecoder decoder;
  ModelFacts facts;
  ModelCost cost;
  std::map<std::string, weights::WeightStore::Taken, std::less<>> tensors;

  static std::unique_ptr<Parts> load(const EngineOptions& options);
  [[nodiscard]] FrameContext context() const {
    return {&exec, &model, &decoder};
  }
  void check_codes(std::span<const std::int32_t> codes, int limit) const;
  [[nodiscard]] mx::array codes_array(
      std::span<const std::int32_t> codes) const;
  /// h [1, D] and the frame's codes [K] -> logits of all codebooks [K, V]
  [[nodiscard]] mx::array score_frame(
      const mx::array& h, std::span<const std::int32_t> codes) const;
};

std::unique_ptr<Engine::Parts> Engine::Parts::load(
    const EngineOptions& options) {
  options.validate();
  const mx::Stream stream = make_stream(options.device);
  auto pool = std::make_unique<ThreadPool>(options.threads > 0 ? options.threads
                                                               : usable_cpus());
  ModelSource source = open_model(options, pool.get());
  const model::ModelConfig& config = source.config;
  const codec::MimiConfig& codec_config = source.codec;
  const kernels::Exec exec{
      .stream = stream, .pool = pool.get(), .composed = options.composed};
  weights::ArrayArena arena;
  auto model =
      model::CsmModel::load(config, source.store,
                            weight_policy(options, exec, pool.get(), arena));
  auto decoder = codec::MimiDecoder::load(codec_config, source.store);
  source.store.check_all_used();

  const ModelFacts facts = {.n_codebooks = config.n_codebooks,
                            .n_codes = config.audio_vocab,
                            .n_codec_codes = codec_config.codebook_size,
                            .n_text_tokens = config.text_vocab,
                            .max_positions = config.backbone.max_positions,
                            .sample_rate_hz = codec_config.sample_rate,
                            .samples_per_frame = codec_config.frame_samples()};
  auto parts = std::unique_ptr<Parts>(
      new Parts{.options = options,
                .pool = std::move(pool),
                .exec = exec,
                .tokenizer = std::move(source.tokenizer),
                .model = std::move(model),
                .decoder = std::move(decoder),
                .facts = facts,
                .cost = measure_cost(config, codec_config, source.store),
                .tensors = source.store.taken()});
  if (options.timed) parts->exec.clock = &parts->clock;
  return parts;
}

void Engine::Parts::check_codes(std::span<const std::int32_t> codes,
                                int limit) const {
  const auto n_codebooks = static_cast<std::size_t>(facts.n_codebooks);
  if (codes.empty() || codes.size() % n_codebooks != 0) {
    invalid(str_cat("expected at least one frame of ", n_codebooks,
                    " codes, got ", codes.size(), " codes"));
  }
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < 0 || codes[i] >= limit) {
      invalid(str_cat("expected codes in [0, ", limit, "), got ", codes[i],
                      " (frame ", i / n_codebooks, ", codebook ",
                      i % n_codebooks, ")"));
    }
  }
}

mx::array Engine::Parts::codes_array(
    std::span<const std::int32_t> codes) const {
  const int n_frames = static_cast<int>(codes.size()) / facts.n_codebooks;
  return mx::array(codes.data(), {n_frames, facts.n_codebooks}, mx::int32);
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

Session Engine::start(const Utterance& utterance,
                      const GenerationOptions& options) {
  options.validate(facts().n_codes);
  return start_tokens(prompt_tokens(utterance), options);
}

Session Engine::start_tokens(std::vector<std::int32_t> prompt,
                             const GenerationOptions& options) {
  options.validate(facts().n_codes);
  check_prompt(prompt, facts());
  // The last frame is not fed back, so it needs no position.
  const std::int64_t room =
      facts().max_positions - static_cast<int>(prompt.size()) + 1;
  const std::int64_t wanted = std::int64_t{options.max_audio_ms} *
                              facts().sample_rate_hz /
                              (std::int64_t{1000} * facts().samples_per_frame);
  if (wanted < 1) {
    invalid(str_cat("expected max_audio_ms of at least one frame, got ",
                    options.max_audio_ms));
  }
  const int max_frames = static_cast<int>(std::min(wanted, room));
  return Session(std::make_unique<SessionState>(
      parts_->context(), std::move(prompt), options, max_frames));
}

std::vector<StepResult> Engine::step(std::span<Session* const> sessions) {
  std::vector<SessionState*> states;
  for (const Session* session : sessions) {
    SessionState* state = session == nullptr ? nullptr : session->state_.get();
    if (state == nullptr || state->context().exec != &parts_->exec) {
      invalid("expected sessions of this engine, got another (step)");
    }
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
  const Parts& parts = *parts_;
  parts.check_codes(codes, parts.facts.n_codec_codes);
  return guarded("decode", [&] {
    const auto chunk = static_cast<std::size_t>(kDecodeChunk) *
                       static_cast<std::size_t>(parts.facts.n_codebooks);
    auto state = parts.decoder.new_state();
    std::vector<float> audio;
    for (std::size_t begin = 0; begin < codes.size(); begin += chunk) {
      const auto part =
          codes.subspan(begin, std::min(chunk, codes.size() - begin));
      const mx::array samples =
          parts.decoder.decode(parts.exec, parts.codes_array(part), state);
      mx::eval(samples);
      audio.insert(audio.end(), samples.data<float>(),
                   samples.data<float>() + samples.size());
    }
    return audio;
  });
}

}  // namespace csm::engine
