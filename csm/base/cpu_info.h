#pragma once

#include <string_view>
#include <vector>

namespace csm {

/// Instruction sets that kernels are written for.
enum class Isa {
  kScalar,
  kNeon,        ///< 64-bit Arm, always present there
  kNeonDot,     ///< with the integer dot product
  kAvx2,        ///< with FMA and F16C
  kAvx512,      ///< F, BW, DQ and VL
  kAvx512Vnni,  ///< with the integer dot product, VNNI
};

/// "scalar", "neon", "neon-dot", "avx2", "avx512" or "avx512-vnni".
const char* to_string(Isa isa);

/// Instruction sets that this machine can run, slowest first; kScalar always.
[[nodiscard]] std::vector<Isa> available_isas();

/// The instruction set that kernels use: the fastest available one, or the one
/// that the environment variable CSM_ISA names.
///
/// Throws: Error{kUnsupported} if CSM_ISA names one that is unknown or that
/// this machine lacks.
[[nodiscard]] Isa active_isa();

/// The instruction set of that name. Throws Error{kInvalidArgument}.
[[nodiscard]] Isa parse_isa(std::string_view name);

/// Processors that this process may use, at least 1.
[[nodiscard]] int usable_cpus();

}  // namespace csm
