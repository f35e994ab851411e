#include "csm/model/weight_policy.h"

#include <gtest/gtest.h>

namespace csm::model {
namespace {

using kernels::WeightType;

TEST(WeightPolicy, FloatTypes_OneTypeForAll) {
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
    const WeightPolicy policy = WeightPolicy::of(type);
    EXPECT_EQ(policy.backbone.scores.type, type);
    EXPECT_EQ(policy.backbone.values.type, type);
    EXPECT_EQ(policy.depth.mlp.type, type);
    EXPECT_EQ(policy.heads.type, type);
    EXPECT_EQ(policy.tables,
              type == WeightType::kFloat32 ? mx::float32 : mx::bfloat16);
  }
}

TEST(WeightPolicy, FourBits_WhatHurtsStaysAtEight) {
  const WeightPolicy policy = WeightPolicy::of(WeightType::kInt4);
  EXPECT_EQ(policy.backbone.mlp.type, WeightType::kInt4);
  EXPECT_EQ(policy.depth.scores.type, WeightType::kInt4);
  EXPECT_EQ(policy.backbone.values.type, WeightType::kInt8);
  EXPECT_EQ(policy.depth.values.type, WeightType::kInt8);
  EXPECT_EQ(policy.projection.type, WeightType::kInt8);
  EXPECT_EQ(policy.c0_head.type, WeightType::kInt8);
  EXPECT_EQ(policy.heads.type, WeightType::kInt8);
  EXPECT_EQ(policy.tables, mx::bfloat16);
  EXPECT_EQ(policy.heads.groups.group, 64);
}

TEST(WeightPolicy, Group_OfEveryMatrix) {
  const WeightPolicy policy = WeightPolicy::of(WeightType::kInt4, {}, 32);
  for (const nn::MatrixFormat& format :
       {policy.backbone.scores, policy.depth.values, policy.depth.mlp,
        policy.projection, policy.c0_head, policy.heads}) {
    EXPECT_EQ(format.groups.group, 32);
  }
}

TEST(WeightPolicy, ColumnsThatFillNoGroups_StayBfloat16) {
  const nn::MatrixFormat wanted{.type = WeightType::kInt4};
  EXPECT_EQ(nn::format_for(wanted, 128), wanted);
  EXPECT_EQ(nn::format_for(wanted, 96).type, WeightType::kBfloat16);
  EXPECT_EQ(nn::format_for({.type = WeightType::kFloat32}, 96).type,
            WeightType::kFloat32);
}

}  // namespace
}  // namespace csm::model
