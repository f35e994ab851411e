#pragma once

#include <string>
#include <vector>

#include "csm/validate/measure.h"
#include "csm/validate/thresholds.h"

namespace csm::cli {

/// The checks as results.json holds them.
[[nodiscard]] OrderedJson describe_checks(
    const std::vector<validate::Check>& checks);

/// The results of a token test for people, some lines.
[[nodiscard]] std::string summarise(const OrderedJson& results,
                                    const std::vector<validate::Check>& checks);

/// Throws: Error{kInternal} naming the first failure, if there is one.
void throw_if_failed(const std::vector<validate::Check>& checks);

}  // namespace csm::cli
