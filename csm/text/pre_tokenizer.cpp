#include "csm/text/pre_tokenizer.h"

#include <utility>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::text {
namespace {

// The regex of ByteLevel with use_regex (GPT-2).
constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)"
    R"(|\s+(?!\S)|\s+)";

[[noreturn]] void refuse(const JsonObject& where, const char* key,
                         const std::string& expected, const std::string& got) {
  throw Error(
      ErrorCode::kUnsupported,
      str_cat("[text.pre_tokenizer] expected ", expected, " in field '", key,
              "', got '", printable(got), "' (", where.origin(), ")"));
}

using Pieces = std::vector<std::string_view>;

Pieces split_all(const Pattern& pattern, const Pieces& pieces) {
  Pieces out;
  for (const std::string_view piece : pieces) pattern.split(piece, out);
  return out;
}

}  // namespace

PreTokenizer::PreTokenizer(const JsonObject& tokenizer) {
  const JsonObject field = tokenizer.object("pre_tokenizer");
  const std::string type = field.string("type");
  if (type == "ByteLevel") {
    add_byte_level(field);
    return;
  }
  if (type != "Sequence") {
    refuse(field, "type", "Sequence or ByteLevel", type);
  }
  const auto steps = field.value().find("pretokenizers");
  if (steps == field.value().end() || !steps->is_array() || steps->empty()) {
    field.fail("pretokenizers", "an array that is not empty");
  }
  for (std::size_t i = 0; i < steps->size(); ++i) {
    const JsonObject step((*steps)[i], str_cat(field.origin(), "[", i, "]"));
    const std::string step_type = step.string("type");
    const bool last = i + 1 == steps->size();
    if (last != (step_type == "ByteLevel") || (!last && step_type != "Split")) {
      refuse(step, "type", "Split steps, then ByteLevel as the last step",
             step_type);
    }
    if (last) {
      add_byte_level(step);
    } else {
      add_split(step);
    }
  }
}

void PreTokenizer::add_split(const JsonObject& step) {
  const std::string behavior = step.string("behavior");
  if (behavior != "Isolated") refuse(step, "behavior", "Isolated", behavior);
  if (step.boolean_or("invert", false)) {
    refuse(step, "invert", "false", "true");
  }
  const JsonObject pattern = step.object("pattern");
  if (pattern.has("String")) {
    splits_.push_back(
        Pattern::literal(pattern.string("String"), pattern.origin()));
  } else {
    splits_.push_back(
        Pattern::regex(pattern.string("Regex"), pattern.origin()));
  }
}

void PreTokenizer::add_byte_level(const JsonObject& step) {
  add_prefix_space_ = step.boolean_or("add_prefix_space", true);
  if (step.boolean_or("use_regex", true)) {
    byte_level_splits_.push_back(Pattern::regex(kGpt2Regex, step.origin()));
  }
}

Pieces PreTokenizer::split(std::string_view text,
                           std::vector<std::string>& storage) const {
  Pieces pieces = {text};
  for (const Pattern& pattern : splits_) pieces = split_all(pattern, pieces);
  if (add_prefix_space_) {
    storage.reserve(pieces.size());  // views into short strings must stay
    for (std::string_view& piece : pieces) {
      if (piece.starts_with(' ')) continue;
      storage.push_back(str_cat(" ", piece));
      piece = storage.back();
    }
  }
  for (const Pattern& pattern : byte_level_splits_) {
    pieces = split_all(pattern, pieces);
  }
  return pieces;
}

}  // namespace csm::text
