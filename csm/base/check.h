#pragma once

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

/// Always on: throws Error{kInternal} with the place. For broken invariants
/// of ours, never for bad input.
#define CSM_CHECK(condition, message)                                        \
  do {                                                                       \
    if (!(condition)) {                                                      \
      throw ::csm::Error(::csm::ErrorCode::kInternal,                        \
                         ::csm::str_cat("[check] ", __FILE__, ":", __LINE__, \
                                        ": ", #condition, ": ", message));   \
    }                                                                        \
  } while (false)

/// As CSM_CHECK in builds without NDEBUG; nothing otherwise.
#ifdef NDEBUG
#define CSM_DCHECK(condition, message) \
  do {                                 \
  } while (false)
#else
#define CSM_DCHECK(condition, message) CSM_CHECK(condition, message)
#endif
