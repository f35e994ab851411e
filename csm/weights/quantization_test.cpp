#include "csm/weights/quantization.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;

std::optional<Quantization> parsed(const std::string& text) {
  const Json json = Json::parse(text);
  return Quantization::parse(JsonObject(json, "config.json"));
}

TEST(Quantization, AbsentOrNull_Nothing) {
  EXPECT_FALSE(parsed("{}"));
  EXPECT_FALSE(parsed(R"({"quantization": null})"));
}

TEST(Quantization, DefaultsAreThoseOfMlx) {
  const auto q = parsed(R"({"quantization": {}})");
  ASSERT_TRUE(q);
  EXPECT_EQ(q->form, (AffineForm{4, 64}));
}

TEST(Quantization, ModulesThatDiffer) {
  const auto q = parsed(
      R"({"quantization_config": {"bits": 8, "group_size": 32,
          "mode": "affine", "a.b": {"bits": 4, "group_size": 128},
          "c": false, "d": true, "quant_method": "mlx", "scope": "all"}})");
  ASSERT_TRUE(q);
  EXPECT_EQ(q->of("x"), (AffineForm{8, 32}));
  EXPECT_EQ(q->of("a.b"), (AffineForm{4, 128}));
  EXPECT_EQ(q->of("c"), std::nullopt);
  EXPECT_EQ(q->of("d"), (AffineForm{8, 32}));
}

TEST(Quantization, WrittenAndReadAgain_TheSame) {
  Quantization q{.form = {4, 64}, .modules = {}};
  q.modules["lm_head"] = AffineForm{8, 64};
  q.modules["other"] = std::nullopt;
  const Json json = {{"quantization", q.to_json()},
                     {"quantization_config", q.to_json()}};
  const auto again = Quantization::parse(JsonObject(json, "config.json"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->form, q.form);
  EXPECT_EQ(again->modules, q.modules);
}

TEST(Quantization, BadFields_NamedInOneLine) {
  struct Case {
    std::string text;
    ErrorCode code;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {R"({"quantization": 4})", ErrorCode::kCorrupt, {"quantization"}},
      {R"({"quantization": {"bits": 7}})",
       ErrorCode::kUnsupported,
       {"5, 6 or 8 bits, got 7", "quantization"}},
      {R"({"quantization": {"bits": "four"}})", ErrorCode::kCorrupt, {"bits"}},
      {R"({"quantization": {"bits": 4.5}})", ErrorCode::kCorrupt, {"bits"}},
      {R"({"quantization": {"bits": -4}})", ErrorCode::kCorrupt, {"bits"}},
      {R"({"quantization": {"group_size": 12}})",
       ErrorCode::kUnsupported,
       {"multiple of 8", "got 12"}},
      {R"({"quantization": {"group_size": 1e12}})",
       ErrorCode::kCorrupt,
       {"group_size"}},
      {R"({"quantization": {"mode": "mxfp4"}})",
       ErrorCode::kUnsupported,
       {"mode affine", "got mxfp4", "mode"}},
      {R"({"quantization": {"a": {"bits": 1}}})",
       ErrorCode::kUnsupported,
       {"got 1", "a"}},
      {R"({"quantization_config": {"quant_method": "bitsandbytes"}})",
       ErrorCode::kUnsupported,
       {"bitsandbytes", "quant_method"}},
      {R"({"quantization": {}, "quantization_config": {"bits": 8}})",
       ErrorCode::kCorrupt,
       {"quantization_config", "the same"}},
  };
  for (const Case& bad : cases) {
    SCOPED_TRACE(bad.text);
    expect_error(bad.code, bad.parts, [&] { (void)parsed(bad.text); });
  }
}

TEST(Quantization, FormsThatKernelsHave) {
  struct Case {
    AffineForm stored;
    AffineForm widened;
    bool is_kernels;
  };
  for (const Case& c : {Case{{4, 64}, {4, 64}, true},
                        {{8, 32}, {8, 32}, true},
                        {{2, 128}, {4, 128}, true},
                        {{3, 32}, {4, 32}, true},
                        {{5, 64}, {8, 64}, true},
                        {{6, 256}, {8, 128}, true},
                        {{4, 96}, {4, 32}, true},
                        {{4, 16}, {4, 16}, false},
                        {{3, 40}, {4, 40}, false}}) {
    EXPECT_EQ(widened_form(c.stored), c.widened) << to_string(c.stored);
    EXPECT_EQ(is_kernel_form(c.widened), c.is_kernels) << to_string(c.stored);
  }
  EXPECT_FALSE(is_kernel_form({3, 64}));
}

TEST(Quantization, ModulesWithAndWithoutMlxAudiosPrefix) {
  const auto form = parsed(R"({"quantization": {"bits": 4,
      "backbone.layers.0.mlp.up_proj": {"bits": 8},
      "model.projection": false}})");
  ASSERT_TRUE(form);
  const AffineForm eight = {8, 64};
  EXPECT_EQ(form->of("backbone.layers.0.mlp.up_proj"), eight);
  EXPECT_EQ(form->of("model.backbone.layers.0.mlp.up_proj"), eight);
  EXPECT_EQ(form->of("projection"), std::nullopt);
  EXPECT_EQ(form->of("model.projection"), std::nullopt);
  EXPECT_EQ(form->of("text_embeddings"), (AffineForm{4, 64}));
}

}  // namespace
}  // namespace csm::weights
