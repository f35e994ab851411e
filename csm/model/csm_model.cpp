#include "csm/model/csm_model.h"

#include <cstddef>
#include <utility>

#include "csm/base/check.h"
#include "csm/kernels/embedding_op.h"
#include "csm/kernels/linear_op.h"
#include "csm/kernels/rows_op.h"
#include "csm/nn/load_array.h"

namespace csm::model {
namespace {

/// Views of the table of each codebook that the depth decoder reads.
std::vector<mx::array> split_table(const ModelConfig& config,
                                   const mx::array& table) {
  const int v = config.audio_vocab;
  std::vector<mx::array> out;
  for (int codebook = 0; codebook + 1 < config.n_codebooks; ++codebook) {
    mx::array view = mx::slice(table, {codebook * v, 0},
                               {(codebook + 1) * v, config.backbone.width},
                               nn::load_stream());
    view.eval();
    out.push_back(std::move(view));
  }
  return out;
}

}  // namespace

CsmModel::CsmModel(const ModelConfig& config, nn::LlamaStack backbone,
                   nn::LlamaStack depth, Tables tables)
    : config_(config),
      backbone_(std::move(backbone)),
      depth_(std::move(depth)),
      tables_(std::move(tables)) {}

CsmModel::Tables CsmModel::load_tables(const ModelConfig& config,
                                       weights::WeightStore& store,
                                       const WeightPolicy& policy) {
  const int width = config.backbone.width;
  const int v = config.audio_vocab;
  const std::vector<int> audio_shape{config.n_codebooks * v, width};
  const auto matrix = [&](const char* name, int out,
                          const nn::MatrixFormat& format) {
    return nn::take_matrix(store, name, out, width, format, policy.target);
  };
  mx::array frames = store.take("audio_emb", audio_shape, policy.tables);
  // The same array again where the checkpoint holds one table for both.
  const mx::array depth =
      store.take("dd.audio_emb", audio_shape, policy.tables);
  return {
      .text = store.take("text_emb", {config.text_vocab, width}, policy.tables),
      .frames = std::move(frames),
      .depth = split_table(config, depth),
      .projection = matrix("proj", config.depth.width, policy.projection),
      .c0_head = matrix("c0_head", v, policy.c0_head),
      .heads = nn::take_stack(
          store, "audio_head",
          {.n = config.n_codebooks - 1, .out = v, .in = config.depth.width},
          policy.heads, policy.target)};
}

CsmModel CsmModel::load(const ModelConfig& config, weights::WeightStore& store,
                        const WeightPolicy& policy) {
  return {config,
          nn::LlamaStack::load(config.backbone, "bb", store, policy.backbone,
                               policy.target),
          nn::LlamaStack::load(config.depth, "dd", store, policy.depth,
                               policy.target),
          load_tables(config, store, policy)};
}

mx::array CsmModel::embed_text(const kernels::Exec& exec,
                               const mx::array& ids) const {
  const mx::array column = kernels::reshaped(exec, ids, {ids.shape(0), 1});
  return kernels::embedding_sum(exec, tables_.text, column, 0);
}

mx::array CsmModel::embed_frames(const kernels::Exec& exec,
                                 const mx::array& codes) const {
  return kernels::embedding_sum(exec, tables_.frames, codes,
                                config_.audio_vocab);
}

BackboneState CsmModel::new_state() const {
  return backbone_.new_cache(config_.backbone.max_positions);
}

mx::array CsmModel::backbone(const kernels::Exec& exec, const mx::array& x,
                             BackboneState& state) const {
  const BackboneShare all = {.cache = &state, .n_positions = x.shape(0)};
  return backbone(exec, x, {&all, 1});
}

mx::array CsmModel::backbone(const kernels::Exec& exec, const mx::array& x,
                             std::span<const BackboneShare> batch) const {
  return kernels::normalize(exec, backbone_.forward(exec, x, batch),
                            backbone_.final_norm());
}

mx::array CsmModel::c0_logits(const kernels::Exec& exec,
                              const mx::array& h) const {
  return kernels::linear(exec, h, tables_.c0_head);
}

DepthState CsmModel::new_depth_state(int n_sequences) const {
  return depth_.new_cache(config_.n_codebooks, n_sequences);
}

mx::array CsmModel::depth_logits(const kernels::Exec& exec,
                                 const mx::array& rows, int codebook,
                                 DepthState& state) const {
  const int n_rows = rows.shape(0);
  const int n_last = state.n_sequences();
  CSM_CHECK(n_rows % n_last == 0, "a row for each sequence");
  const nn::CacheShare share = {.cache = &state,
                                .n_positions = n_rows / n_last};
  const mx::array x = depth_.forward(
      exec, kernels::linear(exec, rows, tables_.projection), {&share, 1});
  const mx::array last = kernels::slice_rows(exec, x, n_rows - n_last, n_rows);
  return kernels::norm_linear(
      exec, last, depth_.final_norm(),
      {tables_.heads[static_cast<std::size_t>(codebook) - 1]})[0];
}

mx::array CsmModel::depth_start(const kernels::Exec& exec, const mx::array& h,
                                const mx::array& c0, DepthState& state) const {
  state.restart();
  const mx::array embedded =
      kernels::embedding_sum(exec, tables_.depth[0], c0, 0);
  return depth_logits(exec, kernels::join_rows(exec, {h, embedded}), 1, state);
}

mx::array CsmModel::depth_next(const kernels::Exec& exec,
                               const mx::array& previous, int codebook,
                               DepthState& state) const {
  CSM_CHECK(codebook >= 2 && codebook < config_.n_codebooks &&
                codebook == state.position(),
            "codebooks come in order");
  const auto table = static_cast<std::size_t>(codebook) - 1;
  return depth_logits(
      exec, kernels::embedding_sum(exec, tables_.depth[table], previous, 0),
      codebook, state);
}

}  // namespace csm::model
