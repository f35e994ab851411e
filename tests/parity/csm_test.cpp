// The two transformers against transformers' CsmForConditionalGeneration on
// tiny random models, and the properties that generation relies on.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "csm/base/error.h"
#include "tests/parity/tiny_model.h"

namespace csm::parity {
namespace {

constexpr float kComposedSlack = 1e-5F;  // MLX's sums depend on the row count

class CsmParity : public testing::TestWithParam<Case> {
 protected:
  /// Bound on the difference of two ways to compute the same rows.
  [[nodiscard]] static float same() {
    return GetParam().bit_exact() ? 0.0F : kComposedSlack;
  }
};

TEST_P(CsmParity, Embeddings_AreTransformers) {
  const TinyModel tiny(GetParam());
  expect_close(tiny.inputs(), tiny.golden("embeds"), 1e-6F);
}

TEST_P(CsmParity, Prefill_HiddenAndFirstLogitsAreTransformers) {
  const TinyModel tiny(GetParam());
  const mx::array h = hidden(tiny, {1000});
  expect_close(h, tiny.golden("hidden"), kLogitTolerance);
  expect_close(tiny.csm().c0_logits(tiny.exec(), tiny.golden("hidden")),
               tiny.golden("c0_logits"), kLogitTolerance);
  expect_close(tiny.csm().c0_logits(tiny.exec(), h), tiny.golden("c0_logits"),
               kLogitTolerance);
}

TEST_P(CsmParity, DepthDecoder_LogitsOfEveryCodebookAreTransformers) {
  const TinyModel tiny(GetParam());
  const mx::array h = hidden(tiny, {1000});
  expect_close(depth_logits(tiny, h), tiny.golden("depth_logits"),
               kLogitTolerance);
}

TEST_P(CsmParity, LongPrompt_IsTransformers) {
  const TinyModel tiny(GetParam());
  const mx::array ids = tiny.golden("long_ids");
  auto state = tiny.csm().new_state();
  const mx::array h = tiny.csm().backbone(
      tiny.exec(), tiny.csm().embed_text(tiny.exec(), ids), state);
  const int n = h.shape(0);
  EXPECT_EQ(state.position(), n);
  expect_close(rows(h, n - 3, n), tiny.golden("long_hidden"), kLogitTolerance);
}

TEST_P(CsmParity, OneAtATimeOrInAnyChunks_EqualsPrefill) {
  const TinyModel tiny(GetParam());
  const mx::array whole = hidden(tiny, {1000});
  expect_close(hidden(tiny, {1}), whole, same());
  expect_close(hidden(tiny, {3, 1, 2}), whole, same());
  expect_close(tiny.csm().c0_logits(tiny.exec(), rows(whole, 4, 5)),
               rows(tiny.csm().c0_logits(tiny.exec(), whole), 4, 5), same());
}

TEST_P(CsmParity, GrowingCache_EqualsPrefill) {
  const TinyModel tiny(GetParam());
  const mx::array ids = tiny.golden("long_ids");
  const mx::array x = tiny.csm().embed_text(tiny.exec(), ids);
  auto state = tiny.csm().new_state();
  const mx::array whole = tiny.csm().backbone(tiny.exec(), x, state);
  auto stepped = tiny.csm().new_state();
  std::vector<mx::array> out;
  for (const mx::array& part : chunks(x, {10, 240, 5, 1})) {
    out.push_back(tiny.csm().backbone(tiny.exec(), part, stepped));
    out.back().eval();
  }
  expect_close(mx::concatenate(out, 0), whole, same());
}

TEST_P(CsmParity, Fork_ContinuesByItself) {
  const TinyModel tiny(GetParam());
  const mx::array x = tiny.inputs();
  const int n = x.shape(0);
  const mx::array want = hidden(tiny, {n - 2, 1});
  auto state = tiny.csm().new_state();
  tiny.csm().backbone(tiny.exec(), rows(x, 0, n - 2), state).eval();
  auto other = state.fork();
  // The other side goes another way first.
  tiny.csm().backbone(tiny.exec(), rows(x, 0, 2), other).eval();
  std::vector<mx::array> out;
  for (int i = n - 2; i < n; ++i) {
    out.push_back(tiny.csm().backbone(tiny.exec(), rows(x, i, i + 1), state));
    out.back().eval();
  }
  expect_close(mx::concatenate(out, 0), rows(want, n - 2, n), same());
}

TEST_P(CsmParity, WholeFrameInOneLazyGraph_EqualsStepByStep) {
  const TinyModel tiny(GetParam());
  const auto& csm = tiny.csm();
  const mx::array h = rows(hidden(tiny, {1000}), 3, 4);
  const auto greedy = [&](const mx::array& logits) {
    return mx::astype(mx::argmax(logits, 1, true), mx::int32);
  };
  const auto frame = [&](bool lazy) {
    auto state = csm.new_depth_state();
    std::vector<mx::array> codes;
    const auto add = [&](const mx::array& logits) {
      codes.push_back(greedy(logits));
      if (!lazy) {
        codes.back().eval();
      }
    };
    add(csm.c0_logits(tiny.exec(), h));
    add(csm.depth_start(tiny.exec(), h, codes[0], state));
    for (int k = 2; k < csm.config().n_codebooks; ++k) {
      add(csm.depth_next(tiny.exec(), codes.back(), k, state));
    }
    return mx::concatenate(codes, 1);
  };
  expect_close(frame(true), frame(false), 0);
}

TEST_P(CsmParity, DepthState_FramesDoNotSeeEachOther) {
  const TinyModel tiny(GetParam());
  const mx::array h = tiny.golden("hidden");
  const mx::array codes = tiny.golden("codes");
  auto used = tiny.csm().new_depth_state();
  depth(tiny, rows(h, 0, 1), rows(codes, 0, 1), used).eval();
  auto fresh = tiny.csm().new_depth_state();
  expect_close(depth(tiny, rows(h, 1, 2), rows(codes, 1, 2), used),
               depth(tiny, rows(h, 1, 2), rows(codes, 1, 2), fresh), 0);
}

// Sequences of different lengths, one of them new, and the frames after them.
TEST_P(CsmParity, SequencesTogether_EqualEachAlone) {
  const TinyModel tiny(GetParam());
  const auto& csm = tiny.csm();
  const mx::array x = tiny.inputs();
  const mx::array codes = tiny.golden("codes");
  const std::vector<int> before = {3, 0, 1};  // positions that are cached
  const std::vector<int> now = {1, 4, 2};
  std::vector<model::BackboneState> states;
  std::vector<mx::array> parts;
  std::vector<mx::array> hidden_alone;
  std::vector<mx::array> logits_alone;
  for (std::size_t i = 0; i < now.size(); ++i) {
    states.push_back(csm.new_state());
    if (before[i] > 0) {
      csm.backbone(tiny.exec(), rows(x, 0, before[i]), states[i]).eval();
    }
    parts.push_back(rows(x, before[i], before[i] + now[i]));
    auto alone = states[i].fork();
    hidden_alone.push_back(csm.backbone(tiny.exec(), parts[i], alone));
    auto depth_alone = csm.new_depth_state();
    const int f = static_cast<int>(i) % codes.shape(0);
    logits_alone.push_back(depth(tiny, rows(hidden_alone[i], 0, 1),
                                 rows(codes, f, f + 1), depth_alone));
  }
  std::vector<model::BackboneShare> batch;
  std::vector<mx::array> first_rows;
  std::vector<mx::array> frames;
  for (std::size_t i = 0; i < now.size(); ++i) {
    batch.push_back({.cache = &states[i], .n_positions = now[i]});
    first_rows.push_back(rows(hidden_alone[i], 0, 1));
    const int f = static_cast<int>(i) % codes.shape(0);
    frames.push_back(rows(codes, f, f + 1));
  }
  expect_close(csm.backbone(tiny.exec(), mx::concatenate(parts, 0), batch),
               mx::concatenate(hidden_alone, 0), same());
  EXPECT_EQ(states[1].position(), 4);

  auto state = csm.new_depth_state(3);
  const mx::array together = depth(tiny, mx::concatenate(first_rows, 0),
                                   mx::concatenate(frames, 0), state);
  const int n_logits = csm.config().n_codebooks - 1;
  const int vocab = csm.config().audio_vocab;
  expect_close(mx::reshape(together, {n_logits, 3, vocab}),
               mx::stack(logits_alone, 1), same());
}

TEST_P(CsmParity, SequenceTooLong_Exhausted) {
  const TinyModel tiny(GetParam());
  const int limit = tiny.csm().config().backbone.max_positions;
  const int width = tiny.csm().config().backbone.width;
  auto state = tiny.csm().new_state();
  try {
    static_cast<void>(
        tiny.csm().backbone(tiny.exec(), mx::zeros({limit + 1, width}), state));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kExhausted) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, CsmParity, testing::ValuesIn(all_cases()),
                         [](const auto& which) {
                           return test_name(which.param);
                         });

// The files of these cases hold bfloat16, so keeping it loses nothing.
class CsmBf16 : public testing::TestWithParam<std::string> {};

TEST_P(CsmBf16, WeightsKeptAsBf16_BitEqualToTheSameInFloat32) {
  const Case which{GetParam(), Mode::kKernels};
  const TinyModel narrow(which, kernels::WeightType::kBfloat16);
  const TinyModel wide(which);
  auto narrow_state = narrow.csm().new_state();
  auto wide_state = wide.csm().new_state();
  const mx::array narrow_h =
      narrow.csm().backbone(narrow.exec(), narrow.inputs(), narrow_state);
  const mx::array wide_h =
      wide.csm().backbone(wide.exec(), wide.inputs(), wide_state);
  expect_close(narrow_h, wide_h, 0);
  expect_close(narrow.csm().c0_logits(narrow.exec(), narrow_h),
               wide.csm().c0_logits(wide.exec(), wide_h), 0);
  const mx::array code = mx::slice(wide.golden("codes"), {0, 0}, {1, 1});
  auto narrow_depth = narrow.csm().new_depth_state();
  auto wide_depth = wide.csm().new_depth_state();
  expect_close(
      narrow.csm().depth_start(narrow.exec(), rows(wide_h, 0, 1), code,
                               narrow_depth),
      wide.csm().depth_start(wide.exec(), rows(wide_h, 0, 1), code, wide_depth),
      0);
}

INSTANTIATE_TEST_SUITE_P(Tiny, CsmBf16,
                         testing::Values("grouped", "plain_heads"));

}  // namespace
}  // namespace csm::parity
