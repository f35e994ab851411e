#pragma once

#include <string>
#include <vector>

#include "csm/validate/measure.h"
#include "csm/validate/thresholds.h"

namespace csm::cli {

/// "torch-f32, temperature 0.8, top-k 100" of one result.
[[nodiscard]] std::string describe_setting(
    const validate::OrderedJson& setting);

/// The checks as results.json holds them.
[[nodiscard]] validate::OrderedJson describe_checks(
    const std::vector<validate::Check>& checks);

/// The results of a token test for people, some lines.
[[nodiscard]] std::string summarise(const validate::OrderedJson& results,
                                    const std::vector<validate::Check>& checks);

/// Throws: Error{kInternal} naming the first failure, if there is one.
void throw_if_failed(const std::vector<validate::Check>& checks);

}  // namespace csm::cli
