#include "csm/model/weight_policy.h"

namespace csm::model {

using kernels::WeightType;

WeightPolicy WeightPolicy::of(WeightType type, const nn::MatrixTarget& target) {
  const nn::MatrixFormat layers{.type = type};
  const nn::MatrixFormat outer{
      .type = type == WeightType::kInt4 ? WeightType::kInt8 : type};
  const nn::StackFormats stack{.attention = layers, .mlp = layers};
  return {.backbone = stack,
          .depth = stack,
          .projection = outer,
          .c0_head = outer,
          .heads = outer,
          .tables = nn::float_dtype(type),
          .target = target};
}

}  // namespace csm::model
