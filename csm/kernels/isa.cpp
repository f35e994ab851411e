#include "csm/kernels/isa.h"

namespace csm::kernels {

Isa kernel_isa() {
  static const Isa isa = active_isa();
  return isa;
}

}  // namespace csm::kernels
