#pragma once

#include <exception>
#include <string>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::engine {

/// Runs f; failures of MLX become errors of ours.
template <class F>
auto guarded(const char* what, F&& f) {
  try {
    return f();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kBackend,
                str_cat("[engine] ", what, ": ", error.what()));
  }
}

}  // namespace csm::engine
