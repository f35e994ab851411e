// Adapters that PEFT wrote, merged, against transformers with the same merged
// by PEFT (tools/oracle/lora_goldens.py).

#include <gtest/gtest.h>

#include <vector>

#include "tests/parity/tiny_model.h"

namespace csm::parity {
namespace {

class AdapterParity : public testing::TestWithParam<Case> {};

TEST_P(AdapterParity, LogitsAndSound_AreTransformersWithPeft) {
  const TinyModel tiny(GetParam());
  const mx::array h = hidden(tiny, {1000});
  expect_close(tiny.csm().c0_logits(tiny.exec(), h), tiny.golden("c0_logits"),
               kLogitTolerance);
  expect_close(depth_logits(tiny, h), tiny.golden("depth_logits"),
               kLogitTolerance);
  const mx::array audio = tiny.golden("mimi_audio");
  auto state = tiny.mimi().new_state();
  const int frames = audio.shape(0) / tiny.mimi().config().frame_samples();
  expect_close(
      tiny.mimi().decode(tiny.exec(),
                         rows(tiny.golden("mimi_codes"), 0, frames), state),
      audio, kLogitTolerance);
}

std::vector<Case> adapters() {
  std::vector<Case> out;
  for (const char* name : {"linear", "heads", "heads_old", "whole"}) {
    out.push_back({.name = "grouped", .mode = Mode::kKernels, .adapter = name});
  }
  // GGUF has the codec's queries, keys and values in one tensor.
  out.push_back({.name = "grouped",
                 .mode = Mode::kKernels,
                 .gguf = true,
                 .adapter = "linear"});
  out.push_back(
      {.name = "explicit_heads", .mode = Mode::kKernels, .adapter = "tables"});
  return out;
}

INSTANTIATE_TEST_SUITE_P(Tiny, AdapterParity, testing::ValuesIn(adapters()),
                         [](const auto& which) {
                           return test_name(which.param);
                         });

}  // namespace
}  // namespace csm::parity
