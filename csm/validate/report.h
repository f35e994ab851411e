#pragma once

#include <filesystem>
#include <vector>

#include "csm/validate/measure.h"
#include "csm/validate/plot.h"
#include "csm/validate/thresholds.h"

namespace csm::validate {

/// Writes a test run for people: DIR/index.html (one file, no network, light
/// and dark), the pictures beside it as PNG and SVG, results.json and
/// results.csv.
///
/// results  what `csm tokens` measured (docs/validation.md)
/// Throws: Error as Plotter, Error{kInvalidArgument} if the folder cannot be
/// written.
void write_report(const std::filesystem::path& folder,
                  const OrderedJson& results, const std::vector<Check>& checks);

/// results.csv: one line for each setting and each cell of the sweep.
[[nodiscard]] std::string results_csv(const OrderedJson& results);

/// Draws every picture that the results have data for; the names in order.
[[nodiscard]] std::vector<std::string> draw_pictures(
    const Plotter& plotter, const OrderedJson& results);

/// The page. pictures are read from `folder` and embedded.
[[nodiscard]] std::string report_page(const std::filesystem::path& folder,
                                      const OrderedJson& results,
                                      const std::vector<Check>& checks,
                                      const std::vector<std::string>& pictures);

}  // namespace csm::validate
