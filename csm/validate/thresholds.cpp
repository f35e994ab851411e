#include "csm/validate/thresholds.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::validate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = 1e300;

std::string describe(double min, double max) {
  if (std::isinf(max)) return str_cat(">= ", min);
  if (std::isinf(min)) return str_cat("<= ", max);
  return str_cat(min, " to ", max);
}

}  // namespace

const OrderedJson* find_metric(const OrderedJson& result,
                               const std::string& path) {
  const OrderedJson* value = &result;
  std::istringstream keys(path);
  for (std::string key; std::getline(keys, key, '.');) {
    if (!value->is_object() || !value->contains(key)) return nullptr;
    value = &(*value)[key];
  }
  return value->is_number() ? value : nullptr;
}

std::vector<Thresholds::Limit> Thresholds::parse_limits(
    const JsonObject& object) {
  std::vector<Limit> limits;
  for (const auto& [metric, value] : object.value().items()) {
    const JsonObject limit = object.object(metric);
    if (!limit.has("min") && !limit.has("max")) {
      object.fail(metric, "min or max");
    }
    const auto bound = [&](const char* key, double fallback) {
      return limit.has(key) ? limit.number(key, -kLargest, kLargest) : fallback;
    };
    limits.push_back({.metric = metric,
                      .min = bound("min", -kInfinity),
                      .max = bound("max", kInfinity),
                      .optional = limit.boolean_or("optional", false)});
  }
  return limits;
}

Thresholds Thresholds::parse(const Json& json, const std::string& origin) {
  const JsonObject object(json, origin);
  Thresholds thresholds;
  thresholds.setting_ = parse_limits(object.object("setting"));
  thresholds.run_ = parse_limits(object.object("run"));
  return thresholds;
}

Thresholds Thresholds::load(const std::filesystem::path& path) {
  return parse(parse_json_file(path), path.string());
}

std::vector<Check> Thresholds::check(const std::vector<Limit>& limits,
                                     const OrderedJson& result,
                                     const std::string& where) {
  std::vector<Check> checks;
  for (const Limit& limit : limits) {
    const OrderedJson* value = find_metric(result, limit.metric);
    if (value == nullptr && limit.optional) continue;
    if (value == nullptr) {
      throw Error(ErrorCode::kInvalidArgument,
                  str_cat("[validate.thresholds] expected a metric of the "
                          "results, got '",
                          limit.metric, "' (", where, ")"));
    }
    const double number = value->get<double>();
    checks.push_back({.where = where,
                      .metric = limit.metric,
                      .value = number,
                      .limit = describe(limit.min, limit.max),
                      .passed = number >= limit.min && number <= limit.max});
  }
  return checks;
}

std::vector<Check> Thresholds::check_setting(const OrderedJson& result,
                                             const std::string& where) const {
  return check(setting_, result, where);
}

std::vector<Check> Thresholds::check_run(const OrderedJson& result) const {
  return check(run_, result, "run");
}

}  // namespace csm::validate
