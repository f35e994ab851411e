#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "csm/validate/logit_rows.h"
#include "csm/validate/measure.h"

namespace csm::validate {

/// The grid that a sweep covers.
struct SweepGrid {
  std::vector<double> temperatures = {0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2};
  std::vector<int> top_ks = {10, 20, 50, 100, 200, 400};
};

/// Results of a sweep, kept in a file after every cell, so that an
/// interrupted sweep goes on where it was.
class SweepState {
 public:
  /// Reads the file if there is one.
  ///
  /// fingerprint  of all that cells depend on; results of another are refused
  /// restart      begin anew whatever the file holds
  /// Throws: Error{kInvalidArgument} if the file belongs to another sweep,
  /// Error{kCorrupt} if it is malformed.
  SweepState(std::filesystem::path path, std::string fingerprint, bool restart);

  /// The result of a cell, or null.
  [[nodiscard]] const OrderedJson* find(double temperature, int top_k) const;

  /// Keeps a result and writes the file.
  void add(OrderedJson cell);

  [[nodiscard]] const std::vector<OrderedJson>& cells() const { return cells_; }

 private:
  void read();

  std::filesystem::path path_;
  std::string fingerprint_;
  std::vector<OrderedJson> cells_;
};

/// sha256 of logits, options and draws: what makes results comparable.
[[nodiscard]] std::string sweep_fingerprint(
    const LogitRows& rows, const sampling::SamplerOptions& options,
    const MeasureOptions& measure);

}  // namespace csm::validate
