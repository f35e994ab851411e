#include "tests/parity/tiny_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

namespace csm::parity {
namespace {

const char* to_string(Mode mode) {
  switch (mode) {
    case Mode::kComposed:
      return "composed";
    case Mode::kKernels:
      return "kernels";
    case Mode::kThreeThreads:
      return "three_threads";
  }
  return "unknown";
}

mx::array flat(const mx::array& x) {
  mx::array out =
      mx::contiguous(mx::astype(mx::reshape(x, {-1}), mx::float32), false);
  out.eval();
  return out;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Case& value) {
  return out << test_name(value);
}

std::string test_name(const Case& which) {
  return which.name + (which.gguf ? "_gguf_" : "_") +
         (which.adapter.empty() ? "" : which.adapter + "_") +
         to_string(which.mode);
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const char* name : {"grouped", "explicit_heads", "plain_heads"}) {
    for (const Mode mode :
         {Mode::kComposed, Mode::kKernels, Mode::kThreeThreads}) {
      out.push_back({name, mode});
    }
  }
  out.push_back({"grouped", Mode::kKernels, true});
  return out;
}

TinyModel::TinyModel(const Case& which, kernels::WeightType type)
    : pool_(which.mode == Mode::kThreeThreads ? std::make_unique<ThreadPool>(3)
                                              : nullptr),
      exec_{.stream = mx::default_stream(mx::Device::cpu),
            .pool = pool_.get(),
            .composed = which.mode == Mode::kComposed} {
  const auto data = std::filesystem::path(CSM_SOURCE_DIR) / "tests/data";
  const auto dir = data / "tiny" / which.name;
  goldens_ = mx::load_safetensors((dir / "goldens.safetensors").string()).first;
  const auto gguf = data / "gguf" / (which.name + ".gguf");
  auto store = weights::WeightStore::open({.model = which.gguf ? gguf : dir});
  if (!which.adapter.empty()) {
    const auto adapter = data / "lora" / which.adapter;
    store.add(weights::LoraAdapter::open(adapter));
    auto merged =
        mx::load_safetensors((adapter / "goldens.safetensors").string()).first;
    merged.merge(goldens_);
    goldens_ = std::move(merged);
  }
  const Json json = which.gguf ? store.checkpoint().config().value()
                               : parse_json_file(dir / "config.json");
  const JsonObject object(json, which.name);
  const auto config = model::ModelConfig::parse(object);
  const auto codec = codec::MimiConfig::parse(object.object("codec_config"));
  codec.check_serves(config.n_codebooks, config.audio_vocab);
  const auto policy =
      model::WeightPolicy::of(type, {.tiled = exec_.use_cpu_kernels()});
  csm_ = std::make_unique<const model::CsmModel>(
      model::CsmModel::load(config, store, policy));
  const auto codebooks = codec::Codebooks::load(codec, store);
  encoder_ = std::make_unique<const codec::MimiEncoder>(
      codec::MimiEncoder::load(codec, codebooks, store));
  mimi_ = std::make_unique<const codec::MimiDecoder>(
      codec::MimiDecoder::load(codec, codebooks, store));
  store.check_all_used();
}

mx::array TinyModel::golden(const std::string& name) const {
  const mx::array& value = goldens_.at(name);
  return value.dtype() == mx::int64 ? mx::astype(value, mx::int32) : value;
}

mx::array TinyModel::inputs() const {
  return mx::concatenate({csm_->embed_text(exec_, golden("text_ids")),
                          csm_->embed_frames(exec_, golden("codes"))},
                         0, exec_.stream);
}

mx::array hidden(const TinyModel& tiny, const std::vector<int>& lengths) {
  auto state = tiny.csm().new_state();
  std::vector<mx::array> out;
  for (const mx::array& part : chunks(tiny.inputs(), lengths)) {
    out.push_back(tiny.csm().backbone(tiny.exec(), part, state));
    out.back().eval();
  }
  return mx::concatenate(out, 0);
}

mx::array depth(const TinyModel& tiny, const mx::array& h,
                const mx::array& frame, model::DepthState& state) {
  const auto code = [&](int k) {
    return mx::slice(frame, {0, k}, {frame.shape(0), k + 1});
  };
  std::vector<mx::array> out{
      tiny.csm().depth_start(tiny.exec(), h, code(0), state)};
  for (int k = 2; k < frame.shape(1); ++k) {
    out.push_back(tiny.csm().depth_next(tiny.exec(), code(k - 1), k, state));
  }
  return mx::concatenate(out, 0);
}

mx::array depth_logits(const TinyModel& tiny, const mx::array& h) {
  const mx::array codes = tiny.golden("codes");
  const int prompt = tiny.golden("text_ids").shape(0);
  auto state = tiny.csm().new_depth_state();
  std::vector<mx::array> out;
  for (int f = 0; f < codes.shape(0); ++f) {
    out.push_back(depth(tiny, rows(h, prompt - 1 + f, prompt + f),
                        rows(codes, f, f + 1), state));
  }
  return mx::stack(out, 0);
}

mx::array rows(const mx::array& x, int first, int last) {
  mx::Shape start(x.ndim(), 0);
  mx::Shape stop = x.shape();
  start[0] = first;
  stop[0] = last;
  return mx::slice(x, start, stop);
}

std::vector<mx::array> chunks(const mx::array& x,
                              const std::vector<int>& lengths) {
  std::vector<mx::array> out;
  int first = 0;
  for (std::size_t idx = 0; first < x.shape(0); ++idx) {
    const int length = lengths[std::min(idx, lengths.size() - 1)];
    const int last = std::min(first + length, x.shape(0));
    out.push_back(rows(x, first, last));
    first = last;
  }
  return out;
}

void expect_close(const mx::array& got, const mx::array& want,
                  float tolerance) {
  ASSERT_EQ(got.shape(), want.shape());
  const mx::array got_flat = flat(got);
  const mx::array want_flat = flat(want);
  const auto* a = got_flat.data<float>();
  const auto* b = want_flat.data<float>();
  std::size_t worst = 0;
  for (std::size_t idx = 0; idx < got.size(); ++idx) {
    ASSERT_TRUE(std::isfinite(a[idx])) << "at " << idx;
    if (std::abs(a[idx] - b[idx]) > std::abs(a[worst] - b[worst])) {
      worst = idx;
    }
  }
  EXPECT_LE(std::abs(a[worst] - b[worst]), tolerance)
      << "at " << worst << ": got " << a[worst] << ", want " << b[worst];
}

}  // namespace csm::parity
