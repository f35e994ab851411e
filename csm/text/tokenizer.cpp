#include "csm/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/text/added_tokens.h"
#include "csm/text/bpe.h"
#include "csm/text/post_processor.h"
#include "csm/text/pre_tokenizer.h"
#include "csm/text/unicode.h"

namespace csm::text {
namespace {

constexpr std::size_t kMaxTextBytes = 1UL << 30U;

// Fields that would change ids or text and that the Llama-3 form leaves empty.
const JsonObject& check_form(const JsonObject& tokenizer) {
  for (const char* key : {"normalizer", "truncation", "padding"}) {
    if (tokenizer.has(key)) {
      throw Error(ErrorCode::kUnsupported,
                  str_cat("[text.tokenizer] expected null in field '", key,
                          "', got a value (", tokenizer.origin(), ")"));
    }
  }
  const JsonObject decoder = tokenizer.object("decoder");
  const std::string type = decoder.string("type");
  if (type != "ByteLevel") {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[text.tokenizer] expected ByteLevel in field 'type', "
                        "got '",
                        printable(type), "' (", decoder.origin(), ")"));
  }
  return tokenizer;
}

}  // namespace

class Tokenizer::Parts {
 public:
  explicit Parts(const JsonObject& file)
      : model(check_form(file).object("model")),
        added(file, model),
        n_ids(std::max(model.largest_id(), added.largest_id()) + 1),
        pre_tokenizer(file),
        post_processor(file, n_ids) {}

  // The entry of an id as written in the file; null if there is none.
  [[nodiscard]] const std::string* entry(std::int32_t id) const {
    const AddedToken* token = added.find(id);
    return token != nullptr ? &token->content : model.entry(id);
  }

  BpeModel model;
  AddedTokens added;
  std::int32_t n_ids;
  PreTokenizer pre_tokenizer;
  PostProcessor post_processor;
};

Tokenizer::Tokenizer(std::shared_ptr<const Parts> parts)
    : parts_(std::move(parts)) {}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const Json json = parse_json_file(path);
  return parse(JsonObject(json, path.string()));
}

Tokenizer Tokenizer::parse(const JsonObject& json) {
  return Tokenizer(std::make_shared<const Parts>(json));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view utf8,
                                            bool add_special) const {
  if (utf8.size() > kMaxTextBytes) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[text.tokenizer] expected at most ", kMaxTextBytes,
                        " bytes, got ", utf8.size(), " (text)"));
  }
  check_utf8(utf8, "text");
  std::vector<std::int32_t> ids;
  for (const TextSpan& span : parts_->added.split(utf8)) {
    if (span.token != nullptr) {
      ids.push_back(span.token->id);
      continue;
    }
    std::vector<std::string> storage;
    for (const auto piece : parts_->pre_tokenizer.split(span.text, storage)) {
      parts_->model.encode(piece, ids);
    }
  }
  return parts_->post_processor.apply(std::move(ids), add_special);
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids,
                              bool skip_special) const {
  std::string bytes;
  for (const std::int32_t id : ids) {
    const std::string* entry = parts_->entry(id);
    if (entry == nullptr) {
      throw Error(ErrorCode::kInvalidArgument,
                  str_cat("[text.tokenizer] expected ids of the vocabulary, "
                          "got ",
                          id, " (ids)"));
    }
    const AddedToken* token = parts_->added.find(*entry);
    if (skip_special && token != nullptr && token->special) continue;
    const auto raw = parts_->model.alphabet().to_bytes(*entry);
    bytes += raw ? *raw : *entry;
  }
  return replace_invalid_utf8(bytes);
}

int Tokenizer::vocab_size() const { return parts_->n_ids; }

std::optional<std::int32_t> Tokenizer::token_id(std::string_view token) const {
  if (const AddedToken* added = parts_->added.find(token)) return added->id;
  return parts_->model.id_of(token);
}

}  // namespace csm::text
