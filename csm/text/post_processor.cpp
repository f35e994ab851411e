#include "csm/text/post_processor.h"

#include <utility>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::text {
namespace {

constexpr std::size_t kMaxSteps = 16;
constexpr std::size_t kMaxPieces = 64;

[[noreturn]] void fail(ErrorCode code, const JsonObject& where,
                       const std::string& what) {
  throw Error(code, str_cat("[text.post_processor] expected ", what, " (",
                            where.origin(), ")"));
}

const Json& array_field(const JsonObject& object, const char* key,
                        std::size_t max_size) {
  const auto it = object.value().find(key);
  if (it == object.value().end() || !it->is_array() || it->size() > max_size) {
    object.fail(key, str_cat("an array of at most ", max_size, " items"));
  }
  return *it;
}

}  // namespace

PostProcessor::PostProcessor(const JsonObject& tokenizer, std::int32_t n_ids)
    : n_ids_(n_ids) {
  if (!tokenizer.has("post_processor")) return;
  add_step(tokenizer.object("post_processor"), false);
}

void PostProcessor::add_step(const JsonObject& step, bool nested) {
  const std::string type = step.string("type");
  if (type == "ByteLevel") return;  // changes offsets only
  if (type == "TemplateProcessing") return add_template(step);
  if (type != "Sequence" || nested) {
    fail(ErrorCode::kUnsupported, step,
         str_cat("TemplateProcessing, ByteLevel or one Sequence of them in "
                 "field 'type', got '",
                 printable(type), "'"));
  }
  std::size_t index = 0;
  for (const Json& inner : array_field(step, "processors", kMaxSteps)) {
    add_step(JsonObject(inner, str_cat(step.origin(), "[", index++, "]")),
             true);
  }
}

void PostProcessor::add_template(const JsonObject& step) {
  Template pieces;
  std::size_t n_texts = 0;
  std::size_t index = 0;
  for (const Json& piece : array_field(step, "single", kMaxPieces)) {
    pieces.push_back(read_piece(
        step,
        JsonObject(piece, str_cat(step.origin(), ", single[", index++, "]"))));
    if (pieces.back().is_text) ++n_texts;
  }
  if (n_texts != 1) {
    fail(ErrorCode::kUnsupported, step,
         str_cat("sequence A once in field 'single', got ", n_texts, " times"));
  }
  templates_.push_back(std::move(pieces));
}

PostProcessor::Piece PostProcessor::read_piece(const JsonObject& step,
                                               const JsonObject& piece) const {
  if (piece.has("Sequence")) {
    const std::string id = piece.object("Sequence").string("id");
    if (id != "A") {
      fail(ErrorCode::kCorrupt, piece,
           str_cat("sequence A, got '", printable(id), "'"));
    }
    return {true, {}};
  }
  const std::string name = piece.object("SpecialToken").string("id");
  const JsonObject known = step.object("special_tokens");
  if (!known.has(name)) {
    fail(ErrorCode::kCorrupt, piece,
         str_cat("a token of 'special_tokens', got '", printable(name), "'"));
  }
  const JsonObject token(known.value()[name], known.origin());
  Piece out;
  for (const Json& id : array_field(token, "ids", kMaxPieces)) {
    const bool fits = id.is_number_integer() && id.get<std::int64_t>() >= 0 &&
                      id.get<std::int64_t>() < n_ids_;
    if (!fits) token.fail("ids", str_cat("ids below ", n_ids_));
    out.ids.push_back(id.get<std::int32_t>());
  }
  return out;
}

std::vector<std::int32_t> PostProcessor::apply(std::vector<std::int32_t> ids,
                                               bool add_special) const {
  if (!add_special) return ids;
  for (const Template& pieces : templates_) {
    std::vector<std::int32_t> out;
    for (const Piece& piece : pieces) {
      const auto& part = piece.is_text ? ids : piece.ids;
      out.insert(out.end(), part.begin(), part.end());
    }
    ids = std::move(out);
  }
  return ids;
}

}  // namespace csm::text
