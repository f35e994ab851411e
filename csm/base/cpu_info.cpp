#include "csm/base/cpu_info.h"

#ifdef __linux__
#include <sched.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif
#endif

#include <algorithm>
#include <thread>

#include "csm/base/env.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm {
namespace {

constexpr Isa kAllIsas[] = {Isa::kScalar, Isa::kNeon,   Isa::kNeonDot,
                            Isa::kAvx2,   Isa::kAvx512, Isa::kAvx512Vnni};

#if defined(__aarch64__)
bool has_neon_dot() {
#if defined(__linux__)
  constexpr unsigned long kAsimdDp = 1UL << 20U;  // HWCAP_ASIMDDP
  return (getauxval(AT_HWCAP) & kAsimdDp) != 0;
#elif defined(__APPLE__)
  return true;  // every 64-bit Mac
#else
  return false;
#endif
}
#endif

}  // namespace

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kNeon:
      return "neon";
    case Isa::kNeonDot:
      return "neon-dot";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512-vnni";
  }
  return "unknown";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas = {Isa::kScalar};
#if defined(__aarch64__)
  isas.push_back(Isa::kNeon);
  if (has_neon_dot()) isas.push_back(Isa::kNeonDot);
#elif defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 =
      __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (avx2) isas.push_back(Isa::kAvx2);
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") != 0 &&
                      __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512dq") != 0 &&
                      __builtin_cpu_supports("avx512vl") != 0;
  if (avx512) isas.push_back(Isa::kAvx512);
  if (avx512 && __builtin_cpu_supports("avx512vnni") != 0) {
    isas.push_back(Isa::kAvx512Vnni);
  }
#endif
  return isas;
}

Isa parse_isa(std::string_view name) {
  for (const Isa isa : kAllIsas) {
    if (name == to_string(isa)) return isa;
  }
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[base.cpu_info] expected an instruction set of scalar, "
                      "neon, neon-dot, avx2, avx512, avx512-vnni, got '",
                      name, "'"));
}

Isa active_isa() {
  const std::vector<Isa> isas = available_isas();
  const auto pinned = read_env("CSM_ISA");
  if (!pinned) return isas.back();
  const Isa isa = parse_isa(*pinned);
  if (std::find(isas.begin(), isas.end(), isa) == isas.end()) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[base.cpu_info] this machine has no ", *pinned,
                        " (environment variable CSM_ISA)"));
  }
  return isa;
}

int usable_cpus() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    return std::max(1, CPU_COUNT(&set));
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace csm
