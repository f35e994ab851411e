#pragma once

#include "csm/base/cpu_info.h"

namespace csm::kernels {

/// active_isa(), read once per process.
///
/// Throws: Error{kUnsupported} as active_isa().
[[nodiscard]] Isa kernel_isa();

/// One function compiled for several instruction sets, in the order of Isa;
/// null where the build has none.
template <class Function>
struct IsaTable {
  Function functions[6];

  Function operator[](Isa isa) const {
    return functions[static_cast<int>(isa)];
  }
};

}  // namespace csm::kernels
