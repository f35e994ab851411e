#include "csm/model/weight_policy.h"

namespace csm::model {

using kernels::WeightType;

WeightPolicy WeightPolicy::of(WeightType type, const nn::MatrixTarget& target,
                              int group) {
  const kernels::GroupFormat groups{.group = group};
  const nn::MatrixFormat inner{.type = type, .groups = groups};
  const nn::MatrixFormat fine{
      .type = type == WeightType::kInt4 ? WeightType::kInt8 : type,
      .groups = groups};
  const nn::StackFormats stack{.scores = inner, .values = fine, .mlp = inner};
  return {.backbone = stack,
          .depth = stack,
          .projection = fine,
          .c0_head = fine,
          .heads = fine,
          .tables = nn::float_dtype(type),
          .target = target};
}

}  // namespace csm::model
