#include "csm/kernels/check_op.h"

#include <cstddef>
#include <string>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::kernels {
namespace {

bool accepted(mx::Dtype type, Accept accept) {
  switch (accept) {
    case Accept::kFloat32:
      return type == mx::float32;
    case Accept::kFloat32OrBfloat16:
      return type == mx::float32 || type == mx::bfloat16;
    case Accept::kInt32:
      return type == mx::int32;
  }
  return false;
}

const char* to_string(Accept accept) {
  switch (accept) {
    case Accept::kFloat32:
      return "float32";
    case Accept::kFloat32OrBfloat16:
      return "float32 or bfloat16";
    case Accept::kInt32:
      return "int32";
  }
  return "?";
}

template <class Shape>
std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (int extent : shape) {
    if (text.size() > 1) text += ", ";
    text += extent == kAnyExtent ? "n >= 1" : std::to_string(extent);
  }
  return text + "]";
}

bool shape_fits(const mx::Shape& got, std::initializer_list<int> want) {
  if (got.size() != want.size()) return false;
  std::size_t axis = 0;
  for (int extent : want) {
    const int g = got[axis++];
    if (extent == kAnyExtent ? g < 1 : g != extent) return false;
  }
  return true;
}

}  // namespace

void require_array(std::string_view op, std::string_view name,
                   const mx::array& value, std::initializer_list<int> shape,
                   Accept accept) {
  if (shape_fits(value.shape(), shape) && accepted(value.dtype(), accept)) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[kernels.", op, "] expected ", name, " of shape ",
                      shape_text(shape), " and type ", to_string(accept),
                      ", got ", shape_text(value.shape()), " ", value.dtype()));
}

void require_at_least(std::string_view op, std::string_view name, int value,
                      int min) {
  if (value >= min) return;
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[kernels.", op, "] expected ", name, " >= ", min,
                      ", got ", value));
}

}  // namespace csm::kernels
