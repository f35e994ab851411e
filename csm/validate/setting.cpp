#include "csm/validate/setting.h"

#include <cmath>

#include "csm/base/str_cat.h"
#include "csm/sampling/sampler_options.h"

namespace csm::validate {

Setting default_setting() {
  const sampling::SamplerOptions defaults;
  return {.temperature = decimal(defaults.temperature),
          .top_k = defaults.top_k};
}

Setting setting_of(const OrderedJson& result) {
  return {.temperature = result["temperature"].get<double>(),
          .top_k = result["top_k"].get<int>()};
}

bool same_setting(const Setting& a, const Setting& b) {
  constexpr double kSame = 1e-6;
  return a.top_k == b.top_k && std::abs(a.temperature - b.temperature) < kSame;
}

std::string to_string(const Setting& setting) {
  return str_cat(setting.temperature, " / ", setting.top_k);
}

std::string describe_setting(const OrderedJson& result) {
  const Setting setting = setting_of(result);
  return str_cat(result["sampler"].get<std::string>(), ", temperature ",
                 setting.temperature, ", top-k ", setting.top_k);
}

double decimal(float value) {
  constexpr double kDigits = 1e6;
  return std::round(static_cast<double>(value) * kDigits) / kDigits;
}

}  // namespace csm::validate
