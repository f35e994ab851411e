#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/validate/measure.h"

namespace csm::validate {

/// One limit applied to one value.
struct Check {
  std::string where;   ///< setting that was judged
  std::string metric;  ///< path in its object, e.g. "match.defects"
  double value = 0;
  std::string limit;  ///< e.g. ">= 1"
  bool passed = false;
};

/// The limits of a test run, from a file:
///
///   {"setting": {"match.defects": {"max": 0}, ...},   every setting and cell
///    "run": {"probes.small_noise.failed": {"max": 0}, ...}}
///
/// A limit has `min`, `max` or both, and may have "optional": true, for a
/// metric that not every run has. NaN never passes.
class Thresholds {
 public:
  /// Throws: Error{kNotFound}, Error{kCorrupt} naming the field.
  static Thresholds load(const std::filesystem::path& path);
  static Thresholds parse(const Json& json, const std::string& origin);

  /// Judges one setting, or the whole run.
  /// Throws: Error{kInvalidArgument} if a metric is missing.
  [[nodiscard]] std::vector<Check> check_setting(
      const OrderedJson& result, const std::string& where) const;
  [[nodiscard]] std::vector<Check> check_run(const OrderedJson& result) const;

 private:
  struct Limit {
    std::string metric;
    double min, max;
    bool optional;
  };
  static std::vector<Limit> parse_limits(const JsonObject& object);
  static std::vector<Check> check(const std::vector<Limit>& limits,
                                  const OrderedJson& result,
                                  const std::string& where);

  std::vector<Limit> setting_, run_;
};

/// The number at a dotted path, or null if there is none.
[[nodiscard]] const OrderedJson* find_metric(const OrderedJson& result,
                                             const std::string& path);

}  // namespace csm::validate
