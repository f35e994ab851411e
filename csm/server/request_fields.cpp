#include "csm/server/request_fields.h"

#include <algorithm>
#include <utility>

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/server/api_error.h"

namespace csm::server {
namespace {

constexpr std::size_t kMaxShown = 60;

std::string shown(const Json& value) {
  return printable(value.dump(-1, ' ', true, Json::error_handler_t::replace),
                   kMaxShown);
}

}  // namespace

RequestFields::RequestFields(const Json& json, std::string prefix)
    : json_(&json), prefix_(std::move(prefix)) {
  if (json.is_object()) return;
  std::string name = prefix_;
  if (name.ends_with('.')) name.pop_back();
  throw RequestError(
      bad_request("invalid_type", name,
                  str_cat("expected ", name.empty() ? "the body" : name,
                          " to be a JSON object, got ", shown(json))));
}

const Json* RequestFields::find(const std::string& name) {
  known_.push_back(name);
  const auto field = json_->find(name);
  return field == json_->end() || field->is_null() ? nullptr : &*field;
}

std::optional<std::string> RequestFields::text(const std::string& name) {
  const Json* field = find(name);
  if (field == nullptr) return std::nullopt;
  if (!field->is_string()) fail(name, "to be a string", "invalid_type");
  return field->get<std::string>();
}

std::optional<bool> RequestFields::boolean(const std::string& name) {
  const Json* field = find(name);
  if (field == nullptr) return std::nullopt;
  if (!field->is_boolean()) fail(name, "to be true or false", "invalid_type");
  return field->get<bool>();
}

std::optional<double> RequestFields::number(const std::string& name, double min,
                                            double max) {
  const Json* field = find(name);
  if (field == nullptr) return std::nullopt;
  if (!field->is_number()) fail(name, "to be a number", "invalid_type");
  const double value = field->get<double>();
  if (!(value >= min && value <= max)) {
    fail(name, str_cat("to be ", min, " to ", max));
  }
  return value;
}

std::optional<int> RequestFields::integer(const std::string& name, int min,
                                          int max) {
  const Json* field = find(name);
  if (field == nullptr) return std::nullopt;
  if (!field->is_number_integer()) {
    fail(name, "to be an integer", "invalid_type");
  }
  const std::string range = str_cat("to be ", min, " to ", max);
  if (field->is_number_unsigned() &&
      field->get<std::uint64_t>() > std::uint64_t{INT32_MAX}) {
    fail(name, range);
  }
  const auto value = field->get<std::int64_t>();
  if (value < min || value > max) fail(name, range);
  return static_cast<int>(value);
}

std::optional<std::uint64_t> RequestFields::seed(const std::string& name) {
  const Json* field = find(name);
  if (field == nullptr) return std::nullopt;
  if (!field->is_number_integer()) {
    fail(name, "to be an integer of 64 bits", "invalid_type");
  }
  if (field->is_number_unsigned()) return field->get<std::uint64_t>();
  return static_cast<std::uint64_t>(field->get<std::int64_t>());
}

std::string RequestFields::required_text(const std::string& name) {
  auto value = text(name);
  if (value) return *std::move(value);
  throw RequestError(bad_request("missing_required_field", full_name(name),
                                 "expected the field " + full_name(name)));
}

std::vector<std::string> RequestFields::unknown() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : json_->items()) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
      names.push_back(name);
    }
  }
  return names;
}

void RequestFields::fail(const std::string& name, const std::string& expected,
                         const std::string& code) const {
  const auto field = json_->find(name);
  throw RequestError(bad_request(
      code, full_name(name),
      str_cat("expected ", full_name(name), ' ', expected,
              field == json_->end() ? "" : ", got " + shown(*field))));
}

Json parse_body(std::string_view body) {
  try {
    return parse_json(body, "body");
  } catch (const Error& error) {
    throw RequestError(bad_request("invalid_json", "", error.what()));
  }
}

}  // namespace csm::server
