#include "csm/base/json.h"

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/mapped_file.h"
#include "csm/base/str_cat.h"

namespace csm {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxShown = 60;

[[noreturn]] void corrupt(const std::string& origin, const std::string& what) {
  throw Error(ErrorCode::kCorrupt,
              str_cat("[base.json] ", what, " (", origin, ")"));
}

// The parser's own message without its exception id, on one line.
std::string reason(const Json::exception& error) {
  std::string text = error.what();
  const auto colon = text.find(": ");
  if (colon != std::string::npos) text.erase(0, colon + 2);
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

// Refuses duplicate keys and deep nesting while the parser runs.
class Guard {
 public:
  explicit Guard(const std::string& origin) : origin_(origin) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) {
      corrupt(origin_,
              str_cat("expected at most ", kMaxDepth, " levels of nesting"));
    }
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) {
        corrupt(origin_, str_cat("expected distinct keys, got '",
                                 key.substr(0, kMaxShown), "' twice"));
      }
    }
    return true;
  }

 private:
  const std::string& origin_;
  std::vector<std::set<std::string>> keys_;
};

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& origin) {
  Guard guard(origin);
  try {
    return Json::parse(
        text.begin(), text.end(),
        [&guard](int depth, Json::parse_event_t event, Json& parsed) {
          return guard(depth, event, parsed);
        });
  } catch (const Json::exception& error) {
    corrupt(origin, str_cat("expected JSON: ", reason(error)));
  }
}

Json parse_json_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const MappedFile file(path);
  if (file.bytes().size() > max_bytes) {
    corrupt(path.string(),
            str_cat("expected at most ", max_bytes, " bytes of JSON, got ",
                    file.bytes().size()));
  }
  return parse_json(
      {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
      path.string());
}

JsonObject::JsonObject(const Json& value, std::string origin)
    : value_(&value), origin_(std::move(origin)) {
  if (!value.is_object()) {
    corrupt(origin_, str_cat("expected a JSON object, got ", shown(value)));
  }
}

bool JsonObject::has(const std::string& key) const {
  const auto it = value_->find(key);
  return it != value_->end() && !it->is_null();
}

void JsonObject::fail(const std::string& key,
                      const std::string& expected) const {
  const auto it = value_->find(key);
  corrupt(origin_, str_cat("field '", key, "': expected ", expected, ", got ",
                           it == value_->end() ? "nothing" : shown(*it)));
}

const Json& JsonObject::at(const std::string& key,
                           const std::string& expected) const {
  if (!has(key)) fail(key, expected);
  return *value_->find(key);
}

std::int64_t JsonObject::integer(const std::string& key, std::int64_t min,
                                 std::int64_t max) const {
  const std::string expected = str_cat("an integer in [", min, ", ", max, "]");
  const Json& field = at(key, expected);
  if (!field.is_number_integer()) fail(key, expected);
  if (field.is_number_unsigned() &&
      field.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
    fail(key, expected);
  }
  const auto number = field.get<std::int64_t>();
  if (number < min || number > max) fail(key, expected);
  return number;
}

std::int64_t JsonObject::integer_or(const std::string& key, std::int64_t min,
                                    std::int64_t max,
                                    std::int64_t fallback) const {
  return has(key) ? integer(key, min, max) : fallback;
}

double JsonObject::number(const std::string& key, double min,
                          double max) const {
  const std::string expected = str_cat("a number in [", min, ", ", max, "]");
  const Json& field = at(key, expected);
  if (!field.is_number()) fail(key, expected);
  const auto number = field.get<double>();
  if (!(number >= min && number <= max)) fail(key, expected);
  return number;
}

double JsonObject::number_or(const std::string& key, double min, double max,
                             double fallback) const {
  return has(key) ? number(key, min, max) : fallback;
}

bool JsonObject::boolean_or(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  const Json& field = at(key, "true or false");
  if (!field.is_boolean()) fail(key, "true or false");
  return field.get<bool>();
}

std::string JsonObject::string(const std::string& key) const {
  const Json& field = at(key, "a string");
  if (!field.is_string()) fail(key, "a string");
  return field.get<std::string>();
}

std::string JsonObject::string_or(const std::string& key,
                                  std::string fallback) const {
  return has(key) ? string(key) : std::move(fallback);
}

JsonObject JsonObject::object(const std::string& key) const {
  const Json& field = at(key, "an object");
  if (!field.is_object()) fail(key, "an object");
  return {field, str_cat(origin_, ", ", key)};
}

}  // namespace csm
