#include "csm/engine/codec.h"

#include <optional>
#include <string>
#include <utility>

#include "csm/base/error.h"
#include "csm/codec/codebooks.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/codec/mimi_encoder.h"
#include "csm/engine/guarded.h"
#include "csm/engine/model_source.h"
#include "csm/engine/runtime.h"

namespace csm::engine {
namespace {

[[noreturn]] void wrong_part(const char* expected) {
  throw Error(ErrorCode::kInvalidArgument,
              std::string("[engine.codec] expected ") + expected +
                  ", got the other half of a codec");
}

}  // namespace

struct Codec::Parts {
  Runtime runtime;
  ModelFacts facts;
  std::optional<codec::MimiEncoder> encoder;
  std::optional<codec::MimiDecoder> decoder;

  static std::unique_ptr<Parts> load(const EngineOptions& options,
                                     CodecPart part) {
    options.validate();
    Runtime runtime = Runtime::make(options);
    ModelSource source =
        open_model(options, runtime.pool.get(), {.tokenizer = false});
    const auto codebooks = codec::Codebooks::load(source.codec, source.store);
    auto parts = std::make_unique<Parts>(Parts{.runtime = std::move(runtime),
                                               .facts = source.facts(),
                                               .encoder = std::nullopt,
                                               .decoder = std::nullopt});
    if (part == CodecPart::kEncoder) {
      parts->encoder =
          codec::MimiEncoder::load(source.codec, codebooks, source.store);
    } else {
      parts->decoder =
          codec::MimiDecoder::load(source.codec, codebooks, source.store,
                                   codec_weights(options, parts->runtime.exec));
    }
    return parts;
  }
};

Codec::Codec(const EngineOptions& options, CodecPart part)
    : parts_(guarded("loading", [&] { return Parts::load(options, part); })) {}

Codec::~Codec() = default;

const ModelFacts& Codec::facts() const { return parts_->facts; }

EncodeStream Codec::start_encoding(EncodeOptions options) {
  if (!parts_->encoder) wrong_part("an encoder");
  if (options.n_codebooks == 0) options.n_codebooks = facts().n_codebooks;
  return {parts_->runtime.exec, *parts_->encoder, options};
}

DecodeStream Codec::start_decoding(int n_codebooks) {
  if (!parts_->decoder) wrong_part("a decoder");
  return {parts_->runtime.exec, *parts_->decoder, n_codebooks};
}

}  // namespace csm::engine
