#include "csm/csm.h"

namespace csm {

const char* version() { return CSM_VERSION; }

}  // namespace csm
