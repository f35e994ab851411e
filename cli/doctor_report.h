#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "csm/audio/output_device.h"
#include "csm/engine/backend.h"
#include "csm/engine/engine_options.h"
#include "csm/engine/model_cost.h"

namespace csm::cli {

/// What some threads of this machine reach, measured.
struct MachineSpeed {
  int threads = 0;
  double bandwidth = 0;   ///< bytes a second, read from memory
  double float_peak = 0;  ///< operations a second of fused multiply-adds
  double int8_peak = 0;   ///< of products with int8 weights
  double int4_peak = 0;

  [[nodiscard]] double peak(engine::WeightType type) const;
};

/// A model that a command could load.
struct FoundModel {
  std::string name;  ///< for --model
  std::string path;
};

/// What speaking with one type of weights is expected to take.
struct Expectation {
  engine::WeightType type = engine::WeightType::kF32;
  std::int64_t memory = 0;      ///< bytes
  std::optional<bool> fits;     ///< nothing: free memory is not known
  int threads = 0;              ///< that are fastest, the fewest of equals
  std::optional<double> frame;  ///< seconds; nothing if not measured
  std::optional<double> rtf;    ///< of one stream; below 1: in time
};

/// The types of one model, from the finest to the coarsest.
struct Advice {
  std::string model;
  std::vector<Expectation> types;
  std::optional<std::size_t> best;  ///< of `types`; nothing if none fits
};

struct DoctorReport {
  std::string isa;
  std::vector<std::string> isas;
  int cpus = 0;
  std::optional<std::uint64_t> free_memory;
  engine::Backend backend;
  std::vector<audio::OutputDeviceInfo> loudspeakers;
  std::string no_loudspeaker;  ///< why there is none, if there is none
  std::vector<FoundModel> models;
  std::vector<MachineSpeed> speeds;  ///< by threads; none if not measured
  std::string not_measured;          ///< why
  std::vector<Advice> advice;
};

/// Looks at the machine and measures its memory and arithmetic, in about two
/// seconds.
///
/// Throws: Error{kUnsupported} if CSM_ISA names what this machine lacks.
[[nodiscard]] DoctorReport examine();

/// Seconds of a frame of one stream: what it reads at the share of the
/// bandwidth that whole models reach, or what it computes at the peak if that
/// takes longer, and a fixed time for each layer that is run
/// (docs/performance.md).
///
/// n_layers  that a frame runs, the depth decoder's for each of its codes
[[nodiscard]] double expected_frame(const engine::ModelCost& cost,
                                    std::int64_t n_layers,
                                    engine::WeightType type,
                                    const MachineSpeed& speed);

}  // namespace csm::cli
