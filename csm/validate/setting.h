#pragma once

#include <string>

#include "csm/base/json.h"

namespace csm::validate {

/// A cell of the sweep: what a person turns to change how csm speaks.
struct Setting {
  double temperature = 0;
  int top_k = 0;
};

/// The one that csm draws with unless told otherwise: that of
/// sampling::SamplerOptions.
[[nodiscard]] Setting default_setting();

/// "temperature" and "top_k" of a result.
[[nodiscard]] Setting setting_of(const OrderedJson& result);

/// Whether two are the same; a temperature may have been rounded to float32.
[[nodiscard]] bool same_setting(const Setting& a, const Setting& b);

/// "0.8 / 100".
[[nodiscard]] std::string to_string(const Setting& setting);

/// "torch-f32, temperature 0.8, top-k 100" of one result.
[[nodiscard]] std::string describe_setting(const OrderedJson& result);

/// 0.8F as 0.8, not as 0.800000011920929.
[[nodiscard]] double decimal(float value);

}  // namespace csm::validate
