#pragma once

#include <filesystem>

#include "cli/bench_run.h"

namespace csm::cli {

/// Draws where each stage of a frame stands below the limits of the machine
/// that the bandwidth and the multiply-add probes measured: operations a second
/// over operations for each byte of weights read. A PNG.
///
/// Throws: Error{kNotFound} if gnuplot is missing, Error{kBackend} if it fails,
/// Error{kInvalidArgument} or Error{kExhausted} if the file cannot be written.
void draw_roofline(const BenchPlan& plan, const BenchResult& result,
                   const std::filesystem::path& file);

/// Throws: UsageError unless the name ends in .png, Error{kNotFound} if gnuplot
/// is missing. Before the work, so that it is not done in vain.
void check_roofline(const std::filesystem::path& file);

}  // namespace csm::cli
