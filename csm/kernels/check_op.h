#pragma once

#include <initializer_list>
#include <string_view>

#include "csm/kernels/exec_op.h"

namespace csm::kernels {

/// In an expected shape: any extent of at least 1.
inline constexpr int kAnyExtent = -1;

/// Which element types an argument may have.
enum class Accept { kFloat32, kFloat32OrBfloat16, kInt32 };

/// Throws Error{kInvalidArgument} "[kernels.<op>] expected <name> of shape
/// [...] and type ..., got ..." unless the argument fits.
void require_array(std::string_view op, std::string_view name,
                   const mx::array& value, std::initializer_list<int> shape,
                   Accept accept = Accept::kFloat32);

/// Throws Error{kInvalidArgument} "[kernels.<op>] expected <name> >= <min>,
/// got <value>" if it is smaller.
void require_at_least(std::string_view op, std::string_view name, int value,
                      int min);

}  // namespace csm::kernels
